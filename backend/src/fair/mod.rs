//! Who may have how much of the lab, so that nobody can have all of it.
//!
//! A client is one address (or the network it lies in), which may be a whole school's. What clients
//! share stands in one table, [`Shares`]; [`Fair`] counts what they have of it. [`mod@line`] and the other
//! parts are pure: they know clients as keys and the time as an argument.

mod activity;
mod client;
pub mod line;
mod places;
mod quota;
mod rate;
mod refusals;
mod shares;

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

pub use activity::{Activity, Busy};
pub use client::Client;
pub use places::{PlaceHeld, Places};
pub use quota::{Bound, Place, Quota, Taken};
pub use rate::{Meter, Rate};
pub use refusals::Refusals;
use shared::ErrorCode;
use shared::sentence::LabError;
pub use shares::{Share, Shares};

use crate::error::ApiError;
use crate::lock;

/// What clients have at the moment of what they share.
#[derive(Clone, Debug)]
pub struct Fair {
    shares: Shares,
    uploads: Places,
    sockets: Quota<Client>,
    requests: Arc<Mutex<Meter<Client>>>,
    guesses: Arc<Mutex<Meter<Client>>>,
    disk: Arc<Mutex<Meter<Client>>>,
    starting: Arc<Mutex<()>>,
    refusals: Refusals,
}

impl Fair {
    /// Nobody has anything yet.
    pub fn new(shares: Shares) -> Self {
        Fair {
            shares,
            uploads: Places::new(shares.uploads),
            sockets: Quota::new(shares.sockets),
            requests: Arc::new(Mutex::new(Meter::new(shares.requests))),
            guesses: Arc::new(Mutex::new(Meter::new(shares.guesses))),
            disk: Arc::new(Mutex::new(Meter::new(shares.disk))),
            starting: Arc::default(),
            refusals: Refusals::default(),
        }
    }

    /// Where refusals are noted, for the log.
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// The table.
    pub fn shares(&self) -> &Shares {
        &self.shares
    }

    /// Takes an upload's place for a connection, until it is dropped. Where none is left, one that does
    /// not get on is told to leave.
    ///
    /// # Errors
    /// `too_many_requests`, or `queue_full` where all are taken.
    pub fn upload(&self, client: Client, connection: Arc<Activity>) -> Result<PlaceHeld, ApiError> {
        self.uploads.take(Some(client), connection).map_err(|taken| match taken {
            Taken::Own => too_many(
                LabError::PicturesAtOnce { n: self.shares.uploads.client as u64 },
                Duration::from_secs(2),
            ),
            Taken::All => uploads_full(),
        })
    }

    /// Takes the place of a websocket or a stream of events, until it is dropped.
    ///
    /// # Errors
    /// `too_many_requests`, or `queue_full` where all are taken.
    pub fn socket(&self, client: Client) -> Result<Place<Client>, ApiError> {
        self.sockets.take(client).map_err(|taken| match taken {
            Taken::Own => too_many(
                LabError::PagesAtOnce { n: self.shares.sockets.client as u64 },
                Duration::from_secs(10),
            ),
            Taken::All => ApiError::new(ErrorCode::QueueFull, LabError::PagesFull)
                .again_in(Duration::from_secs(10)),
        })
    }

    /// Counts a request. Whoever sits at the lab's machine asks as often as they like.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub fn request(&self, client: Client, now: Instant) -> Result<(), ApiError> {
        if client.is_local() {
            return Ok(());
        }
        let mut requests = lock(&self.requests);
        requests.room(&client, now).map_err(|wait| too_many(LabError::RequestsTooOften, wait))?;
        requests.add(client, 1.0, now);
        Ok(())
    }

    /// Counts a guess in a class.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub fn guess(&self, client: Client, now: Instant) -> Result<(), ApiError> {
        let mut guesses = lock(&self.guesses);
        guesses.room(&client, now).map_err(|wait| too_many(LabError::GuessesTooOften, wait))?;
        guesses.add(client, 1.0, now);
        Ok(())
    }

    /// Whether a client may leave more on the disk. Whoever sits at the lab's machine may fill it.
    ///
    /// # Errors
    /// `too_many_requests`.
    pub fn disk(&self, client: Client, now: Instant) -> Result<(), ApiError> {
        if client.is_local() {
            return Ok(());
        }
        lock(&self.disk).room(&client, now).map_err(|wait| {
            let day = (self.shares.disk.each_second * 86400.0) as u64 >> 20;
            let part = self.shares.disk.burst as u64 >> 20;
            too_many(LabError::DiskPart { part, day }, wait)
        })
    }

    /// Notes what a client left on the disk.
    pub fn left_on_disk(&self, client: Client, bytes: usize, now: Instant) {
        if !client.is_local() {
            lock(&self.disk).add(client, bytes as f64, now);
        }
    }

    /// Held from [`Fair::experiment`] until the experiment is there: of two that are asked for at once, the second
    /// counts the first.
    pub fn starting(&self) -> MutexGuard<'_, ()> {
        lock(&self.starting)
    }

    /// Whether an experiment may be started, or go on, while so many run, by a client of whose so many run
    /// or are paused.
    ///
    /// # Errors
    /// `too_many_requests`, or `queue_full` where too many run.
    pub fn experiment(&self, running: usize, own: usize) -> Result<(), ApiError> {
        let bound = self.shares.experiments;
        let wait = Duration::from_secs(60);
        bound.room(running, own).map_err(|taken| match taken {
            Taken::Own => {
                too_many(LabError::ExperimentsUnfinished { n: bound.client as u64 }, wait)
            }
            Taken::All => {
                let full = LabError::ExperimentsFull { n: bound.whole as u64 };
                ApiError::new(ErrorCode::QueueFull, full).again_in(wait)
            }
        })
    }
}

/// As many pictures are being sent as may be, or this one did not get on and another needed its place.
pub fn uploads_full() -> ApiError {
    ApiError::new(ErrorCode::QueueFull, LabError::UploadsFull).again_in(Duration::from_secs(5))
}

/// One client asks for more than its part.
pub fn too_many(why: LabError, wait: Duration) -> ApiError {
    ApiError::new(ErrorCode::TooManyRequests, why).again_in(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> Client {
        Client::at(address.parse().expect("an address"))
    }

    #[test]
    fn what_is_refused_says_when_to_come_again() {
        let shares = Shares {
            uploads: Bound::new(3, 2),
            requests: Rate { burst: 2.0, each_second: 0.25 },
            disk: Rate { burst: 1000.0, each_second: 1.0 },
            ..Shares::default()
        };
        let (fair, now) = (Fair::new(shares), Instant::now());
        let (rude, other) = (client("192.0.2.1"), client("192.0.2.2"));
        let sending = Activity::new();
        let _busy = sending.busy();
        let upload = |client| fair.upload(client, sending.clone());
        let held: Vec<_> = std::iter::from_fn(|| upload(rude).ok()).collect();
        assert_eq!(held.len(), 2);
        let ApiError(body) = upload(rude).expect_err("a third");
        assert_eq!((body.code, body.retry_after), (ErrorCode::TooManyRequests, Some(2)));
        let _third = upload(other).expect("another's");
        assert_eq!(upload(other).expect_err("all are taken").0.code, ErrorCode::QueueFull);

        assert!(fair.request(rude, now).is_ok() && fair.request(rude, now).is_ok());
        let ApiError(body) = fair.request(rude, now).expect_err("a third");
        assert_eq!((body.code, body.retry_after), (ErrorCode::TooManyRequests, Some(4)));
        assert!(fair.request(other, now).is_ok());

        fair.left_on_disk(rude, 1500, now);
        let ApiError(body) = fair.disk(rude, now).expect_err("it left too much");
        assert_eq!(body.retry_after, Some(501));
        assert!(fair.disk(other, now).is_ok());
        assert!(fair.disk(rude, now + Duration::from_secs(502)).is_ok());
    }

    #[test]
    fn one_client_cannot_start_all_experiments() {
        let fair = Fair::new(Shares { experiments: Bound::new(3, 2), ..Shares::default() });
        assert_eq!(fair.experiment(1, 1), Ok(()));
        let ApiError(body) = fair.experiment(2, 2).expect_err("a third of its own");
        assert_eq!((body.code, body.retry_after), (ErrorCode::TooManyRequests, Some(60)));
        assert_eq!(fair.experiment(2, 0), Ok(()), "another's first");
        let full = fair.experiment(3, 0).expect_err("three are at work");
        assert_eq!(full.0.code, ErrorCode::QueueFull);
    }

    #[test]
    fn whoever_sits_at_the_machine_may_ask_and_fill_it() {
        let none = Rate { burst: 0.0, each_second: 1.0 };
        let fair = Fair::new(Shares { requests: none, disk: none, ..Shares::default() });
        let local = Client::on_this_machine("127.0.0.1".parse().expect("an address"));
        let (far, now) = (client("192.0.2.1"), Instant::now());
        assert!(fair.request(far, now).is_err() && fair.disk(far, now).is_err());
        assert!(fair.request(local, now).is_ok() && fair.disk(local, now).is_ok());
    }
}
