//! What weights take of memory, from their shapes alone or as they are read: one count for both.

use candle_core::quantized::GgmlDType;

use super::packed::{Packed, tiled_bytes};
use super::{Linear, Loader};
use crate::error::EngineError;
use crate::memory::Footprint;
use crate::processor::Kernels;

/// A matrix `[rows, columns]` as it is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Matrix {
    pub(crate) block: GgmlDType,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// Whether it lies as our own products read it.
    pub(crate) tiled: bool,
}

impl Matrix {
    /// One whose blocks lie as files have them.
    pub(crate) const fn plain(block: GgmlDType, rows: usize, columns: usize) -> Self {
        Matrix { block, rows, columns, tiled: false }
    }

    /// One as a processor with such kernels holds it.
    pub(crate) fn held(block: GgmlDType, rows: usize, columns: usize, kernels: Kernels) -> Self {
        Matrix { tiled: Packed::takes(block, kernels), ..Matrix::plain(block, rows, columns) }
    }

    /// Its bytes.
    pub(crate) fn bytes(self) -> usize {
        let Matrix { block, rows, columns, tiled } = self;
        let blocks = rows * columns / block.block_size() * block.type_size();
        if tiled { tiled_bytes(block, rows, columns).unwrap_or(blocks) } else { blocks }
    }

    /// Adds it to what a model takes. `lone` is a matrix that only single rows go through unless
    /// logits of a whole prompt are wanted: the head.
    pub(crate) fn weigh(self, lone: bool, kernels: Kernels, footprint: &mut Footprint) {
        footprint.weights += self.bytes() as u64;
        let copies =
            if self.tiled { 0 } else { kernels.copies(self.block, self.rows, self.columns) };
        if lone {
            footprint.by_head += copies as u64;
        } else {
            footprint.by_layers += copies as u64;
        }
    }
}

/// Bytes of those that are made whole before they are held; what lies in tiles is made piece by piece.
pub(super) fn in_blocks(matrices: &[Matrix]) -> usize {
    matrices.iter().filter(|m| !m.tiled).map(|m| m.bytes()).sum()
}

/// Neighbours of one block type are stacked into one matrix.
fn stacked(parts: impl IntoIterator<Item = Matrix>) -> Vec<Matrix> {
    let mut whole: Vec<Matrix> = Vec::new();
    for part in parts {
        match whole.last_mut() {
            Some(last) if last.block == part.block => last.rows += part.rows,
            _ => whole.push(part),
        }
    }
    whole
}

impl Loader<'_> {
    /// Counts matrices and f32 values beside them.
    pub(super) fn weigh(&mut self, matrices: &[Matrix], values: usize, lone: bool) {
        for matrix in matrices {
            matrix.weigh(lone, self.kernels, &mut self.footprint);
        }
        self.footprint.weights += 4 * values as u64;
    }

    /// Counts a map that is not read, whose parts are held as `block` or, where that is left open,
    /// as their files have them.
    pub(super) fn weighed(
        &mut self,
        parts: &[(String, usize)],
        columns: usize,
        block: Option<GgmlDType>,
        lone: bool,
    ) -> Result<Linear, EngineError> {
        let mut biases = 0;
        let mut matrices = Vec::with_capacity(parts.len());
        for (name, rows) in parts {
            if self.has(&format!("{name}.bias")) {
                biases += rows;
            }
            let name = format!("{name}.weight");
            self.parameters += (rows * columns) as u64;
            let stored = || self.files.stored_type(&name).unwrap_or(GgmlDType::F32);
            let block = block.unwrap_or_else(stored);
            matrices.push(Matrix::held(block, *rows, columns, self.kernels));
        }
        let whole = stacked(matrices);
        let held = match block {
            Some(_) => in_blocks(&whole),
            None => whole.iter().map(|m| m.bytes()).sum(),
        };
        let values = 4 * parts.iter().map(|(_, rows)| rows * columns).sum::<usize>();
        self.passing_of(block.is_some(), parts.len(), values, held);
        self.weigh(&whole, biases, lone);
        Ok(Linear::weighed()?)
    }

    /// What is there besides while a map is made of `parts` tensors, whose values take so many
    /// bytes in f32 and `held` as they are held.
    pub(super) fn passing_of(&mut self, converted: bool, parts: usize, values: usize, held: usize) {
        let (values, held) = (values as u64, held as u64);
        if converted {
            // Several parts and their stack are there at once; a part alone is its own stack.
            self.passing(if parts > 1 { 2 * values } else { values });
            // What is held as it was made, and as it is joined.
            self.passing(values + 2 * held);
        } else {
            // The blocks as they were read, and as they are stacked.
            self.passing(held);
        }
    }
}
