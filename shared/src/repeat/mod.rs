//! One question asked several times, its tokens drawn anew each time: which answers come how often, how
//! often it is the one that the words claim, and how far MDI spreads over the answers.
//!
//! The prompt's rows are the same each time; what differs is the answer and where its rows look. So a
//! definition whose queries are the prompt's alone has no spread.

mod claim;

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::definition::Definition;
use crate::experiment::as_compared;
use crate::experiment::stats::{Estimate, Proportion};
use crate::masses::Masses;
use crate::measure::{Undefined, Value};
use crate::options::RunOptions;
use crate::sentence::{Message, OptionError};
use crate::stage::Stage;

pub use claim::{BEGINNINGS, Claim, SEEN, claim_in, said_in, saying};

/// A wish to ask the same question several times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// How often, 2 to 32. The first answer is drawn from the run's own seed, the others from seeds that
    /// follow from it ([`crate::Sampling::nth`]).
    pub times: u32,
    /// What the words claim and the picture does not show, such as `a dog`: answers that say so are
    /// counted ([`Claim`]). Empty for what the prompt itself claims, where it begins with
    /// `The picture shows …` or `This is a photo of …`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub claim: String,
}

impl Repeat {
    /// How often a question can be asked in one request.
    pub const TIMES: RangeInclusive<u32> = 2..=32;
    /// Most characters of a claim.
    pub const CLAIM_CHARS: usize = 200;

    /// Checks the ranges.
    ///
    /// # Errors
    /// A sentence about the first value that is out of its range.
    pub fn check(&self) -> Result<(), Message> {
        if !Self::TIMES.contains(&self.times) {
            let (least, most) = (*Self::TIMES.start(), *Self::TIMES.end());
            let (value, least, most) = (self.times.into(), least.into(), most.into());
            return Err(OptionError::RepeatTimes { value, least, most }.into());
        }
        let chars = self.claim.chars().count();
        if chars > Self::CLAIM_CHARS || self.claim.chars().any(char::is_control) {
            return Err(OptionError::ClaimTooLong { most: Self::CLAIM_CHARS as u64 }.into());
        }
        Ok(())
    }
}

/// One of the answers to a question that is asked several times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sampled {
    /// Its number, from 0.
    pub index: u32,
    /// The seed that its tokens were drawn from; 0 at temperature 0.
    pub seed: u32,
    /// What the model wrote.
    pub answer: String,
    /// How many tokens that was, the end-of-sequence token included.
    pub tokens: u32,
    /// Attention masses, averaged over heads.
    pub masses: Masses,
}

/// How MDI spreads over answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MdiSpread {
    /// Answers whose MDI exists.
    pub n: u32,
    /// The geometric mean, as of all ratios; `null` of none, and where one of them is 0.
    pub mean: Option<f64>,
    /// The median.
    pub median: Option<f64>,
    /// The 10th percentile, between two values on the straight line between them (Hyndman and Fan's
    /// type 7, as in R and NumPy). What answers do, and no interval of the mean.
    pub low: Option<f64>,
    /// The 90th.
    pub high: Option<f64>,
}

impl MdiSpread {
    /// Of these values.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        MdiSpread {
            n: values.len() as u32,
            mean: Estimate::of_ratios(&values).geometric_mean,
            median: quantile(&values, 0.5),
            low: quantile(&values, 0.1),
            high: quantile(&values, 0.9),
        }
    }

    /// The band, where there is one.
    pub fn band(&self) -> Option<(f64, f64)> {
        self.low.zip(self.high)
    }
}

/// The quantile of sorted values by Hyndman and Fan's type 7; `None` of none.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let at = share * sorted.len().checked_sub(1)? as f64;
    let (below, part) = (at as usize, at.fract());
    let low = sorted.get(below)?;
    let high = sorted.get(below + 1).unwrap_or(low);
    Some(low + part * (high - low))
}

/// An answer that came once or more.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnswerShare {
    /// The answer as it came first, without blanks around it.
    pub answer: String,
    /// How many of all answers are this one, with the Wilson interval where answers are drawn.
    pub share: Proportion,
    /// Whether it says what the words claim; `null` where no claim is known.
    pub claimed: Option<bool>,
    /// Median of the late layers' MDI over the times it came; `null` where none exists.
    pub late_mdi: Option<f64>,
    /// The seeds that it came of.
    pub seeds: Vec<u32>,
}

/// What came of asking several times, under one definition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RepeatTable {
    /// How often the question was to be asked.
    pub times: u32,
    /// How many answers there are (so far).
    pub answered: u32,
    /// What the words claim; `null` where that is not known.
    pub claim: Option<String>,
    /// How many answers say that, with the Wilson interval: how often the words win, where the picture
    /// shows something else.
    pub claimed: Option<Proportion>,
    /// Each answer, the most frequent first and of equals the one that came first. Answers are the same
    /// where they differ in case, blanks and a last full stop alone, as in experiments.
    pub answers: Vec<AnswerShare>,
    /// MDI by layer, over all answers.
    pub layers: Vec<MdiSpread>,
    /// MDI of the late layers, over all answers.
    pub late: MdiSpread,
    /// Why there is no MDI of the late layers, where there is none: the first answer's reason.
    pub undefined: Option<Undefined>,
}

impl RepeatTable {
    /// The table of what was answered so far; `None` of a run that is asked once.
    pub fn new(options: &RunOptions, sampled: &[Sampled], definition: &Definition) -> Option<Self> {
        let repeat = options.repeat.as_ref()?;
        let claim = Claim::of(options);
        let n = sampled.len() as u32;
        // At temperature 0 it is the same answer each time, and not so many draws of one.
        let proportion = |count: u32| match options.sampling.temperature > 0.0 {
            true => Proportion::new(count, n),
            false => Proportion::new(count, n).without_interval(),
        };
        let late = |one: &Sampled| one.masses.stage(Stage::Late, definition).mdi;
        let mut groups: Vec<(String, Vec<&Sampled>)> = Vec::new();
        for one in sampled {
            let as_compared = as_compared(&one.answer);
            match groups.iter_mut().find(|(text, _)| *text == as_compared) {
                Some((_, all)) => all.push(one),
                None => groups.push((as_compared, vec![one])),
            }
        }
        // The sort keeps the order of equals.
        groups.sort_by_key(|(_, all)| std::cmp::Reverse(all.len()));
        let answers: Vec<AnswerShare> = groups
            .iter()
            .map(|(text, all)| {
                let mdi = all.iter().filter_map(|one| late(one).ok()).collect();
                AnswerShare {
                    answer: all.first().map_or(text, |one| &one.answer).trim().to_owned(),
                    share: proportion(all.len() as u32),
                    claimed: claim.as_ref().map(|claim| claim.is_said_by(text)),
                    late_mdi: MdiSpread::of(mdi).median,
                    seeds: all.iter().map(|one| one.seed).collect(),
                }
            })
            .collect();
        let say_it = answers.iter().filter(|a| a.claimed == Some(true));
        let say_it = say_it.map(|a| a.share.count).sum();
        let layers = sampled.iter().map(|one| one.masses.layers.len()).max().unwrap_or(0);
        let over = |mdi: &dyn Fn(&Sampled) -> Value| {
            MdiSpread::of(sampled.iter().filter_map(|one| mdi(one).ok()).collect())
        };
        Some(RepeatTable {
            times: repeat.times,
            answered: n,
            claimed: claim.as_ref().map(|_| proportion(say_it)),
            claim: claim.map(|claim| claim.text().to_owned()),
            answers,
            layers: (0..layers)
                .map(|l| over(&|one| one.masses.measure(l, definition).mdi))
                .collect(),
            late: over(&late),
            undefined: sampled.iter().map(late).next().and_then(Result::err),
        })
    }
}
