//! A class's websocket: the latest state comes, guesses and boards go.
//!
//! What is said while the line is lost is not kept: a presenter shows the then latest board when it
//! is back, and a guess is asked for again.

use shared::classroom::{ClassMessage, ClassRequest};

use super::socket::{self, Socket};

/// What becomes of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// It is open: from now on what is said arrives.
    Open,
    /// The lab says something.
    Said(Box<ClassMessage>),
    /// It is lost; it tries to come back by itself.
    Lost,
}

/// A class's websocket.
#[derive(Clone)]
pub struct Line(Socket);

impl Line {
    /// A line to the class of a code; as a follower where a name is given.
    pub fn to(code: &str, follower: Option<&str>, heard: impl Fn(Heard) + 'static) -> Self {
        let mut path = format!("/api/classrooms/{code}/events");
        if let Some(follower) = follower {
            path += &format!("?follower={follower}");
        }
        Line(Socket::to(
            move || path.clone(),
            move |came| match came {
                socket::Heard::Open => heard(Heard::Open),
                socket::Heard::Lost { .. } => heard(Heard::Lost),
                // A kind of message that a newer lab knows says nothing to this page.
                socket::Heard::Message(bytes) => {
                    if let Ok(message) = rmp_serde::from_slice::<ClassMessage>(&bytes) {
                        heard(Heard::Said(Box::new(message)));
                    }
                }
            },
        ))
    }

    /// Says something; `false` while the line is lost.
    pub fn say(&self, request: &ClassRequest) -> bool {
        serde_json::to_string(request).is_ok_and(|text| self.0.send(&text))
    }

    /// The lab lets this page in: a line that is refused each time is tried less and less often.
    pub fn serves(&self) {
        self.0.serves();
    }

    /// The lab lets this page in no sooner than in so many seconds.
    pub fn hold(&self, seconds: u32) {
        self.0.hold(seconds);
    }

    /// Hangs up for good.
    pub fn stop(&self) {
        self.0.stop();
    }
}
