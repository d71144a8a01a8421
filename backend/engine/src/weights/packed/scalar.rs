//! The products in plain Rust: what every processor can do, and what the others' are compared with,
//! bit for bit.

use super::layout::{Q4k, Q5k, Q6k, Q8, ROWS};
use super::rows::Panel;

/// One value of a tile's low halves.
fn low(lines: &[[u8; 64]; 32], row: usize, column: usize) -> i32 {
    let byte = lines[column / 8][4 * row + column % 4];
    i32::from(if column % 8 < 4 { byte & 15 } else { byte >> 4 })
}

/// One value of a panel.
fn value(panel: &Panel, width: usize, row: usize, column: usize) -> i32 {
    i32::from(panel.values[column / 4 * width + row].to_le_bytes()[column % 4] as i8)
}

/// `[width, 16]` of 16 rows of a matrix and a panel.
type Out = [[f32; ROWS]];

/// 16 rows of q4k or q5k: a sum of 32 columns is exact; those of a block are added in f32.
fn with_mins<T>(
    tiles: &[T],
    head: impl Fn(&T) -> &Q4k,
    fifth: impl Fn(&T, usize, usize) -> i32,
    panel: Panel,
    out: &mut Out,
) {
    let width = out.len();
    for (p, out) in out.iter_mut().enumerate() {
        for (row, out) in out.iter_mut().enumerate() {
            *out = 0.0;
            for (b, tile) in tiles.iter().enumerate() {
                let four = head(tile);
                let (mut total, mut mins) = (0f32, 0);
                for sub in 0..8 {
                    let sum: i32 = (32 * sub..32 * sub + 32)
                        .map(|c| {
                            let weight = low(&four.low, row, c) | fifth(tile, row, c) << 4;
                            weight * value(&panel, width, p, 256 * b + c)
                        })
                        .sum();
                    total = (sum as f32).mul_add(f32::from(four.scales[sub][row]), total);
                    let word = panel.sums[(4 * b + sub / 2) * width + p];
                    let sum = if sub % 2 == 0 { word as i16 } else { (word >> 16) as i16 };
                    mins += i32::from(sum) * i32::from(four.mins[sub / 2][2 * row + sub % 2]);
                }
                let least = four.dmin[row].to_f32() * mins as f32;
                let block = total.mul_add(four.d[row].to_f32(), -least);
                *out = block.mul_add(panel.scales[b * width + p], *out);
            }
        }
    }
}

pub(super) fn q4k(tiles: &[Q4k], panel: Panel, out: &mut Out) {
    with_mins(tiles, |tile| tile, |_, _, _| 0, panel, out);
}

pub(super) fn q5k(tiles: &[Q5k], panel: Panel, out: &mut Out) {
    let fifth = |tile: &Q5k, row: usize, c: usize| {
        i32::from(tile.high[c / 32][4 * row + c % 4] >> (c % 32 / 4) & 1)
    };
    with_mins(tiles, |tile| &tile.four, fifth, panel, out);
}

pub(super) fn q6k(tiles: &[Q6k], panel: Panel, out: &mut Out) {
    let width = out.len();
    for (p, out) in out.iter_mut().enumerate() {
        for (row, out) in out.iter_mut().enumerate() {
            *out = 0.0;
            for (b, tile) in tiles.iter().enumerate() {
                let mut total = 0f32;
                for sub in 0..16 {
                    let weight = |c: usize| {
                        let high = tile.high[c / 16][4 * row + c % 4] >> (2 * (c % 16 / 4)) & 3;
                        low(&tile.low, row, c) | i32::from(high) << 4
                    };
                    let sum = panel.sums[(16 * b + sub) * width + p]
                        + (16 * sub..16 * sub + 16)
                            .map(|c| weight(c) * value(&panel, width, p, 256 * b + c))
                            .sum::<i32>();
                    total = (sum as f32).mul_add(f32::from(tile.scales[sub][row]), total);
                }
                let by = tile.d[row] * panel.scales[b * width + p];
                *out = total.mul_add(by, *out);
            }
        }
    }
}

pub(super) fn q8(tiles: &[Q8], panel: Panel, out: &mut Out) {
    let width = out.len();
    for (p, out) in out.iter_mut().enumerate() {
        for (row, out) in out.iter_mut().enumerate() {
            *out = 0.0;
            for (b, tile) in tiles.iter().enumerate() {
                for half in 0..2 {
                    let at = (2 * b + half) * width + p;
                    let weight = |c: usize| i32::from(tile.values[c / 4][4 * row + c % 4]);
                    let sum = panel.sums[at]
                        + (32 * half..32 * half + 32)
                            .map(|c| weight(c) * value(&panel, width, p, 64 * b + c))
                            .sum::<i32>();
                    let by = tile.d[half][row].to_f32() * panel.scales[at];
                    *out = (sum as f32).mul_add(by, *out);
                }
            }
        }
    }
}
