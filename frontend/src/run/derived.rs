//! What follows from facts and view: every number that the page shows of a run, as memos.

use leptos::prelude::*;
use plots::map::Tops;
use plots::run::{is_whole, longest_word};
use shared::{Echo, Heads, Masses, Measure, ModelInfo, Observation, Stage};

use super::facts::Facts;
use super::kept::Kept;
use super::link::Pick;
use super::maps::{Maps, Seen};
use super::phase::Phase;
use super::view::ViewSignals;

/// What follows from facts and view.
#[derive(Clone, Copy)]
pub struct Derived {
    /// The chosen token, and where the row that wrote it looked at the same word in the question;
    /// not while the answer grows, and not of a single head.
    pub echo: Kept<Option<(usize, Echo)>>,
    /// The layer that is looked at: under the pointer, else chosen, else where the answer's word was
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
}

impl Derived {
    /// The memos of one run; `hover` is the layer under the pointer.
    pub fn new(facts: Facts, view: ViewSignals, hover: RwSignal<Option<usize>>) -> Self {
        let Facts { observation, phase, model, tops, .. } = facts;
        let ViewSignals { definition, .. } = view;
        let layers = Memo::new(move |_| observation.with(Observation::layers));
        let chosen_layer = Kept::new(move || {
            let layers = layers.get();
            hover.get().or(view.layer.get()).filter(|l| *l < layers)
        });
        let live = Memo::new(move |_| phase.with(Phase::is_live));
        let token = Kept::new(move || {
            observation.with(|o| match view.token.get() {
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
            let middle = Stage::Middle.layers(definition.get().stages, layers.get()).last();
            let looked_up = echo.with(|e| e.as_ref().map(|(_, echo)| echo.layer));
            chosen_layer.get().or(looked_up).or(middle)
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
        let whole = Kept::new(move || {
            let seen = |m: &ModelInfo| measures.with(|all| is_whole(m, all));
            model.with(|m| m.as_ref().is_some_and(seen))
        });
        let masses = Kept::new(move || observation.with(Observation::masses));
        let mean = Kept::new(move || {
            observation.track();
            tops.with_value(Tops::values)
        });
        let maps = Maps::new(Seen { facts, view, token, mean });
        Derived { echo, layer, token, chosen_layer, masses, measures, whole, stages, maps }
    }
}
