//! Drawing rows by seed.

use std::collections::BTreeSet;

use shared::experiment::stats::SplitMix64;

/// A sample of rows without replacement, in rising order; all rows where `samples` is 0 or at
/// least `rows`.
///
/// The same rows on every machine and in every version of the lab: Floyd's algorithm (Bentley and
/// Floyd, "A sample of brilliance", 1987) over SplitMix64 started at `seed`. For `j` from
/// `rows - samples` to `rows - 1`, draw `t` from `0..=j` and take `t`, or `j` where `t` is taken
/// already. A number below `n` is the first output below the largest multiple of `n`, modulo `n`,
/// so that none is likelier than another.
pub fn draw(rows: u64, samples: u32, seed: u64) -> Vec<u64> {
    let samples = u64::from(samples);
    if samples == 0 || samples >= rows {
        return (0..rows).collect();
    }
    let mut random = SplitMix64::new(seed);
    let mut taken = BTreeSet::new();
    for j in rows - samples..rows {
        let t = below(&mut random, j + 1);
        if !taken.insert(t) {
            taken.insert(j);
        }
    }
    taken.into_iter().collect()
}

/// A number below `n`, which is at least 1, none likelier than another.
fn below(random: &mut SplitMix64, n: u64) -> u64 {
    // 2^64 mod n: outputs from 2^64 less that on would favour small numbers.
    let excess = (u64::MAX % n + 1) % n;
    loop {
        let next = random.next_u64();
        if next <= u64::MAX - excess {
            return next % n;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn splitmix_is_the_published_one() {
        // The reference implementation's first outputs for the seed 1234567.
        let mut random = SplitMix64::new(1_234_567);
        let first: Vec<u64> = (0..3).map(|_| random.next_u64()).collect();
        assert_eq!(
            first,
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]
        );
    }

    #[test]
    fn a_seed_means_the_same_rows_for_ever() {
        assert_eq!(draw(1730, 10, 7), GOLDEN);
        assert_eq!(draw(5, 0, 7), [0, 1, 2, 3, 4]);
        assert_eq!(draw(5, 9, 7), [0, 1, 2, 3, 4]);
        assert_eq!(draw(0, 3, 7), [0; 0]);
    }

    /// Computed once by the same rules written in Python.
    const GOLDEN: [u64; 10] = [395, 431, 570, 875, 1086, 1249, 1294, 1321, 1464, 1470];

    #[test]
    fn no_row_is_favoured() {
        // 20,000 draws of 3 out of 10: each row 6,000 times, give or take five sigma (324).
        let mut counts = [0i64; 10];
        for seed in 0..20_000 {
            for row in draw(10, 3, seed) {
                counts[row as usize] += 1;
            }
        }
        assert!(counts.iter().all(|c| (c - 6000).abs() < 324), "{counts:?}");
    }

    proptest! {
        #[test]
        fn rows_rise_and_none_stands_twice(rows in 1u64..5000, samples in 1u32..5000, seed: u64) {
            let drawn = draw(rows, samples, seed);
            prop_assert_eq!(drawn.len() as u64, u64::from(samples).min(rows));
            prop_assert!(drawn.windows(2).all(|w| w[0] < w[1]));
            prop_assert!(drawn.last().is_none_or(|&last| last < rows));
        }
    }
}
