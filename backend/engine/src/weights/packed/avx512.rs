//! The products with AVX-512 and its 8-bit dot products: 16 rows of a matrix in a register, four
//! columns of them by one instruction.
#![allow(unsafe_code, reason = "instructions of one processor")]

use std::arch::x86_64::*;

use half::f16;

use super::ahead::ahead;
use super::layout::{Q4k, Q5k, Q6k, Q8, ROWS};
use super::rows::Panel;

/// A register from 64 bytes.
#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: 64 bytes are there, and they need not be aligned.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn wide(halves: &[f16; ROWS]) -> __m512 {
    // SAFETY: an f16 is two bytes, so 32 bytes are there; they need not be aligned.
    _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(halves.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f")]
fn floats(bytes: &[u8; ROWS]) -> __m512 {
    // SAFETY: 16 bytes are there, and they need not be aligned.
    let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
    _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn store<const P: usize>(from: [__m512; P], out: &mut [[f32; ROWS]; P]) {
    for (from, out) in from.into_iter().zip(out) {
        // SAFETY: 16 values are there, and they need not be aligned.
        unsafe { _mm512_storeu_ps(out.as_mut_ptr(), from) };
    }
}

/// The panel's words of a block of `4 W` columns.
#[inline(always)]
fn words<const P: usize, const W: usize>(values: &[i32], block: usize) -> &[[i32; P]; W] {
    let (words, _) = values.as_chunks::<P>();
    let (blocks, _) = words.as_chunks::<W>();
    &blocks[block]
}

#[inline(always)]
fn one<const P: usize, T>(values: &[T], at: usize) -> &[T; P] {
    &values.as_chunks::<P>().0[at]
}

/// Adds the products of the low and then the high halves with 8 columns.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn eight<const P: usize>(
    sums: &mut [__m512i; P],
    (first, second): (__m512i, __m512i),
    values: (&[i32; P], &[i32; P]),
) {
    for (sum, value) in sums.iter_mut().zip(values.0) {
        *sum = _mm512_dpbusd_epi32(*sum, first, _mm512_set1_epi32(*value));
    }
    for (sum, value) in sums.iter_mut().zip(values.1) {
        *sum = _mm512_dpbusd_epi32(*sum, second, _mm512_set1_epi32(*value));
    }
}

/// A block's share: `(total · d − dmin · mins) · scale`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn with_mins<const P: usize>(
    tile: &Q4k,
    totals: &[__m512; P],
    panel: &Panel,
    block: usize,
    acc: &mut [__m512; P],
) {
    let mut mins = [_mm512_setzero_si512(); P];
    for (j, line) in tile.mins.iter().enumerate() {
        // SAFETY: 32 bytes are there, and they need not be aligned.
        let line = _mm512_cvtepu8_epi16(unsafe { _mm256_loadu_si256(line.as_ptr().cast()) });
        let sums = one::<P, _>(panel.sums, 4 * block + j);
        for p in 0..P {
            mins[p] = _mm512_dpwssd_epi32(mins[p], line, _mm512_set1_epi32(sums[p]));
        }
    }
    let (d, dmin) = (wide(&tile.d), wide(&tile.dmin));
    let scales = one::<P, _>(panel.scales, block);
    for p in 0..P {
        let least = _mm512_mul_ps(dmin, _mm512_cvtepi32_ps(mins[p]));
        let share = _mm512_fmsub_ps(totals[p], d, least);
        acc[p] = _mm512_fmadd_ps(share, _mm512_set1_ps(scales[p]), acc[p]);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn q4k<const P: usize>(tiles: &[Q4k], panel: Panel, out: &mut [[f32; ROWS]; P]) {
    let mask = _mm512_set1_epi8(15);
    let mut acc = [_mm512_setzero_ps(); P];
    for (b, tile) in tiles.iter().enumerate() {
        if P == 1 {
            ahead(tile);
        }
        let values = words::<P, 64>(panel.values, b);
        let mut totals = [_mm512_setzero_ps(); P];
        for (sub, scales) in tile.scales.iter().enumerate() {
            let mut sums = [_mm512_setzero_si512(); P];
            for g in 4 * sub..4 * sub + 4 {
                let low = load(&tile.low[g]);
                let first = _mm512_and_si512(low, mask);
                let second = _mm512_and_si512(_mm512_srli_epi16::<4>(low), mask);
                eight(&mut sums, (first, second), (&values[2 * g], &values[2 * g + 1]));
            }
            let scale = floats(scales);
            for p in 0..P {
                totals[p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[p]), scale, totals[p]);
            }
        }
        with_mins(tile, &totals, &panel, b, &mut acc);
    }
    store(acc, out);
}

/// Low halves and the bits that `high` has at `first` and `second`, moved to where `mask` is.
macro_rules! joined {
    ($low:expr, $high:expr, $first:ident::<$by:literal>, $second:ident::<$at:literal>, $mask:expr, $half:expr) => {{
        let (low, high) = ($low, $high);
        // `a | (b & c)`
        let first = _mm512_and_si512(low, $half);
        let first = _mm512_ternarylogic_epi32::<0xF8>(first, $first::<$by>(high), $mask);
        let second = _mm512_and_si512(_mm512_srli_epi16::<4>(low), $half);
        let second = _mm512_ternarylogic_epi32::<0xF8>(second, $second::<$at>(high), $mask);
        (first, second)
    }};
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn q5k<const P: usize>(tiles: &[Q5k], panel: Panel, out: &mut [[f32; ROWS]; P]) {
    let (half, fifth) = (_mm512_set1_epi8(15), _mm512_set1_epi8(16));
    let mut acc = [_mm512_setzero_ps(); P];
    for (b, tile) in tiles.iter().enumerate() {
        if P == 1 {
            ahead(tile);
        }
        let values = words::<P, 64>(panel.values, b);
        let mut totals = [_mm512_setzero_ps(); P];
        for (sub, scales) in tile.four.scales.iter().enumerate() {
            let mut sums = [_mm512_setzero_si512(); P];
            let high = load(&tile.high[sub]);
            let low = |g: usize| load(&tile.four.low[4 * sub + g]);
            let pair = |g: usize| (&values[8 * sub + 2 * g], &values[8 * sub + 2 * g + 1]);
            let v =
                joined!(low(0), high, _mm512_slli_epi16::<4>, _mm512_slli_epi16::<3>, fifth, half);
            eight(&mut sums, v, pair(0));
            let v =
                joined!(low(1), high, _mm512_slli_epi16::<2>, _mm512_slli_epi16::<1>, fifth, half);
            eight(&mut sums, v, pair(1));
            let v =
                joined!(low(2), high, _mm512_srli_epi16::<0>, _mm512_srli_epi16::<1>, fifth, half);
            eight(&mut sums, v, pair(2));
            let v =
                joined!(low(3), high, _mm512_srli_epi16::<2>, _mm512_srli_epi16::<3>, fifth, half);
            eight(&mut sums, v, pair(3));
            let scale = floats(scales);
            for p in 0..P {
                totals[p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[p]), scale, totals[p]);
            }
        }
        with_mins(&tile.four, &totals, &panel, b, &mut acc);
    }
    store(acc, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn q6k<const P: usize>(tiles: &[Q6k], panel: Panel, out: &mut [[f32; ROWS]; P]) {
    let (half, top) = (_mm512_set1_epi8(15), _mm512_set1_epi8(48));
    let mut acc = [_mm512_setzero_ps(); P];
    for (b, tile) in tiles.iter().enumerate() {
        if P == 1 {
            ahead(tile);
        }
        let values = words::<P, 64>(panel.values, b);
        let mut totals = [_mm512_setzero_ps(); P];
        for (sub, scales) in tile.scales.iter().enumerate() {
            let less = one::<P, _>(panel.sums, 16 * b + sub);
            let mut sums = less.map(|sum| _mm512_set1_epi32(sum));
            let high = load(&tile.high[sub]);
            let low = |g: usize| load(&tile.low[2 * sub + g]);
            let pair = |g: usize| (&values[4 * sub + 2 * g], &values[4 * sub + 2 * g + 1]);
            let v =
                joined!(low(0), high, _mm512_slli_epi16::<4>, _mm512_slli_epi16::<2>, top, half);
            eight(&mut sums, v, pair(0));
            let v =
                joined!(low(1), high, _mm512_srli_epi16::<0>, _mm512_srli_epi16::<2>, top, half);
            eight(&mut sums, v, pair(1));
            // SAFETY: 16 bytes are there, and they need not be aligned.
            let scales = unsafe { _mm_loadu_si128(scales.as_ptr().cast()) };
            let scale = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(scales));
            for p in 0..P {
                totals[p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[p]), scale, totals[p]);
            }
        }
        // SAFETY: 16 values are there, and they need not be aligned.
        let d = unsafe { _mm512_loadu_ps(tile.d.as_ptr()) };
        let scales = one::<P, _>(panel.scales, b);
        for p in 0..P {
            let by = _mm512_mul_ps(d, _mm512_set1_ps(scales[p]));
            acc[p] = _mm512_fmadd_ps(totals[p], by, acc[p]);
        }
    }
    store(acc, out);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn q8<const P: usize>(tiles: &[Q8], panel: Panel, out: &mut [[f32; ROWS]; P]) {
    let mut acc = [_mm512_setzero_ps(); P];
    for (b, tile) in tiles.iter().enumerate() {
        if P == 1 {
            ahead(tile);
        }
        let values = words::<P, 16>(panel.values, b);
        for (half, d) in tile.d.iter().enumerate() {
            let less = one::<P, _>(panel.sums, 2 * b + half);
            let mut sums = less.map(|sum| _mm512_set1_epi32(sum));
            for g in (8 * half..8 * half + 8).step_by(2) {
                let weights = (load(&tile.values[g]), load(&tile.values[g + 1]));
                eight(&mut sums, weights, (&values[g], &values[g + 1]));
            }
            let (d, scales) = (wide(d), one::<P, _>(panel.scales, 2 * b + half));
            for p in 0..P {
                let by = _mm512_mul_ps(d, _mm512_set1_ps(scales[p]));
                acc[p] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sums[p]), by, acc[p]);
            }
        }
    }
    store(acc, out);
}
