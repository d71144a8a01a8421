//! A bench: takes items, one at a time, has a device's worker measure them, and hands their ends in.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use datasets::Sample;
use engine::{EngineError, Picture};
use shared::experiment::{Condition, LeftOut, MadeWith, Outcome};
use shared::sentence::{self, Problem};
use shared::{AskedOptions, ErrorCode, Message, ModelInfo, Quant};

use super::book::{Book, End, Experiment};
use super::feeder::{Feeder, Ready, SampleOrder, Trouble};
use super::items::{AtWork, Claim, Items, Noted, Post, Seat};
use super::lacking::{differs, items_of, not_here};
use super::shelves::Shelves;
use crate::id::RunId;
use crate::models::catalog::Catalog;
use crate::store::StoreError;
use crate::workers::lab::Lab;
use crate::workers::{
    MeasureError, Measurement, ModelChoice, Next, Spare, SpareWork, Stop, Worker, WorkerRefused,
};

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

/// What experiments need of the lab.
#[derive(Clone)]
pub struct Means {
    /// What keeps them.
    pub book: Arc<dyn Book>,
    /// What hands their items out.
    pub items: Arc<dyn Items>,
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

impl Means {
    /// Work for devices that do nothing else now.
    pub fn spare(&self, post: Post) -> Spare {
        let means = self.clone();
        Arc::new(move || Ok(Box::new(Bench::new(means.clone(), post)?)))
    }
}

/// Why an item has no outcome.
enum ItemFailure {
    /// It is this sample's fault.
    Sample(ErrorCode, Message),
    /// The model is not here.
    NoModel(Message),
    /// The model cannot be used here as it is held; it may be later.
    Model {
        /// What is wrong, in a sentence.
        problem: Message,
        /// Whether it is worth trying again without being told to.
        may_come: bool,
    },
    /// There is too little memory free for this condition now.
    Memory(Message),
    /// What hands items out cannot be reached, or the device's worker.
    Broken(StoreError),
}

impl ItemFailure {
    fn of(error: EngineError) -> ItemFailure {
        if error.code == ErrorCode::Internal {
            tracing::error!(%error, "an item failed inside");
            return ItemFailure::Sample(ErrorCode::Internal, sentence::LabError::Internal.into());
        }
        ItemFailure::Sample(error.code, error.into_message())
    }

    /// Something panicked; the panic's own message is in the log, from the panic hook.
    fn panicked() -> ItemFailure {
        tracing::error!("an item panicked");
        ItemFailure::Sample(ErrorCode::Internal, sentence::LabError::Internal.into())
    }

    /// The model cannot be loaded on this device.
    fn not_loaded(model: &str, error: EngineError) -> ItemFailure {
        let may_come = error.code == ErrorCode::OutOfMemory;
        let (name, why) = (model.to_owned(), error.into_message());
        ItemFailure::Model { problem: Problem::ModelNotLoaded { name, why }.into(), may_come }
    }

    /// The device's worker did not take it, or did not live to answer.
    fn refused(refused: WorkerRefused) -> ItemFailure {
        ItemFailure::Broken(StoreError::Broken(refused.to_string()))
    }
}

/// Takes items and has them run on one device.
pub struct Bench {
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
    begun: HashSet<WorkKind>,
    /// When it was last said that something is lacking that may come.
    lacked: Option<Instant>,
}

/// An item that is held, until the feeder has its sample.
struct OnItsWay {
    claim: Claim,
    kind: WorkKind,
    /// Whether it was given back meanwhile, and is anybody's.
    given_back: bool,
}

/// What work there is of a kind: one experiment's, with one loaded model.
type WorkKind = (RunId, String, Quant);

impl Bench {
    /// A bench with nothing in hand.
    ///
    /// # Errors
    /// The queue gives no seat, or the system no thread.
    pub fn new(means: Means, post: Post) -> Result<Bench, StoreError> {
        let seat = means.items.sit(post)?;
        let feeder = Feeder::start(means.lab.clone(), means.shelves.clone());
        let feeder = feeder.map_err(|e| StoreError::Broken(e.to_string()))?;
        Ok(Bench {
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

    /// Takes the next item, has it run, and hands in what is due. `stop` is asked between layers; an
    /// item that is stopped is given back.
    ///
    /// # Errors
    /// Items cannot be taken or handed in, or the worker has ended. Nothing is lost: what was not handed
    /// in runs again.
    pub fn turn(&mut self, worker: &Worker, stop: &Stop) -> Result<Turn, StoreError> {
        match self.next()? {
            Next::Piece => self.work(worker, stop).map(|()| Turn::Worked),
            Next::Again => Ok(Turn::Worked),
            Next::Nothing => Ok(Turn::Idle),
        }
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
        self.means.items.release(&*self.seat, &back)
    }

    fn claim(&mut self) -> Result<(), StoreError> {
        if !self.astray.is_empty() {
            self.means.items.release(&*self.seat, &self.astray)?;
            self.astray.clear();
        }
        if self.out.len() > HELD / 2 {
            return Ok(());
        }
        let claims = self.means.items.claim(&*self.seat, (HELD - self.out.len()) as u32)?;
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
                let Some(found) = self.means.items.experiment(&claim.experiment)? else {
                    return Ok(());
                };
                let found = Arc::new(found);
                self.experiments.insert(claim.experiment.clone(), found.clone());
                found
            }
        };
        let kind = experiment.start.grid.item(claim.item).map(|(c, _)| (c.model.clone(), c.quant));
        let (model, quant) = kind.unwrap_or_default();
        let kind = (claim.experiment.clone(), model, quant);
        let item = OnItsWay { claim: claim.clone(), kind, given_back: false };
        match self.feeder.order(SampleOrder { claim, experiment }) {
            Ok(()) => {
                self.out.push_back(item);
                Ok(())
            }
            Err(order) => self.means.items.release(&*self.seat, &[order.claim]),
        }
    }

    fn tell(&mut self) -> Result<(), StoreError> {
        self.told = Instant::now();
        if !self.untold.is_empty() {
            let kept = self.means.items.finish(&*self.seat, &self.untold)?;
            tracing::debug!(kept, "ends handed in");
            self.untold.clear();
        }
        Ok(())
    }

    fn take(&mut self, ready: Ready, worker: &Worker, stop: &Stop) -> Result<(), StoreError> {
        let Ready { order: SampleOrder { claim, experiment }, sample } = ready;
        let grid = &experiment.start.grid;
        let (sample, pictures) = match sample {
            Ok(sample) => sample,
            Err(Trouble::Sample(left_out)) => {
                self.untold.push((claim, End::LeftOut(*left_out)));
                return Ok(());
            }
            Err(Trouble::Memory(problem)) => {
                let this = claim.item..claim.item + 1;
                return self.lack(&claim, vec![this], &problem, true);
            }
            Err(Trouble::Dataset(problem)) => {
                let all = std::iter::once(0..grid.items()).collect();
                return self.lack(&claim, all, &problem, true);
            }
        };
        if stop() || !self.means.items.wanted(&claim.experiment)? {
            return self.means.items.release(&*self.seat, &[claim]);
        }
        let Some((condition, _)) = grid.item(claim.item) else {
            return self.pause(&claim, &Problem::GridDamaged.into());
        };
        let asked = experiment.start.asked(condition, &sample.reference);
        // The worker guards its own thread; what is done here reads a model's files, and a panic in that
        // must not take the device's other items with it.
        let run = AssertUnwindSafe(|| self.run(worker, &claim, &asked, &sample, pictures, stop));
        let ended = std::panic::catch_unwind(run).unwrap_or_else(|_| Err(ItemFailure::panicked()));
        let same_model = |c: &Condition| c.model == condition.model;
        match ended {
            Ok(Some(outcome)) => {
                let kind = (claim.experiment.clone(), condition.model.clone(), condition.quant);
                self.begun.insert(kind);
                self.untold.push((claim, End::Done(Box::new(outcome))));
                Ok(())
            }
            Ok(None) => self.means.items.release(&*self.seat, &[claim]),
            Err(ItemFailure::Sample(code, message)) => {
                let left_out = LeftOut::new(sample.reference, code, message);
                self.untold.push((claim, End::LeftOut(left_out)));
                Ok(())
            }
            Err(ItemFailure::NoModel(problem)) => {
                self.lack(&claim, items_of(grid, same_model), &problem, true)
            }
            Err(ItemFailure::Model { problem, may_come }) => {
                let same = |c: &Condition| same_model(c) && c.quant == condition.quant;
                self.lack(&claim, items_of(grid, same), &problem, may_come)
            }
            Err(ItemFailure::Memory(problem)) => {
                let same = |c: &Condition| c.index == condition.index;
                self.lack(&claim, items_of(grid, same), &problem, true)
            }
            Err(ItemFailure::Broken(error)) => Err(error),
        }
    }

    /// Says that this worker cannot run some items of an experiment; others may.
    fn lack(
        &mut self,
        claim: &Claim,
        items: Vec<Range<u32>>,
        problem: &Message,
        may_come: bool,
    ) -> Result<(), StoreError> {
        tracing::warn!(experiment = claim.experiment.short(), %problem, "not to be run here");
        self.means.items.lack(&*self.seat, &claim.experiment, &items, problem)?;
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
        self.means.items.try_again(&*self.seat)
    }

    /// Pauses an experiment none of whose items can run, and says why.
    fn pause(&mut self, claim: &Claim, problem: &Message) -> Result<(), StoreError> {
        let items = &self.means.items;
        tracing::warn!(experiment = claim.experiment.short(), %problem, "experiment paused");
        items.pause(&claim.experiment, problem)?;
        items.release(&*self.seat, std::slice::from_ref(claim))
    }

    fn run(
        &mut self,
        worker: &Worker,
        claim: &Claim,
        asked: &AskedOptions,
        sample: &Sample,
        pictures: Vec<Picture>,
        stop: &Stop,
    ) -> Result<Option<Outcome>, ItemFailure> {
        self.means.catalog.look_again();
        let source = self.means.catalog.resolve(&asked.model);
        let source =
            source.map_err(|error| ItemFailure::NoModel(not_here(&asked.model, &error)))?;
        let name = source.name.clone();
        // What is wrong beside the prompt is wrong for every sample: the model's files changed since
        // the experiment was planned.
        let settings = self.means.catalog.settings(&source, asked);
        settings.map_err(|e| {
            let (name, why) = (name.clone(), e.0.into_message());
            let problem = Problem::ModelNoLongerRuns { name, why }.into();
            ItemFailure::Model { problem, may_come: false }
        })?;
        let options = self.means.catalog.resolved(&source, asked);
        let options = options.map_err(|e| ItemFailure::Sample(e.0.code, e.0.into_message()))?;
        let model = ModelChoice { source, quant: options.quant };
        let loaded = worker.load(model.clone(), Box::new(())).map_err(ItemFailure::refused)?;
        let info = loaded.map_err(|error| ItemFailure::not_loaded(&name, error))?.info;
        let noted = (claim.experiment.clone(), info);
        if !self.noted.contains(&noted) {
            let told = self.means.items.note_model(&noted.0, &noted.1);
            if let Noted::Differs(hash) = told.map_err(ItemFailure::Broken)? {
                let problem = differs(&name, &noted.1.hash, &hash);
                return Err(ItemFailure::Model { problem, may_come: false });
            }
            self.noted.push(noted);
        }
        tracing::debug!("item begun");
        let measurement = Measurement { model, pictures, options, stop: stop.clone() };
        let measured = worker.measure(measurement).map_err(ItemFailure::refused)?;
        let measured = measured.map_err(|error| match error {
            MeasureError::Model(error) => ItemFailure::not_loaded(&name, error),
            MeasureError::Question(error) => ItemFailure::of(error),
            MeasureError::Memory(message) => ItemFailure::Memory(message),
            MeasureError::Panicked => ItemFailure::panicked(),
        })?;
        let Some(measured) = measured else { return Ok(None) };
        let summary = measured.summary;
        Ok(Some(Outcome {
            sample: sample.reference.clone(),
            verdict: sample.expected.as_ref().map(|expected| expected.judge(&summary.answer)),
            answer: summary.answer,
            tokens: summary.tokens,
            masses: measured.observation.masses().unwrap_or_default(),
            model_ms: summary.timing.total_ms,
            made_with: Some(MadeWith {
                device: measured.info.device,
                model_hash: measured.info.hash,
                lab: env!("CARGO_PKG_VERSION").to_owned(),
            }),
        }))
    }
}

impl SpareWork for Bench {
    fn next(&mut self) -> Result<Next, StoreError> {
        self.claim()?;
        if !self.out.is_empty() {
            return Ok(Next::Piece);
        }
        self.tell()?;
        self.experiments.clear();
        Ok(if self.looks_again()? { Next::Again } else { Next::Nothing })
    }

    fn work(&mut self, worker: &Worker, stop: &Stop) -> Result<(), StoreError> {
        let Some(OnItsWay { claim, kind, .. }) = self.out.front() else { return Ok(()) };
        let span = tracing::debug_span!("item", experiment = claim.experiment.short(), claim.item);
        let _entered = span.enter();
        // Before its sample is read and its model is loaded.
        let starting = !self.begun.contains(kind);
        let held: Vec<Claim> = self.out.iter().map(|item| item.claim.clone()).collect();
        self.means.items.renew(&*self.seat, &held)?;
        self.seat.at_work(Some(AtWork { claim, starting }));
        tracing::debug!(starting, "at work");
        let ready = self.feeder.next();
        let held = self.out.pop_front().filter(|item| !item.given_back);
        let taken = match ready {
            Some(_) if held.is_none() => Ok(()),
            Some(ready) => self.take(ready, worker, stop),
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
        Ok(())
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Err(error) = self.rest() {
            tracing::warn!(%error, "a bench could not give its items back");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use datasets::Paths;
    use shared::experiment::{ExperimentSpec, ExperimentState};

    use super::*;
    use crate::experiments::{Reach, SqliteQueue, plan};
    use crate::workers::lab::ScriptedLab;

    /// A queue in which the first thing that is noted of a model panics.
    #[derive(Debug)]
    struct Startling {
        items: Arc<SqliteQueue>,
        startled: AtomicBool,
    }

    impl Items for Startling {
        fn offer(&self, id: &RunId) -> Result<(), StoreError> {
            self.items.offer(id)
        }

        fn sit(&self, post: Post) -> Result<Box<dyn Seat>, StoreError> {
            self.items.sit(post)
        }

        fn leave(&self) {
            self.items.leave();
        }

        fn claim(&self, seat: &dyn Seat, most: u32) -> Result<Vec<Claim>, StoreError> {
            self.items.claim(seat, most)
        }

        fn renew(&self, seat: &dyn Seat, claims: &[Claim]) -> Result<(), StoreError> {
            self.items.renew(seat, claims)
        }

        fn finish(&self, seat: &dyn Seat, ends: &[(Claim, End)]) -> Result<u32, StoreError> {
            self.items.finish(seat, ends)
        }

        fn release(&self, seat: &dyn Seat, claims: &[Claim]) -> Result<(), StoreError> {
            self.items.release(seat, claims)
        }

        fn experiment(&self, id: &RunId) -> Result<Option<Experiment>, StoreError> {
            self.items.experiment(id)
        }

        fn wanted(&self, id: &RunId) -> Result<bool, StoreError> {
            self.items.wanted(id)
        }

        fn pause(&self, id: &RunId, problem: &Message) -> Result<(), StoreError> {
            self.items.pause(id, problem)
        }

        fn lack(
            &self,
            seat: &dyn Seat,
            id: &RunId,
            items: &[Range<u32>],
            reason: &Message,
        ) -> Result<(), StoreError> {
            self.items.lack(seat, id, items, reason)
        }

        fn try_again(&self, seat: &dyn Seat) -> Result<bool, StoreError> {
            self.items.try_again(seat)
        }

        fn note_model(&self, id: &RunId, model: &ModelInfo) -> Result<Noted, StoreError> {
            if !self.startled.swap(true, Ordering::Relaxed) {
                panic!("the test wants this item to panic");
            }
            self.items.note_model(id, model)
        }
    }

    /// What panics on the bench, beside the worker that guards itself, costs the item that was at work:
    /// it is left out with a sentence, and the others run.
    #[test]
    fn an_item_that_panics_takes_no_other_with_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let queue = Arc::new(SqliteQueue::open(folder.path()).expect("a queue"));
        let lab = Arc::new(ScriptedLab::default());
        let means = Means {
            book: queue.clone(),
            items: Arc::new(Startling { items: queue.clone(), startled: AtomicBool::new(false) }),
            lab: lab.clone(),
            catalog: Arc::new(Catalog::scripted()),
            shelves: Arc::new(Shelves::new(Paths::Nowhere, None)),
        };
        let spec = ExperimentSpec {
            models: vec!["scripted".to_owned()],
            samples: 3,
            ..ExperimentSpec::default()
        };
        let planned = plan(spec, &means.catalog, &means.shelves, Reach::Local);
        let (new, _) = planned.expect("an experiment that can be");
        queue.create(&new).expect("kept");
        queue.offer(&new.id).expect("offered");
        let worker = Worker::start("one", lab, 1).expect("a thread");
        let mut bench = Bench::new(means, Post::Worker).expect("a seat");
        let never: Stop = Arc::new(|| false);
        while bench.turn(&worker, &never).expect("the queue is there") == Turn::Worked {}
        let ends = queue.ends(&new.id, 0, 10).expect("the ends");
        let left_out: Vec<&LeftOut> = ends
            .iter()
            .filter_map(|ended| match &ended.end {
                End::LeftOut(left_out) => Some(left_out),
                End::Done(_) => None,
            })
            .collect();
        assert_eq!((ends.len(), left_out.len()), (3, 1));
        assert_eq!(left_out[0].code, ErrorCode::Internal);
        let sentence = Message::from(sentence::LabError::Internal);
        assert_eq!(left_out[0].message, sentence.text, "the panic's own words stay in the log");
        let found = queue.get(&new.id).expect("read").expect("it is there");
        assert_eq!(found.state, ExperimentState::Done);
    }
}
