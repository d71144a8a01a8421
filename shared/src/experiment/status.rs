//! Where an experiment stands.

use serde::{Deserialize, Serialize};

use super::{ExperimentSpec, Grid, LeftOut, MadeWith, SampleRef, Verdict};
use crate::options::ModelInfo;
use crate::sentence::Message;

/// Answer to a started experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExperimentCreated {
    /// The experiment's unguessable name.
    pub id: String,
    /// Secret that lets its holder pause, cancel and delete it.
    pub owner_token: String,
}

/// Where an experiment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExperimentState {
    /// Its items are taken as workers come free.
    Running,
    /// Nobody takes its items until it is resumed.
    Paused,
    /// Every item has an end.
    Done,
    /// Stopped for good; what was measured is kept.
    Cancelled,
}

impl ExperimentState {
    /// The name in JSON and in files.
    pub const fn name(self) -> &'static str {
        match self {
            ExperimentState::Running => "running",
            ExperimentState::Paused => "paused",
            ExperimentState::Done => "done",
            ExperimentState::Cancelled => "cancelled",
        }
    }
}

/// A dataset as it was when the samples were drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DatasetInfo {
    /// Its name, as one asks for it.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// What tells this content from another: a hub commit, or a hash of the files.
    pub revision: String,
    /// Rows there are.
    pub rows: u64,
    /// Whether it says what right answers are.
    pub has_answers: bool,
    /// What was passed over when it was opened; empty where nothing was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// Everything about an experiment but its outcomes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExperimentStatus {
    /// The experiment's name.
    pub id: String,
    /// A title for people, made from the spec where it has none.
    pub title: String,
    /// When it was started, RFC 3339.
    pub created: String,
    /// Version of the lab that started it.
    pub lab: String,
    /// Where it stands.
    pub state: ExperimentState,
    /// Why the lab paused it, where it did: what to mend before it is resumed.
    #[serde(default)]
    pub problem: Option<String>,
    /// The same, each as a sentence of its own; empty in what an earlier version of the lab wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Message>,
    /// What was asked for.
    pub spec: ExperimentSpec,
    /// The dataset.
    pub dataset: DatasetInfo,
    /// Conditions and samples.
    pub grid: Grid,
    /// Each model that ran, as it was loaded: once for each quantization.
    pub models: Vec<ModelInfo>,
    /// Items that left an outcome.
    pub done: u32,
    /// Items that could not be run, each with its reason.
    pub left_out: u32,
    /// Items at work now.
    pub running: u32,
    /// Items a second over the last minute of work; `null` while nothing is at work.
    pub rate: Option<f64>,
    /// Seconds left at that rate.
    pub seconds_left: Option<f64>,
    /// Workers at it now.
    pub workers: u32,
}

impl ExperimentStatus {
    /// Items there are.
    pub fn items(&self) -> u32 {
        self.grid.items()
    }
}

/// How far an experiment is, in a line: what lists show, and what is told while it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExperimentProgress {
    /// The experiment's name.
    pub id: String,
    /// A title for people.
    pub title: String,
    /// When it was started, RFC 3339.
    pub created: String,
    /// Where it stands.
    pub state: ExperimentState,
    /// Why the lab paused it, where it did.
    #[serde(default)]
    pub problem: Option<String>,
    /// The same, each as a sentence of its own; empty in what an earlier version of the lab wrote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Message>,
    /// Items there are.
    pub items: u32,
    /// Items that left an outcome.
    pub done: u32,
    /// Items that could not be run.
    pub left_out: u32,
    /// Items at work now.
    pub running: u32,
    /// Items a second over the last minute of work; `null` while nothing is at work.
    pub rate: Option<f64>,
    /// Seconds left at that rate.
    pub seconds_left: Option<f64>,
    /// Workers at it now.
    pub workers: u32,
}

impl From<&ExperimentStatus> for ExperimentProgress {
    fn from(status: &ExperimentStatus) -> Self {
        ExperimentProgress {
            id: status.id.clone(),
            title: status.title.clone(),
            created: status.created.clone(),
            state: status.state,
            problem: status.problem.clone(),
            problems: status.problems.clone(),
            items: status.items(),
            done: status.done,
            left_out: status.left_out,
            running: status.running,
            rate: status.rate,
            seconds_left: status.seconds_left,
            workers: status.workers,
        }
    }
}

/// The experiments that this lab names to whoever asks.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExperimentList {
    /// Whether the lab names them at all: a name is all it takes to read an experiment.
    pub shown: bool,
    /// The newest first.
    pub experiments: Vec<ExperimentProgress>,
    /// Names of those of which the disk does not hold any more what was written, as far as they can
    /// be read (`?` otherwise): they are listed by nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<String>,
}

/// The run that shows an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ItemRun {
    /// The run's name.
    pub id: String,
    /// The secret of the run's owner, where this request started it.
    #[serde(default)]
    pub owner_token: Option<String>,
}

/// One item with what it left, as lists of samples show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ItemRecord {
    /// Its number.
    pub item: u32,
    /// Its condition's number.
    pub condition: u32,
    /// The sample.
    pub sample: SampleRef,
    /// What the model wrote; `null` where it was left out.
    pub answer: Option<String>,
    /// How that compares.
    pub verdict: Option<Verdict>,
    /// The late layers' MDI under the definition asked for; `null` where undefined.
    pub mdi: Option<f64>,
    /// Why it was left out.
    pub left_out: Option<LeftOut>,
    /// The run that shows it, once somebody opened one.
    pub run: Option<String>,
    /// What it was made with, where that was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_with: Option<MadeWith>,
}
