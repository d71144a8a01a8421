//! Quantized matrices in the arrangement that their products read, once: made when they are loaded,
//! from blocks that are dropped.
//!
//! Rows that go through a matrix are rounded to 8 bits in blocks (of 256 values, of 32 for q8_0).
//! Products of blocks are sums of integers, exact; what is added in f32 is added in one order by all
//! kernels, so that every processor gives the same bits.

#[cfg(target_arch = "x86_64")]
mod ahead;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod layout;
mod product;
mod rows;
mod scalar;

use std::borrow::Borrow;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{CpuStorage, Device, Result, Storage, Tensor, bail};

use self::layout::{Q4k, Q5k, Q6k, Q8, quantized, tiles};
use self::product::{Instructions, product};
use super::weigh::Matrix;
use crate::processor::Kernels;

pub(crate) use self::layout::tiled_bytes;

/// A matrix `[rows, columns]` of q4k, q5k, q6k or q8_0.
#[derive(Debug)]
pub(crate) struct Packed {
    tiles: Tiles,
    rows: usize,
    columns: usize,
}

#[derive(Debug)]
enum Tiles {
    Q4k(Vec<Q4k>),
    Q5k(Vec<Q5k>),
    Q6k(Vec<Q6k>),
    Q8(Vec<Q8>),
}

macro_rules! of_tiles {
    ($tiles:expr, $of:ident => $then:expr) => {
        match $tiles {
            Tiles::Q4k($of) => $then,
            Tiles::Q5k($of) => $then,
            Tiles::Q6k($of) => $then,
            Tiles::Q8($of) => $then,
        }
    };
}

impl Packed {
    /// Whether matrices of such blocks are arranged here.
    pub(crate) fn takes(block: GgmlDType, kernels: Kernels) -> bool {
        kernels.arranges() && tiled_bytes(block, 1, 1).is_some()
    }

    /// A matrix from its parts, some of its rows each, in one type of blocks that [`Packed::takes`].
    pub(crate) fn new<T: Borrow<QTensor>>(parts: &[T]) -> Result<Self> {
        let parts: Vec<&QTensor> = parts.iter().map(Borrow::borrow).collect();
        let (_, columns) = parts[0].shape().dims2()?;
        let rows = parts.iter().map(|part| Ok(part.shape().dims2()?.0)).sum::<Result<usize>>()?;
        let data = parts.iter().map(|part| part.data()).collect::<Result<Vec<_>>>()?;
        let data: Vec<&[u8]> = data.iter().map(|part| &**part).collect();
        let block = parts[0].dtype();
        if !columns.is_multiple_of(block.block_size()) {
            bail!("rows of {columns} values are no blocks of {block:?}");
        }
        let bytes = columns / block.block_size() * block.type_size();
        let tiles = match block {
            GgmlDType::Q4K => Tiles::Q4k(tiles(&data, bytes)),
            GgmlDType::Q5K => Tiles::Q5k(tiles(&data, bytes)),
            GgmlDType::Q6K => Tiles::Q6k(tiles(&data, bytes)),
            GgmlDType::Q8_0 => Tiles::Q8(tiles(&data, bytes)),
            other => bail!("{other:?} is never arranged"),
        };
        Ok(Packed { tiles, rows, columns })
    }

    /// A matrix of weights in f32, in blocks that [`Packed::takes`] and that fit its columns.
    pub(crate) fn quantize(weight: &Tensor, block: GgmlDType) -> Result<Self> {
        let (rows, columns) = weight.dims2()?;
        if !columns.is_multiple_of(block.block_size()) {
            bail!("rows of {columns} values are no blocks of {block:?}");
        }
        let tiles = match block {
            GgmlDType::Q4K => Tiles::Q4k(quantized(weight, block)?),
            GgmlDType::Q5K => Tiles::Q5k(quantized(weight, block)?),
            GgmlDType::Q6K => Tiles::Q6k(quantized(weight, block)?),
            GgmlDType::Q8_0 => Tiles::Q8(quantized(weight, block)?),
            other => bail!("{other:?} is never arranged"),
        };
        Ok(Packed { tiles, rows, columns })
    }

    /// The type of its blocks.
    pub(crate) const fn block(&self) -> GgmlDType {
        match self.tiles {
            Tiles::Q4k(_) => GgmlDType::Q4K,
            Tiles::Q5k(_) => GgmlDType::Q5K,
            Tiles::Q6k(_) => GgmlDType::Q6K,
            Tiles::Q8(_) => GgmlDType::Q8_0,
        }
    }

    /// Rows and columns.
    pub(crate) const fn shape(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    /// What it takes.
    pub(crate) fn matrix(&self) -> Matrix {
        Matrix { tiled: true, ..Matrix::plain(self.block(), self.rows, self.columns) }
    }

    /// Its tiles, as this processor has them in memory.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        of_tiles!(&self.tiles, tiles => layout::bytes(tiles).to_vec())
    }

    /// A matrix `[rows, columns]` from what [`Packed::to_bytes`] gave.
    pub(crate) fn from_bytes(
        block: GgmlDType,
        (rows, columns): (usize, usize),
        bytes: &[u8],
    ) -> Result<Self> {
        if tiled_bytes(block, rows, columns) != Some(bytes.len()) {
            bail!("{} bytes are no tiles of {block:?} [{rows}, {columns}]", bytes.len());
        }
        let tiles = match block {
            GgmlDType::Q4K => Tiles::Q4k(layout::from_bytes(bytes)),
            GgmlDType::Q5K => Tiles::Q5k(layout::from_bytes(bytes)),
            GgmlDType::Q6K => Tiles::Q6k(layout::from_bytes(bytes)),
            _ => Tiles::Q8(layout::from_bytes(bytes)),
        };
        Ok(Packed { tiles, rows, columns })
    }

    /// `x Wᵀ` of rows `[n, columns]` in f32 on the processor.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (n, columns) = x.dims2()?;
        if columns != self.columns {
            bail!("rows of {columns} values for a matrix of {} columns", self.columns);
        }
        let x = x.contiguous()?;
        let (storage, layout) = x.storage_and_layout();
        let (Storage::Cpu(CpuStorage::F32(x)), Some((from, to))) =
            (&*storage, layout.contiguous_offsets())
        else {
            bail!("rows for a quantized matrix must be f32 on the processor")
        };
        let (shape, with) = (self.shape(), Instructions::here());
        let y = of_tiles!(&self.tiles, tiles => product(tiles, shape, &x[from..to], with));
        Tensor::from_vec(y, (n, self.rows), &Device::Cpu)
    }
}

#[cfg(test)]
mod tests;
