//! What is kept of one condition's outcomes: attention sums, and no more than the choices need.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Choice;
use crate::definition::{Definition, Heads, Media, Queries};
use crate::error::ErrorCode;
use crate::experiment::{Outcome, Verdict};
use crate::group::GroupSet;
use crate::masses;
use crate::measure::{Attention, Measure, Undefined};
use crate::stage::Stage;

/// What of a definition decides its attention sums: definitions that differ in stages or ratios
/// alone share them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    queries: Queries,
    text: GroupSet,
    heads: Heads,
    other: Media,
    instead: Option<Media>,
}

impl Look {
    pub(super) fn of(definition: &Definition) -> Self {
        let Definition { queries, text, heads, other, instead, .. } = *definition;
        Look { queries, text, heads, other, instead }
    }

    /// A definition that looks like this.
    fn definition(self) -> Definition {
        let Look { queries, text, heads, other, instead } = self;
        Definition { queries, text, heads, other, instead, ..Definition::default() }
    }
}

/// The distinct looks of the choices, and which one each choice has.
pub(super) fn looks(choices: &[Choice]) -> (Vec<Look>, Vec<usize>) {
    let mut looks: Vec<Look> = Vec::new();
    let of_choice = choices.iter().map(|choice| {
        let look = Look::of(&choice.definition);
        looks.iter().position(|l| *l == look).unwrap_or_else(|| {
            looks.push(look);
            looks.len() - 1
        })
    });
    let of_choice = of_choice.collect();
    (looks, of_choice)
}

/// `n_T` and `n_O`, or why there are none.
type Tokens = Result<(u32, u32), Undefined>;

/// Attention sums under one look: for each row and kept layer `A_T` and `A_O`.
#[derive(Clone, Debug, Default)]
struct LookColumn {
    /// Kept layers, rising.
    layers: Vec<u32>,
    tokens: Vec<Tokens>,
    sums: Vec<[f64; 2]>,
}

impl LookColumn {
    fn set(&mut self, row: usize, look: Look, outcome: &Outcome) {
        let definition = look.definition();
        let tokens = match look.heads {
            Heads::MeanFirst => outcome.masses.extent.tokens(&definition),
            _ => Err(Undefined::HeadsAveraged),
        };
        let bins = outcome.masses.extent.bins();
        let sums = self.layers.iter().map(|&layer| {
            // Sums that do not exist are never read: tokens or `unobserved` say so first.
            let masses = outcome.masses.layers[layer as usize].as_ref();
            masses.map_or([0.0; 2], |m| m.sides(&bins, &definition).into())
        });
        let from = row * self.layers.len();
        if row < self.tokens.len() {
            self.tokens[row] = tokens;
            self.sums[from..].iter_mut().zip(sums).for_each(|(old, new)| *old = new);
        } else {
            self.tokens.push(tokens);
            self.sums.extend(sums);
        }
    }
}

/// No row.
const NONE: u32 = u32::MAX;

/// The outcomes of one condition.
#[derive(Clone, Debug)]
pub(super) struct Column {
    /// Decoder layers; known from the first outcome on.
    layers: Option<usize>,
    /// Each sample's row, or [`NONE`].
    rows: Vec<u32>,
    looks: Vec<LookColumn>,
    verdicts: Vec<Option<Verdict>>,
    /// Rows with layers that were not observed.
    unobserved: BTreeMap<u32, Vec<u32>>,
    /// Samples left out: the code, and which reason of the aggregate's.
    pub(super) left_out: BTreeMap<u32, (ErrorCode, u32)>,
}

impl Column {
    pub(super) fn new(samples: u32) -> Self {
        Column {
            layers: None,
            rows: vec![NONE; samples as usize],
            looks: Vec::new(),
            verdicts: Vec::new(),
            unobserved: BTreeMap::new(),
            left_out: BTreeMap::new(),
        }
    }

    /// Decoder layers, 0 before the first outcome.
    pub(super) fn layers(&self) -> usize {
        self.layers.unwrap_or(0)
    }

    /// Takes an outcome; again for the same sample it replaces the first.
    ///
    /// # Errors
    /// The number of layers that the condition has, where the outcome's is another.
    pub(super) fn add(
        &mut self,
        sample: u32,
        outcome: &Outcome,
        looks: &[Look],
        choices: &[(Choice, usize)],
    ) -> Result<(), usize> {
        let layers = outcome.masses.layers.len();
        match self.layers {
            Some(known) if known != layers => return Err(known),
            Some(_) => {}
            None => {
                self.layers = Some(layers);
                self.looks = (0..looks.len())
                    .map(|look| LookColumn {
                        layers: needed_layers(layers, look, choices),
                        ..LookColumn::default()
                    })
                    .collect();
            }
        }
        let row = match self.rows[sample as usize] {
            NONE => self.verdicts.len() as u32,
            known => known,
        };
        self.rows[sample as usize] = row;
        self.left_out.remove(&sample);
        for (column, look) in self.looks.iter_mut().zip(looks) {
            column.set(row as usize, *look, outcome);
        }
        match self.verdicts.get_mut(row as usize) {
            Some(verdict) => *verdict = outcome.verdict,
            None => self.verdicts.push(outcome.verdict),
        }
        let layers = outcome.masses.layers.iter().enumerate();
        let missing: Vec<u32> =
            layers.filter(|(_, m)| m.is_none()).map(|(l, _)| l as u32).collect();
        if missing.is_empty() {
            self.unobserved.remove(&row);
        } else {
            self.unobserved.insert(row, missing);
        }
        Ok(())
    }

    /// Takes note of a sample that has no outcome; an outcome that came before stays.
    pub(super) fn leave_out(&mut self, sample: u32, why: (ErrorCode, u32)) {
        if self.rows[sample as usize] == NONE {
            self.left_out.insert(sample, why);
        }
    }

    /// Samples with an outcome, in order.
    pub(super) fn samples(&self) -> impl Iterator<Item = u32> {
        self.rows.iter().enumerate().filter(|(_, row)| **row != NONE).map(|(s, _)| s as u32)
    }

    /// How an answer was judged; `None` without outcome or expected answer.
    pub(super) fn verdict(&self, sample: u32) -> Option<Verdict> {
        *self.verdicts.get(self.rows[sample as usize] as usize)?
    }

    /// `n_T` and `n_O` of a sample.
    pub(super) fn tokens(&self, sample: u32, look: usize) -> Tokens {
        let row = self.rows[sample as usize] as usize;
        let tokens = self.looks.get(look).and_then(|l| l.tokens.get(row));
        tokens.copied().unwrap_or(Err(Undefined::NotObserved))
    }

    /// A sample's attention sums in one layer.
    pub(super) fn attention(
        &self,
        sample: u32,
        look: usize,
        layer: usize,
    ) -> Result<Attention, Undefined> {
        let (text_tokens, image_tokens) = self.tokens(sample, look)?;
        let row = self.rows[sample as usize];
        let layer = layer as u32;
        if self.unobserved.get(&row).is_some_and(|missing| missing.contains(&layer)) {
            return Err(Undefined::NotObserved);
        }
        let column = &self.looks[look];
        let place = column.layers.binary_search(&layer).map_err(|_| Undefined::NotObserved)?;
        let [text, image] = column.sums[row as usize * column.layers.len() + place];
        Ok(Attention { text, image, text_tokens, image_tokens })
    }

    /// A sample's measure over a range of layers, as [`crate::Masses::stage`] gives it.
    pub(super) fn over(
        &self,
        sample: u32,
        look: usize,
        layers: Range<usize>,
        definition: &Definition,
    ) -> Measure {
        masses::over(layers, definition.layers, |l| self.attention(sample, look, l))
    }

    /// Bytes held, allocations of unused room aside.
    pub(super) fn bytes(&self) -> usize {
        let of_look = |l: &LookColumn| {
            size_of_val(&l.tokens[..]) + size_of_val(&l.sums[..]) + size_of_val(&l.layers[..])
        };
        size_of_val(&self.rows[..])
            + size_of_val(&self.verdicts[..])
            + self.looks.iter().map(of_look).sum::<usize>()
    }
}

/// The layers of a look that some choice asks for, rising.
fn needed_layers(layers: usize, look: usize, choices: &[(Choice, usize)]) -> Vec<u32> {
    let mut needed = vec![false; layers];
    for (choice, _) in choices.iter().filter(|(_, of)| *of == look) {
        if choice.curve {
            needed.fill(true);
        }
        for stage in Stage::ALL {
            needed[stage.layers(choice.definition.stages, layers)].fill(true);
        }
    }
    (0..layers as u32).filter(|l| needed[*l as usize]).collect()
}
