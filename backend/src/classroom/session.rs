//! One class: what is shown, who is there, what they guessed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use shared::ErrorCode;
use shared::classroom::{Board, CLASSROOM_VERSION, ClassMessage, ClassState, Guess, Tally};
use shared::sentence::LabError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{ClassLimits, Code, FollowerId};
use crate::error::ApiError;
use crate::fair::{Client, Taken, too_many};
use crate::id::OwnerHash;
use crate::lock;
use crate::wire::{encode_json, encode_msgpack};

/// A message to everybody with its two encodings, each made when first needed and then shared.
#[derive(Debug)]
pub struct Sheet {
    /// The message.
    pub message: ClassMessage,
    msgpack: OnceLock<Bytes>,
    json: OnceLock<Utf8Bytes>,
}

impl Sheet {
    fn new(message: ClassMessage) -> Arc<Self> {
        Arc::new(Sheet { message, msgpack: OnceLock::new(), json: OnceLock::new() })
    }

    /// The message in MessagePack.
    pub fn msgpack(&self) -> Bytes {
        self.msgpack.get_or_init(|| encode_msgpack(&self.message)).clone()
    }

    /// The message in JSON.
    pub fn json(&self) -> Utf8Bytes {
        self.json.get_or_init(|| encode_json(&self.message)).clone()
    }

    /// Whether nothing follows.
    pub fn is_last(&self) -> bool {
        matches!(self.message, ClassMessage::Ended)
    }
}

#[derive(Debug)]
struct Follower {
    connections: u32,
    guess: Option<Guess>,
    /// Where it was last there from.
    client: Client,
}

#[derive(Debug)]
struct Inner {
    board: Board,
    shown: u32,
    number: u64,
    followers: HashMap<FollowerId, Follower>,
    onlookers: HashMap<Client, usize>,
    ended: bool,
    /// Whether a change waits to be told together with others.
    waiting: bool,
    /// When somebody was last there.
    left: Instant,
}

impl Inner {
    fn present(&self) -> usize {
        self.followers.values().filter(|f| f.connections > 0).count()
    }

    fn onlookers(&self) -> usize {
        self.onlookers.values().sum()
    }

    fn state(&self) -> ClassState {
        ClassState {
            version: CLASSROOM_VERSION,
            number: self.number,
            board: self.board.clone(),
            shown: self.shown,
            tally: Tally::of(self.followers.values().filter_map(|f| f.guess)),
            present: u32::try_from(self.present()).unwrap_or(u32::MAX),
        }
    }
}

/// A class.
#[derive(Debug)]
pub struct Session {
    /// What people type to join.
    pub code: Code,
    /// Who opened it.
    pub opener: Client,
    presenter: OwnerHash,
    limits: ClassLimits,
    inner: Mutex<Inner>,
    latest: watch::Sender<Arc<Sheet>>,
}

impl Session {
    pub(super) fn new(
        code: Code,
        presenter: OwnerHash,
        opener: Client,
        limits: ClassLimits,
    ) -> Self {
        let inner = Inner {
            board: Board::default(),
            shown: 0,
            number: 0,
            followers: HashMap::new(),
            onlookers: HashMap::new(),
            ended: false,
            waiting: false,
            left: Instant::now(),
        };
        let latest = watch::Sender::new(Sheet::new(ClassMessage::State(inner.state())));
        Session { code, opener, presenter, limits, inner: Mutex::new(inner), latest }
    }

    /// Whether `token` is the presenter's.
    pub fn is_presenter(&self, token: &str) -> bool {
        self.presenter.matches(token)
    }

    pub(super) fn is_presented_with(&self, hash: OwnerHash) -> bool {
        self.presenter == hash
    }

    /// The state as it is now, changes that wait to be told included.
    pub fn state(&self) -> ClassState {
        lock(&self.inner).state()
    }

    /// The latest message to everybody, now and from now on.
    pub fn watch(&self) -> watch::Receiver<Arc<Sheet>> {
        self.latest.subscribe()
    }

    /// Shows a board, at once, in the place of the board of number `after`, or of any; `false` where
    /// another is shown by then. A new round begins without guesses.
    pub fn show(&self, board: Board, after: Option<u32>) -> bool {
        let mut inner = lock(&self.inner);
        if after.is_some_and(|after| after != inner.shown) {
            return false;
        }
        if inner.board.round != board.round {
            // Who is gone and comes back begins anew, as who stayed does.
            inner.followers.retain(|_, f| f.connections > 0);
            inner.followers.values_mut().for_each(|f| f.guess = None);
        }
        inner.board = board;
        inner.shown = inner.shown.wrapping_add(1);
        self.tell(&mut inner);
        true
    }

    /// Takes a follower's guess.
    ///
    /// # Errors
    /// `guess_closed`: it comes too late, or is about another question.
    pub fn guess(
        self: &Arc<Self>,
        follower: &FollowerId,
        round: u32,
        guess: Guess,
    ) -> Result<(), ApiError> {
        let mut inner = lock(&self.inner);
        let closed = |why: LabError| Err(ApiError::new(ErrorCode::GuessClosed, why));
        if inner.board.round != round {
            return closed(LabError::OtherQuestion);
        }
        if inner.board.run.is_none() || !inner.board.moment.is_open() {
            return closed(LabError::GuessesClosed);
        }
        // There as long as its seat is, which the caller holds.
        if let Some(follower) = inner.followers.get_mut(follower) {
            follower.guess = Some(guess);
        }
        self.tell_soon(&mut inner);
        Ok(())
    }

    /// The round, and what a follower guessed in it.
    pub fn guess_of(&self, follower: &FollowerId) -> (u32, Option<Guess>) {
        let inner = lock(&self.inner);
        (inner.board.round, inner.followers.get(follower).and_then(|f| f.guess))
    }

    /// Takes a seat for a client: as a follower, whose guess is kept under its name, or only to look.
    ///
    /// # Errors
    /// `classroom_full`, `too_many_requests` where too many seats are the client's, or `not_found`
    /// where the class has just ended.
    pub fn join(
        self: &Arc<Self>,
        follower: Option<FollowerId>,
        client: Client,
    ) -> Result<Seat, ApiError> {
        let mut inner = lock(&self.inner);
        if inner.ended {
            return Err(ApiError::new(ErrorCode::NotFound, LabError::ClassOver));
        }
        match &follower {
            Some(name) => {
                let room = |inner: &Inner| {
                    let own = inner.followers.values().filter(|f| f.client == client).count();
                    self.limits.followers.room(inner.followers.len(), own)
                };
                let known = inner.followers.contains_key(name);
                if !known && room(&inner).is_err() {
                    // Who left without a guess leaves nothing to keep.
                    inner.followers.retain(|_, f| f.connections > 0 || f.guess.is_some());
                }
                if !known && let Err(taken) = room(&inner) {
                    return Err(full(taken, self.limits.followers.client));
                }
                let new = Follower { connections: 0, guess: None, client };
                let follower = inner.followers.entry(name.clone()).or_insert(new);
                follower.client = client;
                if follower.connections >= self.limits.pages {
                    return Err(ApiError::new(ErrorCode::ClassroomFull, LabError::ClassPages));
                }
                follower.connections += 1;
                self.tell_soon(&mut inner);
            }
            None => {
                let own = inner.onlookers.get(&client).copied().unwrap_or_default();
                let room = self.limits.onlookers.room(inner.onlookers(), own);
                room.map_err(|taken| full(taken, self.limits.onlookers.client))?;
                inner.onlookers.insert(client, own + 1);
            }
        }
        Ok(Seat { session: self.clone(), follower, client })
    }

    /// Ends the class for everybody.
    pub(super) fn end(&self) {
        lock(&self.inner).ended = true;
        self.latest.send_replace(Sheet::new(ClassMessage::Ended));
    }

    /// How many followers are there.
    pub(super) fn present(&self) -> usize {
        lock(&self.inner).present()
    }

    /// How long nobody has been connected; `None` while somebody is.
    pub(super) fn empty_for(&self, now: Instant) -> Option<Duration> {
        let inner = lock(&self.inner);
        let empty = inner.onlookers.is_empty() && inner.present() == 0;
        empty.then(|| now.saturating_duration_since(inner.left))
    }

    /// Tells everybody the state at once.
    fn tell(&self, inner: &mut Inner) {
        if !inner.ended {
            inner.number += 1;
            self.latest.send_replace(Sheet::new(ClassMessage::State(inner.state())));
        }
    }

    /// Tells everybody the state a moment later, together with what changes until then: sixty
    /// guesses in one second are ten messages to each, not sixty.
    fn tell_soon(self: &Arc<Self>, inner: &mut Inner) {
        // Seats are also given back while the runtime goes down; then there is nobody to tell.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !std::mem::replace(&mut inner.waiting, true) {
            let session = self.clone();
            runtime.spawn(async move {
                tokio::time::sleep(session.limits.together).await;
                let mut inner = lock(&session.inner);
                inner.waiting = false;
                session.tell(&mut inner);
            });
        }
    }
}

fn full(taken: Taken, client: usize) -> ApiError {
    match taken {
        Taken::All => ApiError::new(ErrorCode::ClassroomFull, LabError::ClassFull),
        Taken::Own => too_many(LabError::ClassSeats { n: client as u64 }, Duration::from_secs(30)),
    }
}

/// A place in a class, given back when dropped. A guess stays.
#[derive(Debug)]
pub struct Seat {
    /// The class.
    pub session: Arc<Session>,
    /// Whose it is; nobody's who only looks.
    pub follower: Option<FollowerId>,
    /// Who sits there.
    pub client: Client,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut inner = lock(&self.session.inner);
        inner.left = Instant::now();
        match &self.follower {
            Some(name) => {
                if let Some(follower) = inner.followers.get_mut(name) {
                    follower.connections -= 1;
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

#[cfg(test)]
mod tests;
