//! How a quantized matrix lies in memory: 16 rows side by side, four neighbouring values of each
//! in a 32-bit word, so that one instruction multiplies four columns of 16 rows.
//!
//! A tile is 256 columns of 16 rows (64 of q8_0). Its values are the blocks' own, not rounded
//! again. Tiles follow one another by columns, then by rows; rows that a last tile lacks, and
//! columns of q8_0, are zero.
#![allow(unsafe_code, reason = "numbers as bytes, and back")]

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Result, Tensor};
use half::f16;
use rayon::prelude::*;

/// Rows of a tile.
pub(super) const ROWS: usize = 16;
/// Values of a block of k-quants.
const BLOCK: usize = 256;

/// 4-bit values: `d · scale · q − dmin · min`, a scale and a min for each 32 columns.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Q4k {
    pub(super) d: [f16; ROWS],
    pub(super) dmin: [f16; ROWS],
    /// By 32 columns and row.
    pub(super) scales: [[u8; ROWS]; 8],
    /// By 64 columns and row, two each.
    pub(super) mins: [[u8; 2 * ROWS]; 4],
    /// By 8 columns and row: the first four's values in the low halves of bytes.
    pub(super) low: [[u8; 64]; 32],
}

/// 5-bit values: as [`Q4k`], with a plane of fifth bits.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Q5k {
    pub(super) four: Q4k,
    /// By 32 columns and row: bit `j` of byte `i` belongs to column `4 j + i`.
    pub(super) high: [[u8; 64]; 8],
}

/// 6-bit values: `d · scale · (q − 32)`, a scale for each 16 columns.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Q6k {
    pub(super) d: [f32; ROWS],
    /// By 16 columns and row.
    pub(super) scales: [[i8; ROWS]; 16],
    /// As [`Q4k::low`].
    pub(super) low: [[u8; 64]; 32],
    /// By 16 columns and row: bits `2 j` and `2 j + 1` of byte `i` belong to column `4 j + i`.
    pub(super) high: [[u8; 64]; 16],
}

/// 8-bit values with 128 added: `d · (q − 128)`, a scale for each 32 columns; 64 columns.
#[derive(Clone, Debug)]
#[repr(C, align(64))]
pub(super) struct Q8 {
    pub(super) d: [[f16; ROWS]; 2],
    /// By four columns and row.
    pub(super) values: [[u8; 64]; 16],
}

/// What a tile is made of.
///
/// # Safety
/// Numbers only, of which every pattern of bits is one, and no bytes between them.
pub(super) unsafe trait Tile: Clone + Send + Sync {
    /// Blocks of a row in a tile.
    const BLOCKS: usize;
    /// Bytes of a block.
    const BYTES: usize;
    /// A tile of zeros.
    const ZERO: Self;
    /// Takes one row's blocks of a tile; fewer where the columns end.
    fn put(&mut self, row: usize, blocks: &[u8]);
}

fn word(values: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([values[at], values[at + 1], values[at + 2], values[at + 3]])
}

fn set(line: &mut [u8; 64], row: usize, word: u32) {
    line[4 * row..4 * row + 4].copy_from_slice(&word.to_le_bytes());
}

fn half_at(bytes: &[u8], at: usize) -> f16 {
    f16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn put_low(low: &mut [[u8; 64]; 32], row: usize, values: &[u8; BLOCK]) {
    for (g, line) in low.iter_mut().enumerate() {
        let (first, second) = (word(values, 8 * g), word(values, 8 * g + 4));
        set(line, row, first & 0x0F0F_0F0F | (second & 0x0F0F_0F0F) << 4);
    }
}

/// The 6-bit scale and min of 32 columns (ggml's `get_scale_min_k4`).
fn scale_min(j: usize, packed: &[u8]) -> (u8, u8) {
    if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        (packed[j + 4] & 15 | packed[j - 4] >> 6 << 4, packed[j + 4] >> 4 | packed[j] >> 6 << 4)
    }
}

impl Q4k {
    fn put_head(&mut self, row: usize, block: &[u8]) {
        (self.d[row], self.dmin[row]) = (half_at(block, 0), half_at(block, 2));
        for j in 0..8 {
            let (scale, min) = scale_min(j, &block[4..16]);
            self.scales[j][row] = scale;
            self.mins[j / 2][2 * row + j % 2] = min;
        }
    }
}

/// Halves of bytes as values: 32 bytes hold 32 low ones and then 32 high ones.
fn halves(packed: &[u8]) -> [u8; BLOCK] {
    let mut values = [0; BLOCK];
    for (bytes, values) in packed.chunks_exact(32).zip(values.chunks_exact_mut(64)) {
        for (i, byte) in bytes.iter().enumerate() {
            (values[i], values[i + 32]) = (byte & 15, byte >> 4);
        }
    }
    values
}

// SAFETY: numbers only; `NO_GAPS` adds them up.
unsafe impl Tile for Q4k {
    const BLOCKS: usize = 1;
    const BYTES: usize = 144;
    const ZERO: Self = Q4k {
        d: [f16::ZERO; ROWS],
        dmin: [f16::ZERO; ROWS],
        scales: [[0; ROWS]; 8],
        mins: [[0; 2 * ROWS]; 4],
        low: [[0; 64]; 32],
    };

    fn put(&mut self, row: usize, block: &[u8]) {
        self.put_head(row, block);
        put_low(&mut self.low, row, &halves(&block[16..]));
    }
}

// SAFETY: numbers only; `NO_GAPS` adds them up.
unsafe impl Tile for Q5k {
    const BLOCKS: usize = 1;
    const BYTES: usize = 176;
    const ZERO: Self = Q5k { four: Q4k::ZERO, high: [[0; 64]; 8] };

    fn put(&mut self, row: usize, block: &[u8]) {
        self.four.put_head(row, block);
        put_low(&mut self.four.low, row, &halves(&block[48..]));
        // Bit j of byte i of the block is the fifth of value 32 j + i.
        for (j, line) in self.high.iter_mut().enumerate() {
            let fifth = |four: usize| (word(&block[16..48], 4 * four) >> j) & 0x0101_0101;
            set(line, row, (0..8).fold(0, |bits, four| bits | fifth(four) << four));
        }
    }
}

// SAFETY: numbers only; `NO_GAPS` adds them up.
unsafe impl Tile for Q6k {
    const BLOCKS: usize = 1;
    const BYTES: usize = 210;
    const ZERO: Self =
        Q6k { d: [0.0; ROWS], scales: [[0; ROWS]; 16], low: [[0; 64]; 32], high: [[0; 64]; 16] };

    fn put(&mut self, row: usize, block: &[u8]) {
        let (low, high) = (&block[..128], &block[128..192]);
        self.d[row] = half_at(block, 208).to_f32();
        for (j, scale) in block[192..208].iter().enumerate() {
            self.scales[j][row] = *scale as i8;
        }
        let mut values = [0u8; BLOCK];
        for (half, values) in values.chunks_exact_mut(128).enumerate() {
            let (low, high) = (&low[64 * half..], &high[32 * half..]);
            for i in 0..32 {
                values[i] = low[i] & 15 | (high[i] & 3) << 4;
                values[i + 32] = low[i + 32] & 15 | (high[i] >> 2 & 3) << 4;
                values[i + 64] = low[i] >> 4 | (high[i] >> 4 & 3) << 4;
                values[i + 96] = low[i + 32] >> 4 | high[i] >> 6 << 4;
            }
        }
        put_low(&mut self.low, row, &values);
        for (j, line) in self.high.iter_mut().enumerate() {
            let top = |four: usize| (word(&values, 16 * j + 4 * four) >> 4) & 0x0303_0303;
            set(line, row, (0..4).fold(0, |bits, four| bits | top(four) << (2 * four)));
        }
    }
}

// SAFETY: numbers only; `NO_GAPS` adds them up.
unsafe impl Tile for Q8 {
    const BLOCKS: usize = 2;
    const BYTES: usize = 34;
    const ZERO: Self = Q8 { d: [[f16::ZERO; ROWS]; 2], values: [[128; 64]; 16] };

    fn put(&mut self, row: usize, blocks: &[u8]) {
        for (half, block) in blocks.chunks_exact(34).enumerate() {
            self.d[half][row] = half_at(block, 0);
            for four in 0..8 {
                set(
                    &mut self.values[8 * half + four],
                    row,
                    word(&block[2..], 4 * four) ^ 0x8080_8080,
                );
            }
        }
    }
}

/// Tiles are as large as what is in them.
const NO_GAPS: () = {
    let four = 4 * ROWS + 8 * ROWS + 8 * ROWS + 32 * 64;
    assert!(size_of::<Q4k>() == four);
    assert!(size_of::<Q5k>() == four + 8 * 64);
    assert!(size_of::<Q6k>() == 4 * ROWS + 16 * ROWS + 48 * 64);
    assert!(size_of::<Q8>() == 4 * ROWS + 16 * 64);
};

/// Tiles as they lie in memory.
pub(super) fn bytes<T: Tile>(tiles: &[T]) -> &[u8] {
    let () = NO_GAPS;
    // SAFETY: tiles are numbers without gaps, as their trait says.
    unsafe { std::slice::from_raw_parts(tiles.as_ptr().cast(), size_of_val(tiles)) }
}

/// Tiles from what [`bytes`] gave; bytes beyond the last whole tile are left out.
pub(super) fn from_bytes<T: Tile>(bytes: &[u8]) -> Vec<T> {
    let count = bytes.len() / size_of::<T>();
    let mut tiles = vec![T::ZERO; count];
    // SAFETY: so many bytes are there and here, in memory of our own; every pattern of bits is a tile.
    unsafe {
        let to = tiles.as_mut_ptr().cast::<u8>();
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, count * size_of::<T>());
    }
    tiles
}

/// Tiles of a matrix whose rows of so many bytes lie in parts one after another.
pub(super) fn tiles<T: Tile>(parts: &[&[u8]], row_bytes: usize) -> Vec<T> {
    let rows: Vec<&[u8]> = parts.iter().flat_map(|part| part.chunks_exact(row_bytes)).collect();
    let across = row_bytes.div_ceil(T::BLOCKS * T::BYTES);
    let mut tiles = vec![T::ZERO; rows.len().div_ceil(ROWS) * across];
    tiles.par_chunks_mut(across).zip(rows.par_chunks(ROWS)).for_each(|(tiles, rows)| {
        put(tiles, rows);
    });
    tiles
}

/// Puts up to 16 rows into the tiles beside one another.
fn put<T: Tile>(tiles: &mut [T], rows: &[&[u8]]) {
    for (row, blocks) in rows.iter().enumerate() {
        for (tile, blocks) in tiles.iter_mut().zip(blocks.chunks(T::BLOCKS * T::BYTES)) {
            tile.put(row, blocks);
        }
    }
}

/// Tiles of a matrix `[rows, columns]` in f32, quantized some rows at a time: the same as of all its
/// blocks, which are never there at once.
pub(super) fn quantized<T: Tile>(weight: &Tensor, block: GgmlDType) -> Result<Vec<T>> {
    const AT_ONCE: usize = 4 * ROWS;
    let (rows, columns) = weight.dims2()?;
    let row_bytes = columns / block.block_size() * block.type_size();
    let across = row_bytes.div_ceil(T::BLOCKS * T::BYTES);
    let mut tiles = vec![T::ZERO; rows.div_ceil(ROWS) * across];
    let pieces = tiles.par_chunks_mut(AT_ONCE / ROWS * across).enumerate();
    pieces.try_for_each(|(i, tiles)| -> Result<()> {
        // A copy: candle quantizes a tensor's whole storage, wherever in it the tensor begins.
        let (first, count) = (i * AT_ONCE, AT_ONCE.min(rows - i * AT_ONCE));
        let piece = weight.narrow(0, first, count)?.force_contiguous()?;
        let blocks = QTensor::quantize(&piece, block)?;
        let blocks = blocks.data()?;
        let rows: Vec<&[u8]> = blocks.chunks_exact(row_bytes).collect();
        tiles.chunks_mut(across).zip(rows.chunks(ROWS)).for_each(|(tiles, rows)| put(tiles, rows));
        Ok(())
    })?;
    Ok(tiles)
}

/// Bytes of a matrix `[rows, columns]` in tiles; `None` for blocks that have none.
pub(crate) const fn tiled_bytes(block: GgmlDType, rows: usize, columns: usize) -> Option<usize> {
    let (of, bytes) = match block {
        GgmlDType::Q4K => (BLOCK, size_of::<Q4k>()),
        GgmlDType::Q5K => (BLOCK, size_of::<Q5k>()),
        GgmlDType::Q6K => (BLOCK, size_of::<Q6k>()),
        GgmlDType::Q8_0 => (64, size_of::<Q8>()),
        _ => return None,
    };
    Some(rows.div_ceil(ROWS) * columns.div_ceil(of) * bytes)
}
