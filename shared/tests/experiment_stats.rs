//! Statistics, against numpy and scipy. `experiments/reference.py` prints the figures.
#![allow(clippy::unwrap_used, missing_docs)]

use shared::experiment::stats::{
    Bootstrap, Proportion, Rows, SplitMix64, mean, percentile_interval, quantile, sample_sd,
};

const VALUES: [f64; 12] = [1.58, 2.26, 0.57, 10.23, 17.37, 3.39, 1.84, 0.86, 0.48, 4.23, 1.1, 5.46];

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * b.abs().max(1.0)
}

fn rows<const N: usize>(values: impl IntoIterator<Item = [f64; N]>) -> Rows {
    let mut rows = Rows::new(N);
    values.into_iter().for_each(|row| rows.push(&row));
    rows
}

#[test]
fn the_generator_is_splitmix64() {
    // The first numbers of seed 1234567, as the algorithm's authors' C code prints them.
    let mut bits = SplitMix64::new(1_234_567);
    let first = [bits.next_u64(), bits.next_u64(), bits.next_u64()];
    assert_eq!(first, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    let mut bits = SplitMix64::new(0);
    assert_eq!(bits.next_u64(), 0xe220_a839_7b1d_cdaf);
    assert_eq!(bits.next_u64(), 0x6e78_9e6a_a1b9_65f4);
    let mut below = SplitMix64::new(5);
    assert!((0..10_000).all(|_| below.below(7) < 7));
}

#[test]
fn mean_and_deviation_are_numpys() {
    assert!(close(mean(&VALUES).unwrap(), 4.114166666666667));
    assert!(close(sample_sd(&VALUES).unwrap(), 5.008578928078092));
    assert_eq!((mean(&[]), sample_sd(&[]), sample_sd(&[3.0])), (None, None, None));
}

#[test]
fn quantiles_are_numpys() {
    let mut rising = VALUES;
    rising.sort_by(f64::total_cmp);
    for (p, expected) in
        [(0.0, 0.48), (0.025, 0.50475), (0.4, 1.684), (0.975, 15.4065), (1.0, 17.37)]
    {
        assert!(close(quantile(&rising, p).unwrap(), expected), "{p}");
    }
    assert_eq!(quantile(&[], 0.5), None);
}

#[test]
fn the_interval_is_numpys_from_the_same_draws() {
    let bootstrap = Bootstrap::new(7);
    let means = bootstrap.means(&rows(VALUES.map(|v| [v])));
    assert_eq!(means.len(), 2000);
    let (low, high) = percentile_interval(means.column(0).map(Some)).unwrap();
    assert!(close(low, 1.7913125) && close(high, 7.242145833333332), "{low} {high}");
    // scipy.stats.bootstrap with 200,000 draws of its own: the resamples leave this much open.
    assert!((low - 1.805).abs() < 0.1 && (high - 7.144).abs() < 0.2);
}

#[test]
fn a_ratio_of_means_resamples_pairs() {
    let pairs = VALUES.into_iter().zip(VALUES.into_iter().rev());
    let rows = rows(pairs.map(|(v, w)| [v, w * 0.25 + 1.0]));
    let ratio = |means: &[f64]| Some(means[0] / means[1]);
    assert!(close(ratio(&rows.means()).unwrap(), 2.0281400842148503));
    let resampled = Bootstrap::new(7).means(&rows);
    let interval = percentile_interval((0..resampled.len()).map(|r| ratio(resampled.row(r))));
    let (low, high) = interval.unwrap();
    assert!(close(low, 0.7294600498024008) && close(high, 4.529240383693476), "{low} {high}");
}

#[test]
fn shares_have_scipys_wilson_interval() {
    for (count, n, low, high) in [
        (0, 20, 0.0, 0.16112515805281935),
        (20, 20, 0.8388748419471808, 1.0),
        (7, 20, 0.1811918241010821, 0.5671457233147637),
        (81, 100, 0.7222115462093562, 0.8748524849023126),
        (1, 1, 0.20654931437723745, 1.0),
    ] {
        let p = Proportion::new(count, n);
        assert!(close(p.low.unwrap(), low) && close(p.high.unwrap(), high), "{p:?}");
    }
    assert_eq!(Proportion::new(0, 0).share, None);
}

#[test]
fn what_does_not_exist_has_no_interval() {
    assert!(Bootstrap::new(7).means(&rows([[1.0]])).is_empty());
    assert!(Bootstrap::new(7).means(&rows::<1>([])).is_empty());
    assert_eq!(percentile_interval([Some(1.0), None].into_iter()), None);
    assert_eq!(percentile_interval(std::iter::empty()), None);
}
