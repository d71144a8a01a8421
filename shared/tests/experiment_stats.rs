//! Statistics, against numpy and scipy. `experiments/reference.py` prints the figures.
#![allow(clippy::unwrap_used, missing_docs)]

use shared::experiment::stats::{
    Estimate, PairedDifference, PairedRatio, Proportion, Rows, SplitMix64, mean, paired_share,
    sample_sd, t_quantile,
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
fn t_quantiles_are_scipys() {
    for (degrees, expected) in [
        (1, 12.706204736174694),
        (4, 2.7764451051977934),
        (30, 2.0422724563012378),
        (31, 2.039513446396408),
        (99, 1.9842169515864174),
        (1000, 1.9623390808264083),
    ] {
        let found = t_quantile(degrees).unwrap();
        assert!((found - expected).abs() < 3e-8, "{degrees}: {found}");
    }
    assert_eq!(t_quantile(0), None);
}

#[test]
fn ratios_are_summarised_on_the_log_scale() {
    let e = Estimate::of_ratios(&VALUES);
    assert!(close(e.geometric_mean.unwrap(), 2.3147276259374903));
    assert!(close(e.sd_factor.unwrap(), 3.0511083938999803));
    assert!(close(e.geometric_low.unwrap(), 1.139436684975139));
    assert!(close(e.geometric_high.unwrap(), 4.702291977193199));
    assert!(close(e.mean.unwrap(), 4.114166666666667), "arithmetic means stand beside");
    assert_eq!((e.low, e.high), (None, None), "and carry no interval");
    assert_eq!(e.centre().value, e.geometric_mean);
    // Twice and half are equally far from 1.
    let halves = Estimate::of_ratios(&VALUES.map(|v| 1.0 / v));
    assert!(close(halves.geometric_mean.unwrap(), 1.0 / e.geometric_mean.unwrap()));
    assert!(close(halves.sd_factor.unwrap(), e.sd_factor.unwrap()));
}

#[test]
fn a_ratio_of_zero_is_counted_and_never_left_out() {
    let e = Estimate::of_ratios(&[0.0, 1.0, 2.0, 4.0, 8.0, 16.0]);
    assert_eq!((e.n, e.zeros, e.geometric_mean, e.geometric_low), (6, 1, None, None));
    assert!(e.mean.is_some() && e.centre().value.is_none());
    let pairs = PairedRatio::of(&[(1.0, 2.0), (0.0, 2.0), (1.0, 3.0)]);
    assert_eq!((pairs.n, pairs.zeros, pairs.ratio), (3, 1, None));
}

#[test]
fn shares_are_summarised_as_they_are() {
    let e = Estimate::of_shares(&VALUES.map(|v| v / 20.0));
    assert!(close(e.mean.unwrap(), 0.20570833333333338));
    assert!(close(e.low.unwrap(), 0.04659337195814306));
    assert!(close(e.high.unwrap(), 0.3648232947085237));
    assert_eq!((e.centre().value, e.geometric_mean), (e.mean, None));
}

/// The values, and others of the same samples.
fn pairs() -> Vec<(f64, f64)> {
    VALUES.into_iter().rev().map(|w| w * 0.25 + 1.0).zip(VALUES).collect()
}

#[test]
fn pairs_move_as_numpy_says() {
    let r = PairedRatio::of(&pairs());
    assert!(close(r.ratio.unwrap(), 1.2933894485733106));
    assert!(close(r.sd_factor.unwrap(), 4.5252169449660675));
    assert!(close(r.low.unwrap(), 0.49562808750680154) && close(r.high.unwrap(), 3.37522490724018));
    let shares: Vec<_> = pairs().into_iter().map(|(a, b)| (a / 20.0, b / 20.0)).collect();
    let d = PairedDifference::of(&shares);
    assert!(
        close(d.from.unwrap(), 0.10142708333333333) && close(d.to.unwrap(), 0.20570833333333338)
    );
    assert!(close(d.difference.unwrap(), 0.10428124999999999));
    assert!(
        close(d.low.unwrap(), -0.07622798024619165) && close(d.high.unwrap(), 0.28479048024619164)
    );
}

#[test]
fn a_ratio_of_means_has_neither_spread_nor_interval() {
    let rows = rows(pairs().into_iter().map(|(w, v)| [v, w]));
    let e = Estimate::of_means(&rows, |means| Some(means[0] / means[1]));
    assert!(close(e.mean.unwrap(), 2.0281400842148503));
    assert_eq!((e.sd, e.low, e.high, e.geometric_mean), (None, None, None, None));
    assert_eq!((e.n, e.centre().value), (12, e.mean));
}

#[test]
fn paired_shares_have_bonetts_and_prices_interval() {
    let before = [1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0];
    let after = [1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0];
    let pairs: Vec<_> = before.into_iter().zip(after).map(|(a, b)| (a == 1, b == 1)).collect();
    let d = paired_share(&pairs);
    assert!(close(d.difference.unwrap(), -0.25));
    assert!(
        close(d.low.unwrap(), -0.5672664799565823) && close(d.high.unwrap(), 0.13869505138515376)
    );
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
fn below_five_samples_there_is_no_interval() {
    let few = &VALUES[..4];
    let (ratios, shares) = (Estimate::of_ratios(few), Estimate::of_shares(few));
    assert_eq!((ratios.geometric_low, ratios.geometric_high), (None, None));
    assert_eq!((shares.low, shares.high), (None, None));
    assert!(ratios.sd_factor.is_some() && shares.sd.is_some());
    let pairs = &pairs()[..4];
    assert_eq!((PairedRatio::of(pairs).low, PairedDifference::of(pairs).high), (None, None));
    assert_eq!(paired_share(&[(true, false); 4]).low, None);
    assert_eq!(Estimate::of_ratios(&[]), Estimate::default());
}
