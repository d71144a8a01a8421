//! One experiment as the page holds it: read once, then told of changes by the server.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::experiment::stats::Means;
use shared::experiment::tables::Tables;
use shared::experiment::{ExperimentProgress, ExperimentState, ExperimentStatus};
use shared::{Definition, ErrorCode};

use crate::lab::Lab;
use crate::owner;
use crate::source::experiments::{self, Progress};

/// Tables of a running experiment are read this often at most.
const EVERY: Duration = Duration::from_secs(1);

/// One experiment on the screen.
#[derive(Clone, Copy)]
pub(super) struct Watched {
    lab: Lab,
    /// Its name.
    pub(super) id: RwSignal<String>,
    /// What it was started as, and where it stood when it was read.
    pub(super) status: RwSignal<Option<ExperimentStatus>>,
    /// How far it is.
    pub(super) progress: RwSignal<Option<ExperimentProgress>>,
    /// What came out so far.
    pub(super) tables: RwSignal<Option<Tables>>,
    /// Under which definition.
    pub(super) definition: RwSignal<Definition>,
    /// Which means of ratios are shown.
    pub(super) means: RwSignal<Means>,
    /// Whether there is none of that name.
    pub(super) missing: RwSignal<bool>,
    /// Whether the lab does not answer at the moment.
    pub(super) lost: RwSignal<bool>,
    /// Whether this browser may pause, cancel and delete it.
    pub(super) own: RwSignal<bool>,
    /// Counts what was opened, so that late answers are known as such.
    turn: StoredValue<u32>,
    reading: StoredValue<bool>,
    again: StoredValue<bool>,
    stream: StoredValue<Option<Progress>, LocalStorage>,
}

/// Whether nothing can change any more.
pub(super) fn is_over(state: ExperimentState) -> bool {
    matches!(state, ExperimentState::Done | ExperimentState::Cancelled)
}

impl Watched {
    pub(super) fn new(lab: Lab, definition: Definition) -> Self {
        let watched = Watched {
            lab,
            id: RwSignal::new(String::new()),
            status: RwSignal::new(None),
            progress: RwSignal::new(None),
            tables: RwSignal::new(None),
            definition: RwSignal::new(definition),
            means: RwSignal::new(Means::default()),
            missing: RwSignal::new(false),
            lost: RwSignal::new(false),
            own: RwSignal::new(false),
            turn: StoredValue::new(0),
            reading: StoredValue::new(false),
            again: StoredValue::new(false),
            stream: StoredValue::new_local(None),
        };
        Effect::new(move |before: Option<Definition>| {
            let now = watched.definition.get();
            if before.is_some_and(|before| before != now) {
                watched.read_tables();
            }
            now
        });
        on_cleanup(move || {
            watched.turn.try_update_value(|turn| *turn += 1);
            watched.stream.try_update_value(Option::take);
        });
        watched
    }

    /// Shows another experiment; none for an empty name.
    pub(super) fn open(self, id: String) {
        self.stream.update_value(|stream| drop(stream.take()));
        self.turn.update_value(|turn| *turn += 1);
        self.reading.set_value(false);
        self.status.set(None);
        self.progress.set(None);
        self.tables.set(None);
        self.missing.set(false);
        self.lost.set(false);
        self.own.set(crate::actions::is_owner(&id));
        self.id.set(id.clone());
        if !id.is_empty() {
            self.read_status(true);
            self.read_tables();
        }
    }

    fn read_status(self, follow: bool) {
        let (turn, id) = (self.turn.get_value(), self.id.get_untracked());
        spawn_local(async move {
            let status = experiments::status(&id).await;
            if self.turn.try_get_value() != Some(turn) {
                return;
            }
            match status {
                Ok(status) => {
                    let over = is_over(status.state);
                    self.lost.set(false);
                    self.progress.set(Some(ExperimentProgress::from(&status)));
                    self.status.set(Some(status));
                    if follow && !over {
                        self.follow();
                    }
                }
                Err(failure) if failure.code == Some(ErrorCode::NotFound) => self.missing.set(true),
                Err(failure) => self.lab.complain(failure.code_name(), failure.message),
            }
        });
    }

    /// Reads the tables; asked while it does so, once more afterwards, and not at once.
    pub(super) fn read_tables(self) {
        if self.reading.get_value() {
            return self.again.set_value(true);
        }
        self.reading.set_value(true);
        self.again.set_value(false);
        let (turn, id) = (self.turn.get_value(), self.id.get_untracked());
        let definition = self.definition.get_untracked();
        spawn_local(async move {
            let tables = experiments::tables(&id, &definition).await;
            if self.turn.try_get_value() != Some(turn) {
                return;
            }
            match tables {
                // Chosen anew meanwhile: the answer to that is on its way.
                Ok(_) if self.definition.get_untracked() != definition => {
                    self.again.set_value(true);
                }
                Ok(tables) => self.tables.set(Some(tables)),
                Err(failure) if failure.code == Some(ErrorCode::NotFound) => {}
                Err(failure) => self.lab.complain(failure.code_name(), failure.message),
            }
            let chosen = self.definition.get_untracked() != definition;
            let over =
                self.progress.with_untracked(|p| p.as_ref().is_some_and(|p| is_over(p.state)));
            let pause = if chosen || over { Duration::ZERO } else { EVERY };
            set_timeout(
                move || {
                    if self.turn.try_get_value() == Some(turn) {
                        self.reading.set_value(false);
                        if self.again.get_value() {
                            self.read_tables();
                        }
                    }
                },
                pause,
            );
        });
    }

    /// Follows the experiment until nothing can change any more.
    fn follow(self) {
        let told = move |progress| match progress {
            Some(progress) => self.told(progress),
            None => self.lost.set(true),
        };
        self.stream.set_value(Progress::of(&self.id.get_untracked(), told));
    }

    fn told(self, progress: ExperimentProgress) {
        self.lost.set(false);
        let before = self.progress.get_untracked();
        let ended = |p: &ExperimentProgress| (p.done + p.left_out, p.state);
        let over = is_over(progress.state);
        let moved = before.as_ref().map(ended) != Some(ended(&progress));
        self.progress.set(Some(progress));
        if moved {
            self.read_tables();
        }
        if over {
            self.read_status(false);
            if let Some(stream) = self.stream.try_update_value(Option::take).flatten() {
                stream.end_later();
            }
        }
    }

    /// Pauses, resumes or cancels it.
    pub(super) fn act(self, what: &'static str) {
        let id = self.id.get_untracked();
        let owner = owner::token(&id).unwrap_or_default();
        spawn_local(async move {
            match experiments::act(&id, what, &owner).await {
                Ok(progress) => {
                    self.progress.set(Some(progress));
                    self.read_tables();
                }
                Err(failure) => self.lab.complain(failure.code_name(), failure.message),
            }
        });
    }
}
