//! What a connection is doing, which decides who makes room where places run out.

use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use crate::lock;

/// What a connection is doing: written by whoever serves it, read where places run out.
#[derive(Debug)]
pub struct Activity {
    state: Mutex<State>,
    reader: AtomicWaker,
}

#[derive(Debug)]
struct State {
    /// Requests that came.
    came: u64,
    /// Requests that are being answered; a websocket is one that lasts.
    requests: usize,
    /// It is a websocket.
    upgraded: bool,
    /// A request's body was not read to its end.
    unread: bool,
    /// Since when there are none.
    idle_since: Instant,
    /// Since when the other side is waited for: for more of a body, or until it has read.
    waiting_since: Option<Instant>,
    /// How long it was waited for before, in this request.
    waited: Duration,
}

/// Why a connection can make room for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spare {
    /// Nothing is being answered on it, for so long.
    Idle(Duration),
    /// It waits for its other side, and has for so long in all.
    Stalled(Duration),
}

impl Activity {
    /// Nothing is asked yet.
    pub fn new() -> Arc<Activity> {
        let state = State {
            came: 0,
            requests: 0,
            upgraded: false,
            unread: false,
            idle_since: Instant::now(),
            waiting_since: None,
            waited: Duration::ZERO,
        };
        Arc::new(Activity { state: Mutex::new(state), reader: AtomicWaker::new() })
    }

    /// A request is being answered, until this is dropped.
    pub fn busy(self: &Arc<Self>) -> Busy {
        let mut state = lock(&self.state);
        if state.requests == 0 {
            (state.waiting_since, state.waited) = (None, Duration::ZERO);
        }
        state.requests += 1;
        state.came += 1;
        Busy { activity: self.clone(), lasts: false }
    }

    /// The other side is waited for.
    pub fn waits(&self) {
        lock(&self.state).waiting_since.get_or_insert_with(Instant::now);
    }

    /// The other side is not waited for any more.
    pub fn goes_on(&self) {
        let mut state = lock(&self.state);
        if let Some(since) = state.waiting_since.take() {
            state.waited += since.elapsed();
        }
    }

    /// How many requests came, where none of them is being answered and it is no websocket.
    pub fn between_requests(&self) -> Option<u64> {
        let state = lock(&self.state);
        (state.requests == 0 && !state.upgraded).then_some(state.came)
    }

    /// Wakes a task when no request is being answered any more.
    pub fn wake_after_request(&self, task: &Waker) {
        self.reader.register(task);
    }

    /// A request's body is not read to its end.
    pub fn leaves_unread(&self) {
        lock(&self.state).unread = true;
    }

    /// Whether a request's body was not read to its end.
    pub fn is_unread(&self) -> bool {
        lock(&self.state).unread
    }

    /// Whether the connection could make room, and why.
    pub fn spare(&self) -> Option<Spare> {
        let state = lock(&self.state);
        match (state.requests, state.waiting_since) {
            (0, _) => Some(Spare::Idle(state.idle_since.elapsed())),
            (_, Some(since)) => Some(Spare::Stalled(state.waited + since.elapsed())),
            (_, None) => None,
        }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Busy {
    activity: Arc<Activity>,
    lasts: bool,
}

impl Busy {
    /// The connection became a websocket: it is busy until it is closed, or, where it is to be closed
    /// at once, no more.
    pub fn upgraded(mut self, lasts: bool) {
        lock(&self.activity.state).upgraded = true;
        self.lasts = lasts;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if !self.lasts {
            let mut state = lock(&self.activity.state);
            state.requests -= 1;
            state.idle_since = Instant::now();
            drop(state);
            self.activity.reader.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn only_who_asks_nothing_or_is_waited_for_can_be_spared() {
        let activity = Activity::new();
        let after = async |seconds| {
            tokio::time::advance(seconds * SECOND).await;
            activity.spare()
        };
        assert_eq!(after(3).await, Some(Spare::Idle(3 * SECOND)));
        let busy = activity.busy();
        assert_eq!(after(9).await, None, "the lab is at work on it");
        activity.waits();
        activity.waits();
        assert_eq!(after(2).await, Some(Spare::Stalled(2 * SECOND)));
        activity.goes_on();
        assert_eq!(after(5).await, None);
        activity.waits();
        assert_eq!(after(1).await, Some(Spare::Stalled(3 * SECOND)), "a byte now and then");
        drop(busy);
        assert_eq!(after(4).await, Some(Spare::Idle(4 * SECOND)));
        let again = activity.busy();
        activity.waits();
        assert_eq!(after(1).await, Some(Spare::Stalled(SECOND)), "another request");
        activity.goes_on();
        assert_eq!(activity.between_requests(), None);
        again.upgraded(true);
        assert_eq!(after(1000).await, None, "a websocket is not idle");
        assert_eq!(activity.between_requests(), None, "nor does anything else come on it");
    }
}
