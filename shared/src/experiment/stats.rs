//! Statistics of samples: means, spreads, intervals, and how a number moves within the same samples.
//!
//! Ratios (MDI, AEI) are summarised on the log scale, where *twice* and *half* are equally far from
//! 1: the geometric mean, the factor that one standard deviation of the logarithms is, and a t
//! interval of the mean logarithm. Arithmetic means of ratios stand beside for whoever compares with
//! arithmetic means; they carry no interval, since at these sample sizes none of a skewed ratio's
//! mean holds what it promises. Shares are summarised as they are. What the intervals cover is
//! measured in `tests/experiment_coverage.rs`.
//!
//! Logarithm and exponential are the crate `libm`'s, not the platform's: the same samples give the
//! same bits everywhere.

mod paired;

use serde::{Deserialize, Serialize};

pub use paired::{PairedDifference, PairedRatio, paired_share};

/// How often an interval holds the value it is of.
pub const LEVEL: f64 = 0.95;

/// Fewest samples an interval is made from.
pub const LEAST: usize = 5;

/// Standard normal quantile of `(1 + LEVEL) / 2`.
const Z: f64 = 1.959_963_984_540_054;

/// Student's t quantile of `(1 + LEVEL) / 2` for 1 to 30 degrees of freedom.
#[rustfmt::skip]
const T: [f64; 30] = [
    12.706_204_736_174_694, 4.302_652_729_749_462, 3.182_446_305_283_708, 2.776_445_105_197_793,
    2.570_581_835_636_315, 2.446_911_851_144_979, 2.364_624_251_592_784, 2.306_004_135_204_166,
    2.262_157_162_798_205, 2.228_138_851_986_274, 2.200_985_160_091_639, 2.178_812_829_667_228,
    2.160_368_656_462_791, 2.144_786_687_917_804, 2.131_449_545_559_776, 2.119_905_299_221_254,
    2.109_815_577_833_316, 2.100_922_040_241_038, 2.093_024_054_408_307, 2.085_963_447_265_864,
    2.079_613_844_727_679, 2.073_873_067_904_026, 2.068_657_610_419_049, 2.063_898_561_628_025,
    2.059_538_552_753_297, 2.055_529_438_642_873, 2.051_830_516_480_285, 2.048_407_141_795_245,
    2.045_229_642_132_703, 2.042_272_456_301_238,
];

/// Student's t quantile of `(1 + LEVEL) / 2`; beyond 30 degrees of freedom by the expansion of
/// Abramowitz and Stegun, 26.7.5, which is within 3·10⁻⁸ there. `None` of no degree.
pub fn t_quantile(degrees: usize) -> Option<f64> {
    if let Some(known) = T.get(degrees.checked_sub(1)?) {
        return Some(*known);
    }
    let (n, z2) = (degrees as f64, Z * Z);
    let terms = [
        (z2 + 1.0) / 4.0,
        ((5.0 * z2 + 16.0) * z2 + 3.0) / 96.0,
        (((3.0 * z2 + 19.0) * z2 + 17.0) * z2 - 15.0) / 384.0,
        ((((79.0 * z2 + 776.0) * z2 + 1482.0) * z2 - 1920.0) * z2 - 945.0) / 92_160.0,
    ];
    Some(Z * terms.iter().rev().fold(0.0, |sum, term| (sum + term) / n) + Z)
}

/// The SplitMix64 generator (Steele, Lea and Flood, 2014): its state is a counter, and the first
/// numbers of seed 0 are `e220a8397b1dcdaf`, `6e789e6aa1b965f4`.
#[derive(Clone, Debug)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A generator with this seed.
    pub const fn new(seed: u64) -> Self {
        SplitMix64(seed)
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number below `n`: the high half of `bits × n`. Its bias is below `n / 2⁶⁴`.
    pub const fn below(&mut self, n: u32) -> u32 {
        ((self.next_u64() as u128 * n as u128) >> 64) as u32
    }
}

/// A number over samples with its spread and its interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Estimate {
    /// Samples it is made of: those whose value exists.
    pub n: u32,
    /// The arithmetic mean, or the ratio of means where the choice says so; `null` without samples.
    pub mean: Option<f64>,
    /// Standard deviation of the samples (`n − 1`); `null` below two samples and for a ratio of
    /// means, which no single sample has.
    pub sd: Option<f64>,
    /// Lower end of the 95 % interval of a share's `mean` (Student's t); `null` below five samples, for
    /// an arithmetic mean of ratios, whose interval is the geometric one, and for a ratio of means.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// The geometric mean, of ratios alone; `null` without samples and where a sample is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometric_mean: Option<f64>,
    /// `e` to the standard deviation of the samples' logarithms: two thirds or so of them lie between
    /// the geometric mean divided by this and multiplied by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sd_factor: Option<f64>,
    /// Lower end of the geometric mean's 95 % interval (Student's t on the log scale); `null` below
    /// five samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometric_low: Option<f64>,
    /// Its upper end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub geometric_high: Option<f64>,
    /// Samples whose ratio is exactly 0 (no attention on text at all). They have no logarithm, so
    /// with any of them there is no geometric mean; they are never left out of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub zeros: u32,
}

fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// How far samples lie from their centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Spread {
    /// A factor: times and divided by.
    Factor(f64),
    /// A distance: plus and minus.
    Distance(f64),
}

/// Which mean of ratios is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Means {
    /// On the log scale, with its interval.
    #[default]
    Geometric,
    /// As papers print it; it has no interval.
    Arithmetic,
}

impl Means {
    /// Both, the default first.
    pub const ALL: [Means; 2] = [Means::Geometric, Means::Arithmetic];

    /// The name used in links.
    pub const fn name(self) -> &'static str {
        match self {
            Means::Geometric => "geometric",
            Means::Arithmetic => "arithmetic",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Means::ALL.into_iter().find(|means| means.name() == name)
    }
}

/// What of an estimate is shown first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Centre {
    /// The geometric mean of ratios; the mean of shares; the ratio of means.
    pub value: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<(f64, f64)>,
    /// How far samples lie from it.
    pub spread: Option<Spread>,
}

impl Estimate {
    /// Of shares and other numbers that are summarised as they are.
    pub fn of_shares(values: &[f64]) -> Estimate {
        let (mean, sd) = (mean(values), sample_sd(values));
        let interval = t_interval(values);
        Estimate {
            n: values.len() as u32,
            mean,
            sd,
            low: interval.map(|i| i.0),
            high: interval.map(|i| i.1),
            ..Estimate::default()
        }
    }

    /// Of ratios, none of them below 0.
    pub fn of_ratios(values: &[f64]) -> Estimate {
        let zeros = values.iter().filter(|v| **v <= 0.0).count();
        let logs: Vec<f64> = values.iter().map(|v| libm::log(*v)).collect();
        let logs = if zeros > 0 { &[][..] } else { &logs[..] };
        let interval = t_interval(logs);
        Estimate {
            n: values.len() as u32,
            mean: mean(values),
            sd: sample_sd(values),
            low: None,
            high: None,
            geometric_mean: mean(logs).map(libm::exp),
            sd_factor: sample_sd(logs).map(libm::exp),
            geometric_low: interval.map(|i| libm::exp(i.0)),
            geometric_high: interval.map(|i| libm::exp(i.1)),
            zeros: zeros as u32,
        }
    }

    /// Of something that no sample has alone: what follows from the columns' means. It carries neither
    /// spread nor interval: measured on the lab's own values, a jackknife interval of a ratio of means
    /// held the truth in 83 to 91 of 100 draws where it said 95.
    pub fn of_means(rows: &Rows, value: impl Fn(&[f64]) -> Option<f64>) -> Estimate {
        let mean = if rows.is_empty() { None } else { value(&rows.means()) };
        Estimate { n: rows.len() as u32, mean, ..Estimate::default() }
    }

    /// What is shown first: a ratio on the log scale, everything else as it is.
    pub fn centre(&self) -> Centre {
        if self.geometric_mean.is_some() || self.zeros > 0 {
            return Centre {
                value: self.geometric_mean,
                interval: self.geometric_low.zip(self.geometric_high),
                spread: self.sd_factor.map(Spread::Factor),
            };
        }
        self.as_they_are()
    }

    /// What is shown under a choice of means: numbers that have no geometric mean are the same under
    /// both.
    pub fn by(&self, means: Means) -> Centre {
        match means {
            Means::Geometric => self.centre(),
            Means::Arithmetic => self.as_they_are(),
        }
    }

    fn as_they_are(&self) -> Centre {
        Centre {
            value: self.mean,
            interval: self.low.zip(self.high),
            spread: self.sd.map(Spread::Distance),
        }
    }
}

/// On which scale an interval is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Of logarithms: for ratios.
    Log,
    /// As the numbers are: for shares and differences.
    Plain,
}

/// A count out of `n`, with its 95 % Wilson interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Proportion {
    /// How many.
    pub count: u32,
    /// Out of how many.
    pub n: u32,
    /// `count / n`; `null` out of none.
    pub share: Option<f64>,
    /// Lower end of the interval.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
}

impl Proportion {
    /// `count` out of `n`.
    pub fn new(count: u32, n: u32) -> Self {
        if n == 0 {
            return Proportion::default();
        }
        let (k, of) = (f64::from(count), f64::from(n));
        let p = k / of;
        let z2 = Z * Z;
        let centre = (p + z2 / (2.0 * of)) / (1.0 + z2 / of);
        let half = Z / (1.0 + z2 / of) * (p * (1.0 - p) / of + z2 / (4.0 * of * of)).sqrt();
        // At 0 and n the ends are 0 and 1; rounding must not push them past.
        let low = if count == 0 { 0.0 } else { centre - half };
        let high = if count == n { 1.0 } else { centre + half };
        Proportion { count, n, share: Some(p), low: Some(low), high: Some(high) }
    }

    /// Without its interval: of what was not drawn, which says nothing of what would be.
    pub const fn without_interval(self) -> Self {
        Proportion { low: None, high: None, ..self }
    }
}

/// The mean; `None` of nothing.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The standard deviation with `n − 1`; `None` below two values.
pub fn sample_sd(values: &[f64]) -> Option<f64> {
    let centre = mean(values)?;
    let squares: f64 = values.iter().map(|v| (v - centre) * (v - centre)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// Samples: one row each, all of the same width.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    width: usize,
    values: Vec<f64>,
}

impl Rows {
    /// No rows, of this width.
    pub const fn new(width: usize) -> Self {
        Rows { width, values: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// On a row of another width: the caller's mistake, whatever the data.
    pub fn push(&mut self, row: &[f64]) {
        assert_eq!(row.len(), self.width, "rows of one width");
        self.values.extend_from_slice(row);
    }

    /// How many rows there are; 0 where they have no width.
    pub fn len(&self) -> usize {
        self.values.len().checked_div(self.width).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// One row.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.width..][..self.width]
    }

    /// One column.
    pub fn column(&self, index: usize) -> impl Iterator<Item = f64> {
        self.values.iter().skip(index).step_by(self.width.max(1)).copied()
    }

    /// The columns' means; zeros without rows.
    pub fn means(&self) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for row in 0..self.len() {
            sums.iter_mut().zip(self.row(row)).for_each(|(sum, v)| *sum += v);
        }
        sums.iter_mut().for_each(|sum| *sum /= self.len().max(1) as f64);
        sums
    }
}

/// Student's t interval of the mean of values; `None` below [`LEAST`] of them.
pub fn t_interval(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < LEAST {
        return None;
    }
    let (centre, sd) = (mean(values)?, sample_sd(values)?);
    let half = t_quantile(values.len() - 1)? * sd / (values.len() as f64).sqrt();
    Some((centre - half, centre + half))
}
