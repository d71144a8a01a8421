//! Statistics of samples: mean, standard deviation and intervals.
//!
//! Nothing here uses a function whose last bit a platform may choose (no logarithm, no
//! exponential), and resampling draws from [`SplitMix64`]: the same samples and seed give the same
//! bits everywhere.

use serde::{Deserialize, Serialize};

/// Share of resamples that an interval holds.
pub const LEVEL: f64 = 0.95;

/// Standard normal quantile of `(1 + LEVEL) / 2`.
const Z: f64 = 1.959_963_984_540_054;

/// Resamples behind an interval.
pub const RESAMPLES: u32 = 2_000;

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

/// A mean over samples with its spread and its interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Estimate {
    /// Samples it is made of: those whose value exists.
    pub n: u32,
    /// The mean, or the ratio of means where the choice says so; `null` without samples.
    pub mean: Option<f64>,
    /// Standard deviation of the samples (`n − 1`); `null` below two samples and for a ratio of
    /// means, which no single sample has.
    pub sd: Option<f64>,
    /// Lower end of the 95 % bootstrap interval; `null` below two samples.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
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

/// The `p`-quantile of rising values, interpolated linearly between order statistics (numpy's
/// default, type 7 of Hyndman and Fan); `None` of nothing.
pub fn quantile(rising: &[f64], p: f64) -> Option<f64> {
    let place = p * rising.len().checked_sub(1)? as f64;
    let below = place.floor();
    let (a, b) = (rising[below as usize], rising[place.ceil() as usize]);
    Some(a + (b - a) * (place - below))
}

/// Samples to resample: one row each, all of the same width.
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
        self.means_of(0..self.len(), self.len())
    }

    fn means_of(&self, rows: impl Iterator<Item = usize>, n: usize) -> Vec<f64> {
        let mut sums = vec![0.0; self.width];
        for row in rows {
            sums.iter_mut().zip(self.row(row)).for_each(|(sum, v)| *sum += v);
        }
        sums.iter_mut().for_each(|sum| *sum /= n.max(1) as f64);
        sums
    }
}

/// Resampling with replacement, and percentile intervals from it.
///
/// Percentile rather than BCa: BCa needs the normal distribution, whose last bits differ between
/// platforms. Every resample of `n` rows draws `n` numbers below `n`, resample after resample, from
/// one generator that starts at the seed. Statistics of equally many samples therefore see the same
/// draws.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Seed of the draws.
    pub seed: u64,
    /// How many resamples.
    pub resamples: u32,
}

impl Bootstrap {
    /// [`RESAMPLES`] resamples with this seed.
    pub const fn new(seed: u64) -> Self {
        Bootstrap { seed, resamples: RESAMPLES }
    }

    /// The columns' means in every resample, a row each; none of fewer than two rows, from which
    /// nothing can be said about spread.
    pub fn means(&self, rows: &Rows) -> Rows {
        let n = rows.len();
        let mut out = Rows::new(rows.width);
        if n < 2 {
            return out;
        }
        let mut draw = SplitMix64::new(self.seed);
        for _ in 0..self.resamples {
            let drawn = (0..n).map(|_| draw.below(n as u32) as usize);
            out.values.extend(rows.means_of(drawn, n));
        }
        out
    }
}

/// The ends of the percentile interval that [`LEVEL`] of the replicates lie in; `None` where one of
/// them does not exist, or none was drawn.
pub fn percentile_interval(replicates: impl Iterator<Item = Option<f64>>) -> Option<(f64, f64)> {
    let mut values: Vec<f64> = replicates.collect::<Option<_>>()?;
    values.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - LEVEL) / 2.0;
    Some((quantile(&values, tail)?, quantile(&values, 1.0 - tail)?))
}
