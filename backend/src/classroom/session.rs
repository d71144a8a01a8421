//! One class: what is shown, who is there, what they guessed.

mod seat;
mod sheet;
mod state;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::classroom::{
    Answer, Board, ClassMessage, ClassState, LONGEST_NAME, Question, one_line,
};
use shared::sentence::LabError;
use shared::{ErrorCode, Message};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::kept::{KeptAnswer, KeptPerson};
use super::{ClassLimits, Code, FollowerId, KeptClass};
use crate::error::ApiError;
use crate::fair::{Client, Taken, too_many};
use crate::id::OwnerHash;
use crate::lock;

pub use seat::Seat;
pub use sheet::Sheet;
use state::{Follower, Inner, Person};

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
    /// Told of changes that are to be kept.
    changes: Arc<Notify>,
}

impl Session {
    pub(super) fn new(
        code: Code,
        presenter: OwnerHash,
        opener: Client,
        limits: ClassLimits,
        changes: Arc<Notify>,
    ) -> Self {
        let inner = Inner::new(Instant::now());
        let latest = watch::Sender::new(Sheet::new(ClassMessage::State(inner.state())));
        Session { code, opener, presenter, limits, inner: Mutex::new(inner), latest, changes }
    }

    /// A class that an earlier lab kept, where nobody has been for `empty`; `None` where it cannot be one.
    pub(super) fn kept_before(
        kept: KeptClass,
        empty: Duration,
        limits: ClassLimits,
        changes: Arc<Notify>,
    ) -> Option<Self> {
        let code = Code::read(&kept.code)?;
        let now = Instant::now();
        let mut inner = Inner::new(now.checked_sub(empty).unwrap_or(now));
        let follower = |answer: KeptAnswer| {
            let KeptAnswer { follower, client, answer } = answer;
            (follower, Follower { connections: 0, around: 0, answer: Some(answer), client })
        };
        let person = |person: KeptPerson| {
            let KeptPerson { follower, number, name, client } = person;
            (follower, Person { number, name, client })
        };
        inner.followers = kept.answers.into_iter().map(follower).collect();
        inner.people = kept.people.into_iter().map(person).collect();
        (inner.board, inner.shown, inner.asked) = (kept.board, kept.shown, kept.asked);
        (inner.began, inner.passed, inner.rounds) = (kept.began, kept.passed, kept.rounds);
        inner.dirty = false;
        let latest = watch::Sender::new(Sheet::new(ClassMessage::State(inner.state())));
        let (presenter, opener) = (OwnerHash(kept.presenter), kept.opener);
        Some(Session { code, opener, presenter, limits, inner: Mutex::new(inner), latest, changes })
    }

    /// The class as it is to be kept, at a time in seconds since 1970.
    pub(super) fn kept(&self, now: u64) -> KeptClass {
        let inner = lock(&self.inner);
        let empty = inner.onlookers.is_empty() && inner.present() == 0;
        let left = if empty { inner.left.elapsed().as_secs() } else { 0 };
        let answer = |(id, f): (&FollowerId, &Follower)| {
            let answer = f.answer.clone()?;
            Some(KeptAnswer { follower: id.clone(), client: f.client, answer })
        };
        let person = |(id, p): (&FollowerId, &Person)| KeptPerson {
            follower: id.clone(),
            number: p.number,
            name: p.name.clone(),
            client: p.client,
        };
        KeptClass {
            code: self.code.as_str().to_owned(),
            presenter: self.presenter.0,
            opener: self.opener,
            seen: now.saturating_sub(left),
            ended: inner.ended.then_some(now),
            board: inner.board.clone(),
            shown: inner.shown,
            began: inner.began,
            passed: inner.passed,
            asked: inner.asked.clone(),
            answers: inner.followers.iter().filter_map(answer).collect(),
            people: inner.people.iter().map(person).collect(),
            rounds: inner.rounds.clone(),
        }
    }

    /// Whether something was not kept yet; it is from now on, until [`Session::keeping`] says otherwise.
    pub(super) fn take_dirty(&self) -> bool {
        std::mem::take(&mut lock(&self.inner).dirty)
    }

    /// Notes whether the class could be kept; everybody is told where that changes.
    pub(super) fn keeping(&self, unkept: Option<Message>) {
        let mut inner = lock(&self.inner);
        inner.dirty |= unkept.is_some();
        if inner.unkept != unkept {
            inner.unkept = unkept;
            self.tell(&mut inner);
        }
    }

    /// Notes that something is to be kept.
    fn changed(&self, inner: &mut Inner) {
        if !std::mem::replace(&mut inner.dirty, true) {
            self.changes.notify_one();
        }
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
    /// another is shown by then. A new round begins without answers; a question that was closed because more
    /// was shown stays closed in its round.
    pub fn show(&self, board: Board, after: Option<u32>) -> bool {
        let mut inner = lock(&self.inner);
        if after.is_some_and(|after| after != inner.shown) {
            return false;
        }
        if inner.board.round != board.round || inner.board.run.is_none() {
            inner.begin(&board);
        } else {
            inner.passed |= !board.moment.is_open(inner.began);
            if inner.board.question != board.question {
                inner.followers.values_mut().for_each(|f| f.answer = None);
            }
        }
        inner.board = board;
        inner.shown = inner.shown.wrapping_add(1);
        self.changed(&mut inner);
        self.tell(&mut inner);
        true
    }

    /// Takes a follower's answer.
    ///
    /// # Errors
    /// `guess_closed`: it comes too late, or is about another question; `bad_message`: it is no answer to
    /// this one.
    pub fn answer(
        self: &Arc<Self>,
        follower: &FollowerId,
        round: u32,
        answer: Answer,
    ) -> Result<(), ApiError> {
        let mut inner = lock(&self.inner);
        let closed = |why: LabError| Err(ApiError::new(ErrorCode::GuessClosed, why));
        if inner.board.round != round {
            return closed(LabError::OtherQuestion);
        }
        if !inner.is_open() {
            return closed(LabError::GuessesClosed);
        }
        let Some(answer) = inner.board.question.takes(answer) else {
            return Err(ApiError::new(ErrorCode::BadMessage, LabError::NoAnswerToThis));
        };
        // There as long as its seat is, which the caller holds.
        if let Some(client) = inner.followers.get(follower).map(|f| f.client) {
            inner.person(follower, client, &self.limits);
        }
        if let Some(follower) = inner.followers.get_mut(follower) {
            follower.answer = Some(answer);
        }
        self.changed(&mut inner);
        self.tell_soon(&mut inner);
        Ok(())
    }

    /// What a follower is told of its own answer in this round.
    pub fn answer_of(&self, follower: &FollowerId) -> ClassMessage {
        let inner = lock(&self.inner);
        let round = inner.board.round;
        let answer = inner.followers.get(follower).and_then(|f| f.answer.clone());
        match (&inner.board.question, answer) {
            (Question::Sides, Some(Answer::Side(guess))) => {
                ClassMessage::Guess { round, guess: Some(guess) }
            }
            (Question::Sides, _) => ClassMessage::Guess { round, guess: None },
            (_, answer) => ClassMessage::Answer { round, answer },
        }
    }

    /// Notes the name that somebody typed, for the record.
    ///
    /// # Errors
    /// `bad_message`: it is too long.
    pub fn name(&self, follower: &FollowerId, name: &str) -> Result<(), ApiError> {
        let name = one_line(name);
        if name.chars().count() > LONGEST_NAME {
            let long = LabError::ClassNameTooLong { most: LONGEST_NAME as u64 };
            return Err(ApiError::new(ErrorCode::BadMessage, long));
        }
        let mut inner = lock(&self.inner);
        let Some(client) = inner.followers.get(follower).map(|f| f.client) else { return Ok(()) };
        inner.person(follower, client, &self.limits);
        if let Some(person) = inner.people.get_mut(follower) {
            person.name = name;
        }
        self.changed(&mut inner);
        Ok(())
    }

    /// Takes a seat for a client: as a follower, whose answer is kept under its name, or only to look.
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
                    inner.followers.retain(|_, f| f.connections > 0 || f.answer.is_some());
                }
                if !known && let Err(taken) = room(&inner) {
                    return Err(full(taken, self.limits.followers.client));
                }
                let new = Follower { connections: 0, around: 0, answer: None, client };
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
        Ok(Seat::of(self.clone(), follower, client))
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

#[cfg(test)]
mod tests;
