//! What a presenter does: choose what is shown, show more of it, go on.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::classroom::{Board, ClassRequest, LessonPlace, Moment};
use shared::lesson::{Lesson, LessonStep};

use super::board::{view_of, with_view};
use super::class::Class;
use super::{api, told};
use crate::actions;
use crate::link::{Pick, View};
use crate::phase::Phase;
use crate::state::Lab;

/// A class from its presenter's side.
#[derive(Clone, Copy)]
pub struct Presenting {
    /// The page.
    pub lab: Lab,
    /// The class.
    pub class: Class,
    /// What is shown, but for how the run is looked at.
    pub board: RwSignal<Board>,
    /// The lesson, where one is given.
    pub lesson: RwSignal<Option<Lesson>>,
    /// Whether the model is being asked.
    pub asking: RwSignal<bool>,
    /// Whether this page knows what the class was shown before it came; earlier it must not show
    /// anything else.
    pub ready: RwSignal<bool>,
    /// Runs of this lesson's steps: going back asks the model nothing twice.
    asked: StoredValue<Vec<(LessonPlace, String)>>,
}

impl Presenting {
    /// Begins to present a class with what `token` allows.
    pub fn new(lab: Lab, class: Class, token: String) -> Self {
        let presenting = Presenting {
            lab,
            class,
            board: RwSignal::new(Board::default()),
            lesson: RwSignal::new(None),
            asking: RwSignal::new(false),
            ready: RwSignal::new(false),
            asked: StoredValue::new(Vec::new()),
        };
        // Whatever the presenter looks at, the class is shown; after a loss, once again.
        Effect::new(move |before: Option<u32>| {
            let opened = class.opened.get();
            let view = lab.run.view();
            let board = with_view(presenting.board.get(), &view);
            if before != Some(opened) {
                class.say(&ClassRequest::Present { presenter_token: token.clone() });
            }
            if presenting.ready.get() && board.run.is_some() {
                class.say(&ClassRequest::Show { board });
            }
            opened
        });
        presenting
    }

    /// The step of the lesson that is shown.
    pub fn step(&self) -> Option<LessonStep> {
        let place = self.board.with(|b| b.lesson.clone())?;
        self.lesson.with(|l| l.as_ref()?.steps.get(place.step as usize).cloned())
    }

    /// Which step of how many, from 1.
    pub fn place(&self) -> Option<(u32, u32)> {
        let place = self.board.with(|b| b.lesson.clone())?;
        let steps = self.lesson.with(|l| l.as_ref().map(|l| l.steps.len()))?;
        Some((place.step + 1, u32::try_from(steps).unwrap_or(u32::MAX)))
    }

    /// What the main button says; nothing where nothing follows.
    pub fn onward_text(&self) -> Option<&'static str> {
        let more = self.place().is_some_and(|(step, steps)| step < steps);
        let moment = self.board.with(|b| b.run.is_some().then_some(b.moment))?;
        told::onward(moment, more)
    }

    /// Goes on: shows the answer, then the curve, then the next step.
    pub fn onward(&self) {
        if self.asking.get_untracked() || self.board.with_untracked(|b| b.run.is_none()) {
            return;
        }
        match self.board.with_untracked(|b| b.moment).next() {
            Some(next) => self.board.update(|b| b.moment = next),
            None => self.move_by(1),
        }
    }

    /// Goes to another step of the lesson.
    pub fn move_by(&self, by: i32) {
        let Some((step, steps)) = untrack(|| self.place()) else { return };
        if let Some(to) = (step - 1).checked_add_signed(by).filter(|to| *to < steps) {
            self.show_step(to);
        }
    }

    /// Shows a run as it is looked at, its answer with it: whoever presents it has seen it.
    pub fn show_run(&self, id: String, view: View) {
        self.lesson.set(None);
        self.put(id, view, Moment::Answered, None);
    }

    /// Asks the model what a step of the lesson asks, and shows it.
    pub fn show_step(&self, step: u32) {
        let Some((name, shown)) = self.lesson.with_untracked(|lesson| {
            let lesson = lesson.as_ref()?;
            Some((lesson.name.clone(), lesson.steps.get(step as usize)?.clone()))
        }) else {
            return;
        };
        if self.asking.get_untracked() {
            return;
        }
        let place = LessonPlace { lesson: name, step };
        let view = View {
            definition: shown.definition.definition(),
            layer: shown.layer.map(|l| l as usize),
            token: Pick::Auto,
            ..View::default()
        };
        // A run that came to nothing is asked for again.
        let run = self.lab.run;
        let failed = run
            .phase
            .with_untracked(|p| !p.is_live() && !matches!(p, Phase::Done(_) | Phase::Opening));
        if let Some(id) = run.id.get_untracked().filter(|_| failed) {
            self.asked.update_value(|asked| asked.retain(|(_, run)| *run != id));
        }
        let known = self.asked.with_value(|asked| {
            asked.iter().find(|(of, _)| *of == place).map(|(_, run)| run.clone())
        });
        if let Some(run) = known {
            return self.put(run, view, shown.begins, Some(place));
        }
        let presenting = *self;
        self.asking.set(true);
        spawn_local(async move {
            let created = api::ask(&shown).await;
            if presenting.asking.try_set(false).is_some() {
                // The page was left meanwhile.
                return;
            }
            match created {
                Ok(created) => {
                    let known = (place.clone(), created.id.clone());
                    presenting.asked.update_value(|asked| asked.push(known));
                    presenting.put(created.id, view, shown.begins, Some(place));
                }
                Err(failure) => presenting.lab.complain(failure.code_name(), failure.message),
            }
        });
    }

    /// Goes on where the class stands, after this page was loaded anew.
    pub fn resume(&self, board: Board, lesson: Option<Lesson>) {
        if let (Some(run), Some(place)) = (&board.run, &board.lesson) {
            self.asked.update_value(|asked| asked.push((place.clone(), run.clone())));
        }
        if let Some(run) = &board.run {
            actions::open(self.lab, run.clone(), view_of(&board));
        }
        self.lesson.set(lesson);
        self.board.set(board);
        self.ready.set(true);
    }

    fn put(&self, run: String, view: View, moment: Moment, lesson: Option<LessonPlace>) {
        actions::open(self.lab, run.clone(), view);
        self.board.update(|b| {
            b.run = Some(run);
            b.round = b.round.wrapping_add(1);
            b.moment = moment;
            b.lesson = lesson;
        });
        self.ready.set(true);
    }
}
