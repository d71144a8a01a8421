//! The line of runs before the devices: bounded, clients in turns, each run told its place; and which
//! device is given which run.

use std::cell::Cell;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use shared::{Event, Quant};
use tokio::sync::watch;

use super::Run;
use super::repeat::Again;
use crate::classroom::Code;
use crate::fair::line::Line;
use crate::fair::{Bound, Client, Taken};
use crate::id::RunId;
use crate::lock;
use crate::models::catalog::Source;
use crate::workers::lab::Decoded;
use crate::workers::{Key, WorkerState};

/// Who asks for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// The client.
    pub client: Client,
    /// The class whose presenter asks.
    pub presents: Option<Code>,
}

impl Asker {
    /// Somebody at a client.
    pub fn of(client: Client) -> Self {
        Asker { client, presents: None }
    }
}

/// A run's media while it waits.
#[derive(Debug)]
pub enum JobMedia {
    /// Decoded when it was submitted.
    Decoded(Vec<Decoded>),
    /// Too large to hold for a whole line of runs: to be read back from the store.
    InStore,
}

/// A run in the line.
#[derive(Debug)]
pub struct Job {
    /// The run.
    pub run: Arc<Run>,
    /// The model it asks for.
    pub source: Source,
    /// How to hold that model's weights.
    pub quant: Quant,
    /// The media.
    pub media: JobMedia,
    /// Who asks for it.
    pub asker: Asker,
    /// How far it is, of one that is asked several times and back in the line for its next answer.
    pub again: Option<Again>,
}

/// A run was not taken into the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PushError {
    /// As many wait as may.
    Full,
    /// As many of the client wait as may of one.
    Own,
    /// It is asked several times, and such a run of the client waits already.
    OwnRepeated,
    /// The lab is going down.
    Closed,
}

/// What [`Queue::pop`] found.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly every one that matters is a job")]
pub enum Popped {
    /// The next run.
    Job(Job),
    /// No run came.
    Nothing,
    /// The line is closed: none will come.
    Closed,
}

/// A run that waits, and the place it was told.
#[derive(Debug)]
struct WaitingRun {
    job: Job,
    told: Cell<Option<u32>>,
}

#[derive(Debug, Default)]
struct QueueState {
    waiting: Line<Client, WaitingRun>,
    places: Vec<DevicePlace>,
    closed: bool,
}

/// A device as the line sees it.
#[derive(Debug)]
struct DevicePlace {
    state: watch::Receiver<WorkerState>,
    at: DeviceAt,
}

/// What a device is at.
#[derive(Debug)]
enum DeviceAt {
    /// Nothing, or looking for something to do.
    Nothing,
    /// A run that left the line and asks for this model.
    Run(Key),
    /// Work that can wait.
    Spare,
}

/// What decides which device is given a run.
struct SeenDevice {
    free: bool,
    /// Whether the model lies there, or is being loaded for a run there.
    has: bool,
    models: usize,
}

/// The device that a run goes to, of those that are seen; `None` where it waits for one.
///
/// To a free one where its model lies. Where all those are at work: to another that need not give a
/// model up for it. Where its model lies nowhere: to one that has room or, where none has, to one that
/// gives up a model. Among equals to the one with the fewest models in memory.
fn goes_to(seen: &[Option<SeenDevice>], kept: usize) -> Option<usize> {
    let free = || {
        seen.iter().enumerate().filter_map(|(at, s)| Some((at, s.as_ref()?))).filter(|s| s.1.free)
    };
    let least = |(at, seen): &(usize, &SeenDevice)| (seen.models, *at);
    let there = free().find(|(_, seen)| seen.has);
    let room = || free().filter(|(_, seen)| seen.models < kept).min_by_key(least);
    let nowhere = !seen.iter().flatten().any(|seen| seen.has);
    let any = || free().min_by_key(least).filter(|_| nowhere);
    there.or_else(room).or_else(any).map(|(at, _)| at)
}

impl QueueState {
    /// Tells every run whose place changed.
    fn announce(&self) {
        let ahead =
            self.places.iter().filter(|place| matches!(place.at, DeviceAt::Run(_))).count() as u32;
        for (i, waiting) in self.waiting.in_order().into_iter().enumerate() {
            // Who has an answer is not told to wait for the next: it comes when it comes.
            if waiting.job.again.is_some() {
                continue;
            }
            let position = i as u32 + ahead;
            if waiting.told.replace(Some(position)) != Some(position) {
                waiting.job.run.publish(Event::Queued { position });
            }
        }
    }

    /// The run that a device is to take now: the first that goes to it, while those before it go to
    /// other free devices or wait for one.
    fn next_for(&self, device: usize, kept: usize) -> Option<RunId> {
        let mut taken = vec![false; self.places.len()];
        for WaitingRun { job, .. } in self.waiting.in_order() {
            let key = (job.source.name.clone(), job.quant);
            let see = |(at, place): (usize, &DevicePlace)| {
                let state = place.state.borrow();
                let free = matches!(place.at, DeviceAt::Nothing) && !taken[at];
                let has = state.loaded.contains(&key)
                    || matches!(&place.at, DeviceAt::Run(loading) if *loading == key);
                state.alive.then_some(SeenDevice { free, has, models: state.loaded.len() })
            };
            let seen: Vec<_> = self.places.iter().enumerate().map(see).collect();
            match goes_to(&seen, kept) {
                Some(at) if at == device => return Some(job.run.id.clone()),
                Some(at) => taken[at] = true,
                None => {}
            }
        }
        None
    }

    /// Whether `asker` presents a class, and the place that is reserved for it is free.
    fn has_place_of_class(&self, asker: &Asker) -> bool {
        let of = |waiting: &WaitingRun| waiting.job.asker.presents == asker.presents;
        asker.presents.is_some() && !self.waiting.reserved().any(of)
    }

    /// Whether a run of `client` waits that is asked several times.
    fn repeats_of(&self, client: Client) -> bool {
        let mut waiting = self.waiting.in_order().into_iter();
        waiting.any(|w| w.job.asker.client == client && w.job.run.options.repeat.is_some())
    }

    /// Whether a run of `asker` may wait, and whether in the place that is reserved for its class.
    fn room(&self, asker: &Asker, bound: Bound) -> Result<bool, PushError> {
        if self.closed {
            return Err(PushError::Closed);
        }
        if self.has_place_of_class(asker) {
            return Ok(true);
        }
        let (all, own) = self.waiting.unreserved(&asker.client);
        bound.room(all, own).map(|()| false).map_err(|taken| match taken {
            Taken::All => PushError::Full,
            Taken::Own => PushError::Own,
        })
    }
}

/// The line of runs before the model.
#[derive(Debug)]
pub struct Queue {
    line: Mutex<QueueState>,
    ready: Condvar,
    bound: Bound,
    /// Models that each device keeps in memory.
    kept: OnceLock<usize>,
}

impl Queue {
    /// A line in which so many runs may wait, and beside them one of each class's presenter.
    pub fn new(bound: Bound) -> Self {
        Queue { line: Mutex::default(), ready: Condvar::new(), bound, kept: OnceLock::new() }
    }

    /// Opens the line to devices, each of which keeps so many models in memory.
    pub fn open(
        &self,
        devices: impl Iterator<Item = watch::Receiver<WorkerState>>,
        models_kept: usize,
    ) {
        let _ = self.kept.set(models_kept.max(1));
        let places = devices.map(|state| DevicePlace { state, at: DeviceAt::Nothing });
        lock(&self.line).places = places.collect();
    }

    /// Adds a run behind those that wait of the same client, and tells it its place.
    ///
    /// # Errors
    /// [`PushError`]; the run was told nothing then.
    pub fn push(&self, job: Job) -> Result<(), PushError> {
        let mut line = lock(&self.line);
        let reserved = line.room(&job.asker, self.bound)?;
        // One that is asked several times keeps its place for as many answers: with more than one of
        // each client, a few would fill the line for hours.
        if job.run.options.repeat.is_some() && line.repeats_of(job.asker.client) {
            return Err(PushError::OwnRepeated);
        }
        line.waiting.push(job.asker.client, reserved, WaitingRun { job, told: Cell::new(None) });
        line.announce();
        self.ready.notify_all();
        Ok(())
    }

    /// Puts a run back that is asked again: behind those of its client, whose turn each of its answers
    /// is. Whoever was taken once is not refused for want of a place.
    ///
    /// # Errors
    /// Gives it back where the line is closed or the run is to stop.
    pub fn put_back(&self, job: Job) -> Result<(), Box<Job>> {
        let mut line = lock(&self.line);
        // Whoever stops a run finds it in the line, or it is ended here: both under this lock.
        if line.closed || job.run.stop_requested().is_some() {
            return Err(Box::new(job));
        }
        let reserved = line.has_place_of_class(&job.asker);
        line.waiting.push(job.asker.client, reserved, WaitingRun { job, told: Cell::new(None) });
        line.announce();
        self.ready.notify_all();
        Ok(())
    }

    /// Whether a run would be taken now. A hint that saves the work of storing a run that
    /// cannot be; [`Queue::push`] decides.
    ///
    /// # Errors
    /// As [`Queue::push`].
    pub fn room(&self, asker: &Asker) -> Result<(), PushError> {
        lock(&self.line).room(asker, self.bound).map(drop)
    }

    /// How many runs may wait.
    pub fn bound(&self) -> Bound {
        self.bound
    }

    /// Takes the next run for a device, waiting for one at most so long. Whatever the device was at
    /// counts as finished.
    pub fn pop(&self, device: usize, within: Duration) -> Popped {
        let kept = self.kept.get().copied().unwrap_or(1);
        let mut line = lock(&self.line);
        if let Some(place) = line.places.get_mut(device) {
            place.at = DeviceAt::Nothing;
        }
        let idle = |line: &mut QueueState| !line.closed && line.next_for(device, kept).is_none();
        if !within.is_zero() {
            let waited = self.ready.wait_timeout_while(line, within, idle);
            line = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        if line.closed {
            return Popped::Closed;
        }
        let next = line.next_for(device, kept);
        let taken = next.and_then(|id| line.waiting.take(|waiting| waiting.job.run.id == id));
        let Some(WaitingRun { job, .. }) = taken else { return Popped::Nothing };
        if let Some(place) = line.places.get_mut(device) {
            place.at = DeviceAt::Run((job.source.name.clone(), job.quant));
        }
        line.announce();
        // What others are given may have changed with it.
        self.ready.notify_all();
        Popped::Job(job)
    }

    /// Notes that a device is through with its run: whoever hears of the end finds it free.
    pub fn done(&self, device: usize) {
        if let Some(place) = lock(&self.line).places.get_mut(device) {
            place.at = DeviceAt::Nothing;
        }
    }

    /// Notes that a device is at work that can wait, until it asks for a run again; gives whether it may
    /// be, which it may not while a run waits for it.
    pub fn begin_spare(&self, device: usize) -> bool {
        let kept = self.kept.get().copied().unwrap_or(1);
        let mut line = lock(&self.line);
        let may = line.closed || line.next_for(device, kept).is_none();
        if let Some(place) = line.places.get_mut(device).filter(|_| may) {
            place.at = DeviceAt::Spare;
        }
        may
    }

    /// Whether the line was closed.
    pub fn is_closed(&self) -> bool {
        lock(&self.line).closed
    }

    /// Takes a run out of the line; `None` if it is not in it (any more).
    pub fn remove(&self, id: &RunId) -> Option<Job> {
        let mut line = lock(&self.line);
        let waiting = line.waiting.remove(|waiting| waiting.job.run.id == *id)?;
        line.announce();
        Some(waiting.job)
    }

    /// Closes the line; gives the runs that were waiting.
    pub fn close(&self) -> Vec<Job> {
        let mut line = lock(&self.line);
        line.closed = true;
        self.ready.notify_all();
        line.waiting.drain().into_iter().map(|waiting| waiting.job).collect()
    }

    /// The run that is next, if one waits.
    pub fn first(&self) -> Option<Arc<Run>> {
        lock(&self.line).waiting.in_order().first().map(|waiting| waiting.job.run.clone())
    }

    /// How many runs wait.
    pub fn len(&self) -> usize {
        lock(&self.line).waiting.len()
    }

    /// Whether no run waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
