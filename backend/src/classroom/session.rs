//! One class: what is shown, who is there, what they guessed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use shared::ErrorCode;
use shared::classroom::{Board, CLASSROOM_VERSION, ClassMessage, ClassState, Guess, Tally};
use tokio::sync::watch;
use tokio::time::Instant;

use super::{ClassLimits, Code, FollowerId};
use crate::error::ApiError;
use crate::id::OwnerHash;
use crate::lock;
use crate::run::{encode_json, encode_msgpack};

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

#[derive(Debug, Default)]
struct Follower {
    connections: u32,
    guess: Option<Guess>,
}

#[derive(Debug)]
struct Inner {
    board: Board,
    shown: u32,
    number: u64,
    followers: HashMap<FollowerId, Follower>,
    onlookers: usize,
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
    presenter: OwnerHash,
    limits: ClassLimits,
    inner: Mutex<Inner>,
    latest: watch::Sender<Arc<Sheet>>,
}

impl Session {
    pub(super) fn new(code: Code, presenter: OwnerHash, limits: ClassLimits) -> Self {
        let inner = Inner {
            board: Board::default(),
            shown: 0,
            number: 0,
            followers: HashMap::new(),
            onlookers: 0,
            ended: false,
            waiting: false,
            left: Instant::now(),
        };
        let latest = watch::Sender::new(Sheet::new(ClassMessage::State(inner.state())));
        Session { code, presenter, limits, inner: Mutex::new(inner), latest }
    }

    /// Whether `token` is the presenter's.
    pub fn is_presenter(&self, token: &str) -> bool {
        self.presenter.matches(token)
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
        let closed = |why: &str| Err(ApiError::new(ErrorCode::GuessClosed, why));
        if inner.board.round != round {
            return closed("The class is at another question; guess again.");
        }
        if inner.board.run.is_none() || !inner.board.moment.is_open() {
            return closed("Guesses of this question are closed.");
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

    /// Takes a seat: as a follower, whose guess is kept under its name, or only to look.
    ///
    /// # Errors
    /// `classroom_full`, or `not_found` where the class has just ended.
    pub fn join(self: &Arc<Self>, follower: Option<FollowerId>) -> Result<Seat, ApiError> {
        let mut inner = lock(&self.inner);
        if inner.ended {
            return Err(ApiError::new(ErrorCode::NotFound, "This class is over."));
        }
        match &follower {
            Some(name) => {
                let known = inner.followers.contains_key(name);
                if !known && inner.followers.len() >= self.limits.followers {
                    // Who left without a guess leaves nothing to keep.
                    inner.followers.retain(|_, f| f.connections > 0 || f.guess.is_some());
                }
                if !known && inner.followers.len() >= self.limits.followers {
                    return Err(full());
                }
                let follower = inner.followers.entry(name.clone()).or_default();
                if follower.connections >= self.limits.pages {
                    return Err(ApiError::new(
                        ErrorCode::ClassroomFull,
                        "This browser follows the class on too many pages; close one.",
                    ));
                }
                follower.connections += 1;
                self.tell_soon(&mut inner);
            }
            None if inner.onlookers >= self.limits.onlookers => return Err(full()),
            None => inner.onlookers += 1,
        }
        Ok(Seat { session: self.clone(), follower })
    }

    /// Ends the class for everybody.
    pub(super) fn end(&self) {
        lock(&self.inner).ended = true;
        self.latest.send_replace(Sheet::new(ClassMessage::Ended));
    }

    /// How long nobody has been connected; `None` while somebody is.
    pub(super) fn empty_for(&self, now: Instant) -> Option<Duration> {
        let inner = lock(&self.inner);
        let empty = inner.onlookers == 0 && inner.present() == 0;
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

fn full() -> ApiError {
    ApiError::new(ErrorCode::ClassroomFull, "This class is full; look on with somebody.")
}

/// A place in a class, given back when dropped. A guess stays.
#[derive(Debug)]
pub struct Seat {
    /// The class.
    pub session: Arc<Session>,
    /// Whose it is; nobody's who only looks.
    pub follower: Option<FollowerId>,
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
            None => inner.onlookers -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::classroom::Moment;

    fn session(limits: ClassLimits) -> Arc<Session> {
        let code = Code::random().expect("randomness");
        Arc::new(Session::new(code, OwnerHash::of("secret"), limits))
    }

    fn name(n: usize) -> FollowerId {
        FollowerId::read(&format!("follower-number-{n}")).expect("a name")
    }

    fn board(round: u32, moment: Moment) -> Board {
        Board { run: Some("sample".into()), round, moment, ..Board::default() }
    }

    #[tokio::test]
    async fn a_follower_has_one_guess_until_the_curve_is_there() {
        let class = session(ClassLimits::default());
        let me = name(1);
        let _seat = class.join(Some(me.clone())).expect("a seat");
        let closed = class.guess(&me, 0, Guess::Words).expect_err("nothing is asked");
        assert_eq!(closed.0.code, ErrorCode::GuessClosed);
        class.show(board(1, Moment::Asked), None);
        for guess in [Guess::Words, Guess::Words, Guess::Picture] {
            class.guess(&me, 1, guess).expect("open");
            assert_eq!(class.state().tally, Tally::of([guess]), "the last one counts, once");
        }
        class.show(board(1, Moment::Answered), None);
        assert_eq!(class.guess_of(&me), (1, Some(Guess::Picture)), "an answer closes nothing");
        class.show(board(1, Moment::Revealed), None);
        assert!(class.guess(&me, 1, Guess::Words).is_err());
        class.show(board(2, Moment::Asked), None);
        assert!(class.guess(&me, 1, Guess::Words).is_err(), "about the question before");
        assert_eq!((class.guess_of(&me), class.state().tally), ((2, None), Tally::default()));
    }

    #[tokio::test]
    async fn a_guess_survives_a_lost_connection_and_counts_once() {
        let class = session(ClassLimits::default());
        class.show(board(1, Moment::Asked), None);
        let seat = class.join(Some(name(1))).expect("a seat");
        let second = class.join(Some(name(1))).expect("the same browser's other page");
        assert_eq!(class.state().present, 1);
        class.guess(&name(1), 1, Guess::Words).expect("open");
        drop((seat, second));
        assert_eq!((class.state().present, class.state().tally.words), (0, 1));
        let _again = class.join(Some(name(1))).expect("a seat");
        assert_eq!(class.guess_of(&name(1)), (1, Some(Guess::Words)));
        assert_eq!(class.state().tally.guessed(), 1);
    }

    #[tokio::test]
    async fn a_full_class_keeps_guesses_and_lets_go_of_who_left_without_one() {
        let class = session(ClassLimits { followers: 2, onlookers: 1, ..ClassLimits::default() });
        class.show(board(1, Moment::Asked), None);
        let first = class.join(Some(name(1))).expect("a seat");
        class.guess(&name(1), 1, Guess::Words).expect("open");
        let second = class.join(Some(name(2))).expect("a seat");
        assert_eq!(class.join(Some(name(3))).expect_err("full").0.code, ErrorCode::ClassroomFull);
        let _again = class.join(Some(name(1))).expect("one's own seat is never taken");
        drop((first, second));
        let _third = class.join(Some(name(3))).expect("the second left nothing");
        assert_eq!(class.state().tally.words, 1);
        let _onlooker = class.join(None).expect("to look");
        assert!(class.join(None).is_err());
    }

    #[tokio::test]
    async fn a_board_replaces_the_one_it_was_meant_to() {
        let class = session(ClassLimits::default());
        assert!(class.show(board(1, Moment::Asked), Some(0)));
        assert!(!class.show(board(9, Moment::Revealed), Some(0)), "another page was first");
        let state = class.state();
        assert_eq!((state.shown, state.board), (1, board(1, Moment::Asked)));
        assert!(class.show(board(1, Moment::Answered), Some(1)));
        assert!(class.show(board(2, Moment::Asked), None), "whatever is shown");
        assert_eq!(class.state().shown, 3);
    }

    #[tokio::test]
    async fn one_browser_has_a_few_pages_and_no_more() {
        let class = session(ClassLimits { pages: 2, ..ClassLimits::default() });
        let seats = [1, 2].map(|_| class.join(Some(name(1))).expect("a page"));
        assert_eq!(
            class.join(Some(name(1))).expect_err("a third").0.code,
            ErrorCode::ClassroomFull
        );
        let _other = class.join(Some(name(2))).expect("another browser");
        drop(seats);
        let _again = class.join(Some(name(1))).expect("they were closed");
    }

    #[tokio::test]
    async fn many_guesses_are_told_together_and_a_step_at_once() {
        let class = session(ClassLimits::default());
        let mut latest = class.watch();
        class.show(board(1, Moment::Asked), None);
        assert!(latest.has_changed().expect("open"));
        let number = |sheet: &Sheet| match &sheet.message {
            ClassMessage::State(state) => state.number,
            other => panic!("{other:?}"),
        };
        let before = number(&latest.borrow_and_update());
        let seats: Vec<Seat> =
            (0..60).map(|n| class.join(Some(name(n))).expect("a seat")).collect();
        for n in 0..60 {
            class.guess(&name(n), 1, Guess::Words).expect("open");
        }
        assert!(!latest.has_changed().expect("open"), "they wait");
        latest.changed().await.expect("open");
        let sheet = latest.borrow_and_update().clone();
        assert_eq!(number(&sheet), before + 1);
        let ClassMessage::State(state) = &sheet.message else { panic!("{sheet:?}") };
        assert_eq!((state.tally.words, state.present), (60, 60));
        drop(seats);
        class.end();
        assert!(latest.borrow_and_update().is_last());
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(latest.borrow().is_last(), "nothing follows the end");
    }
}
