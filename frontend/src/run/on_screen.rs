//! One run and how it is looked at, and what keys and buttons do with it.

use leptos::prelude::*;
use plots::frame::Window;
use shared::{Definition, Group, Observation};

use super::derived::Over;
use super::kept::forget_gone;
use super::link::{Pick, View};
use super::phase::Phase;
use super::{Derived, Facts, ViewSignals, maps};
use crate::source::Source;

/// The address of the finished run that ships with the lab.
pub const SHIPPED: &str = "sample";

/// One run and how it is looked at.
#[derive(Clone, Copy)]
pub struct Run {
    /// What is known of it.
    pub facts: Facts,
    /// How it is looked at, as its link says.
    pub view: ViewSignals,
    /// What follows from both.
    pub derived: Derived,
    /// The layer under the pointer.
    pub hover: RwSignal<Option<usize>>,
    /// What else is under the pointer.
    pub over: Over,
    /// What is being played.
    pub playing: RwSignal<Option<Play>>,
    /// The definition before the last change of it, for this run.
    pub before: RwSignal<Option<Definition>>,
}

impl Run {
    /// No run yet, looked at as usual.
    pub fn new(source: Source) -> Self {
        let (facts, view) = (Facts::new(source), ViewSignals::new(View::default()));
        let (hover, over) = (RwSignal::new(None), Over::default());
        let derived = Derived::new(facts, view, hover, over);
        let before = RwSignal::new(None);
        // A run that is opened brings its definition along; only changes to one on the screen are
        // worth a word.
        Effect::new(move |last: Option<Definition>| {
            let now = view.definition.get();
            let seen = facts.observation.with_untracked(Observation::layers) > 0;
            if seen && last.is_some_and(|last| last != now) {
                before.set(last);
            }
            now
        });
        let run = Run { facts, view, derived, hover, over, playing: RwSignal::new(None), before };
        maps::follow(run);
        run
    }

    /// Makes room for another run; the definition and how things are shown stay.
    pub fn reset(&self, id: Option<String>, phase: Phase) {
        self.facts.reset(id, phase);
        self.derived.maps.reset();
        self.view.reset();
        self.hover.set(None);
        self.over.leave();
        self.playing.set(None);
        self.before.set(None);
        self.facts.forget_gone();
        self.view.forget_gone();
        forget_gone(self.hover);
    }

    /// Lets go of everything that stays chosen, a single head too, and stops what plays.
    pub fn release(&self) {
        self.view.release();
        self.hover.set(None);
        self.over.leave();
        self.playing.set(None);
    }

    /// Plays from the beginning where it stands at the end; stops what plays.
    pub fn play(&self, what: Play) {
        if self.playing.get_untracked() == Some(what) {
            return self.playing.set(None);
        }
        match what {
            Play::Layers => {
                let last =
                    self.facts.observation.with_untracked(Observation::layers).saturating_sub(1);
                let now = self.view.layer.get_untracked().filter(|l| *l < last);
                self.hover.set(None);
                self.view.layer.set(Some(now.unwrap_or(0)));
            }
            Play::Tokens => {
                let last =
                    self.facts.observation.with_untracked(|o| o.tokens.len()).saturating_sub(1);
                let now = match self.view.token.get_untracked() {
                    Pick::Token(now) if now < last => now,
                    _ => 0,
                };
                self.view.token.set(Pick::Token(now));
            }
        }
        self.playing.set(Some(what));
    }

    /// One step of what plays; stops at the end.
    pub fn play_on(&self) {
        let step = |now: Option<usize>, count: usize| now.map(|n| n + 1).filter(|n| *n < count);
        match self.playing.get_untracked() {
            Some(Play::Layers) => {
                let layers = self.facts.observation.with_untracked(Observation::layers);
                match step(self.view.layer.get_untracked(), layers) {
                    Some(next) => self.view.layer.set(Some(next)),
                    None => self.playing.set(None),
                }
            }
            Some(Play::Tokens) => {
                let tokens = self.facts.observation.with_untracked(|o| o.tokens.len());
                match step(self.derived.token.get_untracked(), tokens) {
                    Some(next) => self.view.token.set(Pick::Token(next)),
                    None => self.playing.set(None),
                }
            }
            None => {}
        }
    }

    /// Moves the pinned layer by `by`, staying inside the model.
    pub fn step_layer(&self, by: isize) {
        let layers = self.facts.observation.with_untracked(Observation::layers);
        if let (Some(now), Some(last)) = (self.derived.layer.get_untracked(), layers.checked_sub(1))
        {
            self.look_at(now.saturating_add_signed(by).min(last));
        }
    }

    /// Chooses a layer, and shows it where only some are shown.
    pub fn look_at(&self, layer: usize) {
        self.hover.set(None);
        self.view.layer.set(Some(layer));
        self.follow(layer);
    }

    /// The layers that curve and heads show, where those are not all.
    pub fn shown_layers(&self) -> Option<Window> {
        self.view.window.get()?.of(self.facts.observation.with(Observation::layers))
    }

    /// Shows the layers between two in curve and heads; `false` where that is one, which is no curve.
    pub fn zoom_to(&self, a: usize, b: usize) -> bool {
        let layers = self.facts.observation.with_untracked(Observation::layers);
        if a != b {
            self.view.window.set(Window::between(a, b).of(layers));
        }
        a != b
    }

    /// Half of the layers that are shown, where that many can be shown alone.
    pub fn nearer(&self) -> Option<Window> {
        let layers = self.facts.observation.with(Observation::layers);
        let around = self.derived.layer.get().unwrap_or(layers / 2);
        Window::nearer(self.shown_layers(), around, layers)
    }

    /// Shows half as many layers, around the one that is looked at.
    pub fn zoom_in(&self) {
        if let Some(nearer) = untrack(|| self.nearer()) {
            self.view.window.set(Some(nearer));
        }
    }

    /// Shows twice as many layers.
    pub fn zoom_out(&self) {
        let layers = self.facts.observation.with_untracked(Observation::layers);
        let shown = untrack(|| self.shown_layers());
        self.view.window.set(shown.and_then(|window| window.farther(layers)));
    }

    /// Moves the layers that are shown along with one that was stepped to.
    pub fn follow(&self, layer: usize) {
        if let Some(shown) = untrack(|| self.shown_layers()).filter(|shown| !shown.has(layer)) {
            self.view.window.set(Some(shown.with(layer)));
        }
    }

    /// Moves the chosen token by `by`, staying inside the answer.
    pub fn step_token(&self, by: isize) {
        let last = self.facts.observation.with_untracked(|o| o.tokens.len()).checked_sub(1);
        if let Some(last) = last {
            let next = match self.derived.token.get_untracked() {
                Some(now) => now.saturating_add_signed(by).min(last),
                None => 0,
            };
            self.view.token.set(Pick::Token(next));
        }
    }
}

/// What can be played: one step after another, as a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Play {
    /// From layer to layer.
    Layers,
    /// From token to token of the answer.
    Tokens,
}

/// The definition with the sink taken out of the text, or put in where it is out.
pub fn sink_toggled(definition: &Definition) -> Definition {
    let text = definition.text;
    let text = if text.contains(Group::Begin) {
        text.without(Group::Begin)
    } else {
        text.with(Group::Begin)
    };
    Definition { text, ..*definition }
}
