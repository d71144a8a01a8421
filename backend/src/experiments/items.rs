//! Items on their way: handed out, run by workers, handed in.
//!
//! Every item has exactly one end. A worker claims items, runs them and hands their ends in; what a
//! worker that died had claimed is claimed again by another. The embedded queue ([`super::SqliteQueue`])
//! is shared by the workers of one machine and hands out what lies in the book. A carrier that spans
//! machines is filled from the book ([`Items::offer`]), hears that a worker lives instead of seeing it
//! ([`Items::renew`]), and needs no more than this trait.

use std::ops::Range;

use shared::Message;
use shared::ModelInfo;

use super::book::{End, Experiment};
use crate::id::RunId;
use crate::store::StoreError;

/// An item that a worker holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The experiment.
    pub experiment: RunId,
    /// The item's number in its grid.
    pub item: u32,
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

/// What hands items out. Methods block for the time of a transaction.
pub trait Items: Send + Sync + std::fmt::Debug {
    /// Offers the items of an experiment in the book that have no end to workers; those that are offered
    /// already stay as they are. To be called once it was made or resumed.
    ///
    /// # Errors
    /// [`StoreError`].
    fn offer(&self, id: &RunId) -> Result<(), StoreError>;

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

    /// Says that a worker still lives and holds what it claimed. To be called again and again; what is
    /// not renewed in time is anybody's where a death shows in no other way.
    ///
    /// # Errors
    /// [`StoreError`].
    fn renew(&self, seat: &dyn Seat, claims: &[Claim]) -> Result<(), StoreError>;

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

    /// The experiment that an item belongs to; `None` where it was deleted.
    ///
    /// # Errors
    /// [`StoreError`].
    fn experiment(&self, id: &RunId) -> Result<Option<Experiment>, StoreError>;

    /// Whether the items of an experiment are to be run now: it is neither paused nor over.
    ///
    /// # Errors
    /// [`StoreError`].
    fn wanted(&self, id: &RunId) -> Result<bool, StoreError>;

    /// Pauses an experiment that nobody can run, and says why.
    ///
    /// # Errors
    /// [`StoreError`].
    fn pause(&self, id: &RunId, problem: &Message) -> Result<(), StoreError>;

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
        reason: &Message,
    ) -> Result<(), StoreError>;

    /// Forgets what this worker was said to lack: it tries again. Gives whether there was anything.
    ///
    /// # Errors
    /// [`StoreError`].
    fn try_again(&self, seat: &dyn Seat) -> Result<bool, StoreError>;

    /// Notes a model as it was loaded for an experiment; once for each device. The first that is
    /// noted of a name and a quantization says what its weights are: another is not noted.
    ///
    /// # Errors
    /// [`StoreError`].
    fn note_model(&self, id: &RunId, model: &ModelInfo) -> Result<Noted, StoreError>;
}
