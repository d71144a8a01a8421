//! Token compression and replication: fewer or more image tokens.

/// How many of `n` image tokens remain when the share `rate` is dropped: rounded, as in FasterVLM
/// (144, 58 and 29 of 576 at 75, 90 and 95 %; PAPER.md 1.2), and never fewer than one.
pub(crate) fn kept(n: usize, rate: f32) -> usize {
    // The rate as typed (0.95), not its f32 neighbour, decides which way a half is rounded.
    let rate = (f64::from(rate) * 1e6).round() / 1e6;
    ((n as f64 * (1.0 - rate)).round() as usize).clamp(1, n)
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

/// The whole sequence `times` times, one copy after another.
pub(crate) fn replicate(indices: &[u32], times: u32) -> Vec<u32> {
    indices.repeat(times as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_fastervlm_keeps() {
        assert_eq!([0.0, 0.75, 0.9, 0.95].map(|r| kept(576, r)), [576, 144, 58, 29]);
        assert_eq!(kept(4, 0.99), 1);
    }

    #[test]
    fn of_equal_scores_the_first_is_kept() {
        assert_eq!(prune(&[0.5, 0.1, 0.5, 0.5, 0.9], 3), [0, 2, 4]);
    }

    #[test]
    fn copies_follow_each_other() {
        assert_eq!(replicate(&[1, 4], 3), [1, 4, 1, 4, 1, 4]);
    }
}
