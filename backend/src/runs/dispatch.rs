//! Who runs what: gives every run of the line to a device, and lets devices work at what can wait while
//! nobody waits for a run.
//!
//! Each device has a thread here beside its worker's own: it takes what the line has for the device
//! ([`Queue::pop`](super::Queue::pop) says where a run goes), asks the worker, and waits for the reply.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine::EngineError;
use shared::picture::Speed;
use shared::{ErrorCode, Event, Medium, Quant, Summary, TokenHeads, sentence};

use super::queue::{Job, JobMedia, Popped};
use super::repeat::Again;
use super::{Run, Runs, StopReason};
use crate::lock;
use crate::models::catalog::Source;
use crate::workers::lab::{Decoded, Lab, decode_all};
use crate::workers::{
    LoadSink, ModelChoice, Next, Question, RunSink, Spare, SpareWork, Stop, Worker, WorkerRefused,
};

/// A long run's events are written this often while it runs; a crash loses no more than this.
const SAVE_EVERY: Duration = Duration::from_secs(2);
/// With nothing to do, work that can wait is looked for this often.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// What keeps work that can wait is tried again after this long where it cannot be read.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// A device that runs models.
#[derive(Clone)]
pub struct Device {
    /// What it is called.
    pub name: String,
    /// What loads models on it.
    pub lab: Arc<dyn Lab>,
}

/// How runs are worked at.
#[derive(Clone)]
pub struct Settings {
    /// On what; a worker for each.
    pub devices: Vec<Device>,
    /// Models that each device keeps in memory.
    pub models_kept: usize,
    /// A model that the first device loads before a run asks for one.
    pub preload: Option<ModelChoice>,
    /// What devices do while nobody waits for a run.
    pub spare: Option<Spare>,
}

/// The devices at work.
#[derive(Debug)]
pub struct Dispatcher {
    threads: Vec<JoinHandle<()>>,
}

impl Dispatcher {
    /// Starts the workers, and a thread for each that finds it something to do. They end when the line
    /// of runs is closed.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(runs: &Arc<Runs>, settings: Settings) -> std::io::Result<Dispatcher> {
        let Settings { devices, models_kept, preload, spare } = settings;
        let start = |device: Device| Worker::start(device.name, device.lab, models_kept);
        let workers = devices.into_iter().map(start).collect::<Result<Vec<_>, _>>()?;
        runs.queue.open(workers.iter().map(Worker::state), models_kept);
        let names = workers.iter().map(|w| (w.device().to_owned(), w.state()));
        let _ = runs.devices.set(names.collect());
        let mut preload = preload;
        let mut threads = Vec::new();
        for (at, worker) in workers.into_iter().enumerate() {
            let name = format!("runs on {}", worker.device());
            let driver = Driver { at, worker, runs: runs.clone() };
            let (preload, spare) = (preload.take(), spare.clone());
            let work = move || driver.work(preload, spare.as_ref());
            threads.push(std::thread::Builder::new().name(name).spawn(work)?);
        }
        Ok(Dispatcher { threads })
    }

    /// Whether all are through.
    pub fn is_finished(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits for the end of all.
    pub fn join(self) {
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread that gives runs to a device panicked");
            }
        }
    }
}

/// Finds one device something to do.
struct Driver {
    at: usize,
    worker: Worker,
    runs: Arc<Runs>,
}

impl Driver {
    fn work(self, preload: Option<ModelChoice>, spare: Option<&Spare>) {
        if let Some(model) = preload {
            self.preload(model);
        }
        let mut bench = None;
        let mut wait = Duration::ZERO;
        while self.worker.state().borrow().alive {
            match self.runs.queue.pop(self.at, wait) {
                Popped::Job(job) => self.run(job),
                Popped::Nothing => {}
                Popped::Closed => return,
            }
            wait = spare.map_or(LOOK_EVERY, |spare| self.spare(&mut bench, spare));
        }
        tracing::error!(device = self.worker.device(), "this device runs nothing any more");
    }

    /// Does a piece of what can wait, if there is one; gives how long there is nothing to do.
    fn spare(&self, bench: &mut Option<Box<dyn SpareWork>>, spare: &Spare) -> Duration {
        let bench = match bench {
            Some(bench) => bench,
            None => match spare() {
                Ok(new) => bench.insert(new),
                // On a full disk, say: not for ever.
                Err(error) => {
                    tracing::error!(%error, "no experiment can run here now");
                    return TRY_AGAIN;
                }
            },
        };
        let runs = self.runs.clone();
        let closed: Stop = Arc::new(move || runs.queue.is_closed());
        let done = match bench.next() {
            // Whoever has come meanwhile is first.
            Ok(Next::Piece) if !self.runs.queue.begin_spare(self.at) => Ok(Duration::ZERO),
            Ok(Next::Piece) => bench.work(&self.worker, &closed).map(|()| Duration::ZERO),
            Ok(Next::Again) => Ok(Duration::ZERO),
            Ok(Next::Nothing) => Ok(LOOK_EVERY),
            Err(error) => Err(error),
        };
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "the experiments cannot be read or written");
            TRY_AGAIN
        })
    }

    /// Loads a model nobody asked for yet. A run that comes meanwhile is shown the progress.
    fn preload(&self, model: ModelChoice) {
        if let Some(name) = self.runs.store.loading().died_of() {
            tracing::warn!(
                model = name,
                "the lab was killed while it was loading this model: no model is loaded before a run asks \
                 for one"
            );
            return;
        }
        let sink = LoadProgress { runs: self.runs.clone(), run: None };
        let name = model.source.name.clone();
        match self.worker.load(model, Box::new(sink)) {
            Ok(Ok(loaded)) => {
                if let Some(check) = loaded.precheck {
                    self.runs.knows(&name, loaded.look, check);
                }
            }
            Ok(Err(error)) => {
                tracing::error!(model = name, code = %error.code, %error, "model not loaded");
            }
            Err(refused) => tracing::error!(model = name, %refused, "model not loaded"),
        }
    }

    /// Has a run answered, and ends it.
    fn run(&self, job: Job) {
        let (run, name) = (job.run.clone(), job.source.name.clone());
        let span = tracing::info_span!("run", id = run.id.short(), device = self.worker.device());
        let last = span.in_scope(|| {
            // Of what is done here, decoding a picture could panic; the worker guards itself.
            match std::panic::catch_unwind(AssertUnwindSafe(|| self.answer(job))) {
                Ok(Ok(Answered::Whole(summary))) => Some(Event::Done { summary }),
                Ok(Ok(Answered::Stopped)) => Some(run.stopped()),
                Ok(Ok(Answered::Again(job))) => self.put_back(*job),
                Ok(Err(error)) => Some(told(&name, error)),
                Err(_) => Some(Event::failed(ErrorCode::Internal, sentence::LabError::Internal)),
            }
        });
        self.runs.queue.done(self.at);
        if let Some(last) = last {
            self.runs.finish(run, last);
        }
    }

    /// Puts a run that is asked again into the line; gives its end where that is closed or it is to stop.
    fn put_back(&self, job: Job) -> Option<Event> {
        self.runs.queue.put_back(job).err().map(|job| {
            job.run.request_stop(StopReason::ShuttingDown);
            job.run.stopped()
        })
    }

    fn answer(&self, job: Job) -> Result<Answered, EngineError> {
        let Job { run, source, quant, media, asker, again } = job;
        if run.stop_requested().is_some() {
            return Ok(Answered::Stopped);
        }
        let runs = &self.runs;
        if again.is_none() {
            runs.metrics.run_started(run.age_ms());
        }
        let name = source.name.clone();
        let model = ModelChoice { source: source.clone(), quant };
        let held = matches!(media, JobMedia::Decoded(_));
        let sink = LoadProgress { runs: runs.clone(), run: Some(run.clone()) };
        let loaded = self.worker.load(model.clone(), Box::new(sink)).map_err(gone)??;
        if let Some(check) = loaded.precheck {
            runs.knows(&name, loaded.look, check);
        }
        let media = match media {
            JobMedia::Decoded(media) => media,
            JobMedia::InStore => read_back(runs, &run)?,
        };
        // Media that were held wait for the next answer, too; others are read again.
        let kept = match run.options.repeat {
            Some(_) if held => JobMedia::Decoded(media.clone()),
            _ => JobMedia::InStore,
        };
        let again = match again {
            Some(again) => again.measured(&self.worker, model, media, &run)?,
            None => {
                let options = run.options.clone();
                let live = Arc::new(LiveRun::of(runs.clone(), run.clone()));
                let question = Question { model, media, options, sink: live.clone() };
                let Some(summary) = self.worker.run(question).map_err(gone)?? else {
                    return Ok(Answered::Stopped);
                };
                if let Some(speed) = live.speed(quant, &summary) {
                    runs.read_at(&name, speed);
                }
                if run.options.repeat.is_none() {
                    return Ok(Answered::Whole(summary));
                }
                Some(Again::first(&run, summary))
            }
        };
        let Some(again) = again else { return Ok(Answered::Stopped) };
        runs.save_soon(&run);
        if again.is_whole(&run) {
            return Ok(Answered::Whole(again.into_summary()));
        }
        let (media, again) = (kept, Some(again));
        Ok(Answered::Again(Box::new(Job { run, source, quant, media, asker, again })))
    }
}

/// What came of a run's turn.
enum Answered {
    /// All that was asked for.
    Whole(Summary),
    /// It was stopped.
    Stopped,
    /// An answer; it is to be asked again.
    Again(Box<Job>),
}

/// The end of a run whose device did not take it, or did not live to answer.
pub(super) fn gone(refused: WorkerRefused) -> EngineError {
    EngineError::internal(refused)
}

/// The event that ends a run that failed, as it is told to people.
fn told(model: &str, error: EngineError) -> Event {
    match error.code {
        ErrorCode::Internal => {
            tracing::error!(%error, "run failed inside");
            Event::failed(ErrorCode::Internal, sentence::LabError::Internal)
        }
        ErrorCode::ModelUnusable => {
            // The message names files of this machine, and a run's link travels.
            tracing::error!(%error, "model not usable");
            let model = model.to_owned();
            Event::failed(ErrorCode::ModelUnusable, sentence::LabError::ModelUnusable { model })
        }
        code => Event::failed(code, error.into_message()),
    }
}

/// Reads and decodes media that were too large to hold while their run waited.
fn read_back(runs: &Runs, run: &Run) -> Result<Vec<Decoded>, EngineError> {
    let internal = |cause: String| EngineError::internal(cause);
    let stored = runs.store.pictures(&run.id).map_err(|e| internal(e.to_string()))?;
    let stored = stored.ok_or_else(|| internal("the pictures are gone".to_owned()))?;
    let files: Vec<&[u8]> = stored.iter().map(|stored| stored.bytes.as_ref()).collect();
    decode_all(&*runs.lab, &files)
}

/// Tells a run how far its model is loaded; of a model that no run asked for, the one that is next.
struct LoadProgress {
    runs: Arc<Runs>,
    run: Option<Arc<Run>>,
}

impl LoadSink for LoadProgress {
    fn begins(&mut self, source: &Source) -> Box<dyn Any> {
        Box::new(self.runs.store.loading().begins(&source.name))
    }

    fn progress(&mut self, bytes: u64, total: u64) {
        let run = self.run.clone().or_else(|| self.runs.queue.first());
        if let Some(run) = run {
            run.publish(Event::Loading { bytes, total });
        }
    }
}

/// A run at work: what it shows goes into its log and, now and then, to the store.
struct LiveRun {
    runs: Arc<Runs>,
    run: Arc<Run>,
    seen: Mutex<SeenOfRun>,
}

/// What was seen of a run so far.
struct SeenOfRun {
    saved: Instant,
    last_layer: u32,
    /// Picture's, other and all tokens of the prompt, where there is a picture: what is read without
    /// one says nothing of pictures.
    read: Option<(u32, u32, u32)>,
}

impl LiveRun {
    fn of(runs: Arc<Runs>, run: Arc<Run>) -> LiveRun {
        let seen = SeenOfRun { saved: Instant::now(), last_layer: 0, read: None };
        LiveRun { runs, run, seen: Mutex::new(seen) }
    }

    /// How fast the model read the prompt.
    fn speed(&self, quant: Quant, summary: &Summary) -> Option<Speed> {
        let (picture_tokens, text_tokens, prompt_tokens) = lock(&self.seen).read?;
        let (vision_ms, prefill_ms) = (summary.timing.vision_ms, summary.timing.prefill_ms);
        Some(Speed { quant, picture_tokens, text_tokens, prompt_tokens, vision_ms, prefill_ms })
    }
}

impl RunSink for LiveRun {
    fn event(&self, event: Event) {
        let mut seen = lock(&self.seen);
        if let Event::Layout { layout, layers, .. } = &event {
            seen.last_layer = layers.saturating_sub(1);
            let tower: u32 = layout.media.iter().map(Medium::picture_tokens).sum();
            let text = layout.tokens.iter().filter(|t| !t.group.is_medium()).count();
            let all = layout.tokens.len();
            seen.read = (tower > 0).then_some((tower, text as u32, all as u32));
        }
        // What a person has seen of a short run is kept too: the prefill, and the first token; and what
        // there is before it is run again to be verified.
        let landmark = match &event {
            Event::PrefillLayer { layer, .. } => *layer == seen.last_layer,
            Event::Token { index, .. } => *index == 0,
            Event::Verifying => true,
            _ => false,
        };
        self.run.publish(event);
        if landmark || seen.saved.elapsed() >= SAVE_EVERY {
            seen.saved = Instant::now();
            self.runs.save_soon(&self.run);
        }
    }

    fn heads(&self, rows: TokenHeads) {
        self.run.heads.push(rows);
    }

    fn prepared(&self, pngs: Vec<Vec<u8>>) {
        self.run.set_prepared(pngs.into_iter().map(Into::into).collect());
    }

    fn stopped(&self) -> bool {
        self.run.stop_requested().is_some()
    }
}
