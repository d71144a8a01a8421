//! Numbers over samples: what each sample contributes, and what follows from the means.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::Choice;
use super::column::Column;
use crate::definition::Ratio;
use crate::experiment::Verdict;
use crate::experiment::stats::{
    Estimate, PairedDifference, PairedRatio, Rows, Scale, paired_share,
};
use crate::masses;
use crate::measure::{Attention, Measure, Undefined, Value, aei_text_of};
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
    /// The number before: an arithmetic mean, or a ratio of means.
    pub from: Option<f64>,
    /// The number after.
    pub to: Option<f64>,
    /// `to − from`.
    pub difference: Option<f64>,
    /// Lower end of the difference's 95 % interval: for shares of answers that of Bonett and Price
    /// (2012); `null` for ratios, whose interval is `paired`'s, and below five pairs.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// `to / from`; `null` where `from` is not above 0.
    pub ratio: Option<f64>,
    /// The same by pairs and on the log scale; absent for shares and where an end is a ratio of means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired: Option<PairedRatio>,
}

impl Change {
    /// By what factor it moves: pair by pair where that exists, else of the means.
    pub fn factor(&self) -> Option<f64> {
        match &self.paired {
            Some(paired) => paired.ratio,
            None => self.ratio,
        }
    }
}

/// How attention moves in one stage from one condition to another, over the samples that have it in
/// both, and what of that token counts alone do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StageChange {
    /// The stage.
    pub stage: Stage,
    /// By what factor MDI moves.
    pub mdi: PairedRatio,
    /// By what factor it would move if words and picture kept the shares of the attention that they
    /// have before, and token counts alone changed (for one layer, `(n_O′/n_O)/(n_T′/n_T)`).
    pub counts: PairedRatio,
    /// The MDI that this would give.
    pub null_mdi: Estimate,
    /// By what factor MDI moves beyond that (for one layer, the odds ratio of the words' share).
    pub beyond: PairedRatio,
    /// How far the words' share of the attention, `P_T`, moves.
    pub share_text: PairedDifference,
}

/// Something that samples contribute to.
pub(super) trait Sampled {
    /// What a sample contributes: always equally many numbers.
    fn sample(&self, sample: u32) -> Result<Vec<f64>, Undefined>;
    /// What follows from the contributions' means; `None` where that is undefined.
    fn value(&self, means: &[f64]) -> Option<f64>;
    /// Whether a contribution is the value itself.
    fn is_mean(&self) -> bool;
    /// On which scale it is summarised.
    fn scale(&self) -> Scale;
}

/// Where in the decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Stage(Stage),
    Layer(usize),
}

/// Which number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Index {
    Mdi,
    AeiText,
    ShareText,
}

/// MDI, AEI or the words' share of a place under a choice.
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

    /// One sample's measure if its attention were as it is and it had another's tokens.
    fn measure_with(&self, sample: u32, (text_tokens, image_tokens): (u32, u32)) -> Measure {
        let attention = |layer| {
            let attention = self.column.attention(sample, self.look, layer)?;
            Ok(Attention { text_tokens, image_tokens, ..attention })
        };
        masses::over(self.layers(), self.choice.definition.layers, attention)
    }

    /// One sample's measure.
    pub(super) fn measure(&self, sample: u32) -> Measure {
        self.column.over(sample, self.look, self.layers(), &self.choice.definition)
    }

    fn pick(&self, measure: &Measure) -> Value {
        match self.index {
            Index::Mdi => measure.mdi,
            Index::AeiText => measure.aei_text,
            Index::ShareText => measure.share_text,
        }
    }

    /// The value from `A_T` and `A_O`, `n_T` and `n_O` averaged over samples.
    fn pooled(&self, [text, image]: [f64; 2], [n_text, n_image]: [f64; 2]) -> Option<f64> {
        let mdi = (text / n_text) / (image / n_image);
        let value = match self.index {
            Index::Mdi => mdi,
            Index::AeiText => aei_text_of(mdi, n_text / (n_text + n_image)),
            Index::ShareText => text / (text + image),
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

    fn scale(&self) -> Scale {
        match self.index {
            Index::Mdi | Index::AeiText => Scale::Log,
            Index::ShareText => Scale::Plain,
        }
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

/// A statistic over the samples, with its interval.
pub(super) fn over(statistic: &impl Sampled, samples: &[u32]) -> Over {
    let Gathered { rows: all, undefined } = gather(statistic, samples);
    let estimate = if statistic.is_mean() {
        let values: Vec<f64> = all.into_iter().flatten().collect();
        match statistic.scale() {
            Scale::Log => Estimate::of_ratios(&values),
            Scale::Plain => Estimate::of_shares(&values),
        }
    } else {
        let mut rows = Rows::new(all.first().map_or(0, Vec::len));
        all.iter().for_each(|row| rows.push(row));
        Estimate::of_means(&rows, |means| statistic.value(means))
    };
    Over { estimate, undefined }
}

/// How a number moves between two statistics, over the samples that have both.
pub(super) fn change(from: &impl Sampled, to: &impl Sampled, samples: &[u32]) -> Change {
    let pairs: Vec<(Vec<f64>, Vec<f64>)> =
        samples.iter().filter_map(|&s| Some((from.sample(s).ok()?, to.sample(s).ok()?))).collect();
    let value = |statistic: &dyn Fn(&[f64]) -> Option<f64>, side: Vec<&Vec<f64>>| {
        let mut rows = Rows::new(side.first().map_or(0, |row| row.len()));
        side.into_iter().for_each(|row| rows.push(row));
        statistic(&rows.means()).filter(|_| !rows.is_empty())
    };
    let a = value(&|m| from.value(m), pairs.iter().map(|p| &p.0).collect());
    let b = value(&|m| to.value(m), pairs.iter().map(|p| &p.1).collect());
    let both = from.is_mean() && to.is_mean();
    let numbers = || pairs.iter().filter_map(|(a, b)| Some((*a.first()?, *b.first()?)));
    let paired = both && from.scale() == Scale::Log;
    Change {
        n: pairs.len() as u32,
        from: a,
        to: b,
        difference: a.zip(b).map(|(a, b)| b - a),
        low: None,
        high: None,
        ratio: a.filter(|a| *a > 0.0).and_then(|a| Some(b? / a)),
        paired: paired.then(|| PairedRatio::of(&numbers().collect::<Vec<_>>())),
    }
}

/// How the share of answers judged so moves between two conditions, over the samples judged in both.
pub(super) fn share_change([from, to]: [&Column; 2], verdict: Verdict, samples: &[u32]) -> Change {
    let judged = |column: &Column, sample| column.verdict(sample).map(|v| v == verdict);
    let pairs: Vec<(bool, bool)> =
        samples.iter().filter_map(|&s| Some((judged(from, s)?, judged(to, s)?))).collect();
    let PairedDifference { n, from, to, difference, low, high } = paired_share(&pairs);
    let ratio = from.filter(|a| *a > 0.0).and_then(|a| Some(to? / a));
    Change { n, from, to, difference, low, high, ratio, paired: None }
}

/// How attention moves in one stage, sample by sample, whatever the choice's average over samples.
pub(super) fn stage_change(
    stage: Stage,
    from: &Statistic<'_>,
    to: &Statistic<'_>,
    samples: &[u32],
) -> StageChange {
    let (mut moved, mut counts, mut beyond) = (Vec::new(), Vec::new(), Vec::new());
    let (mut null, mut shares) = (Vec::new(), Vec::new());
    for &sample in samples {
        let (before, after) = (from.measure(sample), to.measure(sample));
        if let (Ok(a), Ok(b)) = (before.share_text, after.share_text) {
            shares.push((a, b));
        }
        let still = to.column.tokens(sample, to.look).map(|t| from.measure_with(sample, t));
        let (Ok(a), Ok(b), Ok(unmoved)) = (before.mdi, after.mdi, still.and_then(|m| m.mdi)) else {
            continue;
        };
        moved.push((a, b));
        counts.push((a, unmoved));
        beyond.push((unmoved, b));
        null.push(unmoved);
    }
    StageChange {
        stage,
        mdi: PairedRatio::of(&moved),
        counts: PairedRatio::of(&counts),
        null_mdi: Estimate::of_ratios(&null),
        beyond: PairedRatio::of(&beyond),
        share_text: PairedDifference::of(&shares),
    }
}
