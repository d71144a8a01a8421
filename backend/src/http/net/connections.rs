//! The connections that are open: counted in all and per client, below what the system allows.

use std::sync::Arc;
use std::time::Duration;

use shared::{ErrorBody, ErrorCode};
use tokio_util::sync::CancellationToken;

use super::io::Drain;
use crate::fair::{Activity, Bound, Client, PlaceHeld, Places, Refusals, Taken};
use crate::metrics::{ConnectionCounts, Counted};

/// Files that are kept free for what is no connection: the store, models, datasets, workers.
const OTHER_FILES: usize = 256;
/// Most connections, where the system would allow more.
const MOST: usize = 4096;

/// Bounds on connections.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Most connections in all.
    pub all: usize,
    /// Most connections of one client; a named proxy's are bounded by `all` alone.
    pub per_client: usize,
    /// How long a request's head may take, and how long nothing may be asked.
    pub head: Duration,
    /// How slowly answers may be read.
    pub drain: Drain,
}

impl ConnectionLimits {
    /// The usual bounds where the system allows so many open files. A quarter of the places for one
    /// client is more than a class of sixty behind one school's address takes.
    pub fn within(files: usize) -> ConnectionLimits {
        let free = files.saturating_sub(OTHER_FILES).max(files / 2);
        let all = free.clamp(8, MOST);
        let drain = Drain { window: Duration::from_secs(30), floor: 1 << 10 };
        ConnectionLimits { all, per_client: (all / 4).max(4), head: Duration::from_secs(30), drain }
    }
}

impl ConnectionLimits {
    /// The same with at most so many connections in all.
    #[must_use]
    pub fn at_most(self, all: usize) -> ConnectionLimits {
        let all = all.clamp(8, self.all);
        ConnectionLimits { all, per_client: (all / 4).max(4), ..self }
    }

    /// How many of them may be websockets and streams, which last: a quarter of all connections, and
    /// of each client's, is left for requests.
    pub fn lasting(&self) -> Bound {
        let part = |n: usize| n - n.div_ceil(4);
        Bound::new(part(self.all), part(self.per_client))
    }
}

/// The connections that are open.
#[derive(Debug)]
pub struct Connections {
    /// Bounds.
    pub limits: ConnectionLimits,
    counts: ConnectionCounts,
    refusals: Refusals,
    places: Places,
}

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The client has too many.
    Client,
    /// There are as many as are served at once, and none of them can make room.
    All,
}

impl Connections {
    /// None yet.
    pub fn new(limits: ConnectionLimits) -> Arc<Connections> {
        Self::counted(limits, ConnectionCounts::default(), Refusals::default())
    }

    /// None yet; those that come are counted there too, and those that are refused noted.
    pub fn counted(
        limits: ConnectionLimits,
        counts: ConnectionCounts,
        refusals: Refusals,
    ) -> Arc<Connections> {
        let places = Places::new(Bound::new(limits.all, limits.per_client));
        Arc::new(Connections { limits, counts, refusals, places })
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        self.places.count()
    }

    /// Takes a connection in. Where there is no place, one that can be spared makes room. `None` is a
    /// named proxy.
    ///
    /// # Errors
    /// There is no place for it.
    pub fn admit(self: &Arc<Self>, client: Option<Client>) -> Result<Slot, Refused> {
        let activity = Activity::new();
        let place = self.places.take(client, activity.clone()).map_err(|taken| {
            self.counts.refused();
            let (refused, kind) = match taken {
                Taken::Own => (Refused::Client, ErrorCode::TooManyConnections),
                Taken::All => (Refused::All, ErrorCode::ConnectionsFull),
            };
            self.refusals.note(kind.name(), client, "");
            refused
        })?;
        if let Some(sent_away) = place.sent_away() {
            self.refusals.note(
                "sent away for another",
                sent_away,
                "it asked, sent or read nothing",
            );
        }
        let _counted = self.counts.accepted();
        let asker = Asker { client, refusals: self.refusals.clone() };
        Ok(Slot { limits: self.limits, place, activity, asker, _counted })
    }

    /// The system has no files left, or the like: a connection that can be spared is sent away.
    pub fn cannot_accept(&self, error: &std::io::Error) {
        if let Some(sent_away) = self.places.make_room() {
            self.refusals.note("sent away for another", sent_away, "the system has no room");
        }
        let hint = format!("no connection can be accepted now: {error}");
        self.refusals.note("not accepted", None, &hint);
    }
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    limits: ConnectionLimits,
    place: PlaceHeld,
    activity: Arc<Activity>,
    asker: Asker,
    _counted: Counted,
}

/// Who is at the other end of a connection, for refusals to be noted.
#[derive(Clone, Debug)]
pub struct Asker {
    /// `None` is a named proxy.
    client: Option<Client>,
    refusals: Refusals,
}

impl Asker {
    /// Notes that something is refused.
    pub fn refused(&self, body: &ErrorBody) {
        let sentence = body.sentence.as_ref().map(|sentence| sentence.id.as_str());
        self.refusals.note(sentence.unwrap_or(body.code.name()), self.client, "");
    }
}

impl Slot {
    /// Who is at the other end.
    pub fn asker(&self) -> Asker {
        self.asker.clone()
    }

    /// Done when the connection is to make room.
    pub fn leave(&self) -> CancellationToken {
        self.place.leave()
    }

    /// The bounds on its connection.
    pub fn limits(&self) -> ConnectionLimits {
        self.limits
    }

    /// What its connection is doing.
    pub fn activity(&self) -> Arc<Activity> {
        self.activity.clone()
    }
}

/// Raises the number of files that this process may have open as far as it may, and gives it.
pub fn raise_files() -> usize {
    /// More than anybody needs, and few enough that nothing that closes all of them takes long.
    const ENOUGH: u64 = 65_536;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let (soft, hard) = (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX));
    let wanted = hard.min(ENOUGH).max(soft);
    let raised = rustix::process::Rlimit { current: Some(wanted), maximum: limit.maximum };
    let now = match rustix::process::setrlimit(rustix::process::Resource::Nofile, raised) {
        Ok(()) => wanted,
        Err(_) => soft,
    };
    usize::try_from(now).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_fit_below_the_files() {
        for files in [0, 16, 64, 256, 1024, 4096, 65_536, usize::MAX] {
            let ConnectionLimits { all, per_client, .. } = ConnectionLimits::within(files);
            assert!(files < 16 || all <= files / 2 || all + OTHER_FILES <= files, "{files}: {all}");
            assert!(per_client >= 4 && per_client <= all, "{files}: {per_client}");
        }
        assert_eq!(ConnectionLimits::within(1024).all, 768);
    }

    #[test]
    fn files_are_raised_and_never_lowered() {
        let before = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        let now = raise_files();
        assert!(before.is_none_or(|before| now as u64 >= before));
        let after = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        assert_eq!(after, Some(now as u64));
    }

    #[test]
    fn a_quarter_is_left_for_requests() {
        for (all, whole, client) in [(8, 6, 3), (60, 45, 11), (768, 576, 144), (4096, 3072, 768)] {
            let limits = ConnectionLimits::within(usize::MAX).at_most(all);
            assert_eq!(limits.lasting(), Bound::new(whole, client), "{all}");
        }
    }
}
