//! What a presenter does: choose what is shown, show more of it, go on.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::classroom::{
    Board, ClassRequest, LessonPlace, Moment, Question, ShowResults, ShownStep,
};
use shared::lesson::{Lesson, LessonStep, Told};

use super::agreed::{Agreed, Then};
use super::board::with_view;
use super::class::{Class, look};
use super::made::is_made;
use super::{api, told};
use crate::actions;
use crate::lab::Lab;
use crate::run::link::{Pick, View};
use crate::run::phase::Phase;

/// After this long without the lab's word for what it was told, the line is said to be lost: what
/// stands on the wall may stand nowhere else.
const LATE: Duration = Duration::from_secs(3);

/// What a class sees of a step.
pub fn shown_step(title: &Told, step: &LessonStep) -> ShownStep {
    let some = |told: &Told| Some(told.clone()).filter(|told| !told.en.is_empty());
    ShownStep {
        title: title.clone(),
        ask: step.ask.clone(),
        shows: some(&step.shows),
        shows_not: some(&step.shows_not),
        follows: step.follows,
    }
}

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
    /// The lesson, where one is given or about to be.
    pub lesson: Memo<Option<Lesson>>,
    /// The lessons there are; none before they were read.
    pub lessons: RwSignal<Option<Vec<Lesson>>>,
    /// Whether the model is being asked.
    pub asking: RwSignal<bool>,
    /// The name of the lesson that begins: its first step is asked before it is shown.
    begins: RwSignal<Option<String>>,
    /// What lets this browser present.
    token: StoredValue<String>,
    agreed: StoredValue<Agreed>,
    /// Runs of this lesson's steps: going back asks the model nothing twice.
    asked: StoredValue<Vec<(LessonPlace, String)>>,
}

impl Presenting {
    /// Begins to present a class with what `token` allows.
    pub fn new(lab: Lab, class: Class, token: String) -> Self {
        let board = RwSignal::new(Board::default());
        let lessons = RwSignal::new(None::<Vec<Lesson>>);
        let begins = RwSignal::new(None::<String>);
        let lesson = Memo::new(move |_| {
            let name = match board.with(|b| (b.lesson.clone(), b.run.is_some())) {
                (Some(place), _) => place.lesson,
                (None, true) => return None,
                (None, false) => begins.get()?,
            };
            lessons.with(|all| all.as_ref()?.iter().find(|l| l.name == name).cloned())
        });
        let presenting = Presenting {
            lab,
            class,
            board,
            lesson,
            lessons,
            asking: RwSignal::new(false),
            begins,
            token: StoredValue::new(token.clone()),
            agreed: StoredValue::new(Agreed::default()),
            asked: StoredValue::new(Vec::new()),
        };
        Effect::new(move |_| {
            if class.opened.get() > 0 {
                presenting.agreed.update_value(Agreed::opened);
                class.say(&ClassRequest::Present { presenter_token: token.clone() });
            }
        });
        // Whatever the presenter looks at, the class is shown; a run that is not on the screen, or
        // not any more, is not looked at.
        Effect::new(move |_| {
            let board = presenting.dressed(with_view(board.get(), &lab.run.view.get()));
            let looked_at = board.run.is_some() && lab.run.facts.id.with(|id| *id == board.run);
            if looked_at {
                presenting.act(|agreed| agreed.choose(board));
            }
        });
        // Also where nothing changed: that it came says something.
        Effect::new(move |_| {
            let shown = class.state.with(|s| s.as_ref().map(|s| (s.shown, s.board.clone())));
            if let Some((number, board)) = shown {
                presenting.act(|agreed| agreed.hear(number, board));
            }
        });
        Effect::new(move |_| {
            if class.refused.get() > 0 {
                presenting.act(Agreed::refused);
            }
        });
        presenting
    }

    fn act(&self, change: impl FnOnce(&mut Agreed) -> Then) {
        match self.agreed.try_update_value(change) {
            None | Some(Then::Nothing) => {}
            Some(Then::Tell(board, after)) => {
                self.class.say(&ClassRequest::Show { board: board.clone(), after: Some(after) });
                let (agreed, lost) = (self.agreed, self.class.lost);
                let late = move || {
                    if agreed.try_with_value(|a| a.waits_for(&board, after)) == Some(true) {
                        lost.try_set(true);
                    }
                };
                set_timeout(late, LATE);
            }
            Some(Then::Adopt(board)) => self.adopt(board),
        }
    }

    /// The step of the lesson that is shown.
    pub fn step(&self) -> Option<ShownStep> {
        let (place, shown) = self.board.with(|b| (b.lesson.clone(), b.step.clone()));
        let own = self.lesson.with(|lesson| {
            let lesson = lesson.as_ref()?;
            Some(shown_step(&lesson.title, lesson.steps.get(place?.step as usize)?))
        });
        // On another wall than the one that has the lesson, what the class is shown.
        own.or(shown.map(|shown| *shown))
    }

    /// A board with what the class needs of a lesson that no lab has: what the curve shows comes with it.
    fn dressed(&self, board: Board) -> Board {
        let Some(place) = board.lesson.clone().filter(|place| is_made(&place.lesson)) else {
            return board;
        };
        let revealed = board.moment == Moment::Revealed;
        let step = self.lesson.with_untracked(|lesson| {
            let lesson = lesson.as_ref()?;
            Some(shown_step(&lesson.title, lesson.steps.get(place.step as usize)?))
        });
        match step {
            Some(step) if revealed => Board { step: Some(Box::new(step)), ..board },
            Some(step) => {
                let step = ShownStep { shows: None, shows_not: None, follows: None, ..step };
                Board { step: Some(Box::new(step)), ..board }
            }
            None => board,
        }
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
            let lesson = self.lesson.with_untracked(|l| l.as_ref().map(|l| l.name.clone()));
            self.show_step(&lesson.unwrap_or_default(), to);
        }
    }

    /// Shows a run as it is looked at; the class has not seen its answer.
    pub fn show_run(&self, id: String, view: View) {
        self.put(id, view, Moment::Asked, None, Question::Sides);
    }

    /// Asks the model what a step of the lesson asks, and shows it.
    fn show_step(&self, lesson: &str, step: u32) {
        let shown = self.lesson_named(lesson).and_then(|l| l.steps.get(step as usize).cloned());
        let Some(shown) = shown.filter(|_| !self.asking.get_untracked()) else { return };
        let place = LessonPlace { lesson: lesson.to_owned(), step };
        let view = View {
            definition: shown.definition.definition(),
            layer: shown.layer.map(|l| l as usize),
            token: Pick::Auto,
            ..View::default()
        };
        // A run that came to nothing is asked for again.
        let run = self.lab.run;
        let failed = run
            .facts
            .phase
            .with_untracked(|p| !p.is_live() && !matches!(p, Phase::Done(_) | Phase::Opening));
        if let Some(id) = run.facts.id.get_untracked().filter(|_| failed) {
            self.asked.update_value(|asked| asked.retain(|(_, run)| *run != id));
        }
        let known = self.asked.with_value(|asked| {
            asked.iter().find(|(of, _)| *of == place).map(|(_, run)| run.clone())
        });
        if let Some(run) = known {
            return self.put(run, view, shown.begins, Some(place), shown.question);
        }
        let presenting = *self;
        self.asking.set(true);
        spawn_local(async move {
            let token = presenting.token.try_get_value().unwrap_or_default();
            let mut tries = 0;
            let created = loop {
                match api::ask(&place.lesson, place.step as usize, &shown, &token).await {
                    Err(failure) if presenting.lab.waited(&failure, tries).await => tries += 1,
                    created => break created,
                }
                if presenting.asking.is_disposed() {
                    return;
                }
            };
            if presenting.asking.try_set(false).is_some() {
                // The page was left meanwhile.
                return;
            }
            match created {
                Ok(created) => {
                    let known = (place.clone(), created.id.clone());
                    presenting.asked.update_value(|asked| asked.push(known));
                    presenting.put(created.id, view, shown.begins, Some(place), shown.question);
                }
                Err(failure) => presenting.lab.complain(failure.code_name(), failure.message),
            }
        });
    }

    /// Goes on where the class stands: this page was loaded anew, or another one went on.
    fn adopt(&self, board: Board) {
        let Some(run) = board.run.clone() else { return };
        if let Some(place) = board.lesson.clone() {
            self.asked.update_value(|asked| {
                asked.retain(|(of, _)| *of != place);
                asked.push((place, run.clone()));
            });
        }
        self.lab.run.playing.set(None);
        look(self.lab, run, &board);
        self.board.set(board);
    }

    /// The lesson of a name.
    fn lesson_named(&self, name: &str) -> Option<Lesson> {
        self.lessons.with_untracked(|all| all.as_ref()?.iter().find(|l| l.name == name).cloned())
    }

    /// Begins a lesson; `false` where there is none of that name.
    pub fn begin(&self, lesson: &str) -> bool {
        let there = self.lesson_named(lesson).is_some();
        if there {
            self.begins.set(Some(lesson.to_owned()));
            self.show_step(lesson, 0);
        }
        there
    }

    fn put(
        &self,
        run: String,
        view: View,
        moment: Moment,
        lesson: Option<LessonPlace>,
        question: Question,
    ) {
        actions::open(self.lab, run.clone(), view);
        self.board.update(|b| {
            b.run = Some(run);
            b.round = b.round.wrapping_add(1);
            b.moment = moment;
            b.lesson = lesson;
            b.question = question;
            (b.closed, b.results, b.step) = (false, ShowResults::default(), None);
        });
    }
}
