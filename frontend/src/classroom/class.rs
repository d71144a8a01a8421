//! A class as one page of it sees it.

use leptos::prelude::*;
use shared::ErrorCode;
use shared::classroom::{Answer, Board, CLASSROOM_VERSION, ClassMessage, ClassRequest, ClassState};

use super::board::over;
use crate::actions;
use crate::errors;
use crate::lab::Lab;
use crate::language::t;
use crate::run::link::View;
use crate::source::class_line::{Heard, Line};

/// Looks at a run as a board shows it; what a board leaves open stays as this screen has it.
pub fn look(lab: Lab, id: String, board: &Board) {
    let run = lab.run;
    let own = untrack(|| run.view.get());
    // A patch of another picture is nobody's choice.
    let same = run.facts.id.with_untracked(|shown| shown.as_ref() == Some(&id));
    let own = View { target: own.target.filter(|_| same), ..own };
    actions::open(lab, id, over(own, board));
}

/// Asks again for a run that could not be read, now and then while states of the class come.
pub fn look_again(lab: Lab, class: Class, board: impl Fn() -> Board + 'static) {
    const EVERY_MS: f64 = 5000.0;
    let tried = StoredValue::new(0.0);
    Effect::new(move |_| {
        class.state.track();
        let board = board();
        let nothing = lab.run.facts.id.with_untracked(Option::is_none);
        if let Some(run) = board.run.clone().filter(|_| nothing)
            && js_sys::Date::now() > tried.get_value() + EVERY_MS
        {
            tried.set_value(js_sys::Date::now());
            look(lab, run, &board);
        }
    });
}

/// How a class ended for this page.
#[derive(Clone, Debug, PartialEq)]
pub enum Over {
    /// The presenter ended it.
    Ended,
    /// There is none of that code, or none any more.
    Gone(String),
    /// The lab does not let this page in, or cannot be understood.
    Refused(String),
}

/// A class, from the moment a page joins it.
#[derive(Clone, Copy)]
pub struct Class {
    /// The latest state; none before the first.
    pub state: RwSignal<Option<ClassState>>,
    /// The round, and this browser's answer in it.
    pub mine: RwSignal<(u32, Option<Answer>)>,
    /// Whether the connection is lost at the moment.
    pub lost: RwSignal<bool>,
    /// How often the line was opened: whoever presents says so again each time.
    pub opened: RwSignal<u32>,
    /// How often the lab refused something.
    pub refused: RwSignal<u32>,
    /// How it ended, where it did.
    pub over: RwSignal<Option<Over>>,
    /// What the lab holds of this browser's answer.
    confirmed: StoredValue<(u32, Option<Answer>)>,
    /// The answer that the lab was told and has not confirmed.
    told: StoredValue<Option<(u32, Answer)>>,
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
            refused: RwSignal::new(0),
            over: RwSignal::new(None),
            confirmed: StoredValue::new((0, None)),
            told: StoredValue::new(None),
            line: StoredValue::new_local(None),
        };
        let line = Line::to(code, follower, move |heard| class.take(lab, heard));
        let kept = StoredValue::new_local(line.clone());
        class.line.set_value(Some(line));
        on_cleanup(move || kept.with_value(Line::stop));
        class
    }

    /// Says something to the lab; `false` while the line is lost.
    pub fn say(&self, request: &ClassRequest) -> bool {
        self.line.with_value(|line| line.as_ref().is_some_and(|l| l.say(request)))
    }

    /// Answers; what is answered is shown at once, and the lab's own word for it follows.
    pub fn answer(&self, round: u32, answer: Answer) {
        self.told.set_value(Some((round, answer.clone())));
        self.mine.set((round, Some(answer.clone())));
        if !self.say(&request(round, answer)) {
            // The line is being opened again; the next state says when it serves.
            self.lost.set(true);
        }
    }

    /// Whether the question takes answers, as the lab says.
    pub fn is_open(&self) -> bool {
        self.state.with(|s| s.as_ref().is_some_and(|s| s.open))
    }

    /// How many have answered.
    pub fn answered(&self) -> u32 {
        self.state.with(|s| s.as_ref().map_or(0, |s| s.answered))
    }

    /// Who is there.
    pub fn present(&self) -> u32 {
        self.state.with(|s| s.as_ref().map_or(0, |s| s.present))
    }

    /// This browser's answer to the question that is asked now.
    pub fn own_answer(&self) -> Option<Answer> {
        let round = self.state.with(|s| s.as_ref().map_or(0, |s| s.board.round));
        let (mine, answer) = self.mine.get();
        answer.filter(|_| mine == round)
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
                    self.line.with_value(|line| {
                        if let Some(line) = line {
                            line.serves();
                        }
                    });
                    self.lost.set(false);
                    self.state.set(Some(state));
                }
                ClassMessage::Guess { round, guess } => {
                    self.confirm(round, guess.map(Answer::Side));
                }
                ClassMessage::Answer { round, answer } => self.confirm(round, answer),
                ClassMessage::Ended => self.leave(Over::Ended),
                // What trying again does not change.
                ClassMessage::Error(body)
                    if matches!(body.code, ErrorCode::NotFound | ErrorCode::ClassroomFull)
                        && self.state.with_untracked(Option::is_none) =>
                {
                    let message = errors::of(&body);
                    self.leave(match body.code {
                        ErrorCode::NotFound => Over::Gone(message),
                        _ => Over::Refused(message),
                    });
                }
                ClassMessage::Error(body) if body.code == ErrorCode::NotFound => {
                    self.gone_or_complain(lab, errors::of(&body));
                }
                // It came too late, or is none: what counts is the last one that the lab confirmed.
                ClassMessage::Error(body)
                    if body.code == ErrorCode::GuessClosed
                        || (body.code == ErrorCode::BadMessage
                            && self.told.with_value(Option::is_some)) =>
                {
                    self.told.set_value(None);
                    self.mine.set(self.confirmed.get_value());
                }
                ClassMessage::Error(body) if body.code == ErrorCode::ShuttingDown => {}
                ClassMessage::Error(body) => {
                    if let Some(seconds) = body.retry_after {
                        self.line.with_value(|line| line.as_ref().map(|line| line.hold(seconds)));
                    }
                    lab.complain(body.code.name(), errors::of(&body));
                    self.refused.update(|n| *n += 1);
                }
            },
        }
    }

    fn confirm(&self, round: u32, answer: Option<Answer>) {
        self.confirmed.set_value((round, answer.clone()));
        // One that got lost with its line is said again; the lab writes a text on one line.
        match self.told.get_value() {
            Some((of, told)) if of == round && answer.is_none() => {
                self.say(&request(round, told));
            }
            Some((of, told @ Answer::Side(_))) if of == round && answer != Some(told.clone()) => {
                self.say(&request(round, told));
            }
            _ => {
                self.told.set_value(None);
                self.mine.set((round, answer));
            }
        }
    }

    /// After a loss, *not found* is a lab that was restarted without the class; otherwise it is a run
    /// that is not there.
    fn gone_or_complain(&self, lab: Lab, message: String) {
        if self.lost.get_untracked() {
            self.leave(Over::Gone(message));
        } else {
            lab.complain(ErrorCode::NotFound.name(), message);
            self.refused.update(|n| *n += 1);
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

/// How an answer is said: as it always was where that can say it.
fn request(round: u32, answer: Answer) -> ClassRequest {
    match answer {
        Answer::Side(guess) => ClassRequest::Guess { round, guess },
        answer => ClassRequest::Answer { round, answer },
    }
}
