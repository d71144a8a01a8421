//! A place in a class.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::Session;
use crate::classroom::FollowerId;
use crate::fair::Client;
use crate::lock;

/// A place in a class, given back when dropped. An answer stays.
#[derive(Debug)]
pub struct Seat {
    /// The class.
    pub session: Arc<Session>,
    /// Whose it is; nobody's who only looks.
    pub follower: Option<FollowerId>,
    /// Who sits there.
    pub client: Client,
    /// Whether this page looks around by itself.
    around: AtomicBool,
}

impl Seat {
    /// A seat whose page follows.
    pub(super) fn of(session: Arc<Session>, follower: Option<FollowerId>, client: Client) -> Self {
        Seat { session, follower, client, around: AtomicBool::new(false) }
    }

    /// Notes whether this page looks around by itself.
    pub fn look_around(&self, around: bool) {
        let mut inner = lock(&self.session.inner);
        if self.around.swap(around, Ordering::Relaxed) == around {
            return;
        }
        if let Some(follower) = self.follower.as_ref().and_then(|f| inner.followers.get_mut(f)) {
            follower.around =
                if around { follower.around + 1 } else { follower.around.saturating_sub(1) };
        }
        self.session.tell_soon(&mut inner);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inner = lock(&self.session.inner);
        inner.left = Instant::now();
        match &self.follower {
            Some(name) => {
                if let Some(follower) = inner.followers.get_mut(name) {
                    follower.connections -= 1;
                    if self.around.load(Ordering::Relaxed) {
                        follower.around = follower.around.saturating_sub(1);
                    }
                }
                self.session.tell_soon(&mut inner);
            }
            None => {
                if let Some(own) = inner.onlookers.get_mut(&self.client) {
                    *own -= 1;
                    if *own == 0 {
                        inner.onlookers.remove(&self.client);
                    }
                }
            }
        }
    }
}
