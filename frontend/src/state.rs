//! The page's state: one [`RunView`] for each run on the screen, in the [`Lab`] around it.
//!
//! A run's events are folded into its [`Observation`]; what a person chose (definition, layer,
//! token) lies beside it; every number is a memo over both.

use leptos::prelude::*;
use shared::api::RunRecord;
use shared::{
    Definition, Echo, Envelope, Event, Group, Heads, Label, Masses, Measure, ModelInfo,
    Observation, RunOptions, Stage, Summary, Target, report::Fidelity,
};

use crate::by_head::{self, Maps, Seen};
use crate::kept::{Kept, forget_gone};
pub use crate::lab::{Lab, Note, Source, use_lab};
use crate::link::{Compared, Curve, FlowStyle, Pick, Scale, View};
use crate::log::{Arrival, Cursor};
use crate::panels::Open;
use crate::phase::Phase;
use plots::map::Tops;
use plots::run::{is_whole, longest_word};

/// The address of the finished run that ships with the lab.
pub const SHIPPED: &str = "sample";

/// One run and how it is looked at.
#[derive(Clone, Copy)]
pub struct RunView {
    /// The run's name; `None` before there is one.
    pub id: RwSignal<Option<String>>,
    /// Where it stands.
    pub phase: RwSignal<Phase>,
    /// What its owner calls it.
    pub label: RwSignal<Label>,
    /// When it was submitted, RFC 3339; empty until the lab said so.
    pub created: RwSignal<String>,
    /// What was asked.
    pub options: RwSignal<RunOptions>,
    /// What answered.
    pub model: RwSignal<Option<ModelInfo>>,
    /// What was observed.
    pub observation: RwSignal<Observation>,
    /// What came out.
    pub summary: RwSignal<Option<Summary>>,
    /// How the run compares with one that nobody observed, where that was asked.
    pub fidelity: RwSignal<Option<Fidelity>>,
    /// Whether the connection to a live run is lost at the moment.
    pub lost: RwSignal<bool>,
    /// What counts as what.
    pub definition: RwSignal<Definition>,
    /// The layer that stays chosen.
    pub pinned: RwSignal<Option<usize>>,
    /// The layer under the pointer.
    pub hover: RwSignal<Option<usize>>,
    /// The chosen token.
    pub pick: RwSignal<Pick>,
    /// The chart's curve.
    pub curve: RwSignal<Curve>,
    /// The maps' scale.
    pub scale: RwSignal<Scale>,
    /// What is laid over the chart to compare with.
    pub compared: RwSignal<Compared>,
    /// How the flow between groups is shown.
    pub flow: RwSignal<FlowStyle>,
    /// The panels that are open.
    pub open: RwSignal<Open>,
    /// The patch or the token of the prompt that stays chosen to see who looked at it.
    pub target: RwSignal<Option<Target>>,
    /// Which of the prompt's pictures is shown, from 0.
    pub medium: RwSignal<u8>,
    /// What is being played.
    pub playing: RwSignal<Option<Play>>,
    /// The definition before the last change of it, for this run.
    pub before: RwSignal<Option<Definition>>,
    /// The chosen token, and where the row that wrote it looked at the same word in the question;
    /// not while the answer grows, and not of a single head.
    pub echo: Kept<Option<(usize, Echo)>>,
    /// The layer that is looked at: under the pointer, else pinned, else where the answer's word was
    /// looked up in the question, else the middle.
    pub layer: Kept<Option<usize>>,
    /// The token that is looked at.
    pub token: Kept<Option<usize>>,
    /// The layer that was chosen, by pointer or for good; `None` where nobody chose one and all
    /// layers are looked at.
    pub chosen_layer: Kept<Option<usize>>,
    /// Attention masses averaged over heads.
    pub masses: Kept<Option<Masses>>,
    /// Measures by layer.
    pub measures: Kept<Vec<Measure>>,
    /// Whether every layer of the model was observed: of part of a curve nothing is most or least.
    pub whole: Kept<bool>,
    /// Measures of the three stages.
    pub stages: Kept<[Measure; 3]>,
    /// Whose attention the maps show, and who looked at the target.
    pub maps: Maps,
    tops: StoredValue<Tops>,
    turn: StoredValue<u32>,
}

impl RunView {
    /// An empty view.
    pub fn new() -> Self {
        let observation = RwSignal::new(Observation::default());
        // The page always begins by opening a run: the one in its address, or the shipped one.
        let phase = RwSignal::new(Phase::Opening);
        let definition = RwSignal::new(Definition::default());
        let pinned = RwSignal::new(None);
        let hover = RwSignal::new(None);
        let pick = RwSignal::new(Pick::Auto);

        let layers = Memo::new(move |_| observation.with(Observation::layers));
        let chosen_layer = Kept::new(move || {
            let layers = layers.get();
            hover.get().or(pinned.get()).filter(|l| *l < layers)
        });
        let masses = Kept::new(move || observation.with(Observation::masses));
        let live = Memo::new(move |_| phase.with(Phase::is_live));
        let token = Kept::new(move || {
            observation.with(|o| match pick.get() {
                Pick::Nothing => None,
                Pick::Token(i) => (i < o.tokens.len()).then_some(i),
                Pick::Auto if live.get() => o.tokens.len().checked_sub(1),
                Pick::Auto => longest_word(o),
            })
        });
        let echo = Kept::new(move || {
            let of_all = definition.with(|d| !matches!(d.heads, Heads::One(_)));
            let token = token.get().filter(|_| of_all && !live.get())?;
            observation.with(|o| Some((token, o.echo(token)?)))
        });
        let layer = Kept::new(move || {
            let layers = layers.get();
            let middle = Stage::Middle.layers(definition.get().stages, layers).last();
            let looked_up = echo.with(|e| e.as_ref().map(|(_, echo)| echo.layer));
            hover.get().or(pinned.get()).filter(|l| *l < layers).or(looked_up).or(middle)
        });
        let measures = Kept::new(move || {
            let definition = definition.get();
            observation
                .with(|o| (0..o.layers()).map(|l| o.measure(l, &definition)).collect::<Vec<_>>())
        });
        let stages = Kept::new(move || {
            let definition = definition.get();
            observation.with(|o| Stage::ALL.map(|s| o.stage(s, &definition)))
        });
        // A run that is opened brings its definition along; only changes to one on the screen are
        // worth a word.
        let before = RwSignal::new(None);
        Effect::new(move |last: Option<Definition>| {
            let now = definition.get();
            if last.is_some_and(|last| last != now) && layers.get_untracked() > 0 {
                before.set(last);
            }
            now
        });
        let tops = StoredValue::new(Tops::default());
        let mean = Kept::new(move || {
            observation.track();
            tops.with_value(Tops::values)
        });
        let (model, target) = (RwSignal::new(None::<ModelInfo>), RwSignal::new(None));
        let whole = Kept::new(move || {
            let seen = |m: &ModelInfo| measures.with(|all| is_whole(m, all));
            model.with(|m| m.as_ref().is_some_and(seen))
        });
        let scale = RwSignal::new(Scale::Absolute);
        let maps = Maps::new(Seen { definition, token, model, observation, target, scale, mean });
        let view = RunView {
            id: RwSignal::new(None),
            phase,
            label: RwSignal::new(Label::default()),
            created: RwSignal::new(String::new()),
            options: RwSignal::new(RunOptions::default()),
            model,
            observation,
            summary: RwSignal::new(None),
            fidelity: RwSignal::new(None),
            lost: RwSignal::new(false),
            definition,
            pinned,
            hover,
            pick,
            curve: RwSignal::new(Curve::Mdi),
            scale,
            compared: RwSignal::new(Compared::default()),
            flow: RwSignal::new(FlowStyle::default()),
            open: RwSignal::new(Open::default()),
            target,
            medium: RwSignal::new(0),
            playing: RwSignal::new(None),
            turn: StoredValue::new(0),
            before,
            echo,
            layer,
            token,
            chosen_layer,
            masses,
            measures,
            whole,
            stages,
            maps,
            tops,
        };
        by_head::follow(view);
        view
    }

    /// The run as plots see it.
    pub fn plotted<T>(&self, look: impl FnOnce(&plots::run::Run<'_>) -> T) -> T {
        let (label, status) = (self.label.get(), self.phase.with(Phase::name));
        let model = self.model.get().unwrap_or_default();
        self.observation.with(|observation| {
            self.options.with(|options| {
                let label = &label;
                look(&plots::run::Run { observation, model: &model, options, label, status })
            })
        })
    }

    /// Changes whenever another run takes this one's place, or the same one comes again: an answer
    /// that was asked for at another turn is nobody's.
    pub fn turn(&self) -> u32 {
        self.turn.get_value()
    }

    /// Empties the view for another run; the definition and how things are shown stay.
    pub fn reset(&self, id: Option<String>, phase: Phase) {
        self.turn.update_value(|turn| *turn = turn.wrapping_add(1));
        self.id.set(id);
        self.phase.set(phase);
        self.label.set(Label::default());
        self.created.set(String::new());
        self.model.set(None);
        self.tops.set_value(Tops::default());
        self.maps.reset();
        self.observation.set(Observation::default());
        self.summary.set(None);
        self.fidelity.set(None);
        self.lost.set(false);
        self.pinned.set(None);
        self.hover.set(None);
        self.pick.set(Pick::Auto);
        self.target.set(None);
        self.medium.set(0);
        self.playing.set(None);
        self.before.set(None);
        self.forget_gone();
    }

    /// Takes the readers of the run that was there off every signal that its tokens read.
    fn forget_gone(&self) {
        forget_gone(self.observation);
        forget_gone(self.definition);
        forget_gone(self.pinned);
        forget_gone(self.hover);
        forget_gone(self.pick);
        forget_gone(self.target);
        forget_gone(self.medium);
        forget_gone(self.scale);
        forget_gone(self.compared);
        forget_gone(self.options);
        forget_gone(self.model);
        forget_gone(self.phase);
    }

    /// Takes in what the lab keeps of the run; gives how far it was read.
    pub fn take(&self, record: RunRecord) -> Cursor {
        let mut cursor = Cursor::default();
        self.options.set(record.options);
        self.label.set(record.label);
        self.created.set(record.created);
        self.phase.set(Phase::Queued(0));
        let next = |e: &Envelope| cursor.arrive(e) == Arrival::Next;
        let events: Vec<_> = record.events.into_iter().filter(next).collect();
        self.fold(&events);
        cursor
    }

    /// Folds events in, which must be the next ones in order; one change of the page for all.
    pub fn fold(&self, envelopes: &[Envelope]) {
        if envelopes.is_empty() {
            return;
        }
        let mut phase = self.phase.get_untracked();
        for Envelope { event, .. } in envelopes {
            if let Event::Layout { model, options, .. } = event {
                self.model.set(Some(model.clone()));
                self.options.set(options.clone());
            }
            if let Event::Done { summary } = event {
                self.summary.set(Some(summary.clone()));
            }
            if let Event::Verified { fidelity } = event {
                self.fidelity.set(Some(fidelity.clone()));
            }
            phase = self.options.with_untracked(|o| phase.after(event, o));
        }
        let observed = |e: &&Envelope| {
            matches!(
                e.event,
                Event::Layout { .. } | Event::PrefillLayer { .. } | Event::Token { .. }
            )
        };
        if envelopes.iter().any(|e| observed(&e)) {
            self.observation.update(|o| {
                envelopes.iter().for_each(|e| o.apply(&e.event));
                self.tops.update_value(|tops| tops.take(o, o.mean_rows()));
            });
        }
        self.phase.set(phase);
    }

    /// How the run is looked at now.
    pub fn view(&self) -> View {
        View {
            definition: self.definition.get(),
            layer: self.pinned.get(),
            token: self.pick.get(),
            curve: self.curve.get(),
            scale: self.scale.get(),
            compared: self.compared.get(),
            flow: self.flow.get(),
            open: self.open.get(),
            target: self.target.get(),
            medium: self.medium.get(),
        }
    }

    /// Looks at the run as a link says.
    pub fn look(&self, view: View) {
        self.definition.set(view.definition);
        self.pinned.set(view.layer);
        self.pick.set(view.token);
        self.curve.set(view.curve);
        self.scale.set(view.scale);
        self.compared.set(view.compared);
        self.flow.set(view.flow);
        self.open.set(view.open);
        self.target.set(view.target);
        self.medium.set(view.medium);
    }

    /// Lets go of everything that stays chosen, a single head too, and stops what plays.
    pub fn release(&self) {
        if self.definition.with_untracked(|d| matches!(d.heads, Heads::One(_))) {
            self.definition.update(|d| d.heads = Heads::MeanFirst);
        }
        self.hover.set(None);
        self.pinned.set(None);
        self.target.set(None);
        self.playing.set(None);
    }

    /// Plays from the beginning where it stands at the end; stops what plays.
    pub fn play(&self, what: Play) {
        if self.playing.get_untracked() == Some(what) {
            return self.playing.set(None);
        }
        match what {
            Play::Layers => {
                let last = self.observation.with_untracked(Observation::layers).saturating_sub(1);
                let now = self.pinned.get_untracked().filter(|l| *l < last);
                self.hover.set(None);
                self.pinned.set(Some(now.unwrap_or(0)));
            }
            Play::Tokens => {
                let last = self.observation.with_untracked(|o| o.tokens.len()).saturating_sub(1);
                let now = match self.pick.get_untracked() {
                    Pick::Token(now) if now < last => now,
                    _ => 0,
                };
                self.pick.set(Pick::Token(now));
            }
        }
        self.playing.set(Some(what));
    }

    /// One step of what plays; stops at the end.
    pub fn play_on(&self) {
        let step = |now: Option<usize>, count: usize| now.map(|n| n + 1).filter(|n| *n < count);
        match self.playing.get_untracked() {
            Some(Play::Layers) => {
                let layers = self.observation.with_untracked(Observation::layers);
                match step(self.pinned.get_untracked(), layers) {
                    Some(next) => self.pinned.set(Some(next)),
                    None => self.playing.set(None),
                }
            }
            Some(Play::Tokens) => {
                let tokens = self.observation.with_untracked(|o| o.tokens.len());
                match step(self.token.get_untracked(), tokens) {
                    Some(next) => self.pick.set(Pick::Token(next)),
                    None => self.playing.set(None),
                }
            }
            None => {}
        }
    }

    /// Moves the pinned layer by `by`, staying inside the model.
    pub fn step_layer(&self, by: isize) {
        let layers = self.observation.with_untracked(Observation::layers);
        if let (Some(now), Some(last)) = (self.layer.get_untracked(), layers.checked_sub(1)) {
            self.hover.set(None);
            self.pinned.set(Some(now.saturating_add_signed(by).min(last)));
        }
    }

    /// Moves the chosen token by `by`, staying inside the answer.
    pub fn step_token(&self, by: isize) {
        let last = self.observation.with_untracked(|o| o.tokens.len()).checked_sub(1);
        if let Some(last) = last {
            let next = match self.token.get_untracked() {
                Some(now) => now.saturating_add_signed(by).min(last),
                None => 0,
            };
            self.pick.set(Pick::Token(next));
        }
    }
}

impl Default for RunView {
    fn default() -> Self {
        Self::new()
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
