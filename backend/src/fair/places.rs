//! Places that are taken by connections, and given up by who does not go on where somebody needs one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Spare};
use super::client::Client;
use super::quota::{Bound, Taken};
use crate::lock;

/// Who is waited for this long in one request makes room for whoever comes.
const PATIENCE: Duration = Duration::from_secs(5);

/// Places of connections, in all and of each client.
///
/// Where all are taken, one of the client with the most makes room: one that idles, the longest first,
/// or else one that waits for its other side, which reads nothing or sends too slowly. The latter only
/// after some seconds, or for a client that has fewer. Whoever has as many as one may have loses one of
/// its own in the same way. What the lab is at work on, and a websocket that is read, makes no room.
#[derive(Clone, Debug)]
pub struct Places {
    bound: Bound,
    open: Arc<Mutex<Open>>,
}

/// Those that are taken. Who was told to leave counts no more, also before it has left.
#[derive(Debug, Default)]
struct Open {
    next: u64,
    held: HashMap<u64, Held>,
    clients: HashMap<Client, usize>,
    leaving: usize,
}

#[derive(Debug)]
struct Held {
    client: Option<Client>,
    activity: Arc<Activity>,
    leave: CancellationToken,
}

impl Places {
    /// None is taken yet.
    pub fn new(bound: Bound) -> Places {
        Places { bound, open: Arc::default() }
    }

    /// How many are taken, with those whose holders were told to leave.
    pub fn count(&self) -> usize {
        lock(&self.open).held.len()
    }

    /// Takes one for a client's connection, until it is dropped. `None` is somebody who speaks for many:
    /// the bound of one client is not theirs.
    ///
    /// # Errors
    /// What is taken, and by whom nobody can be spared.
    pub fn take(
        &self,
        client: Option<Client>,
        activity: Arc<Activity>,
    ) -> Result<PlaceHeld, Taken> {
        let mut open = lock(&self.open);
        let own = open.of(client);
        let mut sent_away = None;
        if client.is_some() && own >= self.bound.client {
            sent_away = Some(open.make_room(|held| held.client == client, own).ok_or(Taken::Own)?);
        }
        if open.staying() >= self.bound.whole {
            sent_away = Some(open.make_room(|_| true, own).ok_or(Taken::All)?);
        }
        let (id, leave) = (open.next, CancellationToken::new());
        open.next += 1;
        if let Some(client) = client {
            *open.clients.entry(client).or_default() += 1;
        }
        open.held.insert(id, Held { client, activity, leave: leave.clone() });
        Ok(PlaceHeld { open: self.open.clone(), id, leave, sent_away })
    }

    /// Sends one away that can be spared, if there is one; gives whose.
    pub fn make_room(&self) -> Option<Option<Client>> {
        lock(&self.open).make_room(|_| true, 0)
    }
}

impl Open {
    /// How many are there that were not told to leave.
    fn staying(&self) -> usize {
        self.held.len() - self.leaving
    }

    /// How many of them are a client's. Of who speaks for many each counts alone.
    fn of(&self, client: Option<Client>) -> usize {
        client.map_or(1, |client| self.clients.get(&client).copied().unwrap_or_default())
    }

    /// Sends one away, among some, for somebody who has so many; gives whose.
    fn make_room(&mut self, among: impl Fn(&Held) -> bool, own: usize) -> Option<Option<Client>> {
        let spared = |held: &Held| {
            let all = self.of(held.client);
            match held.activity.spare()? {
                Spare::Idle(time) => Some((all, true, time)),
                // Whoever comes has fewer also with this one.
                Spare::Stalled(time) if all > own + 1 || time >= PATIENCE => {
                    Some((all, false, time))
                }
                Spare::Stalled(_) => None,
            }
        };
        let staying = self.held.iter().filter(|(_, held)| !held.leave.is_cancelled());
        let candidates = staying.filter(|(_, held)| among(held));
        let (_, id) = candidates.filter_map(|(id, held)| Some((spared(held)?, *id))).max()?;
        let chosen = self.held.get(&id)?;
        chosen.leave.cancel();
        let client = chosen.client;
        self.leaving += 1;
        self.gone(client);
        Some(client)
    }

    /// One of a client's counts no more.
    fn gone(&mut self, client: Option<Client>) {
        let Some(client) = client else { return };
        if let Some(held) = self.clients.get_mut(&client) {
            *held -= 1;
            // Whoever holds nothing is not remembered.
            if *held == 0 {
                self.clients.remove(&client);
            }
        }
    }
}

/// A place that is held, until this is dropped.
#[derive(Debug)]
pub struct PlaceHeld {
    open: Arc<Mutex<Open>>,
    id: u64,
    leave: CancellationToken,
    sent_away: Option<Option<Client>>,
}

impl PlaceHeld {
    /// Whose place was given up for this one, if one was.
    pub fn sent_away(&self) -> Option<Option<Client>> {
        self.sent_away
    }

    /// Done when its holder is to make room.
    pub fn leave(&self) -> CancellationToken {
        self.leave.clone()
    }
}

impl Drop for PlaceHeld {
    fn drop(&mut self) {
        let mut open = lock(&self.open);
        let Some(held) = open.held.remove(&self.id) else { return };
        match held.leave.is_cancelled() {
            true => open.leaving -= 1,
            false => open.gone(held.client),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fair::activity::Busy;

    /// A connection that holds a place.
    struct One {
        activity: Arc<Activity>,
        place: PlaceHeld,
    }

    fn admit(places: &Places, client: Option<u8>) -> Result<One, Taken> {
        let client = client.map(|n| Client::at([192, 0, 2, n].into()));
        let activity = Activity::new();
        let place = places.take(client, activity.clone())?;
        Ok(One { activity, place })
    }

    fn busy(some: &[One]) -> Vec<Busy> {
        some.iter().map(|one| one.activity.busy()).collect()
    }

    fn sent_away(some: &[One]) -> Vec<bool> {
        some.iter().map(|one| one.place.leave().is_cancelled()).collect()
    }

    async fn seconds(n: u64) {
        tokio::time::advance(Duration::from_secs(n)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_house_sends_away_who_idles_and_holds_the_most() {
        let places = Places::new(Bound::new(4, 3));
        let mut greedy = Vec::new();
        for _ in 0..3 {
            greedy.push(admit(&places, Some(1)).expect("a place"));
            seconds(1).await;
        }
        let polite = admit(&places, Some(2)).expect("a place");
        let first = greedy[0].activity.busy();
        let third = admit(&places, Some(3)).expect("room is made");
        // The busy one stays, and so does the only one of another client, though it idles too.
        assert_eq!(sent_away(&greedy), [false, true, false]);
        drop(greedy.remove(1));
        assert_eq!(places.count(), 4);
        let rest = [&greedy[1], &polite, &third].map(|one| one.activity.busy());
        assert_eq!(sent_away(&[polite, third]), [false, false]);
        assert_eq!(admit(&places, Some(4)).err(), None, "who has left makes room");
        drop((rest, first, greedy));
        assert_eq!(places.count(), 0);
        assert!(lock(&places.open).clients.is_empty(), "nothing is kept of who has left");
        assert_eq!(lock(&places.open).leaving, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_makes_room_where_everybody_is_served() {
        let places = Places::new(Bound::new(3, 2));
        let all = [1, 2, 3].map(|n| admit(&places, Some(n)).expect("a place"));
        let served = busy(&all);
        assert_eq!(admit(&places, Some(4)).err(), Some(Taken::All));
        drop(served);
        assert!(admit(&places, Some(4)).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_its_part_loses_an_idle_one_of_its_own() {
        let places = Places::new(Bound::new(10, 2));
        let other = admit(&places, Some(2)).expect("a place");
        let mut own = vec![admit(&places, Some(1)).expect("a place")];
        seconds(1).await;
        own.push(admit(&places, Some(1)).expect("a place"));
        own.push(admit(&places, Some(1)).expect("its oldest makes room"));
        assert_eq!(sent_away(&own), [true, false, false]);
        assert_eq!(sent_away(&[other]), [false]);
        let _busy = busy(&own[1..]);
        assert_eq!(admit(&places, Some(1)).err(), Some(Taken::Own));
        // The one that was told to leave leaves: that makes no more room.
        drop(own.remove(0));
        assert_eq!(admit(&places, Some(1)).err(), Some(Taken::Own));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_waited_for_makes_room_where_nobody_idles() {
        let places = Places::new(Bound::new(6, 3));
        let greedy = [1, 1, 1].map(|n| admit(&places, Some(n)).expect("a place"));
        let others = [2, 3, 4].map(|n| admit(&places, Some(n)).expect("a place"));
        let _busy = [busy(&greedy), busy(&others)];
        assert_eq!(admit(&places, Some(5)).err(), Some(Taken::All), "all are served");
        // One of the greedy client's reads nothing, and somebody's phone is slow.
        greedy[1].activity.waits();
        others[0].activity.waits();
        let fifth = admit(&places, Some(5)).expect("room is made");
        assert_eq!(sent_away(&greedy), [false, true, false]);
        let _fifth = fifth.activity.busy();
        assert_eq!(admit(&places, Some(6)).err(), Some(Taken::All), "a moment is nobody's fault");
        assert_eq!(sent_away(&others), [false; 3]);
        tokio::time::advance(PATIENCE).await;
        assert!(admit(&places, Some(6)).is_ok());
        assert_eq!(sent_away(&others), [true, false, false]);
    }

    #[test]
    fn who_speaks_for_many_is_bounded_by_all_alone() {
        let places = Places::new(Bound::new(10, 2));
        let all: Vec<_> = (0..10).filter_map(|_| admit(&places, None).ok()).collect();
        assert_eq!(all.len(), 10);
        busy(&all).into_iter().for_each(|busy| busy.upgraded(true));
        assert_eq!(admit(&places, Some(1)).err(), Some(Taken::All));
        drop(all);
        assert_eq!(places.count(), 0);
    }
}
