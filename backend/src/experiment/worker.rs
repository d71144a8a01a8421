//! A worker: takes items from the queue, one at a time, and hands their ends in.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datasets::Sample;
use engine::{Control, EngineError, GeneratedToken, Observer, Picture, Wants};
use shared::experiment::{ExperimentState, LeftOut, Outcome};
use shared::{
    AskedOptions, ErrorCode, Event, LayerFlow, Layout, ModelInfo, Observation, RunOptions,
};

use super::feeder::{Feeder, Order, Ready, Trouble};
use super::queue::{Claim, End, Experiment, Queue, Seat};
use super::shelves::Shelves;
use crate::catalog::Catalog;
use crate::error::INTERNAL;
use crate::id::RunId;
use crate::lab::{Lab, LoadedModel};
use crate::model::Cache;
use crate::store::StoreError;

/// Items held at once: what the feeder reads ahead, and a few more, so that claiming costs little.
const HELD: usize = 8;
/// Ends are handed in at least this often, and whenever [`MOST_UNTOLD`] have come together.
const TELL_EVERY: Duration = Duration::from_millis(50);
const MOST_UNTOLD: usize = 32;

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
    /// Claimed, and on its way through the feeder.
    out: usize,
    untold: Vec<(Claim, End)>,
    told: Instant,
    experiments: HashMap<RunId, Arc<Experiment>>,
    noted: Vec<(RunId, ModelInfo)>,
}

impl Worker {
    /// A worker with nothing in hand.
    ///
    /// # Errors
    /// The queue gives no seat, or the system no thread.
    pub fn new(means: Means) -> Result<Worker, StoreError> {
        let seat = means.queue.sit()?;
        let feeder = Feeder::start(means.lab.clone(), means.shelves.clone());
        let feeder = feeder.map_err(|e| StoreError::Broken(e.to_string()))?;
        Ok(Worker {
            means,
            seat,
            feeder,
            out: 0,
            untold: Vec::new(),
            told: Instant::now(),
            experiments: HashMap::new(),
            noted: Vec::new(),
        })
    }

    /// Takes the next item, runs it, and hands in what is due. `stop` is asked between layers; an
    /// item that is stopped is given back.
    ///
    /// # Errors
    /// The queue cannot be read or written. Nothing is lost: what was not handed in runs again.
    pub fn turn(&mut self, cache: &mut Cache, stop: &dyn Fn() -> bool) -> Result<Turn, StoreError> {
        self.claim()?;
        if self.out == 0 {
            self.tell()?;
            self.experiments.clear();
            return Ok(Turn::Idle);
        }
        let Some(ready) = self.feeder.next() else {
            return Err(StoreError::Broken("the thread that reads samples is gone".to_owned()));
        };
        self.out -= 1;
        self.take(ready, cache, stop)?;
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
        let mut back = Vec::new();
        while self.out > 0 {
            let Some(ready) = self.feeder.next() else { break };
            self.out -= 1;
            back.push(ready.order.claim);
        }
        self.experiments.clear();
        self.means.queue.release(&*self.seat, &back)
    }

    fn claim(&mut self) -> Result<(), StoreError> {
        if self.out > HELD / 2 {
            return Ok(());
        }
        let claims = self.means.queue.claim(&*self.seat, (HELD - self.out) as u32)?;
        for claim in claims {
            let experiment = match self.experiments.get(&claim.experiment) {
                Some(experiment) => experiment.clone(),
                None => {
                    // Deleted in between: its items are gone with it.
                    let Some(found) = self.means.queue.get(&claim.experiment)? else { continue };
                    let found = Arc::new(found);
                    self.experiments.insert(claim.experiment.clone(), found.clone());
                    found
                }
            };
            match self.feeder.order(Order { claim, experiment }) {
                Ok(()) => self.out += 1,
                Err(order) => self.means.queue.release(&*self.seat, &[order.claim])?,
            }
        }
        Ok(())
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
        let (sample, picture) = match sample {
            Ok(sample) => sample,
            Err(Trouble::Sample(left_out)) => {
                self.untold.push((claim, End::LeftOut(*left_out)));
                return Ok(());
            }
            Err(Trouble::Dataset(problem)) => return self.pause(&claim, &problem),
        };
        let runs = self.means.queue.state(&claim.experiment)? == Some(ExperimentState::Running);
        if !runs || stop() {
            return self.means.queue.release(&*self.seat, &[claim]);
        }
        let Some((condition, _)) = experiment.start.grid.item(claim.item) else {
            return self.pause(&claim, "the grid is damaged");
        };
        let asked = experiment.start.asked(condition, &sample.reference);
        let ended = self.guarded(&claim, &asked, &sample, &picture, cache, stop);
        self.seat.at_work(None);
        match ended {
            Ok(Some(outcome)) => self.untold.push((claim, End::Done(Box::new(outcome)))),
            Ok(None) => self.means.queue.release(&*self.seat, &[claim])?,
            Err(Failure::Sample(code, message)) => {
                let sample = sample.reference;
                self.untold.push((claim, End::LeftOut(LeftOut { sample, code, message })));
            }
            Err(Failure::Model(problem)) => self.pause(&claim, &problem)?,
        }
        Ok(())
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
        let source = source.map_err(|e| Failure::Model(e.to_string()))?;
        // What is wrong beside the prompt is wrong for every sample: the model's files changed since
        // the experiment was planned.
        let settings = self.means.catalog.settings(&source, asked);
        settings.map_err(|e| {
            let (name, why) = (&source.name, e.0.message);
            Failure::Model(format!("the model {name} no longer runs with these options: {why}"))
        })?;
        let options = self.means.catalog.resolved(&source, asked);
        let options = options.map_err(|e| Failure::Sample(e.0.code, e.0.message))?;
        let lab = self.means.lab.clone();
        let model = cache.get(&*lab, &source, options.quant, &mut |_, _| {}).map_err(|e| {
            Failure::Model(format!("the model {} cannot be loaded: {}", source.name, e.message))
        })?;
        let noted = (claim.experiment.clone(), model.info().clone());
        if !self.noted.contains(&noted) {
            let told = self.means.queue.note_model(&noted.0, &noted.1);
            told.map_err(|e| Failure::Model(e.to_string()))?;
            self.noted.push(noted);
        }
        self.seat.at_work(Some(claim));
        tracing::debug!(item = claim.item, "item begun");
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

/// Why an item has no outcome.
enum Failure {
    /// It is this sample's fault.
    Sample(ErrorCode, String),
    /// No item of this condition can run.
    Model(String),
}

impl Failure {
    fn of(error: EngineError) -> Failure {
        if error.code == ErrorCode::Internal {
            tracing::error!(%error, "an item failed inside");
            return Failure::Sample(ErrorCode::Internal, INTERNAL.to_owned());
        }
        Failure::Sample(error.code, error.message)
    }
}

/// Runs one prompt with every layer and head observed; `None` where it was stopped. A question
/// that only finds too little memory free now is no sample's fault.
fn observe(
    model: &dyn LoadedModel,
    picture: &Picture,
    options: &RunOptions,
    stop: &dyn Fn() -> bool,
) -> Result<Option<(shared::Summary, Observation)>, Failure> {
    let prepared = model.prepare(picture, options).map_err(Failure::of)?;
    let mut folding = Folding { info: model.info(), observation: Observation::default(), stop };
    let wants = folding.wants();
    let summary = prepared.run(&mut folding).map_err(|error| match error.code {
        ErrorCode::OutOfMemory if prepared.could_fit(wants) => Failure::Model(error.message),
        _ => Failure::of(error),
    })?;
    Ok(summary.map(|summary| (summary, folding.observation)))
}

/// Folds what is observed together, masses only: rows over all keys are not asked for.
struct Folding<'a> {
    info: &'a ModelInfo,
    observation: Observation,
    stop: &'a dyn Fn() -> bool,
}

impl Observer for Folding<'_> {
    fn wants(&self) -> Wants {
        Wants { flows: true, ..Wants::default() }
    }

    fn layout(&mut self, layout: &Layout) -> Control {
        self.observation = Observation {
            layout: Some(layout.clone()),
            prefill: vec![None; self.info.layers as usize],
            tokens: Vec::new(),
        };
        self.poll()
    }

    fn prefill_layer(&mut self, layer: u32, flow: LayerFlow) -> Control {
        self.observation.apply(&Event::PrefillLayer { layer, flow });
        Control::Continue(())
    }

    fn token(&mut self, token: GeneratedToken) -> Control {
        self.observation.apply(&token.into());
        Control::Continue(())
    }

    fn poll(&mut self) -> Control {
        if (self.stop)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
