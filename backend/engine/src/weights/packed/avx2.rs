//! The products with 256 bits: 8 rows of a matrix in a register, so each tile is gone through
//! twice, and four rows of a panel at a time.
//!
//! One text, compiled for processors with 8-bit dot products (AVX-VNNI) and without. Without them
//! two products are added in 16 bits: weights are at most 63, or 128 of q8_0, values at most 127.
#![allow(unsafe_code, reason = "instructions of one processor")]

macro_rules! kernels {
    ($module:ident, $features:literal, $dots:ident) => {
        pub(super) mod $module {
            use std::arch::x86_64::*;

            use half::f16;

            use super::super::ahead::ahead;
            use super::super::layout::{Q4k, Q5k, Q6k, Q8, ROWS};
            use super::super::rows::Panel;
            use super::$dots::{dot_of_bytes, dots, offset};

            /// Rows of a panel whose sums fit the registers.
            const AT_ONCE: usize = 4;

            /// A register from 32 bytes.
            #[inline]
            #[target_feature(enable = $features)]
            fn load(bytes: &[u8; 32]) -> __m256i {
                // SAFETY: 32 bytes are there, and they need not be aligned.
                unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
            }

            /// One half of a line, of 8 rows.
            #[inline(always)]
            fn half_of(line: &[u8; 64], half: usize) -> &[u8; 32] {
                &line.as_chunks::<32>().0[half]
            }

            #[inline(always)]
            fn eight_of<T>(values: &[T; ROWS], half: usize) -> &[T; 8] {
                &values.as_chunks::<8>().0[half]
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn wide(halves: &[f16; 8]) -> __m256 {
                // SAFETY: an f16 is two bytes, so 16 bytes are there; they need not be aligned.
                _mm256_cvtph_ps(unsafe { _mm_loadu_si128(halves.as_ptr().cast()) })
            }

            /// A panel's numbers of some rows at one column.
            #[inline(always)]
            fn some<const Q: usize, T>(
                values: &[T],
                width: usize,
                at: usize,
                from: usize,
            ) -> &[T; Q] {
                &values[at * width + from..].as_chunks::<Q>().0[0]
            }

            /// Goes through halves of tiles and some rows of the panel at a time.
            macro_rules! each_part {
                ($tiles:ident, $panel:ident, $out:ident, $part:ident) => {
                    for half in 0..2 {
                        for from in (0..P).step_by(AT_ONCE) {
                            let sums = if P < AT_ONCE {
                                let mut four = [_mm256_setzero_ps(); AT_ONCE];
                                four[0] = $part::<1>($tiles, $panel, P, from, half)[0];
                                four
                            } else {
                                $part::<AT_ONCE>($tiles, $panel, P, from, half)
                            };
                            for (out, sums) in $out[from..].iter_mut().zip(sums) {
                                let out = &mut out[8 * half..8 * half + 8];
                                // SAFETY: 8 values are there, and they need not be aligned.
                                unsafe { _mm256_storeu_ps(out.as_mut_ptr(), sums) };
                            }
                        }
                    }
                };
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn with_mins<const Q: usize>(
                tile: &Q4k,
                totals: &[__m256; Q],
                panel: &Panel,
                (width, from, half): (usize, usize, usize),
                block: usize,
                acc: &mut [__m256; Q],
            ) {
                let mut mins = [_mm256_setzero_si256(); Q];
                for (j, line) in tile.mins.iter().enumerate() {
                    let line = &line.as_chunks::<16>().0[half];
                    // SAFETY: 16 bytes are there, and they need not be aligned.
                    let line =
                        _mm256_cvtepu8_epi16(unsafe { _mm_loadu_si128(line.as_ptr().cast()) });
                    let sums = some::<Q, _>(panel.sums, width, 4 * block + j, from);
                    for p in 0..Q {
                        let products = _mm256_madd_epi16(line, _mm256_set1_epi32(sums[p]));
                        mins[p] = _mm256_add_epi32(mins[p], products);
                    }
                }
                let (d, dmin) = (wide(eight_of(&tile.d, half)), wide(eight_of(&tile.dmin, half)));
                let scales = some::<Q, _>(panel.scales, width, block, from);
                for p in 0..Q {
                    let least = _mm256_mul_ps(dmin, _mm256_cvtepi32_ps(mins[p]));
                    let share = _mm256_fmsub_ps(totals[p], d, least);
                    acc[p] = _mm256_fmadd_ps(share, _mm256_set1_ps(scales[p]), acc[p]);
                }
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn floats(bytes: &[u8; 8]) -> __m256 {
                let bytes = _mm_set1_epi64x(i64::from_le_bytes(*bytes));
                _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))
            }

            /// Adds the products of weights of four columns and of the next four.
            #[inline]
            #[target_feature(enable = $features)]
            fn eight<const Q: usize>(
                sums: &mut [__m256i; Q],
                first: __m256i,
                second: __m256i,
                values: (&[i32; Q], &[i32; Q]),
            ) {
                for p in 0..Q {
                    let (a, b) = (_mm256_set1_epi32(values.0[p]), _mm256_set1_epi32(values.1[p]));
                    sums[p] = dots(sums[p], (first, a), (second, b));
                }
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn part_q4k<const Q: usize>(
                tiles: &[Q4k],
                panel: Panel,
                width: usize,
                from: usize,
                half: usize,
            ) -> [__m256; Q] {
                let mask = _mm256_set1_epi8(15);
                let mut acc = [_mm256_setzero_ps(); Q];
                for (b, tile) in tiles.iter().enumerate() {
                    if Q == 1 && half == 0 {
                        ahead(tile);
                    }
                    let mut totals = [_mm256_setzero_ps(); Q];
                    for (sub, scales) in tile.scales.iter().enumerate() {
                        let mut sums = [_mm256_setzero_si256(); Q];
                        for g in 4 * sub..4 * sub + 4 {
                            let low = load(half_of(&tile.low[g], half));
                            let first = _mm256_and_si256(low, mask);
                            let second = _mm256_and_si256(_mm256_srli_epi16::<4>(low), mask);
                            let value = |at| some::<Q, _>(panel.values, width, 64 * b + at, from);
                            eight(&mut sums, first, second, (value(2 * g), value(2 * g + 1)));
                        }
                        let scale = floats(eight_of(scales, half));
                        for p in 0..Q {
                            totals[p] =
                                _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[p]), scale, totals[p]);
                        }
                    }
                    with_mins(tile, &totals, &panel, (width, from, half), b, &mut acc);
                }
                acc
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn q4k<const P: usize>(
                tiles: &[Q4k],
                panel: Panel,
                out: &mut [[f32; ROWS]; P],
            ) {
                each_part!(tiles, panel, out, part_q4k);
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn part_q5k<const Q: usize>(
                tiles: &[Q5k],
                panel: Panel,
                width: usize,
                from: usize,
                half: usize,
            ) -> [__m256; Q] {
                let (mask, fifth) = (_mm256_set1_epi8(15), _mm256_set1_epi8(16));
                let mut acc = [_mm256_setzero_ps(); Q];
                for (b, tile) in tiles.iter().enumerate() {
                    if Q == 1 && half == 0 {
                        ahead(tile);
                    }
                    let mut totals = [_mm256_setzero_ps(); Q];
                    for (sub, scales) in tile.four.scales.iter().enumerate() {
                        let mut sums = [_mm256_setzero_si256(); Q];
                        // The next two fifth bits lie where they belong and one above.
                        let mut high = load(half_of(&tile.high[sub], half));
                        for g in 4 * sub..4 * sub + 4 {
                            let low = load(half_of(&tile.four.low[g], half));
                            let bit = _mm256_and_si256(_mm256_slli_epi16::<4>(high), fifth);
                            let first = _mm256_or_si256(_mm256_and_si256(low, mask), bit);
                            let bit = _mm256_and_si256(_mm256_slli_epi16::<3>(high), fifth);
                            let second = _mm256_and_si256(_mm256_srli_epi16::<4>(low), mask);
                            let second = _mm256_or_si256(second, bit);
                            high = _mm256_srli_epi16::<2>(high);
                            let value = |at| some::<Q, _>(panel.values, width, 64 * b + at, from);
                            eight(&mut sums, first, second, (value(2 * g), value(2 * g + 1)));
                        }
                        let scale = floats(eight_of(scales, half));
                        for p in 0..Q {
                            totals[p] =
                                _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[p]), scale, totals[p]);
                        }
                    }
                    with_mins(&tile.four, &totals, &panel, (width, from, half), b, &mut acc);
                }
                acc
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn q5k<const P: usize>(
                tiles: &[Q5k],
                panel: Panel,
                out: &mut [[f32; ROWS]; P],
            ) {
                each_part!(tiles, panel, out, part_q5k);
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn part_q6k<const Q: usize>(
                tiles: &[Q6k],
                panel: Panel,
                width: usize,
                from: usize,
                half: usize,
            ) -> [__m256; Q] {
                let (mask, top) = (_mm256_set1_epi8(15), _mm256_set1_epi8(48));
                let mut acc = [_mm256_setzero_ps(); Q];
                for (b, tile) in tiles.iter().enumerate() {
                    if Q == 1 && half == 0 {
                        ahead(tile);
                    }
                    let mut totals = [_mm256_setzero_ps(); Q];
                    for (sub, scales) in tile.scales.iter().enumerate() {
                        let less = some::<Q, _>(panel.sums, width, 16 * b + sub, from);
                        let mut sums = [_mm256_setzero_si256(); Q];
                        for p in 0..Q {
                            sums[p] = _mm256_set1_epi32(less[p]);
                        }
                        let mut high = load(half_of(&tile.high[sub], half));
                        for g in 2 * sub..2 * sub + 2 {
                            let low = load(half_of(&tile.low[g], half));
                            let bits = _mm256_and_si256(_mm256_slli_epi16::<4>(high), top);
                            let first = _mm256_or_si256(_mm256_and_si256(low, mask), bits);
                            let bits = _mm256_and_si256(_mm256_slli_epi16::<2>(high), top);
                            let second = _mm256_and_si256(_mm256_srli_epi16::<4>(low), mask);
                            let second = _mm256_or_si256(second, bits);
                            high = _mm256_srli_epi16::<4>(high);
                            let value = |at| some::<Q, _>(panel.values, width, 64 * b + at, from);
                            eight(&mut sums, first, second, (value(2 * g), value(2 * g + 1)));
                        }
                        let scales = eight_of(scales, half).map(|scale| scale as u8);
                        let scales = _mm_set1_epi64x(i64::from_le_bytes(scales));
                        let scale = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(scales));
                        for p in 0..Q {
                            totals[p] =
                                _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[p]), scale, totals[p]);
                        }
                    }
                    // SAFETY: 8 values are there, and they need not be aligned.
                    let d = unsafe { _mm256_loadu_ps(eight_of(&tile.d, half).as_ptr()) };
                    let scales = some::<Q, _>(panel.scales, width, b, from);
                    for p in 0..Q {
                        let by = _mm256_mul_ps(d, _mm256_set1_ps(scales[p]));
                        acc[p] = _mm256_fmadd_ps(totals[p], by, acc[p]);
                    }
                }
                acc
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn q6k<const P: usize>(
                tiles: &[Q6k],
                panel: Panel,
                out: &mut [[f32; ROWS]; P],
            ) {
                each_part!(tiles, panel, out, part_q6k);
            }

            #[inline]
            #[target_feature(enable = $features)]
            fn part_q8<const Q: usize>(
                tiles: &[Q8],
                panel: Panel,
                width: usize,
                from: usize,
                half: usize,
            ) -> [__m256; Q] {
                let mut acc = [_mm256_setzero_ps(); Q];
                for (b, tile) in tiles.iter().enumerate() {
                    if Q == 1 && half == 0 {
                        ahead(tile);
                    }
                    for (part, d) in tile.d.iter().enumerate() {
                        let less = some::<Q, _>(panel.sums, width, 2 * b + part, from);
                        let mut sums = [_mm256_setzero_si256(); Q];
                        for p in 0..Q {
                            sums[p] = offset(less[p]);
                        }
                        for g in 8 * part..8 * part + 8 {
                            let weights = load(half_of(&tile.values[g], half));
                            let values = some::<Q, _>(panel.values, width, 16 * b + g, from);
                            for p in 0..Q {
                                sums[p] =
                                    dot_of_bytes(sums[p], weights, _mm256_set1_epi32(values[p]));
                            }
                        }
                        let d = wide(eight_of(d, half));
                        let scales = some::<Q, _>(panel.scales, width, 2 * b + part, from);
                        for p in 0..Q {
                            let by = _mm256_mul_ps(d, _mm256_set1_ps(scales[p]));
                            acc[p] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sums[p]), by, acc[p]);
                        }
                    }
                }
                acc
            }

            #[target_feature(enable = $features)]
            pub(in super::super) fn q8<const P: usize>(
                tiles: &[Q8],
                panel: Panel,
                out: &mut [[f32; ROWS]; P],
            ) {
                each_part!(tiles, panel, out, part_q8);
            }
        }
    };
}

mod dots_of_eight_bits {
    use std::arch::x86_64::*;

    /// Two products of weights below 64.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
    pub(super) fn dots(sum: __m256i, a: (__m256i, __m256i), b: (__m256i, __m256i)) -> __m256i {
        _mm256_dpbusd_avx_epi32(_mm256_dpbusd_avx_epi32(sum, a.0, a.1), b.0, b.1)
    }

    /// What a sum of [`dot_of_bytes`] begins with.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
    pub(super) fn offset(less: i32) -> __m256i {
        _mm256_set1_epi32(less)
    }

    /// A product of weights that have 128 added.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c,avxvnni")]
    pub(super) fn dot_of_bytes(sum: __m256i, weights: __m256i, by: __m256i) -> __m256i {
        _mm256_dpbusd_avx_epi32(sum, weights, by)
    }
}

mod dots_by_sixteen_bits {
    use std::arch::x86_64::*;

    /// Two products of weights below 64: together at most 4 · 63 · 127 in 16 bits.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) fn dots(sum: __m256i, a: (__m256i, __m256i), b: (__m256i, __m256i)) -> __m256i {
        let (a, b) = (_mm256_maddubs_epi16(a.0, a.1), _mm256_maddubs_epi16(b.0, b.1));
        let both = _mm256_madd_epi16(_mm256_add_epi16(a, b), _mm256_set1_epi16(1));
        _mm256_add_epi32(sum, both)
    }

    /// What a sum of [`dot_of_bytes`] begins with: it takes the 128 away itself.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) fn offset(_: i32) -> __m256i {
        _mm256_setzero_si256()
    }

    /// A product of weights that have 128 added: of their sizes, by values that take their signs.
    #[inline]
    #[target_feature(enable = "avx2,fma,f16c")]
    pub(super) fn dot_of_bytes(sum: __m256i, weights: __m256i, by: __m256i) -> __m256i {
        let weights = _mm256_xor_si256(weights, _mm256_set1_epi8(-128));
        let by = _mm256_sign_epi8(by, weights);
        let products = _mm256_maddubs_epi16(_mm256_abs_epi8(weights), by);
        _mm256_add_epi32(sum, _mm256_madd_epi16(products, _mm256_set1_epi16(1)))
    }
}

kernels!(vnni, "avx2,fma,f16c,avxvnni", dots_of_eight_bits);
kernels!(plain, "avx2,fma,f16c", dots_by_sixteen_bits);
