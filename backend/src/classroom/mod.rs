//! Classes: a presenter drives what the screens of everybody who joined show.
//!
//! Classes outlive a restart of the lab: what changed is handed out to be kept ([`Classrooms::changes`]),
//! and what was kept is handed in when the lab opens ([`Classrooms::restore`]). Their number, the people
//! in one and their life without anybody there are bounded. Everybody is told the *latest* state and
//! nothing else, so somebody slow skips steps and holds up nobody.

mod address;
mod code;
mod kept;
mod lessons;
mod rounds;
mod session;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::sentence::LabError;
use shared::{ErrorCode, Message};
use tokio::sync::Notify;
use tokio::time::Instant;

pub use address::network_address;
pub use code::{Code, FollowerId};
pub use kept::KeptClass;
pub use lessons::read as read_lessons;
pub use rounds::{Round, Rounds};
pub use session::{Seat, Session, Sheet};

use crate::clock;
use crate::error::ApiError;
use crate::fair::{Bound, Client, Shares, Taken, too_many};
use crate::id::{OwnerHash, OwnerToken};
use crate::lock;

/// Bounds on what classes may cost.
#[derive(Clone, Copy, Debug)]
pub struct ClassLimits {
    /// Classes held at once.
    pub classes: Bound,
    /// Followers in one class, whose guesses are kept.
    pub followers: Bound,
    /// Connections to one class without a follower's name: presenters, and who only looks.
    pub onlookers: Bound,
    /// Pages that one follower may have open at once.
    pub pages: u32,
    /// A class with nobody connected ends after this long.
    pub idle: Duration,
    /// A class with nobody connected for this long makes room where all places are taken: classes
    /// that somebody opens and leaves must not lock others out.
    pub forsaken: Duration,
    /// Changes of tally and presence within this time are told together.
    pub together: Duration,
}

impl Default for ClassLimits {
    fn default() -> Self {
        ClassLimits::of(&Shares::default())
    }
}

impl ClassLimits {
    /// The bounds that a table of shares names.
    pub fn of(shares: &Shares) -> Self {
        ClassLimits {
            classes: shares.classes,
            followers: shares.followers,
            onlookers: shares.onlookers,
            pages: 16,
            idle: Duration::from_secs(2 * 60 * 60),
            forsaken: Duration::from_secs(60),
            together: Duration::from_millis(100),
        }
    }

    /// How many people of one class are told apart in its record.
    fn people(&self) -> Bound {
        let Bound { whole, client } = self.followers;
        Bound::new(2 * whole, 2 * client)
    }
}

/// Classes that ended and whose records wait to be kept; beyond these they are lost.
const ENDED: usize = 128;
/// A class that somebody is in is noted to be alive this often, for a lab that ends without warning.
const ALIVE: Duration = Duration::from_secs(10 * 60);

/// What is to be kept of classes.
#[derive(Debug, Default)]
pub struct ClassChanges {
    /// Classes that are held and have changed, and records of classes that ended.
    pub kept: Vec<KeptClass>,
    /// Codes of classes of which nothing is to be kept.
    pub gone: Vec<String>,
}

/// All classes that are held.
#[derive(Debug, Default)]
pub struct Classrooms {
    limits: ClassLimits,
    held: Mutex<HashMap<Code, Arc<Session>>>,
    /// Told of changes that are to be kept.
    changed: Arc<Notify>,
    /// Classes that ended since the last look.
    ended: Mutex<Vec<KeptClass>>,
    /// Codes of classes that an earlier lab held and this one could not read.
    lost: Mutex<HashSet<Code>>,
    /// When it was last noted which classes are alive.
    noted: Mutex<Option<Instant>>,
}

impl Classrooms {
    /// No class yet.
    pub fn new(limits: ClassLimits) -> Self {
        Classrooms { limits, ..Classrooms::default() }
    }

    /// Holds the classes that an earlier lab held, but those where nobody has been for too long: their
    /// records are handed out with the next changes. `lost` are the codes of classes that could not be read.
    pub fn restore(&self, kept: Vec<KeptClass>, lost: Vec<String>, now: u64) {
        let mut held = lock(&self.held);
        let mut ended = lock(&self.ended);
        for class in kept.into_iter().filter(|class| class.ended.is_none()) {
            let empty = Duration::from_secs(now.saturating_sub(class.seen));
            if empty >= self.limits.idle || held.len() >= self.limits.classes.whole {
                ended.push(KeptClass { ended: Some(now), ..class });
                continue;
            }
            let session = Session::kept_before(class, empty, self.limits, self.changed.clone());
            if let Some(session) = session {
                held.insert(session.code.clone(), Arc::new(session));
            }
        }
        lock(&self.lost).extend(lost.iter().filter_map(|code| Code::read(code)));
    }

    /// Waits until there is something to keep.
    pub async fn changed(&self) {
        let _ = tokio::time::timeout(ALIVE, self.changed.notified()).await;
    }

    /// What is to be kept, and was not handed out yet. Whoever takes it says with [`Classrooms::keeping`]
    /// what became of it.
    pub fn changes(&self, now: u64) -> ClassChanges {
        let mut changes = ClassChanges::default();
        let alive = {
            let mut noted = lock(&self.noted);
            let due = noted.is_none_or(|noted| noted.elapsed() >= ALIVE);
            if due {
                *noted = Some(Instant::now());
            }
            due
        };
        let mut held = lock(&self.held);
        self.sweep(&mut held);
        for session in held.values() {
            let attended = alive && session.empty_for(Instant::now()).is_none();
            if session.take_dirty() || attended {
                changes.kept.push(session.kept(now));
            }
        }
        drop(held);
        for class in std::mem::take(&mut *lock(&self.ended)) {
            match class.says_nothing() {
                true => changes.gone.push(class.code),
                false => changes.kept.push(class),
            }
        }
        changes
    }

    /// Notes what became of changes: why they were not kept, where they were not. They are handed out
    /// again then.
    pub fn keeping(&self, changes: ClassChanges, unkept: Option<&Message>) {
        let held = lock(&self.held);
        let mut ended = lock(&self.ended);
        for class in changes.kept {
            let session = Code::read(&class.code).and_then(|code| held.get(&code));
            match session {
                Some(session) if class.ended.is_none() => session.keeping(unkept.cloned()),
                _ if unkept.is_some() && ended.len() < ENDED => ended.push(class),
                _ => {}
            }
        }
        if unkept.is_some() {
            self.changed.notify_one();
        }
    }

    /// Opens a class for a client; gives it with the presenter's secret.
    ///
    /// # Errors
    /// `classroom_full` where too many are held, `too_many_requests` where too many are the client's.
    pub fn open(&self, client: Client) -> Result<(Arc<Session>, OwnerToken), ApiError> {
        let token = OwnerToken::random()?;
        let mut held = lock(&self.held);
        self.sweep(&mut held);
        let room = |held: &HashMap<Code, Arc<Session>>| {
            let own = held.values().filter(|session| session.opener == client).count();
            self.limits.classes.room(held.len(), own)
        };
        match room(&held) {
            Ok(()) => {}
            // Another's class is no client's to end while it has classes of its own.
            Err(Taken::Own) => self.make_room(&mut held, |session| session.opener == client),
            Err(Taken::All) => {
                self.make_room(&mut held, |_| true);
                if room(&held).is_err()
                    && let Some(session) = make_room_of_many(&mut held, client)
                {
                    self.over(&session);
                }
            }
        }
        room(&held).map_err(|taken| match taken {
            Taken::Own => too_many(
                LabError::ClassesHeld { n: self.limits.classes.client as u64 },
                self.limits.forsaken,
            ),
            Taken::All => ApiError::new(ErrorCode::ClassroomFull, LabError::ClassesFull)
                .again_in(self.limits.forsaken),
        })?;
        let code = loop {
            let code = Code::random()?;
            if !held.contains_key(&code) {
                break code;
            }
        };
        let changes = self.changed.clone();
        let session =
            Arc::new(Session::new(code.clone(), token.hash(), client, self.limits, changes));
        held.insert(code, session.clone());
        Ok((session, token))
    }

    /// The class of a code as people type it.
    ///
    /// # Errors
    /// `not_found`.
    pub fn find(&self, typed: &str) -> Result<Arc<Session>, ApiError> {
        let mut held = lock(&self.held);
        self.sweep(&mut held);
        let code = Code::read(typed);
        code.as_ref().and_then(|code| held.get(code).cloned()).ok_or_else(|| {
            let lost = code.is_some_and(|code| lock(&self.lost).contains(&code));
            let why = if lost { LabError::ClassLost } else { LabError::NoClass };
            ApiError::new(ErrorCode::NotFound, why)
        })
    }

    /// A class that is held, as it is to be kept.
    pub fn kept(&self, code: &Code, now: u64) -> Option<KeptClass> {
        lock(&self.held).get(code).map(|session| session.kept(now))
    }

    /// The code of the class whose presenter's secret this is.
    pub fn presented_with(&self, token: &str) -> Option<Code> {
        let hash = OwnerHash::of(token);
        lock(&self.held).values().find(|s| s.is_presented_with(hash)).map(|s| s.code.clone())
    }

    /// Ends a class for everybody in it.
    pub fn end(&self, session: &Session) {
        lock(&self.held).remove(&session.code);
        self.over(session);
    }

    /// Ends a class that is not held any more, and keeps its record to be handed out.
    fn over(&self, session: &Session) {
        session.end();
        let mut ended = lock(&self.ended);
        if ended.len() < ENDED {
            ended.push(session.kept(clock::unix_seconds() as u64));
        }
        self.changed.notify_one();
    }

    /// Ends that of some classes that has been forsaken longest, where one has been for long enough.
    fn make_room(&self, held: &mut HashMap<Code, Arc<Session>>, of: impl Fn(&Session) -> bool) {
        let now = Instant::now();
        let forsaken = held
            .values()
            .filter(|session| of(session))
            .filter_map(|session| Some((session.empty_for(now)?, session.clone())))
            .filter(|(time, _)| *time >= self.limits.forsaken)
            .max_by_key(|(time, _)| *time);
        if let Some((_, session)) = forsaken {
            held.remove(&session.code);
            self.over(&session);
        }
    }

    /// Lets go of classes that nobody came back to. Whoever opens or looks for a class does this
    /// on the way, so that no task has to.
    fn sweep(&self, held: &mut HashMap<Code, Arc<Session>>) {
        let now = Instant::now();
        held.retain(|_, session| {
            let stays = session.empty_for(now).is_none_or(|time| time < self.limits.idle);
            if !stays {
                self.over(session);
            }
            stays
        });
    }
}

/// Ends a class of the client that holds the most, the one with the fewest followers, for a client that will
/// still hold fewer: so no few clients keep everybody else out for as long as they like.
fn make_room_of_many(
    held: &mut HashMap<Code, Arc<Session>>,
    client: Client,
) -> Option<Arc<Session>> {
    let mut classes: HashMap<Client, usize> = HashMap::new();
    for session in held.values() {
        *classes.entry(session.opener).or_default() += 1;
    }
    let own = classes.get(&client).copied().unwrap_or_default();
    let of = |session: &Session| classes.get(&session.opener).copied().unwrap_or_default();
    let least = held
        .values()
        .filter(|session| of(session) > own + 1)
        .max_by_key(|session| (of(session), Reverse(session.present())))
        .cloned()?;
    tracing::warn!(opener = %least.opener, "a class makes room for another client's");
    held.remove(&least.code);
    Some(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The clock stands still but where nothing else is to be done.
    const IDLE: Duration = Duration::from_secs(300);

    fn client(address: &str) -> Client {
        Client::at(address.parse().expect("an address"))
    }

    fn anybody() -> Client {
        client("192.0.2.1")
    }

    fn rooms(classes: usize) -> Classrooms {
        let classes = Bound::new(classes, classes + 1);
        Classrooms::new(ClassLimits { classes, idle: IDLE, ..ClassLimits::default() })
    }

    #[tokio::test(start_paused = true)]
    async fn classes_are_bounded_and_the_abandoned_make_room() {
        let rooms = rooms(2);
        let (first, _) = rooms.open(anybody()).expect("room");
        let (second, _) = rooms.open(anybody()).expect("room");
        let refused = rooms.open(anybody()).err().expect("no room for a third");
        assert_eq!(refused.0.code, ErrorCode::ClassroomFull);
        let seat = first.join(None, anybody()).expect("a seat");
        tokio::time::sleep(IDLE).await;
        let (third, _) = rooms.open(anybody()).expect("the room of the abandoned one");
        assert!(rooms.find(second.code.as_str()).is_err(), "nobody was there");
        assert!(rooms.find(first.code.as_str()).is_ok(), "somebody is");
        drop(seat);
        tokio::time::sleep(IDLE).await;
        assert!(rooms.find(first.code.as_str()).is_err());
        assert!(rooms.find(third.code.as_str()).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_full_house_makes_room_where_nobody_is() {
        let classes = Bound::new(2, 3);
        let limits = ClassLimits { classes, forsaken: IDLE, ..ClassLimits::default() };
        let rooms = Classrooms::new(limits);
        let (longest, _) = rooms.open(anybody()).expect("room");
        let (attended, _) = rooms.open(anybody()).expect("room");
        let _seat = attended.join(None, anybody()).expect("a seat");
        assert!(rooms.open(anybody()).is_err(), "who has just opened a class is on the way to it");
        tokio::time::sleep(IDLE).await;
        let (new, _) = rooms.open(anybody()).expect("the room of the forsaken one");
        assert!(rooms.find(longest.code.as_str()).is_err());
        assert!(
            longest.join(None, anybody()).is_err(),
            "whoever comes late is told that it is over"
        );
        for held in [attended, new] {
            assert!(rooms.find(held.code.as_str()).is_ok());
        }
    }

    #[tokio::test]
    async fn one_client_cannot_hold_all_classes() {
        let limits = ClassLimits { classes: Bound::new(5, 3), ..ClassLimits::default() };
        let (rude, teacher) = (client("192.0.2.1"), client("192.0.2.2"));
        let rooms = Classrooms::new(limits);
        let (first, token) = rooms.open(rude).expect("room");
        let others = [1, 2].map(|_| rooms.open(rude).expect("room").0);
        let ApiError(body) = rooms.open(rude).err().expect("a fourth");
        assert_eq!((body.code, body.retry_after), (ErrorCode::TooManyRequests, Some(60)));
        assert!(rooms.open(teacher).is_ok(), "the other part is others'");
        assert!(others.iter().all(|s| rooms.find(s.code.as_str()).is_ok()));
        assert_eq!(rooms.presented_with(&token.reveal()), Some(first.code.clone()));
        assert_eq!(rooms.presented_with("guessed"), None);
    }

    #[tokio::test]
    async fn a_full_house_makes_room_where_somebody_holds_many() {
        let limits = ClassLimits { classes: Bound::new(6, 3), ..ClassLimits::default() };
        let rooms = Classrooms::new(limits);
        let (rude, school) = (client("192.0.2.1"), client("192.0.2.2"));
        let mut seats = Vec::new();
        let mut opened = Vec::new();
        for opener in [rude, school].repeat(3) {
            let (class, _) = rooms.open(opener).expect("room");
            let pupils = if opener == school { 2 } else { 1 };
            for pupil in 0..pupils {
                let name = FollowerId::read(&format!("{pupil:032}"));
                seats.push(class.join(name, opener).expect("a seat"));
            }
            opened.push(class);
        }
        // Somebody is in each of them; the school's are the better attended.
        let (new, _) = rooms.open(client("192.0.2.3")).expect("one of many makes room");
        let gone = |class: &Arc<Session>| rooms.find(class.code.as_str()).is_err();
        assert_eq!(opened.iter().filter(|class| gone(class)).count(), 1);
        assert!(opened.iter().all(|class| !gone(class) || class.opener == rude));
        // The next one is the school's: it holds the most by now.
        let (second, _) = rooms.open(client("192.0.2.3")).expect("another of many");
        assert_eq!(opened.iter().filter(|class| gone(class) && class.opener == school).count(), 1);
        assert!(rooms.open(client("192.0.2.3")).is_err(), "nobody holds many more than it does");
        assert!(!gone(&new) && !gone(&second));
    }

    #[tokio::test]
    async fn who_goes_on_opening_classes_ends_their_own_and_nobody_elses() {
        let (classes, forsaken) = (Bound::new(5, 3), Duration::ZERO);
        let rooms = Classrooms::new(ClassLimits { classes, forsaken, ..ClassLimits::default() });
        let (rude, teacher) = (client("192.0.2.1"), client("192.0.2.2"));
        let (class, _) = rooms.open(teacher).expect("room");
        let (first, _) = rooms.open(rude).expect("room");
        let _seat = first.join(None, rude).expect("a seat");
        let (forsaken, _) = rooms.open(rude).expect("room");
        for _ in 0..9 {
            rooms.open(rude).expect("the room of one that nobody is in");
        }
        assert!(rooms.find(class.code.as_str()).is_ok() && rooms.find(first.code.as_str()).is_ok());
        assert!(rooms.find(forsaken.code.as_str()).is_err());
    }

    #[tokio::test]
    async fn a_code_is_found_however_it_is_typed() {
        let rooms = rooms(1);
        let (session, _) = rooms.open(anybody()).expect("room");
        let code = session.code.as_str();
        let typed = format!(" {}-{} ", code[..3].to_lowercase(), &code[3..]);
        assert_eq!(rooms.find(&typed).expect("the class").code, session.code);
        rooms.end(&session);
        assert_eq!(rooms.find(code).expect_err("over").0.code, ErrorCode::NotFound);
    }
}
