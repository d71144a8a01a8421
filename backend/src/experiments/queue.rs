//! The queue of items: what workers ask of it, whatever keeps it.
//!
//! Every item has exactly one end. A worker claims items, runs them and hands their ends in; what a
//! worker that died had claimed is claimed again by another. The embedded queue ([`super::SqliteQueue`])
//! is shared by the workers of one machine; one that spans machines needs no more than this trait.

use std::ops::Range;
use std::time::SystemTime;

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
    pub problem: Option<String>,
    /// The models that ran, as they were loaded.
    pub models: Vec<ModelInfo>,
}

/// An item that a worker holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The experiment.
    pub experiment: RunId,
    /// The item's number in its grid.
    pub item: u32,
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

/// A worker's place at the queue. While it is kept, its claims are its own; when it goes, however
/// it goes, they are anybody's.
pub trait Seat: Send + std::fmt::Debug {
    /// The worker's name.
    fn name(&self) -> &str;

    /// Notes which item is at work now (`None`: none), so that an item on which workers keep dying
    /// is found out. Called before its sample is read and its model is loaded: those are what most
    /// workers die of.
    fn at_work(&mut self, at: Option<AtWork>);
}

/// Who takes a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Post {
    /// A lab, which others depend on: work that it died of at its start is paused.
    Lab,
    /// A worker that does nothing else.
    Worker,
}

/// What a worker is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtWork<'c> {
    /// The item.
    pub claim: &'c Claim,
    /// Whether nothing of this kind of work has come to an end on this seat yet.
    pub starting: bool,
}

/// What became of a model that was noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It is one that the experiment's numbers are made with.
    Noted,
    /// The experiment's numbers are made with another: this is that one's hash.
    Differs(String),
}

/// What keeps experiments and hands out their items. Methods block for the time of a transaction.
pub trait Queue: Send + Sync + std::fmt::Debug {
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
    /// first, as far as the names can be read: [`Queue::list`] leaves them out.
    ///
    /// # Errors
    /// [`StoreError`].
    fn damaged(&self) -> Result<Vec<String>, StoreError>;

    /// How far an experiment is.
    ///
    /// # Errors
    /// [`StoreError`].
    fn progress(&self, id: &RunId) -> Result<Progress, StoreError>;

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
        problem: Option<&str>,
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

    /// Takes a seat, and sees to what dead workers left.
    ///
    /// # Errors
    /// [`StoreError`].
    fn sit(&self, post: Post) -> Result<Box<dyn Seat>, StoreError>;

    /// Notes that this process ends in good order: what its workers are at is not what ended them.
    fn leave(&self);

    /// Takes up to `most` items of running experiments, the oldest experiment first and its items
    /// in the order they are to be run. What dead workers held is among them; what this worker was
    /// said to lack something for is not.
    ///
    /// # Errors
    /// [`StoreError`].
    fn claim(&self, seat: &dyn Seat, most: u32) -> Result<Vec<Claim>, StoreError>;

    /// Hands ends in; gives how many were taken. An end of an item that the worker does not hold
    /// (any more) is not. The last end makes its experiment done.
    ///
    /// # Errors
    /// [`StoreError`]; none was taken then.
    fn finish(&self, seat: &dyn Seat, ends: &[(Claim, End)]) -> Result<u32, StoreError>;

    /// Gives items back that were claimed and not run.
    ///
    /// # Errors
    /// [`StoreError`].
    fn release(&self, seat: &dyn Seat, claims: &[Claim]) -> Result<(), StoreError>;

    /// Notes that this worker cannot run some items, and gives back those of them that it holds. Once
    /// nobody who lives can run what is left, the experiment is paused and its problem lists the
    /// reasons, a line each. Resumed, it is tried by everybody again.
    ///
    /// # Errors
    /// [`StoreError`].
    fn lack(
        &self,
        seat: &dyn Seat,
        id: &RunId,
        items: &[Range<u32>],
        reason: &str,
    ) -> Result<(), StoreError>;

    /// Forgets what this worker was said to lack: it tries again. Gives whether there was anything.
    ///
    /// # Errors
    /// [`StoreError`].
    fn try_again(&self, seat: &dyn Seat) -> Result<bool, StoreError>;

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

    /// Notes a model as it was loaded for an experiment; once for each device. The first that is
    /// noted of a name and a quantization says what its weights are: another is not noted.
    ///
    /// # Errors
    /// [`StoreError`].
    fn note_model(&self, id: &RunId, model: &ModelInfo) -> Result<Noted, StoreError>;

    /// Notes the run that shows an item.
    ///
    /// # Errors
    /// [`StoreError`].
    fn note_run(&self, id: &RunId, item: u32, run: &str) -> Result<(), StoreError>;
}
