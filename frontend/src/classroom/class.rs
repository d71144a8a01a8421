//! A class as one page of it sees it.

use leptos::prelude::*;
use shared::ErrorCode;
use shared::classroom::{CLASSROOM_VERSION, ClassMessage, ClassRequest, ClassState, Guess, Tally};

use super::line::{Heard, Line};
use crate::errors;
use crate::language::t;
use crate::state::Lab;

/// How a class ended for this page.
#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    /// The presenter ended it.
    Ended,
    /// The lab does not let this page in, or cannot be understood.
    Refused(String),
}

/// A class, from the moment a page joins it.
#[derive(Clone, Copy)]
pub struct Class {
    /// The latest state; none before the first.
    pub state: RwSignal<Option<ClassState>>,
    /// The round, and this browser's guess in it.
    pub mine: RwSignal<(u32, Option<Guess>)>,
    /// Whether the connection is lost at the moment.
    pub lost: RwSignal<bool>,
    /// How often the line was opened: whoever presents says so again each time.
    pub opened: RwSignal<u32>,
    /// How it ended, where it did.
    pub over: RwSignal<Option<Over>>,
    /// What the lab holds of this browser's guess.
    confirmed: StoredValue<(u32, Option<Guess>)>,
    line: StoredValue<Option<Line>, LocalStorage>,
}

impl Class {
    /// Joins the class of a code; as a follower where a name is given. Leaves with the component
    /// that joined.
    pub fn join(lab: Lab, code: &str, follower: Option<&str>) -> Self {
        let class = Class {
            state: RwSignal::new(None),
            mine: RwSignal::new((0, None)),
            lost: RwSignal::new(false),
            opened: RwSignal::new(0),
            over: RwSignal::new(None),
            confirmed: StoredValue::new((0, None)),
            line: StoredValue::new_local(None),
        };
        let line = Line::to(code, follower, move |heard| class.take(lab, heard));
        let kept = line.clone();
        let kept = StoredValue::new_local(kept);
        class.line.set_value(Some(line));
        on_cleanup(move || kept.with_value(Line::stop));
        // A phone that woke up asks for the state of now. A wall does not: it would show its own.
        if follower.is_some() {
            let woken = move |_| {
                if !document().hidden() {
                    let _ = kept.try_with_value(Line::reopen);
                }
            };
            let listeners = ["visibilitychange", "online"]
                .map(|event| window_event_listener_untyped(event, woken));
            on_cleanup(move || listeners.into_iter().for_each(WindowListenerHandle::remove));
        }
        class
    }

    /// Says something to the lab; `false` while the line is lost.
    pub fn say(&self, request: &ClassRequest) -> bool {
        self.line.with_value(|line| line.as_ref().is_some_and(|l| l.say(request)))
    }

    /// The tally, empty before the first state.
    pub fn tally(&self) -> Tally {
        self.state.with(|s| s.as_ref().map(|s| s.tally).unwrap_or_default())
    }

    /// Who is there.
    pub fn present(&self) -> u32 {
        self.state.with(|s| s.as_ref().map_or(0, |s| s.present))
    }

    /// This browser's guess of the question that is asked now.
    pub fn guess(&self) -> Option<Guess> {
        let round = self.state.with(|s| s.as_ref().map_or(0, |s| s.board.round));
        let (mine, guess) = self.mine.get();
        guess.filter(|_| mine == round)
    }

    fn take(&self, lab: Lab, heard: Heard) {
        match heard {
            Heard::Open => self.opened.update(|n| *n += 1),
            Heard::Lost => {
                self.lost.set(true);
            }
            Heard::Said(message) => match *message {
                ClassMessage::State(state) if state.version > CLASSROOM_VERSION => {
                    self.leave(Over::Refused(
                        t("The lab is newer than this page; reload it.").into(),
                    ));
                }
                ClassMessage::State(state) => {
                    self.lost.set(false);
                    self.state.set(Some(state));
                }
                ClassMessage::Guess { round, guess } => {
                    self.confirmed.set_value((round, guess));
                    self.mine.set((round, guess));
                }
                ClassMessage::Ended => self.leave(Over::Ended),
                // What trying again does not change.
                ClassMessage::Error(body)
                    if matches!(body.code, ErrorCode::NotFound | ErrorCode::ClassroomFull)
                        && self.state.with_untracked(Option::is_none) =>
                {
                    self.leave(Over::Refused(errors::said(body.code, &body.message)));
                }
                ClassMessage::Error(body) if body.code == ErrorCode::NotFound => {
                    self.gone_or_complain(lab, errors::said(body.code, &body.message));
                }
                // It came too late: what counts is the last one that the lab confirmed.
                ClassMessage::Error(body) if body.code == ErrorCode::GuessClosed => {
                    self.mine.set(self.confirmed.get_value());
                }
                ClassMessage::Error(body) if body.code == ErrorCode::ShuttingDown => {}
                ClassMessage::Error(body) => {
                    lab.complain(body.code.name(), errors::said(body.code, &body.message));
                }
            },
        }
    }

    /// After a loss, *not found* is a lab that was restarted without the class; otherwise it is a run
    /// that is not there.
    fn gone_or_complain(&self, lab: Lab, message: String) {
        if self.lost.get_untracked() {
            self.leave(Over::Refused(message));
        } else {
            lab.complain(ErrorCode::NotFound.name(), message);
        }
    }

    fn leave(&self, over: Over) {
        self.over.set(Some(over));
        self.line.update_value(|line| {
            if let Some(line) = line.take() {
                line.stop();
            }
        });
    }
}
