//! What a connection is doing, which decides who makes room where places run out.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::lock;

/// What a connection is doing: written by whoever serves it, read where places run out.
#[derive(Debug)]
pub struct Activity(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests that are being answered; a websocket is one that lasts.
    requests: usize,
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
        Arc::new(Activity(Mutex::new(State {
            requests: 0,
            idle_since: Instant::now(),
            waiting_since: None,
            waited: Duration::ZERO,
        })))
    }

    /// A request is being answered, until this is dropped.
    pub fn busy(self: &Arc<Self>) -> Busy {
        let mut state = lock(&self.0);
        if state.requests == 0 {
            (state.waiting_since, state.waited) = (None, Duration::ZERO);
        }
        state.requests += 1;
        Busy { activity: self.clone(), lasts: false }
    }

    /// The other side is waited for.
    pub fn waits(&self) {
        lock(&self.0).waiting_since.get_or_insert_with(Instant::now);
    }

    /// The other side is not waited for any more.
    pub fn goes_on(&self) {
        let mut state = lock(&self.0);
        if let Some(since) = state.waiting_since.take() {
            state.waited += since.elapsed();
        }
    }

    /// Whether the connection could make room, and why.
    pub fn spare(&self) -> Option<Spare> {
        let state = lock(&self.0);
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
    /// The connection became a websocket: it is busy until it is closed.
    pub fn for_ever(mut self) {
        self.lasts = true;
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if !self.lasts {
            let mut state = lock(&self.activity.0);
            state.requests -= 1;
            state.idle_since = Instant::now();
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
        again.for_ever();
        assert_eq!(after(1000).await, None, "a websocket is not idle");
    }
}
