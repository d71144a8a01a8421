//! A worker: takes items from the queue, one at a time, and hands their ends in.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datasets::Sample;
use engine::Picture;
use shared::experiment::{Condition, ExperimentState, LeftOut, MadeWith, Outcome};
use shared::{AskedOptions, ErrorCode, ModelInfo, Quant};

use super::feeder::{Feeder, Order, Ready, Trouble};
use super::lacking::{differs, items_of, not_here};
use super::observe::{Failure, observe};
use super::queue::{AtWork, Claim, End, Experiment, Noted, Post, Queue, Seat};
use super::shelves::Shelves;
use crate::error::INTERNAL;
use crate::id::RunId;
use crate::models::catalog::Catalog;
use crate::store::StoreError;
use crate::workers::Cache;
use crate::workers::lab::Lab;

/// Items held at once: what the feeder reads ahead, and a few more, so that claiming costs little.
const HELD: usize = 8;
/// Ends are handed in at least this often, and whenever [`MOST_UNTOLD`] have come together.
const TELL_EVERY: Duration = Duration::from_millis(50);
const MOST_UNTOLD: usize = 32;
/// What this worker lacked may have come: it looks again this often.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// What a turn came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// An item came to its end, or was given back.
    Worked,
    /// There was nothing to do.
    Idle,
}

/// What a worker needs of the lab.
#[derive(Clone)]
pub struct Means {
    /// The queue.
    pub queue: Arc<dyn Queue>,
    /// Loads models and decodes pictures.
    pub lab: Arc<dyn Lab>,
    /// The models there are.
    pub catalog: Arc<Catalog>,
    /// Where datasets are.
    pub shelves: Arc<Shelves>,
}

impl std::fmt::Debug for Means {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Means").finish_non_exhaustive()
    }
}

/// Takes items and runs them.
pub struct Worker {
    means: Means,
    seat: Box<dyn Seat>,
    feeder: Feeder,
    /// Claimed, and on their way through the feeder, in order.
    out: VecDeque<OnItsWay>,
    /// Held, and neither on their way nor at their end: the queue failed. They are given back.
    astray: Vec<Claim>,
    untold: Vec<(Claim, End)>,
    told: Instant,
    experiments: HashMap<RunId, Arc<Experiment>>,
    noted: Vec<(RunId, ModelInfo)>,
    /// What has come to an end here.
    begun: HashSet<Kind>,
    /// When it was last said that something is lacking that may come.
    lacked: Option<Instant>,
}

/// An item that is held, until the feeder has its sample.
struct OnItsWay {
    claim: Claim,
    kind: Kind,
    /// Whether it was given back meanwhile, and is anybody's.
    given_back: bool,
}

/// What work there is of a kind: one experiment's, with one loaded model.
type Kind = (RunId, String, Quant);

impl Worker {
    /// A worker with nothing in hand.
    ///
    /// # Errors
    /// The queue gives no seat, or the system no thread.
    pub fn new(means: Means, post: Post) -> Result<Worker, StoreError> {
        let seat = means.queue.sit(post)?;
        let feeder = Feeder::start(means.lab.clone(), means.shelves.clone());
        let feeder = feeder.map_err(|e| StoreError::Broken(e.to_string()))?;
        Ok(Worker {
            means,
            seat,
            feeder,
            out: VecDeque::new(),
            astray: Vec::new(),
            untold: Vec::new(),
            told: Instant::now(),
            experiments: HashMap::new(),
            noted: Vec::new(),
            begun: HashSet::new(),
            lacked: None,
        })
    }

    /// Takes the next item, runs it, and hands in what is due. `stop` is asked between layers; an
    /// item that is stopped is given back.
    ///
    /// # Errors
    /// The queue cannot be read or written. Nothing is lost: what was not handed in runs again.
    pub fn turn(&mut self, cache: &mut Cache, stop: &dyn Fn() -> bool) -> Result<Turn, StoreError> {
        self.claim()?;
        let Some(OnItsWay { claim, kind, .. }) = self.out.front() else {
            self.tell()?;
            self.experiments.clear();
            return match self.looks_again()? {
                true => Ok(Turn::Worked),
                false => Ok(Turn::Idle),
            };
        };
        // Before its sample is read and its model is loaded.
        let starting = !self.begun.contains(kind);
        self.seat.at_work(Some(AtWork { claim, starting }));
        tracing::debug!(experiment = claim.experiment.short(), claim.item, starting, "at work");
        let ready = self.feeder.next();
        let held = self.out.pop_front().filter(|item| !item.given_back);
        let taken = match ready {
            Some(_) if held.is_none() => Ok(()),
            Some(ready) => self.take(ready, cache, stop),
            None => Err(StoreError::Broken("the thread that reads samples is gone".to_owned())),
        };
        self.seat.at_work(None);
        if let Err(error) = taken {
            self.astray.extend(held.map(|item| item.claim));
            return Err(error);
        }
        if self.told.elapsed() >= TELL_EVERY || self.untold.len() >= MOST_UNTOLD {
            self.tell()?;
        }
        Ok(Turn::Worked)
    }

    /// Hands in what has ended and gives back what has not been begun.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub fn rest(&mut self) -> Result<(), StoreError> {
        self.tell()?;
        let mut back = std::mem::take(&mut self.astray);
        while self.out.pop_front().is_some() {
            let Some(ready) = self.feeder.next() else { break };
            back.push(ready.order.claim);
        }
        self.experiments.clear();
        self.means.queue.release(&*self.seat, &back)
    }

    fn claim(&mut self) -> Result<(), StoreError> {
        if !self.astray.is_empty() {
            self.means.queue.release(&*self.seat, &self.astray)?;
            self.astray.clear();
        }
        if self.out.len() > HELD / 2 {
            return Ok(());
        }
        let claims = self.means.queue.claim(&*self.seat, (HELD - self.out.len()) as u32)?;
        let mut claims = claims.into_iter();
        while let Some(claim) = claims.next() {
            if let Err(error) = self.order(claim.clone()) {
                self.astray.push(claim);
                self.astray.extend(claims);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Sends an item that is held on its way.
    fn order(&mut self, claim: Claim) -> Result<(), StoreError> {
        let experiment = match self.experiments.get(&claim.experiment) {
            Some(experiment) => experiment.clone(),
            None => {
                // Deleted in between: its items are gone with it.
                let Some(found) = self.means.queue.get(&claim.experiment)? else { return Ok(()) };
                let found = Arc::new(found);
                self.experiments.insert(claim.experiment.clone(), found.clone());
                found
            }
        };
        let kind = experiment.start.grid.item(claim.item).map(|(c, _)| (c.model.clone(), c.quant));
        let (model, quant) = kind.unwrap_or_default();
        let kind = (claim.experiment.clone(), model, quant);
        let item = OnItsWay { claim: claim.clone(), kind, given_back: false };
        match self.feeder.order(Order { claim, experiment }) {
            Ok(()) => {
                self.out.push_back(item);
                Ok(())
            }
            Err(order) => self.means.queue.release(&*self.seat, &[order.claim]),
        }
    }

    fn tell(&mut self) -> Result<(), StoreError> {
        self.told = Instant::now();
        if !self.untold.is_empty() {
            let kept = self.means.queue.finish(&*self.seat, &self.untold)?;
            tracing::debug!(kept, "ends handed in");
            self.untold.clear();
        }
        Ok(())
    }

    fn take(
        &mut self,
        ready: Ready,
        cache: &mut Cache,
        stop: &dyn Fn() -> bool,
    ) -> Result<(), StoreError> {
        let Ready { order: Order { claim, experiment }, sample } = ready;
        let grid = &experiment.start.grid;
        let (sample, picture) = match sample {
            Ok(sample) => sample,
            Err(Trouble::Sample(left_out)) => {
                self.untold.push((claim, End::LeftOut(*left_out)));
                return Ok(());
            }
            Err(Trouble::Dataset(problem)) => {
                let all = std::iter::once(0..grid.items()).collect();
                return self.lack(&claim, all, &problem, true);
            }
        };
        let runs = self.means.queue.state(&claim.experiment)? == Some(ExperimentState::Running);
        if !runs || stop() {
            return self.means.queue.release(&*self.seat, &[claim]);
        }
        let Some((condition, _)) = grid.item(claim.item) else {
            return self.pause(&claim, "The experiment's grid is damaged.");
        };
        let asked = experiment.start.asked(condition, &sample.reference);
        let ended = self.guarded(&claim, &asked, &sample, &picture, cache, stop);
        let same_model = |c: &Condition| c.model == condition.model;
        match ended {
            Ok(Some(outcome)) => {
                let kind = (claim.experiment.clone(), condition.model.clone(), condition.quant);
                self.begun.insert(kind);
                self.untold.push((claim, End::Done(Box::new(outcome))));
                Ok(())
            }
            Ok(None) => self.means.queue.release(&*self.seat, &[claim]),
            Err(Failure::Sample(code, message)) => {
                let sample = sample.reference;
                self.untold.push((claim, End::LeftOut(LeftOut { sample, code, message })));
                Ok(())
            }
            Err(Failure::NoModel(problem)) => {
                self.lack(&claim, items_of(grid, same_model), &problem, true)
            }
            Err(Failure::Model { problem, may_come }) => {
                let same = |c: &Condition| same_model(c) && c.quant == condition.quant;
                self.lack(&claim, items_of(grid, same), &problem, may_come)
            }
            Err(Failure::Memory(problem)) => {
                let same = |c: &Condition| c.index == condition.index;
                self.lack(&claim, items_of(grid, same), &problem, true)
            }
            Err(Failure::Store(error)) => Err(error),
        }
    }

    /// Says that this worker cannot run some items of an experiment; others may.
    fn lack(
        &mut self,
        claim: &Claim,
        items: Vec<Range<u32>>,
        problem: &str,
        may_come: bool,
    ) -> Result<(), StoreError> {
        tracing::warn!(experiment = claim.experiment.short(), problem, "not to be run here");
        self.means.queue.lack(&*self.seat, &claim.experiment, &items, problem)?;
        for item in &mut self.out {
            let same = item.claim.experiment == claim.experiment;
            item.given_back |= same && items.iter().any(|range| range.contains(&item.claim.item));
        }
        if may_come {
            self.lacked = Some(Instant::now());
        }
        Ok(())
    }

    /// With nothing else to do, forgets what was lacking a while ago; gives whether there was any.
    fn looks_again(&mut self) -> Result<bool, StoreError> {
        if self.lacked.is_none_or(|at| at.elapsed() < TRY_AGAIN) {
            return Ok(false);
        }
        self.lacked = None;
        self.means.queue.try_again(&*self.seat)
    }

    /// Pauses an experiment none of whose items can run, and says why.
    fn pause(&mut self, claim: &Claim, problem: &str) -> Result<(), StoreError> {
        let queue = &self.means.queue;
        tracing::warn!(experiment = claim.experiment.short(), problem, "experiment paused");
        queue.set_state(&claim.experiment, ExperimentState::Paused, Some(problem))?;
        queue.release(&*self.seat, std::slice::from_ref(claim))
    }

    fn guarded(
        &mut self,
        claim: &Claim,
        asked: &AskedOptions,
        sample: &Sample,
        picture: &Picture,
        cache: &mut Cache,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Outcome>, Failure> {
        let run = || self.run(claim, asked, sample, picture, cache, stop);
        match std::panic::catch_unwind(AssertUnwindSafe(run)) {
            Ok(ended) => ended,
            Err(_) => {
                // The panic's own message is in the log, from the panic hook.
                tracing::error!(experiment = claim.experiment.short(), claim.item, "run panicked");
                cache.clear();
                Err(Failure::Sample(ErrorCode::Internal, INTERNAL.to_owned()))
            }
        }
    }

    fn run(
        &mut self,
        claim: &Claim,
        asked: &AskedOptions,
        sample: &Sample,
        picture: &Picture,
        cache: &mut Cache,
        stop: &dyn Fn() -> bool,
    ) -> Result<Option<Outcome>, Failure> {
        let source = self.means.catalog.resolve(&asked.model);
        let source = source.map_err(|error| Failure::NoModel(not_here(&asked.model, &error)))?;
        // What is wrong beside the prompt is wrong for every sample: the model's files changed since
        // the experiment was planned.
        let settings = self.means.catalog.settings(&source, asked);
        settings.map_err(|e| {
            let (name, why) = (&source.name, e.0.message);
            let problem = format!("the model {name} no longer runs with these options: {why}");
            Failure::Model { problem, may_come: false }
        })?;
        let options = self.means.catalog.resolved(&source, asked);
        let options = options.map_err(|e| Failure::Sample(e.0.code, e.0.message))?;
        let lab = self.means.lab.clone();
        let model = cache.get(&*lab, &source, options.quant, &mut |_, _| {}).map_err(|e| {
            let problem = format!("The model {} cannot be loaded: {}", source.name, e.message);
            Failure::Model { problem, may_come: e.code == ErrorCode::OutOfMemory }
        })?;
        let info = model.info();
        let noted = (claim.experiment.clone(), info.clone());
        if !self.noted.contains(&noted) {
            let told = self.means.queue.note_model(&noted.0, &noted.1);
            if let Noted::Differs(hash) = told.map_err(Failure::Store)? {
                let problem = differs(&source.name, &info.hash, &hash);
                return Err(Failure::Model { problem, may_come: false });
            }
            self.noted.push(noted);
        }
        tracing::debug!(item = claim.item, "item begun");
        let made_with = MadeWith {
            device: info.device.clone(),
            model_hash: info.hash.clone(),
            lab: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let ended = observe(model, picture, &options, stop)?;
        let Some((summary, observation)) = ended else { return Ok(None) };
        let masses = observation.masses().unwrap_or_default();
        Ok(Some(Outcome {
            sample: sample.reference.clone(),
            verdict: sample.expected.as_ref().map(|expected| expected.judge(&summary.answer)),
            answer: summary.answer,
            tokens: summary.tokens,
            masses,
            model_ms: summary.timing.total_ms,
            made_with: Some(made_with),
        }))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Err(error) = self.rest() {
            tracing::warn!(%error, "a worker could not give its items back");
        }
    }
}
