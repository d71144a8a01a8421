//! The connections that are open: counted in all and per client, below what the system allows.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::io::Drain;
use crate::fair::Client;
use crate::lock;
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
}

/// The connections that are open.
#[derive(Debug)]
pub struct Connections {
    /// Bounds.
    pub limits: ConnectionLimits,
    counts: ConnectionCounts,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    places: HashMap<u64, Place>,
    clients: HashMap<Client, usize>,
    /// Connections that were told to leave and have not left yet.
    leaving: usize,
}

#[derive(Debug)]
struct Place {
    client: Option<Client>,
    /// Requests that are being answered; a websocket is one that lasts.
    busy: usize,
    idle_since: Instant,
    leave: CancellationToken,
}

/// Why a connection is not served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The client has too many.
    Client,
    /// There are as many as are served at once, and none of them is idle.
    All,
}

impl Connections {
    /// None yet.
    pub fn new(limits: ConnectionLimits) -> Arc<Connections> {
        Self::counted(limits, ConnectionCounts::default())
    }

    /// None yet; those that come are counted there too.
    pub fn counted(limits: ConnectionLimits, counts: ConnectionCounts) -> Arc<Connections> {
        Arc::new(Connections { limits, counts, open: Mutex::default() })
    }

    /// How many are open.
    pub fn count(&self) -> usize {
        lock(&self.open).places.len()
    }

    /// Takes a connection in. Where all places are taken, the client with the most connections loses
    /// the one that has been idle for longest. `None` is a named proxy.
    ///
    /// # Errors
    /// There is no place for it.
    pub fn admit(self: &Arc<Self>, client: Option<Client>) -> Result<Slot, Refused> {
        let slot = self.place(client);
        if slot.is_err() {
            self.counts.refused();
        }
        slot
    }

    fn place(self: &Arc<Self>, client: Option<Client>) -> Result<Slot, Refused> {
        let mut open = lock(&self.open);
        if let Some(client) = client
            && open.clients.get(&client).is_some_and(|n| *n >= self.limits.per_client)
        {
            return Err(Refused::Client);
        }
        if open.places.len() - open.leaving >= self.limits.all && !open.make_room() {
            return Err(Refused::All);
        }
        let (id, leave) = (open.next, CancellationToken::new());
        open.next += 1;
        if let Some(client) = client {
            *open.clients.entry(client).or_default() += 1;
        }
        let place = Place { client, busy: 0, idle_since: Instant::now(), leave: leave.clone() };
        open.places.insert(id, place);
        Ok(Slot { connections: self.clone(), id, leave, _counted: self.counts.accepted() })
    }

    /// Sends an idle connection away, if there is one: the system has no files left.
    pub fn make_room(&self) -> bool {
        lock(&self.open).make_room()
    }
}

impl Open {
    fn make_room(&mut self) -> bool {
        let clients = &self.clients;
        let held = |place: &Place| place.client.and_then(|c| clients.get(&c)).copied().unwrap_or(1);
        let idle = self.places.values().filter(|p| p.busy == 0 && !p.leave.is_cancelled());
        let Some(chosen) = idle.max_by_key(|p| (held(p), std::cmp::Reverse(p.idle_since))) else {
            return false;
        };
        chosen.leave.cancel();
        self.leaving += 1;
        true
    }
}

/// A connection's place, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    connections: Arc<Connections>,
    id: u64,
    leave: CancellationToken,
    _counted: Counted,
}

impl Slot {
    /// Done when the connection, idle, is to make room.
    pub fn leave(&self) -> CancellationToken {
        self.leave.clone()
    }

    /// The bounds on its connection.
    pub fn limits(&self) -> ConnectionLimits {
        self.connections.limits
    }

    /// What marks the connection as busy.
    pub fn marker(&self) -> Marker {
        Marker { connections: self.connections.clone(), id: self.id }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut open = lock(&self.connections.open);
        let Some(place) = open.places.remove(&self.id) else { return };
        open.leaving -= usize::from(place.leave.is_cancelled());
        let Some(client) = place.client else { return };
        if let Some(held) = open.clients.get_mut(&client) {
            *held -= 1;
            if *held == 0 {
                open.clients.remove(&client);
            }
        }
    }
}

/// Marks a connection as busy.
#[derive(Clone, Debug)]
pub struct Marker {
    connections: Arc<Connections>,
    id: u64,
}

impl Marker {
    /// A request is being answered, until this is dropped.
    pub fn busy(&self) -> Busy {
        self.change(|busy| busy + 1);
        Busy(self.clone())
    }

    fn change(&self, change: impl FnOnce(usize) -> usize) {
        if let Some(place) = lock(&self.connections.open).places.get_mut(&self.id) {
            place.busy = change(place.busy);
            place.idle_since = Instant::now();
        }
    }
}

/// A request that is being answered.
#[derive(Debug)]
pub struct Busy(Marker);

impl Busy {
    /// The connection became a websocket: it stays busy until it is closed.
    pub fn for_ever(self) {
        std::mem::forget(self);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.change(|busy| busy.saturating_sub(1));
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

    fn limits(all: usize, per_client: usize) -> ConnectionLimits {
        ConnectionLimits { all, per_client, ..ConnectionLimits::within(1024) }
    }

    fn client(n: u8) -> Option<Client> {
        Some(Client::at([192, 0, 2, n].into()))
    }

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

    #[tokio::test(start_paused = true)]
    async fn a_full_house_sends_away_who_idles_and_holds_the_most() {
        let connections = Connections::new(limits(4, 3));
        let mut greedy = Vec::new();
        for _ in 0..3 {
            greedy.push(connections.admit(client(1)).expect("a place"));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(connections.admit(client(1)).err(), Some(Refused::Client));
        let polite = connections.admit(client(2)).expect("a place");
        let busy = greedy[0].marker().busy();
        let third = connections.admit(client(3)).expect("room is made");
        // The busy one stays, and so does the only one of another client, though it idles too.
        let left: Vec<bool> = greedy.iter().map(|slot| slot.leave().is_cancelled()).collect();
        assert_eq!(left, [false, true, false]);
        assert!(!polite.leave().is_cancelled() && !third.leave().is_cancelled());
        drop(greedy.remove(1));
        assert_eq!(connections.count(), 4);
        let rest = [&greedy[1], &polite, &third].map(|slot| slot.marker().busy());
        assert_eq!(connections.admit(client(4)).err(), Some(Refused::All), "everybody is busy");
        drop((rest, busy));
        assert!(connections.admit(client(4)).is_ok());
        drop((greedy, polite, third));
        assert_eq!(connections.count(), 0);
        assert!(lock(&connections.open).clients.is_empty(), "nothing is kept of who has left");
        assert_eq!(lock(&connections.open).leaving, 0);
    }

    #[test]
    fn a_named_proxy_is_bounded_by_all_alone() {
        let connections = Connections::new(limits(10, 2));
        let slots: Vec<_> = (0..10).filter_map(|_| connections.admit(None).ok()).collect();
        assert_eq!(slots.len(), 10);
        slots.iter().for_each(|slot| slot.marker().busy().for_ever());
        assert_eq!(connections.admit(client(1)).err(), Some(Refused::All));
        drop(slots);
        assert_eq!(connections.count(), 0);
    }
}
