//! Rows of the answer over all keys: averaged over heads or of one head, and what they looked at.
//!
//! The averaged rows travel with the events. Rows by head are as many times larger as the model has
//! heads; they are kept only where they fit [`HEAD_ROWS_BUDGET`], beside the events, and whoever
//! looks at one head reads that head's rows alone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::flow::F32s;
use crate::group::Group;
use crate::layout::{Layout, Token};
use crate::media::{Medium, Moment, Place, Span};
use crate::observation::{Generated, Observation};
use crate::options::ModelInfo;

/// Most bytes that one run's rows by head may take: of the demo models some three hundred
/// tokens fit, of a model of seven billion parameters some ten.
pub const HEAD_ROWS_BUDGET: u64 = 32 << 20;

/// Bytes of one token's rows by head over so many keys.
fn bytes_of(layers: u32, heads: u32, keys: u64) -> u64 {
    let row = keys.saturating_mul(size_of::<f32>() as u64);
    row.saturating_mul(u64::from(layers)).saturating_mul(u64::from(heads))
}

/// Of how many tokens of an answer, from the first on, rows by head fit a budget. The row that
/// predicts the first token sees the prompt, each later one a key more.
pub fn head_rows_that_fit(layers: u32, heads: u32, prompt: usize, budget: u64) -> u32 {
    let key = u128::from(bytes_of(layers, heads, 1));
    if key == 0 || prompt == 0 {
        return 0;
    }
    let fit = |tokens: u32| {
        let tokens = u128::from(tokens);
        let keys = tokens * prompt as u128 + tokens * tokens.saturating_sub(1) / 2;
        keys.saturating_mul(key) <= u128::from(budget)
    };
    let (mut most, mut too_many) = (0, u32::MAX);
    while too_many - most > 1 {
        let middle = most + (too_many - most) / 2;
        if fit(middle) { most = middle } else { too_many = middle }
    }
    most
}

/// Whether rows by head of a run are kept, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadRowsKept {
    /// Of the answer's first so many tokens at most.
    First(u32),
    /// Not even the first token's fit the budget; so many bytes it would take.
    TooLarge(u64),
    /// The run is an earlier lab's, which handed out averaged rows only.
    NotHandedOut,
}

impl HeadRowsKept {
    /// What is kept of a run of this model with a prompt of so many tokens.
    pub fn of(model: &ModelInfo, prompt: usize) -> Self {
        if !model.head_rows {
            return HeadRowsKept::NotHandedOut;
        }
        match head_rows_that_fit(model.layers, model.heads, prompt, HEAD_ROWS_BUDGET) {
            0 => HeadRowsKept::TooLarge(bytes_of(model.layers, model.heads, prompt as u64)),
            tokens => HeadRowsKept::First(tokens),
        }
    }
}

/// The rows that predicted one token, by layer and head.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TokenHeads {
    /// Number of layers `L`.
    pub layers: u32,
    /// Number of attention heads `H`.
    pub heads: u32,
    /// `[L, H, keys]`: attention on every key the row could see.
    pub weights: F32s,
}

impl TokenHeads {
    fn keys(&self) -> Option<usize> {
        let rows = (self.layers as usize).checked_mul(self.heads as usize)?;
        self.weights.0.len().checked_div(rows)
    }

    /// The row of one layer and head.
    pub fn row(&self, layer: usize, head: usize) -> Option<&[f32]> {
        let keys = self.keys()?;
        if layer >= self.layers as usize || head >= self.heads as usize {
            return None;
        }
        let at = (layer * self.heads as usize + head) * keys;
        self.weights.0.get(at..at + keys).filter(|row| !row.is_empty())
    }

    /// One head's rows `[L, keys]`; empty for a head that does not exist.
    pub fn head(&self, head: u32) -> F32s {
        let rows = (0..self.layers as usize).filter_map(|l| self.row(l, head as usize));
        F32s(rows.flatten().copied().collect())
    }

    /// Bytes of the weights.
    pub fn bytes(&self) -> usize {
        size_of_val(self.weights.0.as_slice())
    }
}

/// One head's rows of an answer's tokens, from one of them on: what the lab hands out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HeadRows {
    /// The head, from 0.
    pub head: u32,
    /// Number of layers `L`; 0 where nothing is kept.
    pub layers: u32,
    /// Number of the first token here, from 0.
    pub from: u32,
    /// By token, from `from` on without gaps: `[L, keys]`, the attention of the row that predicted
    /// it on every key it could see. Ends where no more is kept.
    pub tokens: Vec<F32s>,
}

impl HeadRows {
    /// The rows of one head out of what is kept of some tokens.
    pub fn pick<'t>(
        head: u32,
        from: u32,
        tokens: impl IntoIterator<Item = &'t TokenHeads>,
    ) -> Self {
        let mut picked = HeadRows { head, from, ..HeadRows::default() };
        for token in tokens {
            picked.layers = token.layers;
            picked.tokens.push(token.head(head));
        }
        picked
    }

    /// The row of one token and layer.
    pub fn row(&self, token: usize, layer: usize) -> Option<&[f32]> {
        let rows = self.tokens.get(token.checked_sub(self.from as usize)?)?;
        row_of(rows, self.layers, layer)
    }

    /// Number of the token after the last one here.
    pub fn end(&self) -> usize {
        self.from as usize + self.tokens.len()
    }

    /// Adds the rows that follow; without effect where they are not the next ones.
    pub fn extend(&mut self, more: HeadRows) {
        if self.tokens.is_empty() {
            *self = more;
        } else if more.head == self.head && more.from as usize == self.end() {
            self.tokens.extend(more.tokens);
        }
    }
}

/// One layer's row of `[L, keys]`.
pub(crate) fn row_of(rows: &F32s, layers: u32, layer: usize) -> Option<&[f32]> {
    let keys = rows.0.len().checked_div(layers as usize)?;
    let at = layer.checked_mul(keys)?;
    let row = rows.0.get(at..at.checked_add(keys)?)?;
    (!row.is_empty()).then_some(row)
}

/// Rows of the answer's tokens, whichever are looked at.
#[derive(Clone, Copy, Debug)]
pub enum Rows<'a> {
    /// Averaged over heads.
    Mean(&'a [Generated]),
    /// Of one head.
    Head(&'a HeadRows),
}

impl<'a> Rows<'a> {
    /// The row that predicted a token, in one layer; `None` where it was not kept.
    pub fn row(&self, token: usize, layer: usize) -> Option<&'a [f32]> {
        match self {
            Rows::Mean(tokens) => tokens.get(token)?.flow.row(layer),
            Rows::Head(rows) => rows.row(token, layer),
        }
    }
}

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A cell of a picture's token grid, all its copies.
    Patch {
        /// Which of the prompt's media the picture is, from 0.
        medium: u8,
        /// Row of the grid.
        row: u16,
        /// Column of the grid.
        col: u16,
    },
    /// A position of the sequence.
    Position(u32),
}

impl Layout {
    /// The positions that a target stands for; none for a patch that the model never saw.
    pub fn places(&self, target: Target) -> Vec<usize> {
        match target {
            Target::Position(at) => vec![at as usize],
            Target::Patch { medium, row, col } => {
                let here =
                    |t: &&Token| t.medium == Some(medium) && self.spot(t) == Some((row, col));
                self.tokens.iter().filter(here).map(|t| t.index as usize).collect()
            }
        }
    }

    /// The tokens that lie on the grid of the picture that is a medium: each with its place in a list
    /// of the cells, row-major.
    fn on_grid(&self, medium: u8, cols: u16) -> impl Iterator<Item = (usize, &Token)> {
        let of_medium = self.tokens.iter().filter(move |t| t.medium == Some(medium));
        of_medium.filter_map(move |t| {
            let (row, col) = self.spot(t)?;
            Some((usize::from(row) * usize::from(cols) + usize::from(col), t))
        })
    }

    /// By cell of a picture's token grid, row-major, how many tokens the model got of it: 0 where
    /// it was pruned, more than 1 where the picture was repeated. `None` where the medium is none.
    pub fn copies(&self, medium: u8) -> Option<Vec<u16>> {
        let picture = self.picture_of(medium)?;
        let mut copies = vec![0u16; usize::from(picture.rows) * usize::from(picture.cols)];
        for (at, _) in self.on_grid(medium, picture.cols) {
            *copies.get_mut(at)? += 1;
        }
        Some(copies)
    }

    /// A row's attention on every patch of the picture that is a medium: `rows × cols` shares of the
    /// row's whole attention, row-major, summed over copies; patches that were pruned are `None`.
    pub fn on_patches(&self, medium: u8, row: &[f32]) -> Option<Vec<Option<f32>>> {
        let picture = self.picture_of(medium)?;
        let mut cells = vec![None; usize::from(picture.rows) * usize::from(picture.cols)];
        for (at, token) in self.on_grid(medium, picture.cols) {
            let value = row.get(token.index as usize)?;
            *cells.get_mut(at)?.get_or_insert(0.0) += *value;
        }
        Some(cells)
    }

    /// A row's attention on every stretch of the sound that is a medium, in the order of time: shares of the
    /// row's whole attention, summed over repetitions. `None` where the row does not reach it, or where it
    /// is no sound.
    pub fn on_spans(&self, medium: u8, row: &[f32]) -> Option<Vec<(Span, f32)>> {
        let mut all: BTreeMap<Span, f32> = BTreeMap::new();
        for token in self.tokens.iter().filter(|t| t.medium == Some(medium)) {
            let Some(Place::Span(span)) = token.place else { return None };
            *all.entry(span).or_default() += *row.get(token.index as usize)?;
        }
        (!all.is_empty()).then(|| all.into_iter().collect())
    }
}

impl Layout {
    /// A row's attention on every cell of every step of the film that is a medium: for each step `rows × cols` shares of
    /// the row's whole attention, row-major, summed over repetitions; cells that were pruned are `None`. `None` where
    /// the row does not reach the film, or where the medium is none.
    pub fn on_moments(&self, medium: u8, row: &[f32]) -> Option<Vec<Vec<Option<f32>>>> {
        let Medium::Video { view, times, .. } = self.media.get(usize::from(medium))? else {
            return None;
        };
        let cells = usize::from(view.rows) * usize::from(view.cols);
        let mut steps = vec![vec![None; cells]; times.len()];
        for token in self.tokens.iter().filter(|t| t.medium == Some(medium)) {
            let Some(Place::Moment(Moment { step, row: down, col })) = token.place else {
                return None;
            };
            let at = usize::from(down) * usize::from(view.cols) + usize::from(col);
            let value = row.get(token.index as usize)?;
            *steps.get_mut(usize::from(step))?.get_mut(at)?.get_or_insert(0.0) += *value;
        }
        Some(steps)
    }

    /// The same summed over each step: the attention over time, beside the time in seconds at which a step begins.
    pub fn on_steps(&self, medium: u8, row: &[f32]) -> Option<Vec<(f64, f32)>> {
        let Medium::Video { times, .. } = self.media.get(usize::from(medium))? else {
            return None;
        };
        let steps = self.on_moments(medium, row)?;
        let sums = steps.iter().map(|cells| cells.iter().flatten().sum::<f32>());
        Some(times.iter().map(|time| f64::from(*time) / 1e3).zip(sums).collect())
    }
}

/// A row's attention on one target; `None` where the row could not see it.
fn on_target(row: &[f32], places: &[usize]) -> Option<f32> {
    if places.is_empty() {
        return None;
    }
    places.iter().map(|at| row.get(*at)).sum()
}

/// How much of its attention the row that predicted each token put on one target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Looks {
    /// Number of layers.
    pub layers: usize,
    /// Number of tokens.
    pub tokens: usize,
    /// `[tokens, layers]`; `None` where the row was not kept or could not see the target.
    pub shares: Vec<Option<f32>>,
}

impl Looks {
    /// One token's share in one layer.
    pub fn get(&self, token: usize, layer: usize) -> Option<f32> {
        if layer >= self.layers {
            return None;
        }
        self.shares.get(token * self.layers + layer).copied().flatten()
    }

    /// The tokens by how much they looked in one layer, the most first.
    pub fn ranked(&self, layer: usize) -> Vec<(usize, f32)> {
        let looks = (0..self.tokens).filter_map(|t| Some((t, self.get(t, layer)?)));
        let mut looks: Vec<(usize, f32)> = looks.collect();
        looks.sort_by(|a, b| b.1.total_cmp(&a.1));
        looks
    }

    /// Token, layer and share of the longest look of all.
    pub fn most(&self) -> Option<(usize, usize, f32)> {
        let all = self.shares.iter().enumerate().filter_map(|(i, share)| Some((i, (*share)?)));
        let (i, share) = all.max_by(|a, b| a.1.total_cmp(&b.1))?;
        Some((i / self.layers, i % self.layers, share))
    }
}

impl Observation {
    /// The rows averaged over heads.
    pub fn mean_rows(&self) -> Rows<'_> {
        Rows::Mean(&self.tokens)
    }

    /// How much each token of the answer looked at a target, by layer.
    pub fn looks(&self, rows: Rows, target: Target) -> Looks {
        let places = self.layout.as_ref().map(|l| l.places(target)).unwrap_or_default();
        let (tokens, layers) = (self.tokens.len(), self.layers());
        let cells = (0..tokens).flat_map(|t| (0..layers).map(move |l| (t, l)));
        let share = |(t, l)| rows.row(t, l).and_then(|row| on_target(row, &places));
        Looks { layers, tokens, shares: cells.map(share).collect() }
    }

    /// The attention on every patch of a picture of the row that predicted a token, in one layer; see
    /// [`Layout::on_patches`].
    pub fn map(
        &self,
        rows: Rows,
        medium: u8,
        token: usize,
        layer: usize,
    ) -> Option<Vec<Option<f32>>> {
        self.layout.as_ref()?.on_patches(medium, rows.row(token, layer)?)
    }

    /// The attention on every stretch of a sound of the row that predicted a token, in one layer; see
    /// [`Layout::on_spans`].
    pub fn sound(
        &self,
        rows: Rows,
        medium: u8,
        token: usize,
        layer: usize,
    ) -> Option<Vec<(Span, f32)>> {
        self.layout.as_ref()?.on_spans(medium, rows.row(token, layer)?)
    }

    /// What a position of the sequence is, answer included; `None` beyond its end.
    pub fn group_at(&self, position: usize) -> Option<Group> {
        let layout = self.layout.as_ref()?;
        match layout.tokens.get(position) {
            Some(token) => Some(token.group),
            None => (position - layout.len() < self.tokens.len()).then_some(Group::Generated),
        }
    }
}
