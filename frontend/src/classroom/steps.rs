//! What a presenter does: choose what is shown, show more of it, go on.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::classroom::{Board, ClassRequest, LessonPlace, Moment};
use shared::lesson::{Lesson, LessonStep};

use super::board::with_view;
use super::class::{Class, look};
use super::{api, told};
use crate::actions;
use crate::link::{Pick, View};
use crate::phase::Phase;
use crate::state::Lab;

/// How long the lab may take to show what it was told to. After that the class's state is the truth:
/// another of the presenter's pages may have shown something else at the same moment.
const ON_ITS_WAY: Duration = Duration::from_secs(5);

/// A class from its presenter's side. A presenter may have it on several pages: each shows what any
/// of them chose last.
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
    /// The lessons there are; none before they were read.
    pub lessons: RwSignal<Option<Vec<Lesson>>>,
    /// Whether the model is being asked.
    pub asking: RwSignal<bool>,
    /// Whether this page knows what the class was shown before it came; earlier it must not show
    /// anything else.
    pub ready: RwSignal<bool>,
    /// What the class is known to be shown.
    known: StoredValue<Board>,
    /// What the lab was told to show and does not show yet, and how often it was told something.
    told: StoredValue<(u32, Option<Board>)>,
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
            lessons: RwSignal::new(None),
            asking: RwSignal::new(false),
            ready: RwSignal::new(false),
            known: StoredValue::new(Board::default()),
            told: StoredValue::new((0, None)),
            asked: StoredValue::new(Vec::new()),
        };
        Effect::new(move |_| {
            if class.opened.get() > 0 {
                class.say(&ClassRequest::Present { presenter_token: token.clone() });
                // What was chosen while the line was lost; what others chose meanwhile comes by itself.
                if let Some(board) = presenting.told.with_value(|(_, board)| board.clone()) {
                    presenting.tell(board);
                }
            }
        });
        // Whatever the presenter looks at, the class is shown.
        Effect::new(move |_| {
            let board = with_view(presenting.board.get(), &lab.run.view());
            if presenting.ready.get() && board.run.is_some() {
                let last = presenting.told.with_value(|(_, board)| board.clone());
                if last.unwrap_or_else(|| presenting.known.get_value()) != board {
                    presenting.tell(board);
                }
            }
        });
        Effect::new(move |_| {
            let board = class.state.with(|s| s.as_ref().map(|s| s.board.clone()));
            if let Some(board) = board.filter(|_| presenting.ready.get_untracked()) {
                presenting.hear(board);
            }
        });
        presenting
    }

    /// Tells the lab what to show.
    fn tell(&self, board: Board) {
        let turn = self.told.with_value(|(turn, _)| turn.wrapping_add(1));
        self.told.set_value((turn, Some(board.clone())));
        self.class.say(&ClassRequest::Show { board });
        let presenting = *self;
        let over = move || {
            // Neither told anything else since, nor left, nor shown, nor lost.
            let waits =
                presenting.told.try_with_value(|(now, board)| *now == turn && board.is_some());
            if waits == Some(true) && !presenting.class.lost.get_untracked() {
                presenting.told.set_value((turn, None));
                let shown =
                    presenting.class.state.with_untracked(|s| s.as_ref().map(|s| s.board.clone()));
                if let Some(board) = shown {
                    presenting.hear(board);
                }
            }
        };
        set_timeout(over, ON_ITS_WAY);
    }

    /// Takes note of what the class is shown.
    fn hear(&self, board: Board) {
        match self.told.with_value(|(turn, told)| (*turn, told.clone())) {
            (turn, Some(told)) if told == board => {
                self.told.set_value((turn, None));
                self.known.set_value(board);
            }
            // What this page chose is on its way.
            (_, Some(_)) => {}
            (_, None) if self.known.with_value(|known| *known == board) => {}
            (_, None) => self.adopt(board),
        }
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

    /// Goes on where the class stands: this page was loaded anew, or another one went on.
    pub fn adopt(&self, board: Board) {
        self.known.set_value(board.clone());
        let Some(run) = board.run.clone() else { return };
        if let Some(place) = board.lesson.clone() {
            self.asked.update_value(|asked| {
                asked.retain(|(of, _)| *of != place);
                asked.push((place, run.clone()));
            });
        }
        let lesson = board.lesson.as_ref().and_then(|place| self.lesson_named(&place.lesson));
        if self.lesson.with_untracked(|known| *known != lesson) {
            self.lesson.set(lesson);
        }
        look(self.lab, run, &board);
        self.board.set(board);
        self.ready.set(true);
    }

    /// The lesson of a name.
    pub fn lesson_named(&self, name: &str) -> Option<Lesson> {
        self.lessons.with_untracked(|all| all.as_ref()?.iter().find(|l| l.name == name).cloned())
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
