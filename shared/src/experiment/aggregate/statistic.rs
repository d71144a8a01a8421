//! Numbers over samples: what each sample contributes, and what follows from the means.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Choice;
use super::column::Column;
use crate::definition::Ratio;
use crate::experiment::Verdict;
use crate::experiment::stats::{Bootstrap, Estimate, Rows, percentile_interval, sample_sd};
use crate::measure::{Measure, Undefined, Value, aei_text_of};
use crate::stage::Stage;

/// How often a value did not exist, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UndefinedCount {
    /// Why.
    pub reason: Undefined,
    /// For how many samples.
    pub count: u32,
}

/// A number over samples, and those it could not be computed of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Over {
    /// The number.
    pub estimate: Estimate,
    /// Samples without a value, by reason.
    pub undefined: Vec<UndefinedCount>,
}

/// A number over the samples present in both of two conditions or under both of two choices, and
/// how it moves from one to the other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    /// Samples whose value exists on both sides.
    pub n: u32,
    /// The number before.
    pub from: Option<f64>,
    /// The number after.
    pub to: Option<f64>,
    /// `to − from`.
    pub difference: Option<f64>,
    /// Lower end of the difference's 95 % interval, from a bootstrap of the pairs.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// `to / from`; `null` where `from` is not above 0.
    pub ratio: Option<f64>,
}

/// Something that samples contribute to.
pub(super) trait Sampled {
    /// What a sample contributes: always equally many numbers.
    fn sample(&self, sample: u32) -> Result<Vec<f64>, Undefined>;
    /// What follows from the contributions' means; `None` where that is undefined.
    fn value(&self, means: &[f64]) -> Option<f64>;
    /// Whether a contribution is the value itself.
    fn is_mean(&self) -> bool;
}

/// Where in the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Stage(Stage),
    Layer(usize),
}

/// Which of the two indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    Mdi,
    AeiText,
}

/// MDI or AEI of a place under a choice.
#[derive(Clone, Copy)]
pub(super) struct Statistic<'a> {
    pub(super) column: &'a Column,
    pub(super) choice: &'a Choice,
    pub(super) look: usize,
    pub(super) place: Place,
    pub(super) index: Index,
}

impl Statistic<'_> {
    fn layers(&self) -> Range<usize> {
        match self.place {
            Place::Stage(s) => s.layers(self.choice.definition.stages, self.column.layers()),
            Place::Layer(layer) => layer..layer + 1,
        }
    }

    /// One sample's measure.
    pub(super) fn measure(&self, sample: u32) -> Measure {
        self.column.over(sample, self.look, self.layers(), &self.choice.definition)
    }

    fn pick(&self, measure: &Measure) -> Value {
        match self.index {
            Index::Mdi => measure.mdi,
            Index::AeiText => measure.aei_text,
        }
    }

    /// The value from `A_T` and `A_O`, `n_T` and `n_O` averaged over samples.
    fn pooled(&self, [text, image]: [f64; 2], [n_text, n_image]: [f64; 2]) -> Option<f64> {
        let mdi = (text / n_text) / (image / n_image);
        let value = match self.index {
            Index::Mdi => mdi,
            Index::AeiText => aei_text_of(mdi, n_text / (n_text + n_image)),
        };
        value.is_finite().then_some(value)
    }
}

impl Sampled for Statistic<'_> {
    /// The value; or, for a ratio of means, `A_T` and `A_O` of each layer, then `n_T` and `n_O`.
    /// A ratio of means leaves out the samples that a mean of ratios leaves out, so that the two
    /// speak of the same ones.
    fn sample(&self, sample: u32) -> Result<Vec<f64>, Undefined> {
        let value = self.pick(&self.measure(sample))?;
        if self.choice.samples == Ratio::MeanOfRatios {
            return Ok(vec![value]);
        }
        let mut numbers = Vec::with_capacity(2 * self.layers().len() + 2);
        for layer in self.layers() {
            let attention = self.column.attention(sample, self.look, layer)?;
            numbers.extend([attention.text, attention.image]);
        }
        let (text, image) = self.column.tokens(sample, self.look)?;
        numbers.extend([f64::from(text), f64::from(image)]);
        Ok(numbers)
    }

    fn value(&self, means: &[f64]) -> Option<f64> {
        if self.is_mean() {
            return means.first().copied();
        }
        let (sums, tokens) = means.split_last_chunk::<2>()?;
        let (layers, _) = sums.as_chunks::<2>();
        if self.choice.definition.layers == Ratio::RatioOfMeans {
            let sum = |side: usize| layers.iter().map(|l| l[side]).sum::<f64>();
            return self.pooled([sum(0), sum(1)], *tokens);
        }
        let n = layers.len() as f64;
        layers.iter().try_fold(0.0, |sum, l| Some(sum + self.pooled(*l, *tokens)? / n))
    }

    fn is_mean(&self) -> bool {
        self.choice.samples == Ratio::MeanOfRatios
    }
}

/// Share of answers judged so.
#[derive(Clone, Copy)]
pub(super) struct Judged<'a> {
    pub(super) column: &'a Column,
    pub(super) verdict: Verdict,
}

impl Sampled for Judged<'_> {
    fn sample(&self, sample: u32) -> Result<Vec<f64>, Undefined> {
        // An answer without a verdict is not counted anywhere; the reason is not shown.
        let verdict = self.column.verdict(sample).ok_or(Undefined::NotObserved)?;
        Ok(vec![if verdict == self.verdict { 1.0 } else { 0.0 }])
    }

    fn value(&self, means: &[f64]) -> Option<f64> {
        means.first().copied()
    }

    fn is_mean(&self) -> bool {
        true
    }
}

/// What was gathered of one statistic.
struct Gathered {
    rows: Vec<Vec<f64>>,
    undefined: Vec<UndefinedCount>,
}

fn gather(statistic: &impl Sampled, samples: &[u32]) -> Gathered {
    let mut all = Gathered { rows: Vec::with_capacity(samples.len()), undefined: Vec::new() };
    for &sample in samples {
        match statistic.sample(sample) {
            Ok(row) => all.rows.push(row),
            Err(reason) => match all.undefined.iter_mut().find(|u| u.reason == reason) {
                Some(known) => known.count += 1,
                None => all.undefined.push(UndefinedCount { reason, count: 1 }),
            },
        }
    }
    all
}

/// Every statistic over the samples, with its interval. Statistics of equally many samples are
/// resampled together: the same draws, one pass.
pub(super) fn over(
    statistics: &[impl Sampled],
    samples: &[u32],
    bootstrap: &Bootstrap,
) -> Vec<Over> {
    let gathered: Vec<Gathered> = statistics.iter().map(|s| gather(s, samples)).collect();
    let mut out = vec![Over::default(); statistics.len()];
    let mut sizes: Vec<usize> = gathered.iter().map(|g| g.rows.len()).collect();
    sizes.sort_unstable();
    sizes.dedup();
    for n in sizes {
        let of_size: Vec<usize> =
            (0..gathered.len()).filter(|i| gathered[*i].rows.len() == n).collect();
        let widths = of_size.iter().map(|&i| gathered[i].rows.first().map_or(0, Vec::len));
        // Where each statistic's numbers stand in a joint row.
        let places: Vec<Range<usize>> = widths
            .scan(0, |at, width| {
                *at += width;
                Some(*at - width..*at)
            })
            .collect();
        let mut rows = Rows::new(places.last().map_or(0, |p| p.end));
        for r in 0..n {
            let joint: Vec<f64> =
                of_size.iter().flat_map(|&i| gathered[i].rows[r].iter().copied()).collect();
            rows.push(&joint);
        }
        let (means, resampled) = (rows.means(), bootstrap.means(&rows));
        for (&i, place) in of_size.iter().zip(&places) {
            let statistic = &statistics[i];
            let at = |means: &[f64]| statistic.value(&means[place.clone()]);
            let interval = percentile_interval((0..resampled.len()).map(|r| at(resampled.row(r))));
            let own = || rows.column(place.start).collect::<Vec<f64>>();
            out[i].estimate = Estimate {
                n: n as u32,
                mean: if n == 0 { None } else { at(&means) },
                sd: if statistic.is_mean() && n > 0 { sample_sd(&own()) } else { None },
                low: interval.map(|i| i.0),
                high: interval.map(|i| i.1),
            };
        }
    }
    for (over, gathered) in out.iter_mut().zip(gathered) {
        over.undefined = gathered.undefined;
    }
    out
}

/// How a number moves between two statistics, over the samples that have both.
pub(super) fn change(
    from: &impl Sampled,
    to: &impl Sampled,
    samples: &[u32],
    bootstrap: &Bootstrap,
) -> Change {
    let pairs: Vec<(Vec<f64>, Vec<f64>)> =
        samples.iter().filter_map(|&s| Some((from.sample(s).ok()?, to.sample(s).ok()?))).collect();
    let Some((first, second)) = pairs.first() else { return Change::default() };
    let split = first.len();
    let mut rows = Rows::new(split + second.len());
    for (a, b) in &pairs {
        rows.push(&[&a[..], &b[..]].concat());
    }
    let ends = |means: &[f64]| (from.value(&means[..split]), to.value(&means[split..]));
    let difference = |means: &[f64]| match ends(means) {
        (Some(a), Some(b)) => Some(b - a),
        _ => None,
    };
    let resampled = bootstrap.means(&rows);
    let interval = percentile_interval((0..resampled.len()).map(|r| difference(resampled.row(r))));
    let means = rows.means();
    let (a, b) = ends(&means);
    Change {
        n: pairs.len() as u32,
        from: a,
        to: b,
        difference: difference(&means),
        low: interval.map(|i| i.0),
        high: interval.map(|i| i.1),
        ratio: a.filter(|a| *a > 0.0).and_then(|a| Some(b? / a)),
    }
}
