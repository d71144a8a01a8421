//! Two experiments side by side.

use super::Condition;
use super::stats::Estimate;
use super::tables::{ConditionResult, Tables};

/// A condition of one experiment beside the one of the other that it is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Compared {
    /// The first one's name for people.
    pub first: String,
    /// The other one's.
    pub second: String,
    /// Late MDI of the first, under its tables' choice.
    pub from: Estimate,
    /// Late MDI of the other.
    pub to: Estimate,
    /// The words' share of the attention in the late layers of the first.
    pub share_from: Estimate,
    /// That of the other.
    pub share_to: Estimate,
    /// `to − from` of the arithmetic means; `None` where one does not exist or the samples are not
    /// the same.
    pub difference: Option<f64>,
    /// `to / from` of what is shown of each ([`Estimate::centre`]), likewise; `None` also where
    /// `from` is not above 0.
    pub ratio: Option<f64>,
    /// Difference of the shares of right answers, likewise.
    pub right: Option<f64>,
}

/// Two experiments side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// Whether both drew the same samples of the same dataset: only then is a difference one of
    /// conditions.
    pub same_samples: bool,
    /// Whether both are read under the same choice.
    pub same_choice: bool,
    /// The conditions that belong together.
    pub rows: Vec<Compared>,
}

/// Compares the tables of two experiments, condition by condition: equal ones where there are any,
/// else those in which the same is done to the picture's tokens, where that is unique in both.
pub fn compare(first: &Tables, second: &Tables) -> Comparison {
    let (a, b) = (&first.provenance, &second.provenance);
    let drawn = |p: &super::tables::Provenance| {
        (p.dataset.name.clone(), p.dataset.revision.clone(), p.samples, p.seed)
    };
    let same_samples = drawn(a) == drawn(b);
    let same_choice = (first.choice.definition, first.choice.samples)
        == (second.choice.definition, second.choice.samples);
    let equal = |x: &Condition, y: &Condition| x.same_as(y);
    let levers = |x: &Condition, y: &Condition| {
        let levers = |c: &Condition| (c.prune, c.prune_by, c.replicate, c.picture);
        levers(x) == levers(y)
    };
    let mut pairs = pair(&first.conditions, &second.conditions, equal);
    if pairs.is_empty() {
        pairs = pair(&first.conditions, &second.conditions, levers);
    }
    let counts = same_samples && same_choice;
    let rows = pairs.into_iter().map(|(x, y)| compared(x, y, counts)).collect();
    Comparison { same_samples, same_choice, rows }
}

type Pair<'t> = (&'t ConditionResult, &'t ConditionResult);

/// The pairs that fit each other and nothing else.
fn pair<'t>(
    first: &'t [ConditionResult],
    second: &'t [ConditionResult],
    fit: impl Fn(&Condition, &Condition) -> bool,
) -> Vec<Pair<'t>> {
    let only = |in_: &'t [ConditionResult], c: &Condition| {
        let mut fitting = in_.iter().filter(|r| fit(&r.condition, c));
        fitting.next().filter(|_| fitting.next().is_none())
    };
    let pairs = first.iter().filter_map(|x| {
        let y = only(second, &x.condition)?;
        only(first, &y.condition).map(|_| (x, y))
    });
    pairs.collect()
}

fn compared(x: &ConditionResult, y: &ConditionResult, counts: bool) -> Compared {
    let late = |r: &ConditionResult| {
        let cells = r.choices.first().and_then(|c| c.stages.last());
        cells.map(|s| s.mdi.estimate).unwrap_or_default()
    };
    let right = |r: &ConditionResult| r.verdicts.and_then(|v| v.right.share);
    let late_share = |r: &ConditionResult| {
        let cells = r.choices.first().and_then(|c| c.stages.last());
        cells.map(|s| s.share_text.estimate).unwrap_or_default()
    };
    let (from, to) = (late(x), late(y));
    let centres = from.centre().value.zip(to.centre().value).filter(|_| counts);
    let both = from.mean.zip(to.mean).filter(|_| counts);
    Compared {
        first: x.label.clone(),
        second: y.label.clone(),
        from,
        to,
        share_from: late_share(x),
        share_to: late_share(y),
        difference: both.map(|(a, b)| b - a),
        ratio: centres.filter(|(a, _)| *a > 0.0).map(|(a, b)| b / a),
        right: right(x).zip(right(y)).filter(|_| counts).map(|(a, b)| b - a),
    }
}
