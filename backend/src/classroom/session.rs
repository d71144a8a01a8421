//! One class: what is shown, who is there, what they guessed.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use shared::classroom::{
    Answer, Board, CLASSROOM_VERSION, ClassMessage, ClassState, LONGEST_NAME, Moment, Question,
    Results, ShowResults, Tally, one_line,
};
use shared::sentence::LabError;
use shared::{ErrorCode, Message};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::kept::{KeptAnswer, KeptPerson};
use super::{ClassLimits, Code, FollowerId, KeptClass, Round, Rounds};
use crate::clock;
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
    /// How many of them look around by themselves.
    around: u32,
    answer: Option<Answer>,
    /// Where it was last there from.
    client: Client,
}

/// Somebody who answered, for the record.
#[derive(Debug)]
struct Person {
    number: u32,
    name: String,
    client: Client,
}

#[derive(Debug)]
struct Inner {
    board: Board,
    shown: u32,
    number: u64,
    /// How much was seen when this round began.
    began: Moment,
    /// Whether more was seen since: then no answer counts any more, whatever is shown.
    passed: bool,
    /// When this round began, RFC 3339.
    asked: String,
    followers: HashMap<FollowerId, Follower>,
    people: HashMap<FollowerId, Person>,
    rounds: Rounds,
    onlookers: HashMap<Client, usize>,
    ended: bool,
    /// Why the class is not kept.
    unkept: Option<Message>,
    /// Whether something was not kept yet.
    dirty: bool,
    /// Whether a change waits to be told together with others.
    waiting: bool,
    /// When somebody was last there.
    left: Instant,
}

impl Inner {
    fn new(left: Instant) -> Self {
        Inner {
            board: Board::default(),
            shown: 0,
            number: 0,
            began: Moment::Asked,
            passed: false,
            asked: clock::now_rfc3339(),
            followers: HashMap::new(),
            people: HashMap::new(),
            rounds: Rounds::default(),
            onlookers: HashMap::new(),
            ended: false,
            unkept: None,
            dirty: true,
            waiting: false,
            left,
        }
    }

    fn present(&self) -> usize {
        self.followers.values().filter(|f| f.connections > 0).count()
    }

    fn onlookers(&self) -> usize {
        self.onlookers.values().sum()
    }

    /// Whether the question that is shown takes answers.
    fn is_open(&self) -> bool {
        let board = &self.board;
        board.run.is_some() && !board.closed && !self.passed && board.moment.is_open(self.began)
    }

    fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.followers.values().filter_map(|f| f.answer.as_ref())
    }

    fn state(&self) -> ClassState {
        let few = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let open = self.is_open();
        let shown = match self.board.results {
            ShowResults::AtClose => self.board.run.is_some() && !open,
            ShowResults::Now => true,
            ShowResults::Later => false,
        };
        let sides = self.answers().filter_map(|answer| match answer {
            Answer::Side(guess) if shown => Some(*guess),
            _ => None,
        });
        let around = self.followers.values().filter(|f| f.connections > 0 && f.around > 0);
        ClassState {
            version: CLASSROOM_VERSION,
            number: self.number,
            board: self.board.clone(),
            shown: self.shown,
            tally: Tally::of(sides),
            present: few(self.present()),
            answered: few(self.answers().count()),
            around: few(around.count()),
            open,
            results: shown.then(|| Results::of(&self.board.question, self.answers())),
            unkept: self.unkept.clone(),
        }
    }

    /// The number that somebody goes by in the record; 0 where there are more than are told apart.
    fn person(&mut self, follower: &FollowerId, client: Client, limits: &ClassLimits) -> u32 {
        if let Some(person) = self.people.get(follower) {
            return person.number;
        }
        let own = self.people.values().filter(|person| person.client == client).count();
        if limits.people().room(self.people.len(), own).is_err() {
            return 0;
        }
        let number = u32::try_from(self.people.len() + 1).unwrap_or(0);
        let person = Person { number, name: String::new(), client };
        self.people.insert(follower.clone(), person);
        number
    }

    /// Puts the answers of this round into the record and begins another one.
    fn begin(&mut self, board: &Board) {
        let mut answers: Vec<(u32, Answer)> = self
            .followers
            .iter()
            .filter_map(|(id, f)| {
                let number = self.people.get(id).map_or(0, |person| person.number);
                Some((number, f.answer.clone()?))
            })
            .collect();
        answers.sort_by_key(|(number, _)| *number);
        let round = Round {
            number: self.rounds.next(),
            asked: std::mem::replace(&mut self.asked, clock::now_rfc3339()),
            board: self.board.clone(),
            began: self.began,
            answers,
        };
        self.rounds.keep(round);
        // Who is gone and comes back begins anew, as who stayed does.
        self.followers.retain(|_, f| f.connections > 0);
        self.followers.values_mut().for_each(|f| f.answer = None);
        (self.began, self.passed) = (board.moment, false);
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
        Ok(Seat { session: self.clone(), follower, client, around: AtomicBool::new(false) })
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

#[cfg(test)]
mod tests;
