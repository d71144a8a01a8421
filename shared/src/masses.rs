//! Masses: what a run's numbers follow from once heads are averaged.

use serde::{Deserialize, Serialize};

use crate::definition::{Definition, Heads, Queries, Ratio};
use crate::group::{Counts, GROUPS, Group, GroupSet};
use crate::measure::{Attention, Measure, Undefined, Value};
use crate::stage::Stage;

/// The prompt groups whose rows [`Queries::PromptText`] sums.
pub(crate) const PROMPT_TEXT: GroupSet =
    GroupSet::of(&[Group::System, Group::Template, Group::Instruction]);

/// Attention mass by key group, one number for each group in index order.
pub type ByGroup = [f64; GROUPS];

/// One layer's attention masses by key group, of one head or averaged over heads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LayerMasses {
    /// The last prompt row's.
    pub last: ByGroup,
    /// Those of the generated tokens that predicted another, summed.
    pub generated: ByGroup,
    /// Those of the prompt rows, summed within each query group.
    pub prompt: [ByGroup; GROUPS],
}

impl LayerMasses {
    /// Adds another head's masses.
    pub(crate) fn add(&mut self, other: &LayerMasses) {
        self.each(other, |mine, theirs| *mine += theirs);
    }

    /// Divides every mass.
    pub(crate) fn divide(&mut self, by: f64) {
        let other = *self;
        self.each(&other, |mine, _| *mine /= by);
    }

    fn each(&mut self, other: &LayerMasses, change: impl Fn(&mut f64, f64)) {
        let mine =
            self.last.iter_mut().chain(&mut self.generated).chain(self.prompt.as_flattened_mut());
        let theirs = other.last.iter().chain(&other.generated).chain(other.prompt.as_flattened());
        mine.zip(theirs).for_each(|(m, t)| change(m, *t));
    }

    /// Mass on one key group, summed over a definition's queries.
    pub fn of(&self, queries: Queries, key: Group) -> f64 {
        let key = key.index();
        let prompt =
            |set: GroupSet| -> f64 { set.iter().map(|q| self.prompt[q.index()][key]).sum() };
        match queries {
            Queries::Predicting => self.last[key] + self.generated[key],
            Queries::GeneratedPositions => self.generated[key],
            Queries::LastPrompt => self.last[key],
            Queries::PromptText => prompt(PROMPT_TEXT),
            Queries::AllPrompt => prompt(GroupSet::of(&Group::ALL)),
        }
    }

    /// `A_T` and `A_O` under a definition; its choice of heads does not enter.
    pub fn sides(&self, definition: &Definition) -> (f64, f64) {
        let on = |key| self.of(definition.queries, key);
        let text = definition.text.without(Group::Image);
        (text.iter().map(on).sum(), on(Group::Image))
    }
}

/// How many rows and keys there are to look from and at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Prompt tokens in each group.
    pub prompt: Counts,
    /// Generated tokens that predicted another: all but the last.
    pub generated: u32,
}

impl Extent {
    /// `n_T` and `n_O`. Generated tokens count as text keys only where the definition says so and
    /// only those that were keys of a summed row: all but the last.
    ///
    /// # Errors
    /// [`Undefined::NoQueries`] where the definition's queries do not occur.
    pub fn tokens(&self, definition: &Definition) -> Result<(u32, u32), Undefined> {
        let empty = match definition.queries {
            Queries::GeneratedPositions => self.generated == 0,
            Queries::PromptText => self.prompt.in_set(PROMPT_TEXT) == 0,
            Queries::Predicting | Queries::LastPrompt | Queries::AllPrompt => {
                self.prompt.in_set(GroupSet::of(&Group::ALL)) == 0
            }
        };
        if empty {
            return Err(Undefined::NoQueries);
        }
        let generated = match definition.queries {
            Queries::Predicting | Queries::GeneratedPositions => self.generated,
            _ => 0,
        };
        let counts = self.prompt.with(Group::Generated, generated);
        Ok((counts.in_set(definition.text.without(Group::Image)), counts.get(Group::Image)))
    }
}

/// A run's attention masses, averaged over heads: enough for every definition that averages heads
/// first, in `63 × layers` numbers whatever the lengths of prompt and answer were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Masses {
    /// Rows and keys.
    pub extent: Extent,
    /// By layer; `None` where not observed.
    pub layers: Vec<Option<LayerMasses>>,
}

impl Masses {
    /// Attention sums of one layer under a definition.
    ///
    /// # Errors
    /// [`Undefined`] where the layer is not observed or the definition's queries do not occur, and
    /// [`Undefined::HeadsAveraged`] for a definition that asks for heads one by one.
    pub fn attention(&self, layer: usize, definition: &Definition) -> Result<Attention, Undefined> {
        if definition.heads != Heads::MeanFirst {
            return Err(Undefined::HeadsAveraged);
        }
        let masses =
            self.layers.get(layer).and_then(Option::as_ref).ok_or(Undefined::NotObserved)?;
        let (text_tokens, image_tokens) = self.extent.tokens(definition)?;
        let (text, image) = masses.sides(definition);
        Ok(Attention { text, image, text_tokens, image_tokens })
    }

    /// MDI, AEI and their parts for one layer.
    pub fn measure(&self, layer: usize, definition: &Definition) -> Measure {
        match self.attention(layer, definition) {
            Ok(attention) => attention.measure(),
            Err(reason) => Measure::undefined(reason),
        }
    }

    /// MDI, AEI and their parts for a stage; as [`crate::Observation::stage`].
    pub fn stage(&self, stage: Stage, definition: &Definition) -> Measure {
        let layers = stage.layers(definition.stages, self.layers.len());
        over(layers, definition.layers, |l| self.attention(l, definition))
    }
}

/// MDI, AEI and their parts over a range of layers, from each layer's attention sums.
///
/// As a mean of ratios every value is the mean of the layers' values, and is undefined as soon as
/// one layer's is: a stage never silently averages fewer layers than it names.
pub(crate) fn over(
    layers: std::ops::Range<usize>,
    ratio: Ratio,
    attention: impl Fn(usize) -> Result<Attention, Undefined>,
) -> Measure {
    if layers.is_empty() {
        return Measure::undefined(Undefined::NotObserved);
    }
    let n = layers.len() as f64;
    let all = match layers.map(attention).collect::<Result<Vec<Attention>, Undefined>>() {
        Ok(all) => all,
        Err(reason) => return Measure::undefined(reason),
    };
    let sum = |pick: fn(&Attention) -> f64| all.iter().map(pick).sum::<f64>();
    let mean = Attention { text: sum(|a| a.text) / n, image: sum(|a| a.image) / n, ..all[0] };
    if ratio == Ratio::RatioOfMeans {
        return mean.measure();
    }
    let measures: Vec<Measure> = all.iter().map(Attention::measure).collect();
    let mean_of = |pick: fn(&Measure) -> Value| -> Value {
        measures.iter().map(pick).try_fold(0.0, |sum, v| Ok(sum + v? / n))
    };
    Measure {
        mdi: mean_of(|m| m.mdi),
        aei_text: mean_of(|m| m.aei_text),
        aei_image: mean_of(|m| m.aei_image),
        share_text: mean_of(|m| m.share_text),
        share_tokens_text: mean_of(|m| m.share_tokens_text),
        attention: Ok(mean),
    }
}
