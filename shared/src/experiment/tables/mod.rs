//! The tables of an experiment: everything a page or file shows, computed once.
//!
//! A page or a file formats what stands here and computes nothing. [`Tables::new`] reads them from
//! an [`Aggregate`](super::aggregate::Aggregate).

mod build;
mod labels;
mod notes;

use serde::{Deserialize, Serialize};

pub use labels::{decimals, percent, short};
pub use notes::marks;

use super::aggregate::{Change, Choice, LeftOutCount, StageChange, UndefinedCount, Verdicts};
use super::paper::{PaperRow, PaperValue};
use super::stats::{Estimate, Proportion};
use super::{Condition, DatasetInfo, ExperimentState};
use crate::options::{ModelInfo, RunOptions};
use crate::sentence::{Message, Phrases};
use crate::stage::Stage;

/// A number of a table.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TableCell {
    /// Mean, spread and interval over samples.
    #[serde(flatten)]
    pub estimate: Estimate,
    /// Samples without a value, by reason; they count nowhere in the estimate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undefined: Vec<UndefinedCount>,
    /// What the paper prints for this model and place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<PaperValue>,
    /// `(mean − paper) / paper`; only where the model is the paper's and its value not in doubt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relative_difference: Option<f64>,
}

/// MDI, AEI and the words' share of one stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StageCells {
    /// The stage.
    pub stage: Stage,
    /// Modality dominance index.
    pub mdi: TableCell,
    /// Attention efficiency index of text.
    pub aei_text: TableCell,
    /// `P_T`: the words' share of the attention on words and picture.
    #[serde(default)]
    pub share_text: TableCell,
}

/// MDI, AEI and the words' share of one layer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LayerCells {
    /// The layer, from 0.
    pub layer: u32,
    /// Modality dominance index.
    pub mdi: TableCell,
    /// Attention efficiency index of text.
    pub aei_text: TableCell,
    /// `P_T`: the words' share of the attention on words and picture.
    #[serde(default)]
    pub share_text: TableCell,
}

/// One condition's samples under one choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChoiceCells {
    /// The choice's name.
    pub choice: String,
    /// Mean `n_T` of the samples.
    pub text_tokens: Option<f64>,
    /// Mean `n_O` of the samples.
    pub image_tokens: Option<f64>,
    /// Early, middle, late.
    pub stages: Vec<StageCells>,
    /// By layer; empty for a choice that keeps no curve.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerCells>,
}

/// Everything of one condition.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConditionResult {
    /// The condition.
    pub condition: Condition,
    /// Its name for people, in this experiment.
    pub label: String,
    /// The prompt template in use, once known.
    pub template: String,
    /// What its runs used, the prompt apart; `null` in experiments that were stored without it.
    #[serde(default)]
    pub options: Option<RunOptions>,
    /// Samples with an outcome.
    pub n: u32,
    /// Samples without one.
    pub left_out: u32,
    /// How its answers were judged; `null` where the dataset has no answers.
    pub verdicts: Option<Verdicts>,
    /// Under the choice the tables are for, first; where nothing is done to the picture's tokens,
    /// under every other choice too.
    pub choices: Vec<ChoiceCells>,
}

/// A row of Table 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StageRow {
    /// The condition's number.
    pub condition: u32,
    /// Its name for people.
    pub label: String,
    /// Samples with an outcome.
    pub n: u32,
    /// Mean `n_T` of the samples.
    #[serde(default)]
    pub text_tokens: Option<f64>,
    /// Mean `n_O` of the samples.
    #[serde(default)]
    pub image_tokens: Option<f64>,
    /// Early, middle, late.
    pub stages: Vec<StageCells>,
}

/// Table 1: MDI and AEI by stage where nothing is done to the picture's tokens; of every condition
/// where something is done in all of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StageTable {
    /// Its title.
    pub title: String,
    /// The title without the table's number; empty in what an earlier version of the lab wrote.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// The lab's rows.
    pub rows: Vec<StageRow>,
    /// The paper's rows of the same models or families.
    pub paper: Vec<PaperRow>,
}

/// What is done to the picture's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Lever {
    /// A share of them is dropped.
    Prune,
    /// They stand several times in the sequence.
    Replicate,
}

/// One position of a lever.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeverRow {
    /// The condition's number.
    pub condition: u32,
    /// The share dropped, or the number of copies.
    pub value: f64,
    /// The same for people: `75 %`, `×5`.
    pub label: String,
    /// Whether the dropped tokens are drawn by chance: what the row of the same value without it is to
    /// be measured against.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub random: bool,
    /// Samples with an outcome.
    pub n: u32,
    /// Mean `n_T`.
    pub text_tokens: Option<f64>,
    /// Mean `n_O`.
    pub image_tokens: Option<f64>,
    /// Early, middle, late.
    pub stages: Vec<StageCells>,
    /// How the late MDI moved since the series' first row, on the same samples; `null` there.
    pub late_change: Option<Change>,
    /// How attention moved since the series' first row, stage by stage and sample by sample, and what
    /// of it token counts alone do; empty there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<StageChange>,
    /// How its answers were judged.
    pub verdicts: Option<Verdicts>,
    /// How the share of right answers moved since the series' first row, on the same samples.
    pub right_change: Option<Change>,
}

/// A lever moved while everything else stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeverSeries {
    /// What stays, for people.
    pub label: String,
    /// The model, by name.
    pub model: String,
    /// Rows by rising value.
    pub rows: Vec<LeverRow>,
    /// What the same model gets right without the picture.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub floors: Vec<Floor>,
}

/// Right answers without the picture: a share of right answers says nothing of seeing before it lies
/// above this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Floor {
    /// The condition's number.
    pub condition: u32,
    /// What stands in the picture's place, for people.
    pub label: String,
    /// Answers that are right.
    pub right: Proportion,
}

/// Table 2 and its counterpart for replication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeverTable {
    /// Its title.
    pub title: String,
    /// The title without the table's number; empty in what an earlier version of the lab wrote.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// What is moved.
    pub lever: Lever,
    /// The series.
    pub series: Vec<LeverSeries>,
    /// The paper's rows: Table 2's of the same family, or Table 1's replicated tokens of other
    /// modalities.
    pub paper: Vec<PaperRow>,
}

/// How one kind of question was answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KindVerdicts {
    /// The kind.
    pub kind: String,
    /// How answers were judged.
    pub verdicts: Verdicts,
}

/// A row of Table 3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnswerRow {
    /// The condition's number.
    pub condition: u32,
    /// Its name for people.
    pub label: String,
    /// How answers were judged.
    pub verdicts: Verdicts,
    /// The late layers' MDI, beside it.
    pub late_mdi: TableCell,
    /// The words' share of the attention in the late layers.
    #[serde(default)]
    pub late_share_text: TableCell,
    /// How the share of right answers moved since the same model with all picture tokens once, on
    /// the same samples; `null` for that condition itself.
    pub change: Option<Change>,
    /// By kind of question, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<KindVerdicts>,
}

/// Table 3: are answers right, and how does that move?
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnswerTable {
    /// Its title.
    pub title: String,
    /// The title without the table's number; empty in what an earlier version of the lab wrote.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Every condition with judged answers.
    pub rows: Vec<AnswerRow>,
}

/// One condition beside the one it is compared with, on the same samples.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeRow {
    /// The number of the condition that is compared with.
    pub from: u32,
    /// Its name for people.
    pub from_label: String,
    /// The condition's number.
    pub condition: u32,
    /// Its name for people.
    pub label: String,
    /// Early, middle, late.
    pub stages: Vec<StageChange>,
    /// How the share of right answers moves; `null` where none was judged.
    pub right: Option<Change>,
}

/// Paired changes: every condition beside its baseline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeTable {
    /// Its title.
    pub title: String,
    /// The rows.
    pub rows: Vec<ChangeRow>,
}

/// One choice in the table of definitions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DefinitionRow {
    /// The choice's name.
    pub choice: String,
    /// The same for people.
    pub title: String,
    /// Mean `n_T` of the samples.
    pub text_tokens: Option<f64>,
    /// Early, middle, late.
    pub stages: Vec<StageCells>,
    /// How the late MDI moves from the first choice to this one, on the samples that have both;
    /// `null` for the first.
    pub change: Option<Change>,
}

/// The same samples under every choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DefinitionTable {
    /// Its title.
    pub title: String,
    /// The condition's number.
    pub condition: u32,
    /// Its name for people.
    pub label: String,
    /// Every choice, the one the others are compared with first.
    pub rows: Vec<DefinitionRow>,
    /// Which choice moves the late MDI most, as a sentence; empty while nothing can be said.
    pub finding: String,
}

/// What tables of earlier labs, which do not say, are taken for.
fn done() -> ExperimentState {
    ExperimentState::Done
}

/// Where the numbers come from; stands in every file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Provenance {
    /// Version of the lab that ran the experiment.
    pub lab: String,
    /// When it was started, RFC 3339.
    pub created: String,
    /// Where it stands: means of one that is not done are of the runs that are.
    #[serde(default = "done")]
    pub status: ExperimentState,
    /// The dataset with its revision.
    pub dataset: DatasetInfo,
    /// Samples drawn.
    pub samples: u32,
    /// Seed of the draw.
    pub seed: u64,
    /// How intervals were made, in words.
    pub intervals: String,
    /// Items there are.
    pub items: u32,
    /// Items that left an outcome.
    pub done: u32,
    /// Items left out, by condition and reason.
    pub left_out: Vec<LeftOutCount>,
    /// Each model as it was loaded: hash, quantization, what its tensors are held as, activation
    /// type, device, template.
    pub models: Vec<ModelInfo>,
    /// The options of every run, as far as they depend on no model; what the grid varies is not
    /// used. Each condition names its own in full.
    pub options: RunOptions,
    /// Where the paper's values come from.
    pub paper: String,
}

/// A footnote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Note {
    /// The doubt it explains; `null` for a note to the whole.
    pub doubt: Option<super::paper::Doubt>,
    /// The mark that stands at a doubtful value, such as `†`; empty for a note to the whole.
    pub mark: String,
    /// What it says.
    pub text: String,
}

/// Every table of an experiment under one choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Tables {
    /// The experiment's title.
    pub title: String,
    /// Said before anything else where demo models or demo data stand in for the paper's.
    pub notice: Option<String>,
    /// The choice that the tables are for.
    pub choice: Choice,
    /// Every choice that the samples were read under, the one others are compared with first.
    pub choices: Vec<Choice>,
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// Table 1.
    pub stages: StageTable,
    /// Table 2: prune rates; `null` where there is one alone.
    pub prune: Option<LeverTable>,
    /// Replication; `null` where there is one number of copies alone.
    pub replicate: Option<LeverTable>,
    /// Every condition that has a baseline beside it, pair by pair; `null` where none has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeTable>,
    /// Table 3; `null` where the dataset has no answers.
    pub answers: Option<AnswerTable>,
    /// The same samples under every choice, a table for each condition in which nothing is done
    /// to the picture's tokens.
    pub definitions: Vec<DefinitionTable>,
    /// Everything by condition: curves by layer, counts.
    pub conditions: Vec<ConditionResult>,
    /// Footnotes, those of doubtful values first.
    pub notes: Vec<Note>,
    /// Which sentences the tables' texts are: titles, names of conditions and choices, notes.
    #[serde(default, skip_serializing_if = "Phrases::is_empty")]
    pub phrases: Phrases,
}

impl Tables {
    /// One of the tables' texts, with the sentence that it is.
    pub fn said(&self, text: &str) -> Message {
        self.phrases.message(text)
    }
}
