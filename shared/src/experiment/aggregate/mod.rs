//! The aggregate: outcomes folded in one at a time, every table's numbers read out.
//!
//! It keeps a few kilobytes a sample (attention sums of the layers that its choices need), never an
//! outcome; the order in which outcomes come does not change a bit of what it says.

mod choice;
mod column;
mod statistic;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::stats::{Proportion, mean};
use super::{Grid, LeftOut, Outcome, Verdict};
use crate::error::ErrorCode;
use crate::measure::{Undefined, Value};
use crate::sentence::{Message, Sentence};
use crate::stage::Stage;

use column::Column;
use statistic::{Index, Place, Statistic};

pub use choice::Choice;
pub use statistic::{Change, Over, StageChange, UndefinedCount};

/// Why an outcome was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The grid has no such item.
    #[error("the experiment has no item {0}")]
    NoSuchItem(u32),
    /// The condition's earlier outcomes have another number of layers.
    #[error("item {item} has {found} layers where its condition has {expected}")]
    OtherLayers {
        /// The item.
        item: u32,
        /// Its layers.
        found: usize,
        /// The condition's.
        expected: usize,
    },
}

/// MDI, AEI and the words' share of one place, over samples.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Indices {
    /// Modality dominance index.
    pub mdi: Over,
    /// Attention efficiency index of text.
    pub aei_text: Over,
    /// `P_T`: the words' share of the attention on words and picture.
    pub share_text: Over,
}

/// One condition under one choice.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Early, middle, late.
    pub stages: [Indices; 3],
    /// By layer; empty for a choice that keeps no curve.
    pub layers: Vec<Indices>,
    /// Mean `n_T` of the samples.
    pub text_tokens: Option<f64>,
    /// Mean `n_O` of the samples.
    pub image_tokens: Option<f64>,
}

/// How a condition's answers were judged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Verdicts {
    /// Answers that are right.
    pub right: Proportion,
    /// Answers that say what the prompt's false claim says.
    pub claimed: Proportion,
    /// Answers that say something else.
    pub wrong: Proportion,
    /// Answers that no option can be read out of.
    pub unreadable: Proportion,
}

/// Samples left out for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeftOutCount {
    /// The condition's number.
    pub condition: u32,
    /// The reason, for programs.
    pub code: ErrorCode,
    /// How many samples.
    pub count: u32,
    /// One of them, in words.
    pub example: String,
    /// The same as a sentence; nothing in what an earlier version of the lab wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<Sentence>,
}

impl LeftOutCount {
    /// One of them.
    pub fn said(&self) -> Message {
        Message { text: self.example.clone(), sentence: self.sentence.clone() }
    }
}

/// Most reasons that are told apart.
const MAX_REASONS: usize = 1000;

/// A message without its row, numbers and what it quotes.
fn reason(left_out: &LeftOut) -> String {
    let message = left_out.message.as_str();
    let row = format!("Row {}", left_out.sample.row);
    let after_row = message.strip_prefix(&row).and_then(|rest| {
        let named = || rest.strip_prefix(" (").and_then(|rest| rest.split_once("): "));
        rest.strip_prefix(": ").or_else(|| named().map(|(_, rest)| rest))
    });
    let mut out = String::new();
    let (mut before, mut quoted) = (' ', false);
    let mut chars = after_row.unwrap_or(message).chars().peekable();
    while let Some(c) = chars.next() {
        let apostrophe =
            before.is_alphanumeric() && chars.peek().is_some_and(|c| c.is_alphanumeric());
        match c {
            '\'' if quoted && !apostrophe => quoted = false,
            _ if quoted => {}
            '\'' if !before.is_alphanumeric() => {
                quoted = true;
                out.push('…');
            }
            '0'..='9' if before.is_ascii_digit() => {}
            '0'..='9' => out.push('#'),
            _ => out.push(c),
        }
        before = c;
    }
    out
}

/// Outcomes of an experiment, as far as they have come.
#[derive(Clone, Debug)]
pub struct Aggregate {
    grid: Grid,
    /// The choices, each with its look.
    choices: Vec<(Choice, usize)>,
    looks: Vec<column::Look>,
    columns: Vec<Column>,
    /// What kind of question each sample is, an index into `kind_names`.
    kinds: Vec<u16>,
    kind_names: Vec<String>,
    /// The first message of each condition and reason.
    examples: BTreeMap<(u32, &'static str), Message>,
    /// The different reasons why something was left out, each with its number.
    reasons: BTreeMap<String, u32>,
    /// What was computed since a condition's last outcome, by condition and choice.
    summaries: BTreeMap<(u32, usize), Summary>,
    /// The same of changes, by where from and where to; of right answers where there is no choice.
    changes: BTreeMap<[(u32, Option<usize>); 2], Change>,
}

impl Aggregate {
    /// No outcomes yet of these conditions, to be read under these choices ([`Choice::around`]).
    pub fn new(grid: Grid, choices: Vec<Choice>) -> Self {
        let (looks, of_choice) = column::looks(&choices);
        let columns = grid.conditions.iter().map(|_| Column::new(grid.samples)).collect();
        Aggregate {
            kinds: vec![0; grid.samples as usize],
            kind_names: vec![String::new()],
            grid,
            choices: choices.into_iter().zip(of_choice).collect(),
            looks,
            columns,
            examples: BTreeMap::new(),
            reasons: BTreeMap::new(),
            summaries: BTreeMap::new(),
            changes: BTreeMap::new(),
        }
    }

    /// Conditions and samples.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// The choices it can be read under.
    pub fn choices(&self) -> impl ExactSizeIterator<Item = &Choice> {
        self.choices.iter().map(|(choice, _)| choice)
    }

    fn place(&self, item: u32) -> Result<(u32, u32), Refused> {
        let (condition, sample) = self.grid.item(item).ok_or(Refused::NoSuchItem(item))?;
        Ok((condition.index, sample))
    }

    fn forget(&mut self, condition: u32) {
        self.summaries.retain(|(of, _), _| *of != condition);
        self.changes.retain(|ends, _| ends.iter().all(|(of, _)| *of != condition));
    }

    /// Takes an item's outcome; the same item's replaces what came before.
    ///
    /// # Errors
    /// [`Refused`], and nothing is changed.
    pub fn add(&mut self, item: u32, outcome: &Outcome) -> Result<(), Refused> {
        let (condition, sample) = self.place(item)?;
        let column = &mut self.columns[condition as usize];
        column.add(sample, outcome, &self.looks, &self.choices).map_err(|expected| {
            Refused::OtherLayers { item, found: outcome.masses.layers.len(), expected }
        })?;
        let kind = &outcome.sample.kind;
        let known = self.kind_names.iter().position(|k| k == kind);
        self.kinds[sample as usize] = known.unwrap_or_else(|| {
            // Beyond 65,535 kinds a sample counts as of no kind: nobody reads such a table.
            if self.kind_names.len() > usize::from(u16::MAX) {
                return 0;
            }
            self.kind_names.push(kind.clone());
            self.kind_names.len() - 1
        }) as u16;
        self.forget(condition);
        Ok(())
    }

    /// Takes note of an item that has no outcome.
    ///
    /// # Errors
    /// [`Refused::NoSuchItem`].
    pub fn leave_out(&mut self, item: u32, left_out: &LeftOut) -> Result<(), Refused> {
        let (condition, sample) = self.place(item)?;
        let reason = reason(left_out);
        // Beyond so many nobody counts them: those that follow are one.
        let next = self.reasons.len().min(MAX_REASONS) as u32;
        let reason = self.reasons.get(&reason).copied().unwrap_or_else(|| {
            if (next as usize) < MAX_REASONS {
                self.reasons.insert(reason, next);
            }
            next
        });
        self.columns[condition as usize].leave_out(sample, (left_out.code, reason));
        let example = self.examples.entry((condition, left_out.code.name()));
        example.or_insert_with(|| Message {
            text: left_out.message.clone(),
            sentence: left_out.sentence.clone(),
        });
        Ok(())
    }

    /// Items that left an outcome.
    pub fn done(&self) -> u32 {
        self.columns.iter().map(|c| c.samples().count() as u32).sum()
    }

    /// Outcomes of one condition.
    pub fn outcomes(&self, condition: u32) -> u32 {
        self.columns.get(condition as usize).map_or(0, |c| c.samples().count() as u32)
    }

    /// Decoder layers of a condition's model; 0 before its first outcome.
    pub fn layers(&self, condition: u32) -> usize {
        self.columns.get(condition as usize).map_or(0, Column::layers)
    }

    /// Samples left out, by condition and reason.
    pub fn left_out(&self) -> Vec<LeftOutCount> {
        let mut all = Vec::new();
        for (condition, column) in self.columns.iter().enumerate() {
            let mut codes: Vec<ErrorCode> = column.left_out.values().map(|why| why.0).collect();
            codes.sort_unstable_by_key(|code| code.name());
            for same in codes.chunk_by(|a, b| a == b) {
                let (condition, code) = (condition as u32, same[0]);
                let Message { text: example, sentence } =
                    self.examples.get(&(condition, code.name())).cloned().unwrap_or_default();
                let count = same.len() as u32;
                all.push(LeftOutCount { condition, code, count, example, sentence });
            }
        }
        all
    }

    /// How many different reasons there are under a code, over all conditions: what the messages say
    /// but for the row, numbers and what they quote.
    pub fn reasons(&self, code: ErrorCode) -> usize {
        let why = self.columns.iter().flat_map(|column| column.left_out.values());
        let reasons: BTreeSet<u32> =
            why.filter(|(of, _)| *of == code).map(|(_, reason)| *reason).collect();
        reasons.len()
    }

    /// Everything over one condition's samples under one choice, by their numbers; nothing but
    /// empty values where there is no such condition or choice.
    pub fn summary(&mut self, condition: u32, choice: usize) -> Summary {
        if let Some(known) = self.summaries.get(&(condition, choice)) {
            return known.clone();
        }
        let new = self.summarize(condition, choice).unwrap_or_default();
        self.summaries.insert((condition, choice), new.clone());
        new
    }

    fn summarize(&self, condition: u32, choice: usize) -> Option<Summary> {
        let (choice, look) = self.choices.get(choice)?;
        let column = self.columns.get(condition as usize)?;
        let layers = if choice.curve { column.layers() } else { 0 };
        let samples: Vec<u32> = column.samples().collect();
        let over = |place, index| {
            statistic::over(&Statistic { column, choice, look: *look, place, index }, &samples)
        };
        let at = |place| Indices {
            mdi: over(place, Index::Mdi),
            aei_text: over(place, Index::AeiText),
            share_text: over(place, Index::ShareText),
        };
        let stages = Stage::ALL.map(|stage| at(Place::Stage(stage)));
        let layers = (0..layers).map(|layer| at(Place::Layer(layer))).collect();
        let tokens: Vec<(u32, u32)> =
            samples.iter().filter_map(|s| column.tokens(*s, *look).ok()).collect();
        let mean_of = |pick: fn(&(u32, u32)) -> u32| {
            mean(&tokens.iter().map(|t| f64::from(pick(t))).collect::<Vec<_>>())
        };
        Some(Summary {
            stages,
            layers,
            text_tokens: mean_of(|t| t.0),
            image_tokens: mean_of(|t| t.1),
        })
    }

    fn mdi(&self, condition: u32, choice: usize, stage: Stage) -> Option<Statistic<'_>> {
        let (choice, look) = self.choices.get(choice)?;
        let column = self.columns.get(condition as usize)?;
        let place = Place::Stage(stage);
        Some(Statistic { column, choice, look: *look, place, index: Index::Mdi })
    }

    /// Samples of a condition that have an outcome, in order.
    pub fn samples(&self, condition: u32) -> Vec<u32> {
        self.columns.get(condition as usize).map_or_else(Vec::new, |c| c.samples().collect())
    }

    /// Samples of a condition that were left out, in order.
    pub fn samples_left_out(&self, condition: u32) -> Vec<u32> {
        let column = self.columns.get(condition as usize);
        column.map_or_else(Vec::new, |c| c.left_out.keys().copied().collect())
    }

    /// One sample's late MDI under a choice, by their numbers.
    ///
    /// # Errors
    /// Why there is none; [`Undefined::NotObserved`] where there is no such outcome or choice.
    pub fn late_mdi_of(&self, condition: u32, sample: u32, choice: usize) -> Value {
        let statistic = self.mdi(condition, choice, Stage::Late).ok_or(Undefined::NotObserved)?;
        if sample >= self.grid.samples {
            return Err(Undefined::NotObserved);
        }
        statistic.measure(sample).mdi
    }

    /// How one sample's answer was judged; `None` without outcome or expected answer.
    pub fn verdict_of(&self, condition: u32, sample: u32) -> Option<Verdict> {
        let column = self.columns.get(condition as usize)?;
        (sample < self.grid.samples).then(|| column.verdict(sample))?
    }

    /// How the late layers' MDI moves from one condition and choice to another, over the samples
    /// that have both.
    pub fn late_change(&mut self, from: (u32, usize), to: (u32, usize)) -> Change {
        self.known([(from.0, Some(from.1)), (to.0, Some(to.1))], |this, samples| {
            let late = |(condition, choice)| this.mdi(condition, choice, Stage::Late);
            Some(statistic::change(&late(from)?, &late(to)?, samples))
        })
    }

    /// How attention moves from one condition to another under one choice: early, middle, late.
    /// Empty where there is no such condition or choice.
    pub fn stage_changes(&self, from: u32, to: u32, choice: usize) -> Vec<StageChange> {
        let samples = self.all();
        let of_stage = |stage| {
            let (a, b) = (self.mdi(from, choice, stage)?, self.mdi(to, choice, stage)?);
            Some(statistic::stage_change(stage, &a, &b, &samples))
        };
        Stage::ALL.into_iter().filter_map(of_stage).collect()
    }

    /// How the share of right answers moves between two conditions, over the same samples.
    pub fn right_change(&mut self, from: u32, to: u32) -> Change {
        self.known([(from, None), (to, None)], |this, samples| {
            let column = |condition: u32| this.columns.get(condition as usize);
            let ends = [column(from)?, column(to)?];
            Some(statistic::share_change(ends, Verdict::Right, samples))
        })
    }

    /// A change between two ends, computed once for the outcomes there are; empty where an end
    /// does not exist.
    fn known(
        &mut self,
        ends: [(u32, Option<usize>); 2],
        compute: impl FnOnce(&Self, &[u32]) -> Option<Change>,
    ) -> Change {
        if let Some(known) = self.changes.get(&ends) {
            return *known;
        }
        let new = compute(self, &self.all()).unwrap_or_default();
        self.changes.insert(ends, new);
        new
    }

    fn all(&self) -> Vec<u32> {
        (0..self.grid.samples).collect()
    }

    /// How a condition's answers were judged; `None` where none was.
    pub fn verdicts(&self, condition: u32) -> Option<Verdicts> {
        let column = self.columns.get(condition as usize)?;
        count(column.samples().filter_map(|s| column.verdict(s)))
    }

    /// The same by kind of question, in the kinds' order; empty where there is one kind alone.
    pub fn verdicts_by_kind(&self, condition: u32) -> Vec<(String, Verdicts)> {
        let Some(column) = self.columns.get(condition as usize) else { return Vec::new() };
        let mut by_kind: BTreeMap<&str, Vec<Verdict>> = BTreeMap::new();
        for sample in column.samples() {
            if let Some(verdict) = column.verdict(sample) {
                let kind = &self.kind_names[usize::from(self.kinds[sample as usize])];
                by_kind.entry(kind).or_default().push(verdict);
            }
        }
        if by_kind.len() < 2 {
            return Vec::new();
        }
        let counted = by_kind
            .into_iter()
            .filter_map(|(kind, verdicts)| Some((kind.to_owned(), count(verdicts.into_iter())?)));
        counted.collect()
    }

    /// Bytes held for outcomes.
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(Column::bytes).sum()
    }
}

fn count(verdicts: impl Iterator<Item = Verdict>) -> Option<Verdicts> {
    let all: Vec<Verdict> = verdicts.collect();
    let of = |verdict: Verdict| {
        let count = all.iter().filter(|v| **v == verdict).count();
        Proportion::new(count as u32, all.len() as u32)
    };
    (!all.is_empty()).then(|| Verdicts {
        right: of(Verdict::Right),
        claimed: of(Verdict::Claimed),
        wrong: of(Verdict::Wrong),
        unreadable: of(Verdict::Unreadable),
    })
}
