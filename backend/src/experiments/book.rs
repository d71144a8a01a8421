//! The book of experiments: what was started, and every end an item came to.
//!
//! It lies with the lab, on its disk, whatever hands the items out ([`Items`](super::Items)).

use std::time::SystemTime;

use shared::Message;
use shared::experiment::{
    Condition, DatasetInfo, ExperimentSpec, ExperimentState, Grid, LeftOut, Outcome, SampleRef,
};
use shared::{AskedOptions, ModelInfo};

use crate::id::{OwnerHash, RunId};
use crate::store::StoreError;

/// An experiment to be made durable before it is acknowledged.
#[derive(Clone, Debug)]
pub struct NewExperiment {
    /// Its name.
    pub id: RunId,
    /// When it was started, RFC 3339.
    pub created: String,
    /// A title for people.
    pub title: String,
    /// What was asked for.
    pub spec: ExperimentSpec,
    /// The dataset the samples were drawn from.
    pub dataset: DatasetInfo,
    /// Conditions and samples.
    pub grid: Grid,
    /// The rows drawn, one for each of the grid's samples.
    pub rows: Vec<u64>,
    /// Who may pause, cancel and delete it.
    pub owner: OwnerHash,
}

impl NewExperiment {
    /// What a run of one of its conditions with this prompt is asked with.
    pub fn asked(&self, condition: &Condition, sample: &SampleRef) -> AskedOptions {
        self.grid.asked(condition, &self.spec.base, sample)
    }
}

/// An experiment as it is kept.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// What it was started as.
    pub start: NewExperiment,
    /// Version of the lab that started it.
    pub lab: String,
    /// Where it stands.
    pub state: ExperimentState,
    /// Why it was paused, where the lab and not a person did.
    pub problems: Vec<Message>,
    /// The models that ran, as they were loaded.
    pub models: Vec<ModelInfo>,
}

impl Experiment {
    /// Why it was paused, in English, a line for each reason.
    pub fn problem(&self) -> Option<String> {
        let lines = self.problems.iter().map(|problem| problem.text.as_str()).collect::<Vec<_>>();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

/// How an item ended.
#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// It ran.
    Done(Box<Outcome>),
    /// It could not be run.
    LeftOut(LeftOut),
}

/// An item's end as it is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Its place among all ends: later ends have higher numbers.
    pub seq: u64,
    /// The item.
    pub item: u32,
    /// How it ended.
    pub end: End,
    /// The run that shows it, once somebody opened one.
    pub run: Option<String>,
}

/// How far an experiment is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Progress {
    /// Items that left an outcome.
    pub done: u32,
    /// Items that could not be run.
    pub left_out: u32,
    /// Items that workers hold.
    pub running: u32,
    /// Workers that hold items.
    pub workers: u32,
    /// Items a second over the last minute of work.
    pub rate: Option<f64>,
}

/// What keeps experiments. Methods block for the time of a transaction.
pub trait Book: Send + Sync + std::fmt::Debug {
    /// Makes an experiment and all its items durable.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is kept then.
    fn create(&self, new: &NewExperiment) -> Result<(), StoreError>;

    /// An experiment; `None` where there is none of that name.
    ///
    /// # Errors
    /// [`StoreError`].
    fn get(&self, id: &RunId) -> Result<Option<Experiment>, StoreError>;

    /// The experiments started last, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    fn list(&self, most: u32) -> Result<Vec<Experiment>, StoreError>;

    /// The names of experiments of which the disk does not hold any more what was written, newest
    /// first, as far as the names can be read: [`Book::list`] leaves them out.
    ///
    /// # Errors
    /// [`StoreError`].
    fn damaged(&self) -> Result<Vec<String>, StoreError>;

    /// How far an experiment is.
    ///
    /// # Errors
    /// [`StoreError`].
    fn progress(&self, id: &RunId) -> Result<Progress, StoreError>;

    /// Notes who asked for an experiment, and forgets who asked for those that are finished.
    ///
    /// # Errors
    /// [`StoreError`].
    fn note_asker(&self, id: &RunId, network: &str) -> Result<(), StoreError>;

    /// How many experiments run, and how many that this network asked for run or are paused.
    ///
    /// # Errors
    /// [`StoreError`].
    fn unfinished(&self, network: &str) -> Result<(usize, usize), StoreError>;

    /// Where an experiment stands; `None` where there is none of that name.
    ///
    /// # Errors
    /// [`StoreError`].
    fn state(&self, id: &RunId) -> Result<Option<ExperimentState>, StoreError>;

    /// Pauses, resumes or cancels an experiment, and says why where the lab does it. One that is
    /// done or cancelled stays so. Gives the state it has now; `None` where there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    fn set_state(
        &self,
        id: &RunId,
        state: ExperimentState,
        problem: Option<&Message>,
    ) -> Result<Option<ExperimentState>, StoreError>;

    /// Removes an experiment with all it left; gives whether it was there.
    ///
    /// # Errors
    /// [`StoreError`].
    fn delete(&self, id: &RunId) -> Result<bool, StoreError>;

    /// Removes the experiments that are not running and neither were started nor got an end since a
    /// moment; gives which they were. A damaged one is left.
    ///
    /// # Errors
    /// [`StoreError`]; none was removed then.
    fn expire(&self, before: SystemTime) -> Result<Vec<RunId>, StoreError>;

    /// Up to `most` ends of an experiment from the first after `after` on, in order.
    ///
    /// # Errors
    /// [`StoreError`].
    fn ends(&self, id: &RunId, after: u64, most: u32) -> Result<Vec<Ended>, StoreError>;

    /// One item's end.
    ///
    /// # Errors
    /// [`StoreError`].
    fn end(&self, id: &RunId, item: u32) -> Result<Option<Ended>, StoreError>;

    /// Notes the run that shows an item.
    ///
    /// # Errors
    /// [`StoreError`].
    fn note_run(&self, id: &RunId, item: u32, run: &str) -> Result<(), StoreError>;
}
