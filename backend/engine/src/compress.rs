//! Token compression and replication: fewer or more image tokens.

use shared::RunOptions;
use shared::experiment::stats::SplitMix64;

/// How many of a picture's `n` tokens a run's options leave.
pub(crate) fn kept(n: usize, options: &RunOptions) -> usize {
    if options.prune > 0.0 { options.prune_count.kept(n, options.prune) } else { n }
}

/// FasterVLM: the `k` indices with the highest scores, in raster order. Of equal scores the first
/// is kept.
pub(crate) fn prune(scores: &[f32], k: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..scores.len() as u32).collect();
    order.sort_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]));
    order.truncate(k);
    order.sort_unstable();
    order
}

/// `k` of `n` indices in raster order, each set of them as likely as any other: the first `k` steps of
/// Fisher's and Yates's shuffle, over SplitMix64 started at `seed`.
pub(crate) fn random(n: usize, k: usize, seed: u32) -> Vec<u32> {
    let mut bits = SplitMix64::new(u64::from(seed));
    let mut all: Vec<u32> = (0..n as u32).collect();
    let k = k.min(n);
    for at in 0..k {
        let other = at + bits.below((n - at) as u32) as usize;
        all.swap(at, other);
    }
    all.truncate(k);
    all.sort_unstable();
    all
}

/// The whole sequence `times` times, one copy after another.
pub(crate) fn replicate(indices: &[u32], times: u32) -> Vec<u32> {
    indices.repeat(times as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_equal_scores_the_first_is_kept() {
        assert_eq!(prune(&[0.5, 0.1, 0.5, 0.5, 0.9], 3), [0, 2, 4]);
    }

    #[test]
    fn chance_is_even_and_the_same_again() {
        let kept = random(10, 4, 7);
        assert_eq!(kept.len(), 4);
        assert!(kept.is_sorted() && kept.iter().all(|i| *i < 10));
        assert_eq!(kept, random(10, 4, 7));
        assert_eq!((random(3, 9, 1), random(0, 0, 1)), (vec![0, 1, 2], vec![]));
        // Over many seeds every index is kept as often as any other, within five standard errors.
        let mut counts = [0_i32; 10];
        (0..10_000).flat_map(|seed| random(10, 4, seed)).for_each(|i| counts[i as usize] += 1);
        assert!(counts.iter().all(|n| (n - 4_000).abs() < 245), "{counts:?}");
    }

    /// What is kept is in raster order, and nothing dropped has a higher score.
    #[test]
    fn the_highest_remain_in_raster_order() {
        let scores: Vec<f32> = (0..576u32).map(|i| (i * 7919 % 577) as f32).collect();
        for k in [1, 28, 29, 57, 58, 144, 576] {
            let kept = prune(&scores, k);
            assert_eq!(kept.len(), k);
            assert!(kept.is_sorted_by(|a, b| a < b));
            let score = |i: u32| scores[i as usize];
            let least = kept.iter().map(|i| score(*i)).fold(f32::INFINITY, f32::min);
            let dropped = (0..576).filter(|i| !kept.contains(i));
            assert!(dropped.map(score).all(|s| s < least));
        }
    }

    #[test]
    fn copies_follow_each_other() {
        assert_eq!(replicate(&[1, 4], 3), [1, 4, 1, 4, 1, 4]);
    }
}
