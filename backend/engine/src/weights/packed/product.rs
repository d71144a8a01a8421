//! Products of whole matrices: which instructions they take, and which thread takes which rows.
#![allow(unsafe_code, reason = "threads that write parts of one result")]

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use super::avx2;
#[cfg(target_arch = "x86_64")]
use super::avx512;
use super::layout::{Q4k, Q5k, Q6k, Q8, ROWS, Tile};
use super::rows::{Panel, Rounding, Rows, WIDEST};
use super::scalar;
use crate::matrix::ByColumns;
use crate::processor::Kernels;
use crate::threads::each_part;

/// Most groups of 16 rows that a thread takes at a time: they stay in its cache while a prompt goes by.
const GROUPS: usize = 4;
/// Parts of the work for each thread, where there are so many: the last ones to be done are small.
const PARTS: usize = 8;
/// Below this much work a second thread costs more than it brings: weights read, and each of them
/// multiplied so often.
const PARALLEL_FROM: usize = 1 << 22;

/// Instructions that products are written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Instructions {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    AvxVnni,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Instructions {
    /// What this process may use of what it has.
    pub(super) fn here() -> Self {
        static HERE: OnceLock<Instructions> = OnceLock::new();
        *HERE.get_or_init(|| {
            let wanted = match Kernels::here() {
                #[cfg(target_arch = "x86_64")]
                Kernels::Avx512Vnni => Instructions::Avx512,
                #[cfg(target_arch = "x86_64")]
                Kernels::AvxVnni => Instructions::AvxVnni,
                #[cfg(target_arch = "x86_64")]
                Kernels::Avx2 => Instructions::Avx2,
                _ => Instructions::Scalar,
            };
            if wanted.are_here() { wanted } else { Instructions::Scalar }
        })
    }

    pub(super) fn are_here(self) -> bool {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            match self {
                Instructions::Scalar => true,
                Instructions::Avx2 => avx2,
                Instructions::AvxVnni => avx2 && is_x86_feature_detected!("avxvnni"),
                Instructions::Avx512 => {
                    is_x86_feature_detected!("avx512f")
                        && is_x86_feature_detected!("avx512bw")
                        && is_x86_feature_detected!("avx512vnni")
                }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        true
    }
}

/// Tiles that rows go through.
pub(super) trait Multiply: Tile {
    const COLUMNS: usize;
    const ROUNDING: Rounding;

    /// The products of 16 rows of a matrix and a panel.
    ///
    /// # Safety
    /// The processor has the instructions.
    unsafe fn multiply<const P: usize>(
        with: Instructions,
        tiles: &[Self],
        panel: Panel,
        out: &mut [[f32; ROWS]; P],
    );
}

macro_rules! multiply {
    ($tile:ty, $kernel:ident, $columns:literal, $rounding:ident) => {
        impl Multiply for $tile {
            const COLUMNS: usize = $columns;
            const ROUNDING: Rounding = Rounding::$rounding;

            unsafe fn multiply<const P: usize>(
                with: Instructions,
                tiles: &[Self],
                panel: Panel,
                out: &mut [[f32; ROWS]; P],
            ) {
                match with {
                    Instructions::Scalar => scalar::$kernel(tiles, panel, out),
                    // SAFETY: the caller knows that the instructions are there.
                    #[cfg(target_arch = "x86_64")]
                    Instructions::Avx2 => unsafe { avx2::plain::$kernel(tiles, panel, out) },
                    // SAFETY: as above.
                    #[cfg(target_arch = "x86_64")]
                    Instructions::AvxVnni => unsafe { avx2::vnni::$kernel(tiles, panel, out) },
                    // SAFETY: as above.
                    #[cfg(target_arch = "x86_64")]
                    Instructions::Avx512 => unsafe { avx512::$kernel(tiles, panel, out) },
                }
            }
        }
    };
}

multiply!(Q4k, q4k, 256, Pairs);
multiply!(Q5k, q5k, 256, Pairs);
multiply!(Q6k, q6k, 256, Sixteens);
multiply!(Q8, q8, 64, Blocks);

/// `x Wᵀ` of rows `[n, columns]`.
pub(super) fn product<T: Multiply>(
    tiles: &[T],
    (rows, columns): (usize, usize),
    x: &[f32],
    with: Instructions,
) -> Vec<f32> {
    let n = x.len() / columns;
    let across = columns.div_ceil(T::COLUMNS);
    let rounded = Rows::new(x, columns, across * T::COLUMNS, T::ROUNDING);
    let mut y = vec![0f32; n * rows];
    let to = ByColumns::new(&mut y, rows);
    let all = rows.div_ceil(ROWS);
    let at_once = (all / (PARTS * rayon::current_num_threads())).clamp(1, GROUPS);
    let part = |part: usize| {
        let groups = at_once * part..(at_once * (part + 1)).min(all);
        for (first, count, width, panel) in rounded.panels() {
            for group in groups.clone() {
                let tiles = &tiles[group * across..(group + 1) * across];
                let at = ROWS * group;
                let here = ROWS.min(rows - at);
                let put = |out: &[[f32; ROWS]]| {
                    for (row, out) in out[..count].iter().enumerate() {
                        // SAFETY: columns of this part of the work alone.
                        unsafe { to.put(first + row, at, &out[..here]) };
                    }
                };
                macro_rules! wide {
                    ($width:expr) => {{
                        let mut out = [[0f32; ROWS]; $width];
                        // SAFETY: `with` was found to be there.
                        unsafe { T::multiply(with, tiles, panel, &mut out) };
                        put(&out);
                    }};
                }
                match width {
                    1 => wide!(1),
                    4 => wide!(4),
                    _ => wide!(WIDEST),
                }
            }
        }
    };
    let parts = all.div_ceil(at_once);
    if rows * columns * (4 + n) < PARALLEL_FROM {
        (0..parts).for_each(part);
    } else {
        each_part(parts, &part);
    }
    y
}
