//! Masses: what a run's numbers follow from once heads are averaged.

use serde::{Deserialize, Serialize};

use crate::bins::{Bin, Bins, FEW_BINS};
use crate::definition::{Definition, Heads, Media, Queries, Ratio};
use crate::group::{Counts, GROUPS, Group, GroupSet};
use crate::layout::Layout;
use crate::measure::{Attention, Measure, Undefined, Value};
use crate::media::Medium;
use crate::stage::Stage;

/// The prompt groups whose rows [`Queries::PromptText`] sums.
pub(crate) const PROMPT_TEXT: GroupSet =
    GroupSet::of(&[Group::System, Group::Template, Group::Instruction]);

/// Attention mass by key group, one number for each group in index order.
pub type ByGroup = [f64; GROUPS];

/// Attention mass by key bin, one number for each bin of the run.
pub type ByBin = Vec<f64>;

/// One layer's attention masses by key bin, of one head or averaged over heads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LayerMasses {
    /// The last prompt row's.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<f64>))]
    pub last: ByBin,
    /// Those of the generated tokens that predicted another, summed.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<f64>))]
    pub generated: ByBin,
    /// Those of the prompt rows, summed within each query bin.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<Vec<f64>>))]
    pub prompt: Vec<ByBin>,
}

impl Default for LayerMasses {
    /// No mass in the bins of one picture.
    fn default() -> Self {
        LayerMasses::none(FEW_BINS)
    }
}

impl LayerMasses {
    /// No mass in so many bins.
    pub fn none(bins: usize) -> Self {
        let row = vec![0.0; bins];
        LayerMasses { last: row.clone(), generated: row.clone(), prompt: vec![row; bins] }
    }

    /// Adds another head's masses.
    pub(crate) fn add(&mut self, other: &LayerMasses) {
        let theirs = other.last.iter().chain(&other.generated).chain(other.prompt.iter().flatten());
        self.all().zip(theirs).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// Divides every mass.
    pub(crate) fn divide(&mut self, by: f64) {
        self.all().for_each(|mine| *mine /= by);
    }

    fn all(&mut self) -> impl Iterator<Item = &mut f64> {
        let rows = self.prompt.iter_mut().flatten();
        self.last.iter_mut().chain(&mut self.generated).chain(rows)
    }

    /// Mass on one key bin, summed over a definition's queries.
    pub fn of(&self, bins: &Bins, queries: Queries, key: usize) -> f64 {
        let at = |row: &ByBin| row.get(key).copied().unwrap_or(0.0);
        let prompt = |set: GroupSet| -> f64 {
            let rows =
                bins.iter().zip(&self.prompt).filter(|((_, bin), _)| set.contains(bin.group));
            rows.map(|(_, row)| at(row)).sum()
        };
        match queries {
            Queries::Predicting => at(&self.last) + at(&self.generated),
            Queries::GeneratedPositions => at(&self.generated),
            Queries::LastPrompt => at(&self.last),
            Queries::PromptText => prompt(PROMPT_TEXT),
            Queries::AllPrompt => prompt(GroupSet::of(&Group::ALL)),
        }
    }

    /// `A_T` and `A_O` under a definition; its choice of heads does not enter.
    pub fn sides(&self, bins: &Bins, definition: &Definition) -> (f64, f64) {
        let on = |is: &dyn Fn(Bin) -> bool| -> f64 {
            let keys = bins.iter().filter(|(_, bin)| is(*bin));
            keys.map(|(key, _)| self.of(bins, definition.queries, key)).sum()
        };
        (on(&|bin| definition.is_text(bin)), on(&|bin| definition.is_other(bin)))
    }

    /// Masses by group: those of a group's bins together.
    pub fn by_group(&self, bins: &Bins) -> ([ByGroup; GROUPS], ByGroup) {
        let grouped = |row: &ByBin| {
            let mut sums = [0.0; GROUPS];
            for ((_, bin), mass) in bins.iter().zip(row) {
                sums[bin.group.index()] += mass;
            }
            sums
        };
        let mut prompt = [[0.0; GROUPS]; GROUPS];
        for ((_, bin), row) in bins.iter().zip(&self.prompt) {
            let sums = prompt[bin.group.index()].iter_mut();
            sums.zip(grouped(row)).for_each(|(sum, mass)| *sum += mass);
        }
        (prompt, grouped(&self.generated))
    }
}

/// How many rows and keys there are to look from and at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Extent {
    /// Prompt tokens in each group.
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<u32>))]
    pub prompt: Counts,
    /// Generated tokens that predicted another: all but the last.
    pub generated: u32,
    /// Kind and prompt tokens of each medium; empty where there is one picture at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<(Group, u32)>,
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
        Ok(self.sides(definition, generated))
    }

    /// Tokens on both sides, `generated` ones among the keys.
    pub(crate) fn sides(&self, definition: &Definition, generated: u32) -> (u32, u32) {
        let counts = self.prompt.with(Group::Generated, generated);
        let text = match definition.instead {
            None => counts.in_set(definition.text.minus(GroupSet::MEDIA)),
            Some(media) => self.of_media(media, Some(definition.other)),
        };
        (text, self.of_media(definition.other, None))
    }

    /// Prompt tokens of some media that are not among others.
    fn of_media(&self, media: Media, but: Option<Media>) -> u32 {
        let one = [(Group::Image, self.prompt.get(Group::Image))];
        let counts = if self.media.is_empty() { &one[..] } else { &self.media };
        let items = (0..).zip(counts);
        let bins = items.map(|(i, (group, n))| (Bin { group: *group, medium: Some(i) }, n));
        let there = bins.filter(|(bin, _)| media.has(*bin) && !but.is_some_and(|b| b.has(*bin)));
        there.map(|(_, n)| n).sum()
    }

    /// Of a prompt.
    pub fn of(layout: &Layout, generated: u32) -> Self {
        let media = if layout.bins.is_one_picture() {
            Vec::new()
        } else {
            let kinds = layout.media.iter().map(Medium::group);
            kinds.zip(layout.media_counts()).collect()
        };
        Extent { prompt: layout.counts(), generated, media }
    }

    /// What the bins of its run are.
    pub fn bins(&self) -> Bins {
        if self.media.is_empty() {
            return Bins::default();
        }
        Bins::of_media(self.media.iter().map(|(kind, _)| *kind))
    }
}

/// A run's attention masses, averaged over heads: enough for every definition that averages heads
/// first, in `B (B + 2) × layers` numbers (63 of one picture) whatever the lengths of prompt and
/// answer were.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
        let (text, image) = masses.sides(&self.extent.bins(), definition);
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
