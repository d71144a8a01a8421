//! The pixel shuffle: a square of neighbouring patches side by side becomes a token.

use candle_core::{Device, Result, Tensor};

use super::Features;

/// Tokens of `scale × scale` patches, `grid × grid` of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shuffle {
    pub(crate) grid: usize,
    pub(crate) scale: usize,
}

impl Shuffle {
    /// The patches of each token beside each other, row by row: `[grid², scale² · width]` of
    /// `[patches, width]`.
    pub(crate) fn patches(self, patches: &Tensor) -> Result<Tensor> {
        let Shuffle { grid, scale } = self;
        let width = patches.dim(1)?;
        patches
            .reshape((grid, scale, grid, scale, width))?
            .permute((0, 2, 1, 3, 4))?
            .reshape((grid * grid, scale * scale * width))
    }

    /// The scores of a tile's tokens, each the mean of its patches'; none of none.
    pub(crate) fn scores(self, patches: &[f32]) -> Vec<f32> {
        let Shuffle { grid, scale } = self;
        let mut scores = vec![0.0; if patches.is_empty() { 0 } else { grid * grid }];
        for (at, score) in patches.iter().enumerate() {
            let (row, col) = (at / (grid * scale), at % (grid * scale));
            scores[row / scale * grid + col / scale] += score / (scale * scale) as f32;
        }
        scores
    }

    /// Features of tiles one after the other: of each the tower's view of its pixels `[3, edge, edge]`, whose
    /// patches are put beside each other (`[grid², scale² · width]`) and projected.
    pub(crate) fn features(
        self,
        (pixels, edge, device): (&[f32], usize, &Device),
        tower: impl Fn(&Tensor) -> Result<Features>,
        project: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<Features> {
        let (mut rows, mut scores) = (Vec::new(), Vec::new());
        for tile in pixels.chunks(3 * edge * edge) {
            let seen = tower(&Tensor::from_slice(tile, (3, edge, edge), device)?)?;
            rows.push(project(&self.patches(&seen.rows)?)?);
            scores.extend(self.scores(&seen.scores));
        }
        Ok(Features { rows: Tensor::cat(&rows, 0)?, deep: Vec::new(), scores })
    }
}
