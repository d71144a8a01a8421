//! What every route can reach, and the bounds on what one request may cost.

use std::sync::Arc;
use std::time::Duration;

use shared::api::BEAT;
use shared::picture::MOST_BYTES;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::net::{Access, Pace};
use crate::classroom::{ClassLimits, Classrooms};
use crate::experiments::{Live, Means};
use crate::export::drawing::Turns;
use crate::models::pulls::{Allowed, Pulls};
use crate::runs::Runs;

/// Bounds on what one request or viewer may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most bytes of an uploaded picture.
    pub upload: usize,
    /// A viewer more than this many events behind a live run is told of a gap.
    pub viewer_lag: u64,
    /// How slowly what is sent may come.
    pub body: Pace,
    /// A viewer is pinged this often, and told that the connection lives where nothing happens.
    pub ping: Duration,
    /// A viewer not heard of for this long is gone.
    pub dead: Duration,
    /// Classes.
    pub classes: ClassLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            upload: MOST_BYTES as usize,
            body: Pace {
                grace: Duration::from_secs(20),
                floor: 4 << 10,
                whole: Duration::from_secs(300),
            },
            viewer_lag: 64,
            ping: BEAT,
            dead: Duration::from_secs(60),
            classes: ClassLimits::default(),
        }
    }
}

/// What every route can reach.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The runs.
    pub runs: Arc<Runs>,
    /// Bounds.
    pub limits: Limits,
    /// Models on their way here.
    pub pulls: Arc<Pulls>,
    /// What experiments need; `None` where this lab runs none.
    pub experiments: Option<Means>,
    /// What did not open with the lab, a sentence each.
    pub problems: Arc<[String]>,
    /// What is kept of experiments between requests.
    pub live: Arc<Live>,
    /// Who is told the names of this lab's experiments.
    pub listed: Allowed,
    /// The classes that are held.
    pub classrooms: Arc<Classrooms>,
    /// The lab's address in its network, where it has one there.
    pub network_address: Option<String>,
    /// By which names the lab is reached, and through which proxies.
    pub access: Arc<Access>,
    /// Turns to draw runs' plots and cards.
    pub drawings: Arc<Turns>,
    /// Cancelled when viewers are to leave.
    pub closing: CancellationToken,
    /// The viewers' tasks.
    pub viewers: TaskTracker,
}

impl AppState {
    /// The state around a runs.
    pub fn new(runs: Arc<Runs>, limits: Limits) -> Self {
        AppState {
            runs,
            limits,
            pulls: Arc::default(),
            experiments: None,
            problems: Arc::new([]),
            live: Arc::default(),
            listed: Allowed::default(),
            classrooms: Arc::new(Classrooms::new(limits.classes)),
            network_address: None,
            access: Arc::default(),
            drawings: Arc::default(),
            closing: CancellationToken::new(),
            viewers: TaskTracker::new(),
        }
    }
}
