//! How slowly the other side may be.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// The least speed of a transfer. Only time spent waiting for the other side counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Time that may be waited whatever comes.
    pub grace: Duration,
    /// Bytes a second that must come on top of that, on average.
    pub floor: u64,
    /// Time that the whole may take, from its first byte on.
    pub whole: Duration,
}

/// Waits for the other side, and tells when that has taken too long.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Since when the other side is waited for.
    since: Option<Instant>,
    /// How long it has been waited for before.
    waited: Duration,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Waiting {
    /// The other side has moved.
    pub fn moved(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Whether the other side is waited for now.
    pub fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// Time waited so far.
    pub fn waited(&self) -> Duration {
        self.waited + self.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Begins to count anew.
    pub fn restart(&mut self) {
        (self.since, self.waited) = (None, Duration::ZERO);
    }

    /// Notes that the other side is waited for; ready when that has taken `allowed` in all, or at
    /// `end`. The task is woken then.
    pub fn poll_over(
        &mut self,
        cx: &mut Context,
        allowed: Duration,
        end: Option<Instant>,
    ) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let patience = since + allowed.saturating_sub(self.waited);
        let deadline = end.map_or(patience, |end| end.min(patience));
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    }
}
