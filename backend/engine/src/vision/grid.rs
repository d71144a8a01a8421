//! Vision towers that see a picture of any size as a grid of patches: rotary rows and columns, blocks
//! that see windows or the whole picture, and mergers that make one feature of a square of patches.

use candle_core::{DType, Device, Result, Tensor};
use shared::{Group, PreparedPicture};

use super::{Activation, Features, split_heads};
use crate::attention::{Mask, Watch, attend, attend_spans, block_values};
use crate::error::EngineError;
use crate::family::Encoder;
use crate::ops;
use crate::prepare::Reel;
use crate::rotary::{Position, Rotary};
use crate::weights::{Linear, Loader};

/// The eps of every norm in the tower and its mergers; not configurable in transformers either.
const EPS: f32 = 1e-6;

/// A still picture stands for this many frames.
const FRAMES: usize = 2;

/// Sizes and kind of a tower.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GridConfig {
    pub(crate) kind: GridKind,
    pub(crate) hidden: usize,
    pub(crate) intermediate: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) patch: usize,
    /// Patches along the edge of a token.
    pub(crate) merge: usize,
    /// Windows, where not all blocks see the whole picture.
    pub(crate) windows: Option<Windows>,
    /// Rows of a table of learned positions, where there is one.
    pub(crate) positions: Option<usize>,
    /// Blocks whose patches become features that the decoder adds after its first layers, in order.
    pub(crate) deep: Vec<usize>,
    /// Width of the features.
    pub(crate) out: usize,
    /// Base of the rotary frequencies.
    pub(crate) theta: f64,
}

/// What is the same of all towers of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GridKind {
    pub(crate) norm: GridNorm,
    pub(crate) mlp: GridMlp,
    /// Whether the map of patches has a bias.
    pub(crate) patch_bias: bool,
    pub(crate) names: GridNames,
}

/// A tower's norms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GridNorm {
    /// RMSNorm.
    Rms,
    /// LayerNorm.
    Layer,
}

/// A block's MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GridMlp {
    /// SiLU of one map times another.
    Gated,
    /// One map and an activation.
    Plain(Activation),
}

/// What Hugging Face folders call a tower's tensors, where families differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GridNames {
    /// The maps into an MLP, one below the other, and the one out of it.
    pub(crate) mlp: (&'static [&'static str], &'static str),
    /// A merger's norm, its map in and its map out.
    pub(crate) merger: [&'static str; 3],
}

/// Windows of a tower's blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    /// A window's edge in pixels.
    pub(crate) edge: usize,
    /// Blocks that see the whole picture all the same.
    pub(crate) full: Vec<usize>,
}

impl GridConfig {
    /// A window's edge in tokens.
    pub(crate) fn window_tokens(&self, windows: &Windows) -> usize {
        windows.edge / self.merge / self.patch
    }

    /// Whether a block sees the whole picture.
    fn is_full(&self, block: usize) -> bool {
        self.windows.as_ref().is_none_or(|windows| windows.full.contains(&block))
    }

    /// The last block that does.
    fn last_full(&self) -> Option<usize> {
        (0..self.layers).rev().find(|block| self.is_full(*block))
    }

    /// Bytes that the tower works with for a picture of so many tokens: the pixels as they were
    /// prepared and cut, rows of a block's widest step, a block of weights, and features that were
    /// made on the way.
    pub(crate) fn working(&self, tokens: usize) -> usize {
        let rows = tokens * self.merge * self.merge;
        let pixels = 2 * 3 * FRAMES * self.patch * self.patch;
        // Attention: the product joined and with its bias, queries and keys turned; the MLP: gate
        // and up joined from blocks, or the activation's steps.
        let widest = (12 * self.hidden).max(2 * self.hidden + 4 * self.intermediate);
        let block = block_values(self.heads, rows, rows, self.hidden);
        4 * (rows * (widest + pixels) + block + self.deep.len() * tokens * self.out)
    }
}

/// A tower and its mergers.
pub(crate) struct GridTower {
    config: GridConfig,
    patch: Linear,
    positions: Option<Positions>,
    blocks: Vec<Block>,
    rotary: Rotary,
    merger: Merger,
    /// Those of [`GridConfig::deep`].
    deep: Vec<Merger>,
}

enum Norm {
    Rms(Tensor),
    Layer(Tensor, Tensor),
}

impl Norm {
    fn load(
        loader: &mut Loader,
        (kind, name): (GridNorm, &str),
        width: usize,
    ) -> std::result::Result<Self, EngineError> {
        let weight = loader.tensor(&format!("{name}.weight"), &[width])?;
        Ok(match kind {
            GridNorm::Rms => Norm::Rms(weight),
            GridNorm::Layer => {
                Norm::Layer(weight, loader.tensor(&format!("{name}.bias"), &[width])?)
            }
        })
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Norm::Rms(weight) => candle_nn::ops::rms_norm(x, weight, EPS),
            Norm::Layer(weight, bias) => candle_nn::ops::layer_norm(x, weight, bias, EPS),
        }
    }
}

/// Learned positions on a square, between which a picture's patches lie.
struct Positions {
    /// `[rows, hidden]`.
    table: Tensor,
    /// Rows and columns of the square.
    side: usize,
}

impl Positions {
    /// The rows of patches at these places of a picture of so many rows and columns of patches: its
    /// corners are the square's, and what lies between is interpolated linearly both ways.
    fn at(&self, places: &[Position], (rows, cols): (usize, usize)) -> Result<Tensor> {
        let taps = |at: u32, of: usize| -> [(usize, f32); 2] {
            let last = self.side - 1;
            let source = at as f32 * last as f32 / of.saturating_sub(1).max(1) as f32;
            let floor = source.floor();
            let weight = |offset: f32| (1.0 - (source - floor - offset).abs()).max(0.0);
            let tap = |offset: usize| (floor as usize + offset).min(last);
            [(tap(0), weight(0.0)), (tap(1), weight(1.0))]
        };
        let mut sum: Option<Tensor> = None;
        for (down, across) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let tap = |[_, row, col]: &Position| {
                let ((row, by_row), (col, by_col)) =
                    (taps(*row, rows)[down], taps(*col, cols)[across]);
                ((row * self.side + col) as u32, by_row * by_col)
            };
            let (index, weight): (Vec<u32>, Vec<f32>) = places.iter().map(tap).unzip();
            let device = self.table.device();
            let weight = Tensor::from_vec(weight, (places.len(), 1), device)?;
            let rows = self.table.index_select(&Tensor::new(index.as_slice(), device)?, 0)?;
            let rows = rows.broadcast_mul(&weight)?;
            sum = Some(match sum {
                Some(sum) => (sum + rows)?,
                None => rows,
            });
        }
        sum.ok_or_else(|| candle_core::Error::Msg("a picture without patches".to_owned()))
    }
}

/// Makes a feature of the patches of a token.
struct Merger {
    norm: Norm,
    /// Whether a token's patches are put side by side before the norm.
    joined: bool,
    inner: Linear,
    out: Linear,
}

impl Merger {
    fn load(
        loader: &mut Loader,
        c: &GridConfig,
        (at, joined): (&str, bool),
    ) -> std::result::Result<Self, EngineError> {
        let wide = c.hidden * c.merge * c.merge;
        let [norm, inner, out] = c.kind.names.merger.map(|name| format!("{at}{name}"));
        let width = if joined { wide } else { c.hidden };
        Ok(Merger {
            norm: Norm::load(loader, (c.kind.norm, &norm), width)?,
            joined,
            inner: loader.dense_linear(&[(inner, wide)], wide)?,
            out: loader.dense_linear(&[(out, c.out)], wide)?,
        })
    }

    /// Features `[tokens, out]` of patches, those of a token beside each other.
    fn forward(&self, patches: &Tensor, tokens: usize) -> Result<Tensor> {
        let x = match self.joined {
            true => self.norm.apply(&patches.reshape((tokens, ()))?)?,
            false => self.norm.apply(patches)?.reshape((tokens, ()))?,
        };
        let inner = Activation::Gelu.apply(&self.inner.forward(&x, DType::F32)?)?;
        self.out.forward(&inner, DType::F32)
    }
}

struct Block {
    norm1: Norm,
    qkv: Linear,
    output: Linear,
    norm2: Norm,
    mlp: GridMlp,
    inner: Linear,
    down: Linear,
}

impl GridTower {
    /// Reads a tower whose tensors start with `at`.
    pub(crate) fn load(
        loader: &mut Loader,
        config: GridConfig,
        at: &str,
    ) -> std::result::Result<Self, EngineError> {
        let (c, kind) = (&config, config.kind);
        let shape = [c.hidden, 3, FRAMES, c.patch, c.patch];
        let patch = loader.patches(&format!("{at}patch_embed.proj"), &shape, kind.patch_bias)?;
        let positions = match c.positions {
            Some(rows) => {
                let table = loader.tensor(&format!("{at}pos_embed.weight"), &[rows, c.hidden])?;
                Some(Positions { table, side: rows.isqrt() })
            }
            None => None,
        };
        let mut blocks = Vec::with_capacity(c.layers);
        for i in 0..c.layers {
            let name = |n: &str| format!("{at}blocks.{i}.{n}");
            let (inner, down) = kind.names.mlp;
            let inner: Vec<_> = inner.iter().map(|n| (name(n), c.intermediate)).collect();
            blocks.push(Block {
                norm1: Norm::load(loader, (kind.norm, &name("norm1")), c.hidden)?,
                qkv: loader.dense_linear(&[(name("attn.qkv"), 3 * c.hidden)], c.hidden)?,
                output: loader.dense_linear(&[(name("attn.proj"), c.hidden)], c.hidden)?,
                norm2: Norm::load(loader, (kind.norm, &name("norm2")), c.hidden)?,
                mlp: kind.mlp,
                inner: loader.dense_linear(&inner, c.hidden)?,
                down: loader.dense_linear(&[(name(down), c.hidden)], c.intermediate)?,
            });
        }
        let merger = Merger::load(loader, c, (&format!("{at}merger."), false))?;
        let deep = (0..c.deep.len()).map(|level| {
            Merger::load(loader, c, (&format!("{at}deepstack_merger_list.{level}."), true))
        });
        let deep = deep.collect::<std::result::Result<_, _>>()?;
        let rotary = Rotary::axial(c.hidden / c.heads, c.theta);
        Ok(GridTower { patch, positions, blocks, rotary, merger, deep, config })
    }

    /// The device it runs on.
    fn device(&self) -> Device {
        self.patch.device()
    }

    /// Features of patches `[n, 3 · 2 · p · p]` of a picture of `rows × cols` tokens, in raster
    /// order.
    ///
    /// The tower has no [CLS]. As a declared substitute for FasterVLM's score a token's is the
    /// attention it receives in the last block that sees the whole picture, averaged over heads,
    /// queries and the patches that are merged into it.
    fn forward(
        &self,
        patches: &Tensor,
        (rows, cols): (usize, usize),
        scores: bool,
    ) -> Result<Features> {
        let c = &self.config;
        let (unit, tokens) = (c.merge * c.merge, rows * cols);
        let (order, bounds) = match &c.windows {
            Some(w) => windows(rows, cols, c.window_tokens(w)),
            None => ((0..tokens as u32).collect(), vec![0, tokens]),
        };
        let mut x = self.patch.forward(patches, DType::F32)?;
        if c.windows.is_some() {
            // Patches come token by token; windows reorder the tokens.
            let index = Tensor::new(order.as_slice(), x.device())?;
            x = x.reshape((tokens, unit * c.hidden))?;
            x = x.index_select(&index, 0)?.reshape(((), c.hidden))?;
        }
        let positions: Vec<Position> = order
            .iter()
            .flat_map(|token| {
                let (row, col) = (*token as usize / cols, *token as usize % cols);
                (0..unit).map(move |i| {
                    let (r, k) = (row * c.merge + i / c.merge, col * c.merge + i % c.merge);
                    [0, r as u32, k as u32]
                })
            })
            .collect();
        if let Some(learned) = &self.positions {
            x = (x + learned.at(&positions, (rows * c.merge, cols * c.merge))?)?;
        }
        let mut back = vec![0u32; tokens];
        for (at, token) in order.iter().enumerate() {
            back[*token as usize] = at as u32;
        }
        // Features in raster order again.
        let merged = |merger: &Merger, x: &Tensor| -> Result<Tensor> {
            let rows = merger.forward(x, tokens)?;
            match &c.windows {
                Some(_) => rows.index_select(&Tensor::new(back.as_slice(), x.device())?, 0),
                None => Ok(rows),
            }
        };
        let tables = self.rotary.tables(&positions, x.device())?;
        let whole = [0, tokens];
        let (mut received, mut deep) = (Vec::new(), Vec::new());
        for (i, block) in self.blocks.iter().enumerate() {
            let bounds = if c.is_full(i) { &whole[..] } else { &bounds };
            let spans: Vec<(usize, usize)> =
                bounds.windows(2).map(|w| (w[0] * unit, (w[1] - w[0]) * unit)).collect();
            let keep = if scores && c.last_full() == Some(i) { Some(&mut received) } else { None };
            x = block.forward(&x, c.heads, &spans, &tables, keep)?;
            // Several mergers may not read the same block: `deep` has each once.
            if let Some(level) = c.deep.iter().position(|of| *of == i) {
                deep.push(merged(&self.deep[level], &x)?);
            }
        }
        let score = |at: &u32| -> f32 {
            received
                .get(*at as usize * unit..(*at as usize + 1) * unit)
                .map_or(0.0, |s| s.iter().sum::<f32>() / unit as f32)
        };
        let scores = if scores { back.iter().map(score).collect() } else { Vec::new() };
        Ok(Features { rows: merged(&self.merger, &x)?, deep, scores })
    }
}

impl Encoder for GridTower {
    fn features(
        &self,
        pixels: &[f32],
        views: &[PreparedPicture],
        scores: bool,
    ) -> Result<Features> {
        let Some(view) = views.first() else { candle_core::bail!("a picture without a view") };
        let grid = (usize::from(view.rows), usize::from(view.cols));
        let c = &self.config;
        let patches = grid.0 * grid.1 * c.merge * c.merge;
        let width = 3 * FRAMES * c.patch * c.patch;
        let pixels = Tensor::from_slice(pixels, (patches, width), &self.device())?;
        self.forward(&pixels, grid, scores)
    }

    /// Nothing in the tower links two steps of a film: blocks see one step, windows a part of one, and time exists in
    /// the decoder alone. So each goes through as a picture would, and no more memory is taken than by one.
    fn watch(&self, reel: &Reel, scores: bool) -> Result<Features> {
        let steps = reel.times.len().max(1);
        let (mut rows, mut deep) = (Vec::with_capacity(steps), vec![Vec::new(); self.deep.len()]);
        let mut all = Vec::new();
        for pixels in reel.values.chunks((reel.values.len() / steps).max(1)) {
            let step = self.features(pixels, &[reel.view], scores)?;
            rows.push(step.rows);
            deep.iter_mut().zip(step.deep).for_each(|(level, rows)| level.push(rows));
            all.extend(step.scores);
        }
        let deep = deep.iter().map(|level| Tensor::cat(level, 0)).collect::<Result<_>>()?;
        Ok(Features { rows: Tensor::cat(&rows, 0)?, deep, scores: all })
    }

    fn prune_score(&self) -> Option<&'static str> {
        let score = match self.config.windows {
            Some(_) => "attention-received-in-last-full-block",
            None => "attention-received-in-last-block",
        };
        self.config.last_full().map(|_| score)
    }

    fn deep(&self) -> usize {
        self.deep.len()
    }

    fn working(&self, tokens: usize) -> usize {
        self.config.working(tokens)
    }
}

impl Block {
    fn forward(
        &self,
        x: &Tensor,
        heads: usize,
        spans: &[(usize, usize)],
        tables: &(Tensor, Tensor),
        received: Option<&mut Vec<f32>>,
    ) -> Result<Tensor> {
        let n = x.dim(0)?;
        let normed = self.norm1.apply(x)?;
        let qkv = self.qkv.forward(&normed, DType::F32)?;
        let to = self.qkv.compute();
        let q = Rotary::apply(&split_heads(&qkv, 0, heads)?, tables)?.to_dtype(to)?;
        let k = Rotary::apply(&split_heads(&qkv, 1, heads)?, tables)?.to_dtype(to)?;
        let v = split_heads(&qkv, 2, heads)?.to_dtype(to)?;
        let attended = match received {
            None => attend_spans(&q, &k, &v, spans)?,
            Some(sums) => {
                // Asked for of a full block only: one span.
                sums.resize(n, 0.0);
                let segments = [(Group::Image.index(), 0, n)];
                let mut keep = |_: usize, _: usize, keys: usize, weights: &[f32]| {
                    for row in weights.chunks(keys) {
                        for (sum, w) in sums.iter_mut().zip(row) {
                            *sum += w / (heads * n) as f32;
                        }
                    }
                };
                attend(&q, &k, &v, Mask::None, Some(Watch::map(&segments, &mut keep)))?.0
            }
        };
        let x = (x + self.output.forward(&attended, DType::F32)?)?;
        let inner = self.inner.forward(&self.norm2.apply(&x)?, DType::F32)?;
        let inner = match self.mlp {
            GridMlp::Gated => ops::gate(&inner, false)?,
            GridMlp::Plain(activation) => activation.apply(&inner)?,
        };
        x + self.down.forward(&inner, DType::F32)?
    }
}

/// Tokens in the order of the windows, and where windows begin, counted in tokens. Windows at the
/// right and lower edge are smaller where the grid does not divide.
fn windows(rows: usize, cols: usize, edge: usize) -> (Vec<u32>, Vec<usize>) {
    let mut order = Vec::with_capacity(rows * cols);
    let mut bounds = vec![0];
    for top in (0..rows).step_by(edge) {
        for left in (0..cols).step_by(edge) {
            for row in top..(top + edge).min(rows) {
                for col in left..(left + edge).min(cols) {
                    order.push((row * cols + col) as u32);
                }
            }
            bounds.push(order.len());
        }
    }
    (order, bounds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_cover_the_grid_once() {
        let (order, bounds) = windows(5, 3, 2);
        assert_eq!(order, [0, 1, 3, 4, 2, 5, 6, 7, 9, 10, 8, 11, 12, 13, 14]);
        assert_eq!(bounds, [0, 4, 6, 10, 12, 14, 15]);
    }

    /// Corners meet corners, whatever the grids; between them the table of `row + 10 · column` is
    /// itself linear. A single row or column lies on the first.
    #[test]
    fn learned_positions_are_interpolated_between_corners() {
        let side = 4;
        let values: Vec<f32> =
            (0..side * side).map(|i| (i / side) as f32 + 10.0 * (i % side) as f32).collect();
        let table = Tensor::from_vec(values, (side * side, 1), &Device::Cpu).expect("a table");
        let positions = Positions { table, side };
        let at = |row: u32, col: u32, of: (usize, usize)| -> f32 {
            let found = positions.at(&[[0, row, col]], of).expect("a row");
            found.to_vec2().expect("a value")[0][0]
        };
        assert_eq!(at(0, 0, (7, 2)), 0.0);
        assert_eq!(at(6, 1, (7, 2)), 33.0);
        assert_eq!(at(1, 0, (7, 2)), 0.5);
        assert_eq!(at(2, 3, (4, 4)), 32.0, "the table's own grid");
        assert_eq!(at(0, 2, (1, 4)), 20.0);
        assert_eq!(at(0, 0, (1, 1)), 0.0);
        assert!((at(3, 4, (10, 10)) - (1.0 + 10.0 * 4.0 / 3.0)).abs() < 1e-5);
    }
}
