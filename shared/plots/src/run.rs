//! A run as plots: what each shows of it, for page, server and command line alike.

use shared::experiment::paper::{self, PaperRow};
use shared::{
    Attention, Counted, Definition, Extremes, FlowMatrix, GROUPS, Group, Heads, ImageFit, Label,
    Measure, Media, ModelInfo, Observation, RepeatTable, RunOptions, Sampled, Seen, Stage, Stages,
    Undefined, Value,
};

use crate::bars::Columns;
use crate::colour::Role;
use crate::curve::{Ghost, Null, Plot, Series};
use crate::flow::{End, Flow};
use crate::frame::Window;
use crate::heat::Heat;
use crate::lit::{Lit, Piece};
use crate::map;
use crate::marks::Marked;
use crate::pictured;
use crate::sides::{Kind, Side, looked_at, sides};
use crate::theme::Style;
use crate::words::{Words, token};

/// A run as plots see it.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Everything observed of it.
    pub observation: &'a Observation,
    /// The model; the default where it is not known yet.
    pub model: &'a ModelInfo,
    /// What it ran with.
    pub options: &'a RunOptions,
    /// What its owner calls it.
    pub label: &'a Label,
    /// Where it stands, by name; `done` for a run that finished.
    pub status: &'a str,
    /// Its answers (so far) where it is asked several times.
    pub sampled: &'a [Sampled],
}

/// What a curve shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Measured {
    /// MDI.
    #[default]
    Mdi,
    /// AEI of both sides.
    Aei,
}

impl Measured {
    /// Its name, on axes and in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Measured::Mdi => "MDI",
            Measured::Aei => "AEI",
        }
    }
}

/// What is laid over a curve to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compared {
    /// The paper's values.
    pub paper: bool,
    /// What no preference would give.
    pub even: bool,
}

impl Default for Compared {
    fn default() -> Self {
        Compared { paper: true, even: true }
    }
}

/// How a run is looked at: what a link carries, as far as plots show it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct View {
    /// What counts as what.
    pub definition: Definition,
    /// What the curve shows.
    pub measured: Measured,
    /// What is laid over it.
    pub compared: Compared,
    /// The layer that is pinned.
    pub layer: Option<usize>,
    /// The token of the answer that is chosen.
    pub token: Option<usize>,
    /// What attention on sides is counted by.
    pub counted: Counted,
    /// The layers that curve and heads show, where those are not all.
    pub window: Option<Window>,
    /// Which of the prompt's media is shown, from 0; where nobody chose one, the one that is looked at most.
    pub medium: Option<u8>,
}

impl Run<'_> {
    /// Whether it finished.
    pub fn is_done(&self) -> bool {
        self.status == "done"
    }

    /// Measures by layer.
    pub fn measures(&self, definition: &Definition) -> Vec<Measure> {
        let layers = 0..self.observation.layers();
        layers.map(|l| self.observation.measure(l, definition)).collect()
    }

    /// The token of the answer that is looked at where nobody chose one.
    pub fn token(&self) -> Option<usize> {
        self.observation.decisive_word()
    }

    /// The layer that is looked at where nobody chose one: of a run that is over the one in which most is
    /// to be seen of the token, else the middle.
    pub fn layer(&self, view: &View) -> Option<usize> {
        let token = view.token.or_else(|| self.token()).filter(|_| self.is_done());
        let telling = token.and_then(|token| self.observation.telling_layer(token));
        let layers = self.observation.layers();
        let middle = || Stage::Middle.layers(view.definition.stages, layers).last();
        view.layer.filter(|l| *l < layers).or(telling).or_else(middle)
    }
}

/// Whether every layer of the model was observed: of part of a curve nothing is most or least.
pub fn is_whole(model: &ModelInfo, measures: &[Measure]) -> bool {
    let seen = |m: &Measure| m.mdi != Err(Undefined::NotObserved);
    model.layers > 0 && measures.len() == model.layers as usize && measures.iter().all(seen)
}

/// The paper's row for a run: of its family; the one with as many of the picture's tokens dropped,
/// where there is one.
pub fn paper_row(model: &ModelInfo, options: &RunOptions) -> Option<PaperRow> {
    let prune = f64::from(options.prune);
    let mut pruned = paper::pruned_of_family(&model.family).into_iter();
    let dropped = pruned.find(|r| prune > 0.0 && (r.prune - prune).abs() < 1e-6);
    let plain = || paper::of_family(&model.family).filter(|_| prune == 0.0);
    dropped.or_else(plain)
}

/// The curve of a run's measures by layer.
pub fn curve(
    run: &Run<'_>,
    measures: &[Measure],
    definition: &Definition,
    (measured, compared): (Measured, Compared),
    words: &Words,
) -> Plot {
    let layers = run.observation.layers();
    let bands = stage_bands(layers, definition, words);
    let pick = |f: fn(&Measure) -> Value| -> Vec<Option<f64>> {
        measures.iter().map(|m| f(m).ok()).collect()
    };
    let one = |role, label, values| Series { role, label, values };
    let series = match measured {
        Measured::Mdi => vec![one(None, words.this_run, pick(|m| m.mdi))],
        Measured::Aei => vec![
            one(Some(Role::Words), words.text, pick(|m| m.aei_text)),
            one(Some(Role::Picture), words.picture, pick(|m| m.aei_image)),
        ],
    };
    let aei = measured == Measured::Aei;
    let row = match compared.paper && layers > 0 {
        true => paper_row(run.model, run.options),
        false => None,
    };
    let ghosts = row.into_iter().flat_map(|row| row.cells).map(|cell| {
        let value = if aei { cell.aei_text } else { cell.mdi };
        // The paper's stages are two layers each, whatever the definition's are.
        let at = cell.stage.layers(Stages::Two, layers);
        Ghost { layers: at, value: value.value, doubtful: !value.doubts.is_empty() }
    });
    let nulls = match compared.even && !aei {
        true => nulls(run, layers, definition, words),
        false => Vec::new(),
    };
    Plot {
        layers,
        value: measured.name(),
        series,
        bands,
        ghosts: ghosts.collect(),
        ghost_label: words.paper,
        nulls,
        knocked_out: run.options.knockout.is_some(),
        spread: Vec::new(),
    }
}

/// The layers of each stage.
fn stage_bands(
    layers: usize,
    definition: &Definition,
    words: &Words,
) -> Vec<(&'static str, std::ops::Range<usize>)> {
    match definition.stages {
        // Three equal bands over everything say nothing.
        Stages::All => vec![],
        stages => Stage::ALL.map(|s| (words.stage(s), s.layers(stages, layers))).to_vec(),
    }
}

/// The curve of several answers: the mean MDI by layer, and the band in which 8 of 10 of them lie.
pub fn repeat(
    table: &RepeatTable,
    options: &RunOptions,
    definition: &Definition,
    words: &Words,
) -> Plot {
    let layers = table.layers.len();
    let values = table.layers.iter().map(|spread| spread.mean).collect();
    Plot {
        layers,
        value: "MDI",
        series: vec![Series { role: None, label: words.mean, values }],
        bands: stage_bands(layers, definition, words),
        knocked_out: options.knockout.is_some(),
        spread: table.layers.iter().map(shared::repeat::MdiSpread::band).collect(),
        ..Plot::default()
    }
}

/// What no preference would give: all tokens alike, and half each.
fn nulls(run: &Run<'_>, layers: usize, definition: &Definition, words: &Words) -> Vec<Null> {
    let knockout = run.options.knockout.as_ref();
    let even = |layer| {
        let seen = Seen { knockout, layer: Some(layer), heads: definition.heads };
        run.observation.even_attention(definition, seen).ok()
    };
    let even: Vec<Option<Attention>> = match knockout {
        // Without a knockout every layer sees the same.
        None => vec![(layers > 0).then(|| even(0)).flatten(); layers],
        Some(_) => (0..layers).map(even).collect(),
    };
    let all: Vec<_> = even.iter().map(|a| a.as_ref()?.mdi().ok()).collect();
    // Nothing is half each where one side cannot be seen.
    let both = |a: &&Attention| a.text > 0.0 && a.image > 0.0;
    let half = |a: &Option<Attention>| a.as_ref().filter(both)?.halved().mdi().ok();
    let half: Vec<_> = even.iter().map(half).collect();
    let mut nulls = Vec::new();
    // Under most definitions the first is 1 in every layer, where a line is already.
    let differs = |v: &Option<f64>| v.is_none_or(|v| libm::log(v).abs() > 0.05);
    if knockout.is_some() || all.iter().any(differs) {
        nulls.push(Null { label: words.all_alike, values: all });
    }
    nulls.push(Null { label: words.half_each, values: half });
    nulls
}

/// What is marked on a curve: the pinned layer, and where words draw most and least.
pub fn marked(
    model: &ModelInfo,
    measures: &[Measure],
    measured: Measured,
    pinned: Option<usize>,
) -> Marked {
    let found = Extremes::of(measures);
    let found = found.filter(|_| measured == Measured::Mdi && is_whole(model, measures));
    Marked { pinned, extremes: found.map(|found| [found.most, found.least]) }
}

/// MDI of every head in every layer, whichever heads a definition looks at.
pub fn heat(observation: &Observation, definition: &Definition) -> Heat {
    let definition = Definition { heads: Heads::MeanFirst, ..*definition };
    let (layers, heads) = (observation.layers(), observation.heads());
    let values = (0..layers)
        .flat_map(|l| (0..heads).map(move |h| (l, h as u32)))
        .map(|(l, h)| observation.measure_head(l, h, &definition).mdi.ok())
        .collect();
    Heat { layers, heads, values }
}

/// Who looks at whom: the sides as ribbons' ends, and the shares between them.
pub fn flow(matrix: &FlowMatrix, definition: &Definition, counted: Counted, style: &Style) -> Flow {
    let all = sides(definition, &matrix.rows);
    let end = |s: &Side| End { name: s.name(&style.words), colour: s.colour(&style.palette) };
    // The first position can only look at itself: that it does says nothing.
    let looking = all.iter().filter(|s| !s.groups.contains(Group::Begin));
    let looking: Vec<&Side> = looking.filter(|s| matrix.rows.in_set(s.groups) > 0).collect();
    let seen = looked_at(definition, &matrix.rows, counted);
    let tokens: Vec<u32> = seen.iter().map(|s| matrix.rows.in_set(s.groups)).collect();
    let shares = looking.iter().flat_map(|from| {
        let on = |to: &Side| matrix.share(from.groups, to.groups).unwrap_or(0.0);
        let mut parts: Vec<f64> = seen.iter().map(on).collect();
        counted.count(&mut parts, &tokens);
        parts
    });
    Flow {
        from: looking.iter().map(|s| end(s)).collect(),
        to: seen.iter().map(end).collect(),
        shares: shares.collect(),
    }
}

/// Where the rows looked that predicted the answer's tokens, the picture at the bottom; of one layer,
/// or with `None` of all.
pub fn columns(
    run: &Run<'_>,
    definition: &Definition,
    layer: Option<usize>,
    counted: Counted,
    style: &Style,
) -> Columns {
    let o = run.observation;
    let Some(layout) = &o.layout else { return Columns::default() };
    let prompt = layout.counts();
    let counts = prompt.with(Group::Generated, o.tokens.len().saturating_sub(1) as u32);
    let mut all = looked_at(definition, &counts, counted);
    all.sort_by_key(|s| match s.kind {
        Kind::Picture | Kind::Sound => 0,
        Kind::Words => 1,
        Kind::Sink(_) => 2,
        Kind::Other => 3,
        Kind::Answer(_) | Kind::Rest => 4,
    });
    let media = all.iter().position(|s| s.kind.is_medium());
    let knockout = run.options.knockout.as_ref();
    let mut shares = Vec::with_capacity(o.tokens.len() * all.len());
    let mut even = Vec::new();
    for token in 0..o.tokens.len() {
        // A row sees the answer as far as it was written by then.
        let seen = prompt.with(Group::Generated, u32::try_from(token).unwrap_or(u32::MAX));
        let tokens: Vec<u32> = all.iter().map(|s| seen.in_set(s.groups)).collect();
        let parts = |on: &[f64; GROUPS]| {
            let on_side = |s: &Side| s.groups.iter().map(|g| on[g.index()]).sum::<f64>();
            let mut parts: Vec<f64> = all.iter().map(on_side).collect();
            counted.count(&mut parts, &tokens);
            parts
        };
        shares.extend(parts(&o.token_groups(token, layer, definition.heads).unwrap_or_default()));
        let seen = Seen { knockout, layer, heads: definition.heads };
        if let (Some(groups), Some(media)) = (o.even_groups(token, seen), media) {
            even.push(parts(&groups)[media]);
        }
    }
    let end = |s: &Side| End { name: s.name(&style.words), colour: s.colour(&style.palette) };
    let [per_token, in_total] = style.words.shares;
    let title = match counted {
        Counted::PerToken => per_token,
        Counted::InTotal => in_total,
    };
    Columns {
        title,
        sides: all.iter().map(end).collect(),
        shares,
        words: words_of(o, &style.words),
        even,
    }
}

/// The prompt and the answer as far as a row of the answer saw it, lit by its attention in a layer: a medium
/// as one piece, of which in total all and per token the mean is shown.
pub fn lit(run: &Run<'_>, view: &View, style: &Style) -> Lit {
    let o = run.observation;
    let Some(layout) = &o.layout else { return Lit::default() };
    let Some((index, layer)) = pictured::looked(run, view) else { return Lit::default() };
    let row = o.mean_rows().row(index, layer);
    let on = |at: usize| row.and_then(|row| row.get(at)).map(|share| f64::from(*share));
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(first) = layout.tokens.get(at) {
        let same = layout.tokens[at..].iter();
        let same = same.take_while(|t| t.group.is_medium() && t.medium == first.medium).count();
        let many = same.max(1);
        let sum = (at..at + many).map(on).sum::<Option<f64>>();
        pieces.push(match first.group.is_medium() {
            true => Piece {
                text: format!(
                    "[{} × {many}]",
                    match first.group {
                        Group::Audio => style.words.sound,
                        _ => style.words.picture,
                    }
                ),
                share: match view.counted {
                    Counted::PerToken => sum.map(|sum| sum / many as f64),
                    Counted::InTotal => sum,
                },
                medium: true,
                looked: false,
            },
            false => Piece {
                text: written(&first.text, &style.words),
                share: sum,
                medium: false,
                looked: false,
            },
        });
        at += many;
    }
    for i in 0..o.tokens.len() {
        let Some(shown) = o.shown(i) else { break };
        let share = on(layout.tokens.len() + i).filter(|_| i < index);
        let text = written(&shown.text, &style.words);
        pieces.push(Piece { text, share, medium: false, looked: i == index });
    }
    // The first position draws what no other wants; it would leave all others dark.
    let most = pieces.iter().skip(1).filter_map(|p| p.share).fold(0.0, f64::max);
    Lit { pieces, end: f64::from(map::round_up(most as f32)) }
}

/// A token as the fonts of pictures can write it: they have no signs for blanks.
fn written(text: &str, words: &Words) -> String {
    token(text, words).replace('↵', "\\n").replace('⇥', "\\t").replace('␣', "·")
}

/// The answer's tokens as a list shows them.
pub fn words_of(observation: &Observation, words: &Words) -> Vec<String> {
    (0..).map_while(|i| Some(token(&observation.shown(i)?.text, words))).collect()
}

/// What was changed for the run, by the options' own names: `prune 0.75 · replicate 5`; empty where
/// nothing was.
pub fn changed(options: &RunOptions, model: &ModelInfo) -> String {
    let plain = RunOptions::default();
    let mut parts = Vec::new();
    if options.prune > 0.0 {
        parts.push(format!("prune {}", options.prune));
    }
    if options.replicate > 1 {
        parts.push(format!("replicate {}", options.replicate));
    }
    if options.fit == ImageFit::Pad {
        parts.push("fit pad".to_owned());
    }
    let fewer = |n: &u32| model.max_pixels.is_none_or(|own| *n < own);
    if let Some(pixels) = options.max_pixels.filter(fewer) {
        parts.push(format!("max_pixels {pixels}"));
    }
    if options.picture != plain.picture {
        parts.push(format!("picture {}", options.picture));
    }
    if let Some(knockout) = &options.knockout {
        parts.push(format!("knockout {knockout}"));
    }
    if options.sampling != plain.sampling {
        parts.push(options.sampling.to_string());
    }
    if let Some(repeat) = &options.repeat {
        parts.push(format!("asked {} times", repeat.times));
    }
    parts.join(" · ")
}

/// A definition as a link writes it: a preset's name, or everything it chooses.
pub fn definition_to_text(definition: &Definition) -> String {
    if let Some(text) = definition.to_text() {
        return text;
    }
    let groups: Vec<&str> = definition.text.iter().map(Group::name).collect();
    let heads = match definition.heads {
        Heads::One(h) => format!("head{h}"),
        ref other => name_of(other),
    };
    let mut parts = vec![
        name_of(&definition.queries),
        groups.join("-"),
        heads,
        name_of(&definition.stages),
        name_of(&definition.layers),
    ];
    match (definition.instead, definition.other) {
        (None, Media::All) => {}
        (None, other) => parts.push(other.to_string()),
        (Some(instead), other) => parts.push(format!("{instead}/{other}")),
    }
    parts.join(".")
}

/// The name serde gives a unit variant: the one that JSON and the command line use too.
pub fn name_of<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default().trim_matches('"').to_owned()
}
