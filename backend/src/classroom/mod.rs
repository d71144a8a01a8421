//! Classes: a presenter drives what the screens of everybody who joined show.
//!
//! Classes live in memory alone: they need not survive a restart, the runs they show do. Their
//! number, the people in one and their life without anybody there are bounded. Everybody is told
//! the *latest* state and nothing else, so somebody slow skips steps and holds up nobody.

mod address;
mod code;
mod lessons;
mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::ErrorCode;
use tokio::time::Instant;

pub use address::network_address;
pub use code::{Code, FollowerId};
pub use lessons::read as read_lessons;
pub use session::{Seat, Session, Sheet};

use crate::error::ApiError;
use crate::id::OwnerToken;
use crate::lock;

/// Bounds on what classes may cost.
#[derive(Clone, Copy, Debug)]
pub struct ClassLimits {
    /// Classes held at once.
    pub classes: usize,
    /// Followers in one class, whose guesses are kept.
    pub followers: usize,
    /// Connections to one class without a follower's name: presenters, and who only looks.
    pub onlookers: usize,
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
        ClassLimits {
            classes: 64,
            followers: 500,
            onlookers: 64,
            pages: 16,
            idle: Duration::from_secs(2 * 60 * 60),
            forsaken: Duration::from_secs(60),
            together: Duration::from_millis(100),
        }
    }
}

/// All classes that are held.
#[derive(Debug, Default)]
pub struct Classrooms {
    limits: ClassLimits,
    held: Mutex<HashMap<Code, Arc<Session>>>,
}

impl Classrooms {
    /// No class yet.
    pub fn new(limits: ClassLimits) -> Self {
        Classrooms { limits, held: Mutex::default() }
    }

    /// Opens a class; gives it with the presenter's secret.
    ///
    /// # Errors
    /// `classroom_full` where too many are held.
    pub fn open(&self) -> Result<(Arc<Session>, OwnerToken), ApiError> {
        let token = OwnerToken::random()?;
        let mut held = lock(&self.held);
        self.sweep(&mut held);
        if held.len() >= self.limits.classes {
            self.make_room(&mut held);
        }
        if held.len() >= self.limits.classes {
            return Err(ApiError::new(
                ErrorCode::ClassroomFull,
                "Too many classes are held at once; end one, or try again later.",
            ));
        }
        let code = loop {
            let code = Code::random()?;
            if !held.contains_key(&code) {
                break code;
            }
        };
        let session = Arc::new(Session::new(code.clone(), token.hash(), self.limits));
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
        Code::read(typed).and_then(|code| held.get(&code).cloned()).ok_or_else(|| {
            ApiError::new(
                ErrorCode::NotFound,
                "There is no class of that code; check its four signs, or it may be over.",
            )
        })
    }

    /// Ends a class for everybody in it.
    pub fn end(&self, session: &Session) {
        lock(&self.held).remove(&session.code);
        session.end();
    }

    /// Ends the class that has been forsaken longest, where one has been for long enough.
    fn make_room(&self, held: &mut HashMap<Code, Arc<Session>>) {
        let now = Instant::now();
        let forsaken = held
            .values()
            .filter_map(|session| Some((session.empty_for(now)?, session.clone())))
            .filter(|(time, _)| *time >= self.limits.forsaken)
            .max_by_key(|(time, _)| *time);
        if let Some((_, session)) = forsaken {
            held.remove(&session.code);
            session.end();
        }
    }

    /// Lets go of classes that nobody came back to. Whoever opens or looks for a class does this
    /// on the way, so that no task has to.
    fn sweep(&self, held: &mut HashMap<Code, Arc<Session>>) {
        let now = Instant::now();
        held.retain(|_, session| {
            let stays = session.empty_for(now).is_none_or(|time| time < self.limits.idle);
            if !stays {
                session.end();
            }
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long beside what a step of a test takes, short beside a person's patience.
    const IDLE: Duration = Duration::from_millis(300);

    fn rooms(classes: usize) -> Classrooms {
        Classrooms::new(ClassLimits { classes, idle: IDLE, ..ClassLimits::default() })
    }

    #[tokio::test]
    async fn classes_are_bounded_and_the_abandoned_make_room() {
        let rooms = rooms(2);
        let (first, _) = rooms.open().expect("room");
        let (second, _) = rooms.open().expect("room");
        let refused = rooms.open().err().expect("no room for a third");
        assert_eq!(refused.0.code, ErrorCode::ClassroomFull);
        let seat = first.join(None).expect("a seat");
        tokio::time::sleep(IDLE).await;
        let (third, _) = rooms.open().expect("the room of the abandoned one");
        assert!(rooms.find(second.code.as_str()).is_err(), "nobody was there");
        assert!(rooms.find(first.code.as_str()).is_ok(), "somebody is");
        drop(seat);
        tokio::time::sleep(IDLE).await;
        assert!(rooms.find(first.code.as_str()).is_err());
        assert!(rooms.find(third.code.as_str()).is_err());
    }

    #[tokio::test]
    async fn a_full_house_makes_room_where_nobody_is() {
        let limits = ClassLimits { classes: 2, forsaken: IDLE, ..ClassLimits::default() };
        let rooms = Classrooms::new(limits);
        let (longest, _) = rooms.open().expect("room");
        let (attended, _) = rooms.open().expect("room");
        let _seat = attended.join(None).expect("a seat");
        assert!(rooms.open().is_err(), "who has just opened a class is on the way to it");
        tokio::time::sleep(IDLE).await;
        let (new, _) = rooms.open().expect("the room of the forsaken one");
        assert!(rooms.find(longest.code.as_str()).is_err());
        assert!(longest.join(None).is_err(), "whoever comes late is told that it is over");
        for held in [attended, new] {
            assert!(rooms.find(held.code.as_str()).is_ok());
        }
    }

    #[tokio::test]
    async fn a_code_is_found_however_it_is_typed() {
        let rooms = rooms(1);
        let (session, _) = rooms.open().expect("room");
        let code = session.code.as_str();
        let typed = format!(" {}-{} ", code[..2].to_lowercase(), &code[2..]);
        assert_eq!(rooms.find(&typed).expect("the class").code, session.code);
        rooms.end(&session);
        assert_eq!(rooms.find(code).expect_err("over").0.code, ErrorCode::NotFound);
    }
}
