//! What follows from facts and view: every number that the page shows of a run, as memos.

use leptos::prelude::*;
use plots::map::{Tops, relative_top};
use plots::run::is_whole;
use shared::{
    Counted, Definition, Echo, Glance, Heads, Masses, Measure, ModelInfo, Observation, Rows, Split,
    Stage, Target,
};

use super::facts::Facts;
use super::kept::Kept;
use super::link::{Pick, Scale};
use super::maps::{Maps, Seen};
use super::phase::Phase;
use super::view::ViewSignals;

/// What is under the pointer besides a layer: looked at for as long as it is there.
#[derive(Clone, Copy, Default)]
pub struct Over {
    /// A token of the answer.
    pub token: RwSignal<Option<usize>>,
    /// A head.
    pub head: RwSignal<Option<u32>>,
    /// A patch or a token of the prompt.
    pub target: RwSignal<Option<Target>>,
}

impl Over {
    /// The pointer has left.
    pub fn leave(&self) {
        self.token.set(None);
        self.head.set(None);
        self.target.set(None);
    }
}

/// What follows from facts and view.
#[derive(Clone, Copy)]
pub struct Derived {
    /// The chosen token, and where the row that wrote it looked at the same word in the question;
    /// not while the answer grows, and not of a single head.
    pub echo: Kept<Option<(usize, Echo)>>,
    /// The head that is looked at: chosen, else the definition's.
    pub head: Kept<Option<u32>>,
    /// The definition with the head that is looked at: what is shown of single rows follows it, and the
    /// numbers of layers and stages do not.
    pub lens: Kept<Definition>,
    /// The layer that is looked at: under the pointer, else chosen, else, of a run that is over, where
    /// most is to be seen of the token ([`Observation::telling_layer`]), else the middle.
    pub layer: Kept<Option<usize>>,
    /// The token that is looked at: under the pointer, else chosen.
    pub token: Kept<Option<usize>>,
    /// The patch or the token of the prompt whose looks are shown: under the pointer, else chosen.
    pub target: Kept<Option<Target>>,
    /// The layer that was chosen, by pointer or for good; `None` where nobody chose one and all
    /// layers are looked at.
    pub chosen_layer: Kept<Option<usize>>,
    /// How the row that wrote the token divides its attention, in the layer that is looked at.
    pub split: Kept<Option<Split>>,
    /// That row's largest looks.
    pub glance: Kept<Option<Glance>>,
    /// That row: its attention on every position that it could see.
    pub row: Kept<Option<Vec<f32>>>,
    /// Attention masses averaged over heads.
    pub masses: Kept<Option<Masses>>,
    /// Measures by layer.
    pub measures: Kept<Vec<Measure>>,
    /// Whether every layer of the model was observed: of part of a curve nothing is most or least.
    pub whole: Kept<bool>,
    /// Measures of the three stages.
    pub stages: Kept<[Measure; 3]>,
    /// The attention at which the light of a word or a token is full: per token as for a patch of the
    /// picture, in total as for the larger side.
    pub lit_end: Kept<f32>,
    /// Whose attention the maps show, and who looked at the target.
    pub maps: Maps,
}

impl Derived {
    /// The memos of one run; `hover` is the layer under the pointer.
    pub fn new(
        facts: Facts,
        view: ViewSignals,
        hover: RwSignal<Option<usize>>,
        over: Over,
    ) -> Self {
        let Facts { observation, phase, model, tops, .. } = facts;
        let ViewSignals { definition, .. } = view;
        let layers = Memo::new(move |_| observation.with(Observation::layers));
        let chosen_layer = Kept::new(move || {
            let layers = layers.get();
            hover.get().or(view.layer.get()).filter(|l| *l < layers)
        });
        let live = Memo::new(move |_| phase.with(Phase::is_live));
        let token = Kept::new(move || {
            let under = over.token.get();
            observation.with(|o| match view.token.get() {
                _ if under.is_some_and(|i| i < o.tokens.len()) => under,
                Pick::Nothing => None,
                Pick::Token(i) => (i < o.tokens.len()).then_some(i),
                Pick::Auto if live.get() => o.tokens.len().checked_sub(1),
                Pick::Auto => o.decisive_word(),
            })
        });
        let target = Kept::new(move || over.target.get().or(view.target.get()));
        let head = Kept::new(move || over.head.get().or(view.pinned_head()));
        let lens = Kept::new(move || {
            let definition = definition.get();
            let heads = head.get().map_or(definition.heads, Heads::One);
            Definition { heads, ..definition }
        });
        let echo = Kept::new(move || {
            let of_all = view.pinned_head().is_none();
            let token = token.get().filter(|_| of_all && !live.get())?;
            observation.with(|o| Some((token, o.echo(token)?)))
        });
        let telling = Kept::new(move || {
            let token = token.get().filter(|_| !live.get())?;
            observation.with(|o| o.telling_layer(token))
        });
        let layer = Kept::new(move || {
            let middle = Stage::Middle.layers(definition.get().stages, layers.get()).last();
            chosen_layer.get().or(telling.get()).or(middle)
        });
        let split = Kept::new(move || {
            let (token, lens) = (token.get()?, lens.get());
            observation.with(|o| o.split(token, Some(layer.get()?), &lens))
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
        let maps = Maps::new(Seen { facts, view, head, token, target, mean });
        let glance = Kept::new(move || {
            let (token, layer) = (token.get()?, layer.get()?);
            observation.with(|o| maps.lend(o, |o, rows| o.glance(rows, token, layer)))
        });
        let row = Kept::new(move || {
            let (token, layer) = (token.get()?, layer.get()?);
            observation
                .with(|o| maps.lend(o, |_, rows| rows.row(token, layer).map(<[f32]>::to_vec)))
        });
        let lit_end = Kept::new(move || match (view.counted.get(), view.scale.get()) {
            (Counted::InTotal, _) => {
                split.get().map_or(1.0, |split| split.words.max(split.picture)) as f32
            }
            (Counted::PerToken, Scale::Absolute) => maps.scales.get().patch,
            (Counted::PerToken, Scale::Relative) => {
                let (Some(token), Some(layer)) = (token.get(), layer.get()) else { return 0.01 };
                let medium = view.medium.get();
                let map = |o: &Observation, rows: Rows| o.map(rows, medium, token, layer);
                let cells = observation.with(|o| maps.lend(o, map));
                cells.as_ref().map_or(0.01, relative_top)
            }
        });
        Derived {
            echo,
            head,
            lens,
            layer,
            token,
            target,
            chosen_layer,
            split,
            glance,
            row,
            masses,
            measures,
            whole,
            stages,
            lit_end,
            maps,
        }
    }
}
