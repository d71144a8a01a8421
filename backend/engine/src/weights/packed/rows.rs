//! Rows that go through a quantized matrix, rounded to 8 bits and laid side by side.

use rayon::prelude::*;

/// Most rows of a panel.
pub(super) const WIDEST: usize = 8;

/// How rows are rounded for a kind of tiles, and which sums of them its products need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rounding {
    /// In blocks of 256; sums of 32, two in a word of 16 bits each.
    Pairs,
    /// In blocks of 256; −32 times the sums of 16.
    Sixteens,
    /// In blocks of 32; −128 times their sums.
    Blocks,
}

impl Rounding {
    const fn block(self) -> usize {
        match self {
            Rounding::Pairs | Rounding::Sixteens => 256,
            Rounding::Blocks => 32,
        }
    }

    /// Values that a sum is there for.
    const fn summed(self) -> usize {
        match self {
            Rounding::Pairs => 64,
            Rounding::Sixteens => 16,
            Rounding::Blocks => 32,
        }
    }
}

/// Rows side by side: everything is by column first, then by row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panel<'a> {
    /// Four neighbouring values of a row in a word.
    pub(super) values: &'a [i32],
    /// What a block's values are multiplied with.
    pub(super) scales: &'a [f32],
    pub(super) sums: &'a [i32],
}

/// Rounded rows.
#[derive(Debug)]
pub(super) struct Rows {
    /// First row, and rows that are there; the width is what holds them.
    panels: Vec<(usize, usize)>,
    columns: usize,
    rounding: Rounding,
    values: Vec<i32>,
    scales: Vec<f32>,
    sums: Vec<i32>,
}

/// Rows of the panel that is best for so many.
pub(super) const fn width(rows: usize) -> usize {
    match rows {
        0..=1 => 1,
        2..=4 => 4,
        _ => WIDEST,
    }
}

impl Rows {
    /// Rounds rows of `columns` values; `padded` columns are laid out.
    pub(super) fn new(x: &[f32], columns: usize, padded: usize, rounding: Rounding) -> Self {
        let count = x.len() / columns;
        let panels: Vec<(usize, usize)> =
            (0..count).step_by(WIDEST).map(|at| (at, WIDEST.min(count - at))).collect();
        let whole: usize = panels.iter().map(|(_, rows)| width(*rows)).sum();
        let [by_value, by_scale, by_sum] =
            [4, rounding.block(), rounding.summed()].map(|of| padded.div_ceil(of));
        let mut values = vec![0; whole * by_value];
        let mut scales = vec![0.0; whole * by_scale];
        let mut sums = vec![0; whole * by_sum];
        let fill = |((rows, values), (scales, sums)): Filled| {
            let width = values.len() / by_value;
            for (i, row) in rows.chunks_exact(columns).enumerate() {
                round(row, rounding, width, (&mut values[i..], &mut scales[i..], &mut sums[i..]));
            }
        };
        let rows = x.par_chunks(WIDEST * columns).zip(values.par_chunks_mut(WIDEST * by_value));
        let sizes =
            scales.par_chunks_mut(WIDEST * by_scale).zip(sums.par_chunks_mut(WIDEST * by_sum));
        if x.len() < 1 << 15 {
            let sizes = scales.chunks_mut(WIDEST * by_scale).zip(sums.chunks_mut(WIDEST * by_sum));
            x.chunks(WIDEST * columns)
                .zip(values.chunks_mut(WIDEST * by_value))
                .zip(sizes)
                .for_each(fill);
        } else {
            rows.zip(sizes).for_each(fill);
        }
        Rows { panels, columns: padded, rounding, values, scales, sums }
    }

    /// The panels: first row, rows, width, and what they hold.
    pub(super) fn panels(&self) -> impl Iterator<Item = (usize, usize, usize, Panel<'_>)> {
        self.panels.iter().map(|(first, rows)| {
            let width = width(*rows);
            let part = |of: usize| {
                let each = self.columns.div_ceil(of);
                first * each..(first + width) * each
            };
            let panel = Panel {
                values: &self.values[part(4)],
                scales: &self.scales[part(self.rounding.block())],
                sums: &self.sums[part(self.rounding.summed())],
            };
            (*first, *rows, width, panel)
        })
    }
}

type Filled<'a> = ((&'a [f32], &'a mut [i32]), (&'a mut [f32], &'a mut [i32]));

/// Rounds a row: the largest value of a block becomes ±127. A value that is not finite makes its
/// block's products not finite.
fn round(
    row: &[f32],
    rounding: Rounding,
    width: usize,
    (values, scales, sums): (&mut [i32], &mut [f32], &mut [i32]),
) {
    let of = rounding.block();
    let mut rounded = [0i8; 256];
    for (b, block) in row.chunks(of).enumerate() {
        // Bits order as values do, and those of a NaN are above all.
        let largest = f32::from_bits(block.iter().fold(0, |most, v| most.max(v.abs().to_bits())));
        let rounded = &mut rounded[..of];
        rounded.fill(0);
        if largest > 0.0 || largest.is_nan() {
            let by = 127.0 / largest;
            for (to, v) in rounded.iter_mut().zip(block) {
                *to = (v * by).round() as i32 as i8;
            }
            scales[b * width] = 1.0 / by;
        }
        for (i, four) in rounded.as_chunks::<4>().0.iter().enumerate() {
            values[(b * of / 4 + i) * width] = i32::from_le_bytes(four.map(|v| v as u8));
        }
        let sum = |part: &[i8]| part.iter().map(|v| i32::from(*v)).sum::<i32>();
        let summed = rounding.summed();
        for (i, part) in rounded.chunks(summed).enumerate() {
            sums[(b * of / summed + i) * width] = match rounding {
                Rounding::Pairs => {
                    let (first, second) = part.split_at(32);
                    sum(first) & 0xFFFF | sum(second) << 16
                }
                Rounding::Sixteens => -32 * sum(part),
                Rounding::Blocks => -128 * sum(part),
            };
        }
    }
}
