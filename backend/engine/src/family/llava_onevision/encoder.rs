//! SigLIP, the projector, and how features of tiles become a map.

use candle_core::{Device, Result, Tensor};
use shared::PreparedPicture;
use shared::picture::{AnyRes, TileMap};

use super::config::OneVisionConfig;
use crate::error::EngineError;
use crate::family::Encoder;
use crate::vision::{Features, Projected};
use crate::weights::Loader;

/// The tower and the projector, which see one tile after another, and what ends a line.
pub(super) struct OneVisionEncoder {
    tower: Projected,
    newline: Tensor,
    tiles: AnyRes,
    hidden: usize,
}

impl OneVisionEncoder {
    pub(super) fn load(
        loader: &mut Loader,
        config: OneVisionConfig,
    ) -> std::result::Result<Self, EngineError> {
        let OneVisionConfig { parts, tiles } = config;
        let hidden = parts.text.hidden;
        let tower = Projected::load(loader, parts.encoder)?;
        let at = loader.prefix(&["model.", ""], "image_newline");
        let newline = loader.tensor(&format!("{at}image_newline"), &[hidden])?;
        Ok(OneVisionEncoder { tower, newline, tiles, hidden })
    }

    /// Features of the tiles `[grid², width]` as a map, its rows ended by `end`: `[size + ends, width]`.
    fn map(&self, tiles: &[Tensor], map: TileMap, end: &Tensor) -> Result<Tensor> {
        let grid = self.tiles.grid as usize;
        let whole = laid_out(tiles, (map.tiles.0 as usize, map.tiles.1 as usize), grid)?;
        let whole = whole.narrow(0, map.dropped.0 as usize, map.left.0 as usize)?.narrow(
            1,
            map.dropped.1 as usize,
            map.left.1 as usize,
        )?;
        let (rows, cols) = (map.size.0 as usize, map.size.1 as usize);
        let whole = shrunk(&shrunk(&whole, 0, rows)?, 1, cols)?;
        let width = whole.dim(2)?;
        let ends = end.reshape((1, 1, width))?.broadcast_as((rows, 1, width))?;
        Tensor::cat(&[&whole, &ends.contiguous()?], 1)?.reshape((rows * (cols + 1), width))
    }
}

/// Features of tiles, row by row, beside each other: `[rows · grid, cols · grid, width]`.
fn laid_out(tiles: &[Tensor], (rows, cols): (usize, usize), grid: usize) -> Result<Tensor> {
    let all = Tensor::cat(tiles, 0)?;
    let width = all.dim(1)?;
    all.reshape((rows, cols, grid, grid * width))?.permute((0, 2, 1, 3))?.reshape((
        rows * grid,
        cols * grid,
        width,
    ))
}

/// A map with so many lines along an axis, in between by PyTorch's `interpolate` (bilinear, corners not
/// aligned, in f32 as it computes), whose two axes are independent.
fn shrunk(map: &Tensor, axis: usize, size: usize) -> Result<Tensor> {
    let from = map.dim(axis)?;
    if from == size {
        return Ok(map.clone());
    }
    let scale = from as f32 / size as f32;
    let (mut lower, mut upper, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for at in 0..size {
        let place = (scale * (at as f32 + 0.5) - 0.5).max(0.0);
        let first = (place as usize).min(from - 1);
        lower.push(first as u32);
        upper.push((first + 1).min(from - 1) as u32);
        shares.push((place - first as f32).clamp(0.0, 1.0));
    }
    let device = map.device();
    let lines = |at: Vec<u32>| map.contiguous()?.index_select(&Tensor::new(at, device)?, axis);
    let mut shape = [1; 3];
    shape[axis] = size;
    let share = Tensor::new(shares, device)?.reshape(&shape)?;
    lines(lower)?.broadcast_mul(&share.affine(-1.0, 1.0)?)? + lines(upper)?.broadcast_mul(&share)?
}

impl Encoder for OneVisionEncoder {
    fn features(
        &self,
        pixels: &[f32],
        views: &[PreparedPicture],
        scored: bool,
    ) -> Result<Features> {
        let edge = self.tiles.edge as usize;
        let seen = pixels.chunks(3 * edge * edge).map(|tile| self.tower.see(tile, scored));
        let mut seen = seen.collect::<Result<Vec<Features>>>()?.into_iter();
        let Some(Features { rows: whole, mut scores, .. }) = seen.next() else {
            candle_core::bail!("there is no picture to see");
        };
        let tiles: Vec<Features> = seen.collect();
        let map = views.first().filter(|_| !tiles.is_empty()).and_then(|view| {
            let size = (view.source_width, view.source_height);
            self.tiles.map_of_tiles(size, tiles.len() as u32)
        });
        let rest = match map {
            None => {
                // What ends a line has no place that attention could fall on: it goes first.
                scores.extend(scored.then_some(0.0));
                self.newline.unsqueeze(0)?
            }
            Some(map) => {
                if scored {
                    let ranked = tiles.iter().map(|tile| {
                        Tensor::from_slice(&tile.scores, (tile.scores.len(), 1), &Device::Cpu)
                    });
                    let ranked = ranked.collect::<Result<Vec<Tensor>>>()?;
                    let end = Tensor::zeros(1, candle_core::DType::F32, &Device::Cpu)?;
                    let ranked = self.map(&ranked, map, &end)?;
                    scores.extend(ranked.flatten_all()?.to_vec1::<f32>()?);
                }
                let rows: Vec<Tensor> = tiles.into_iter().map(|tile| tile.rows).collect();
                self.map(&rows, map, &self.newline)?
            }
        };
        Ok(Features { rows: Tensor::cat(&[&whole, &rest], 0)?, deep: Vec::new(), scores })
    }

    fn prune_score(&self) -> Option<&'static str> {
        self.tower.prune_score()
    }

    fn working(&self, tokens: usize) -> usize {
        let AnyRes { grid, most, shapes, .. } = self.tiles;
        let tile = (grid * grid) as usize;
        // Features of all tiles before those of padding are dropped, and before a map that is too large
        // is shrunk, three times on the way.
        let shrinks = tokens >= tile * most as usize / 2;
        let tiles = if shrinks { shapes.most() as usize * tile } else { 2 * tokens };
        self.tower.working(tokens) + 4 * 3 * tiles.max(tokens) * self.hidden
    }
}
