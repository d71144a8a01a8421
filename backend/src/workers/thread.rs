//! The thread that owns the models: takes runs from the line, one after the other.

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine::{EngineError, EventObserver, Picture, Taped};
use shared::picture::Speed;
use shared::{ErrorCode, Event, Group, Observation, Quant, Summary};
use tokio::sync::watch;

use super::cache::{Cache, Key};
use crate::error::INTERNAL;
use crate::experiments::queue::Post;
use crate::experiments::{Means, Turn, Worker as Bench};
use crate::models::catalog::{Look, Source};
use crate::runs::{Job, JobPicture, Popped, Run, StopReason};
use crate::workers::fidelity::Observed;
use crate::workers::lab::PreparedRun;

/// A long run's events are written this often while it runs; a crash loses no more than this.
const SAVE_EVERY: Duration = Duration::from_secs(2);
/// Loading progress is told this often.
const TELL_EVERY: Duration = Duration::from_millis(50);
/// With nothing to do, experiments are looked for this often.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A queue of experiments that cannot be read is tried again after this long.
const TRY_AGAIN: Duration = Duration::from_secs(5);

/// What the model thread is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelState {
    /// Whether the thread takes runs; false before it started and after it ended.
    pub alive: bool,
    /// Whether it is loading a model.
    pub loading: bool,
    /// Whether it is at work on a run.
    pub running: bool,
    /// The models in memory.
    pub loaded: Vec<(String, Quant)>,
}

/// How the model thread works.
#[derive(Clone)]
pub struct Settings {
    /// Models kept in memory.
    pub models_kept: usize,
    /// A model to load before the first run asks for one.
    pub preload: Option<(Source, Quant)>,
    /// What it needs to work at experiments while nobody waits for a run.
    pub experiments: Option<Means>,
}

/// The running thread.
#[derive(Debug)]
pub struct ModelThread {
    thread: JoinHandle<()>,
}

impl ModelThread {
    /// Starts the thread; it ends when the runs's queue is closed.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(runs: Arc<Runs>, settings: Settings) -> std::io::Result<ModelThread> {
        let thread = std::thread::Builder::new().name("model".into()).spawn(move || {
            let ended = Ended(runs.model_state.clone());
            Worker { cache: Cache::new(settings.models_kept), runs }.work(settings);
            drop(ended);
        })?;
        Ok(ModelThread { thread })
    }

    /// Whether the thread is through.
    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the thread's end.
    pub fn join(self) {
        if self.thread.join().is_err() {
            tracing::error!("the model thread panicked");
        }
    }
}

/// Says that the thread is gone however it went.
struct Ended(watch::Sender<ModelState>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.send_replace(ModelState::default());
    }
}

struct Worker {
    runs: Arc<Runs>,
    cache: Cache,
}

impl Worker {
    fn work(mut self, settings: Settings) {
        self.tell(|s| s.alive = true);
        if let Some((source, quant)) = settings.preload {
            self.preload(&source, quant);
        }
        let mut bench = None;
        let means = settings.experiments;
        let runs = self.runs.clone();
        let mut wait = Duration::ZERO;
        loop {
            match runs.queue.pop(wait) {
                Popped::Job(job) => {
                    self.tell(|s| s.running = true);
                    let last = self.run_guarded(&job);
                    self.tell_idle();
                    runs.finish(job.run, last);
                }
                Popped::Nothing => {}
                Popped::Closed => break,
            }
            // One item at a time: whoever asks a question waits for no more than that.
            wait = match (&mut bench, &means) {
                (Some(bench), _) => self.experiment(bench),
                (None, Some(means)) => match Bench::new(means.clone(), Post::Lab) {
                    Ok(new) => {
                        bench = Some(new);
                        Duration::ZERO
                    }
                    // On a full disk, say: not for ever.
                    Err(error) => {
                        tracing::error!(%error, "no experiment can run here now");
                        TRY_AGAIN
                    }
                },
                (None, None) => LOOK_EVERY,
            };
        }
    }

    /// Runs an item of an experiment, if there is one; gives how long there is nothing to do.
    fn experiment(&mut self, bench: &mut Bench) -> Duration {
        let runs = self.runs.clone();
        let turn = bench.turn(&mut self.cache, &|| runs.queue.is_closed());
        if self.runs.model_state.borrow().loaded != self.cache.keys() {
            self.tell_idle();
        }
        match turn {
            Ok(Turn::Worked) => Duration::ZERO,
            Ok(Turn::Idle) => LOOK_EVERY,
            Err(error) => {
                tracing::error!(%error, "the experiments cannot be read or written");
                TRY_AGAIN
            }
        }
    }

    fn tell_idle(&self) {
        let loaded = self.cache.keys();
        self.tell(|s| *s = ModelState { alive: true, loaded, ..ModelState::default() });
    }

    fn tell(&self, change: impl FnOnce(&mut ModelState)) {
        self.runs.model_state.send_modify(change);
    }

    /// Loads a model nobody asked for yet. A run that comes meanwhile is shown the progress.
    fn preload(&mut self, source: &Source, quant: Quant) {
        let runs = self.runs.clone();
        if let Some(name) = runs.store.loading().died_of() {
            tracing::warn!(
                model = name,
                "the lab was killed while it was loading this model: no model is loaded before a run asks \
                 for one"
            );
            return;
        }
        let told = |bytes, total| {
            if let Some(run) = runs.queue.first() {
                run.publish(Event::Loading { bytes, total });
            }
        };
        let loading = AssertUnwindSafe(|| self.load(source, quant, told).err());
        match std::panic::catch_unwind(loading) {
            Ok(None) => {}
            Ok(Some(error)) => {
                tracing::error!(model = source.name, code = %error.code, %error, "model not loaded");
            }
            Err(_) => tracing::error!(model = source.name, "loading the model panicked"),
        }
        self.tell_idle();
    }

    /// Loads a model unless it is in memory; `told` hears of the progress now and then.
    fn load(
        &mut self,
        source: &Source,
        quant: Quant,
        told: impl Fn(u64, u64),
    ) -> Result<(), EngineError> {
        if self.cache.has(source, quant) {
            return Ok(());
        }
        self.tell(|s| s.loading = true);
        let started = Instant::now();
        let mut last_told: Option<Instant> = None;
        let mut progress = |bytes: u64, total: u64| {
            if bytes >= total || last_told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
                last_told = Some(Instant::now());
                told(bytes, total);
            }
        };
        let runs = self.runs.clone();
        let look = Look::at(&source.folder);
        let noted = runs.store.loading().begins(&source.name);
        let model = self.cache.get(&*runs.lab, source, quant, &mut progress)?;
        drop(noted);
        if let Some(check) = model.precheck() {
            runs.knows(&source.name, look, check);
        }
        let ms = started.elapsed().as_millis() as u64;
        let bytes = model.info().bytes;
        tracing::info!(model = source.name, quant = quant.name(), bytes, ms, "model loaded");
        let loaded: Vec<Key> = self.cache.keys();
        self.tell(|s| (s.loading, s.loaded) = (false, loaded));
        Ok(())
    }

    /// Runs a job; whatever happens, gives the event that ends it.
    fn run_guarded(&mut self, job: &Job) -> Event {
        let result = std::panic::catch_unwind(AssertUnwindSafe(|| self.run(job)));
        match result {
            Ok(Ok(Some(summary))) => Event::Done { summary },
            Ok(Ok(None)) => stopped(&job.run),
            Ok(Err(error)) if error.code == ErrorCode::Internal => {
                tracing::error!(run = job.run.id.short(), %error, "run failed inside");
                failed(ErrorCode::Internal, INTERNAL)
            }
            Ok(Err(error)) if error.code == ErrorCode::ModelUnusable => {
                // The message names files of this machine, and a run's link travels.
                tracing::error!(run = job.run.id.short(), %error, "model not usable");
                let name = &job.source.name;
                let message = format!(
                    "The model \"{name}\" cannot be used: its files are missing, damaged or do \
                     not fit together; the lab's log says more."
                );
                failed(ErrorCode::ModelUnusable, message)
            }
            Ok(Err(error)) => failed(error.code, error.message),
            Err(_) => {
                // The panic's own message is in the log, from the panic hook.
                tracing::error!(run = job.run.id.short(), "run panicked");
                self.cache.forget(&job.source, job.quant);
                failed(ErrorCode::Internal, INTERNAL)
            }
        }
    }

    fn run(&mut self, job: &Job) -> Result<Option<Summary>, EngineError> {
        let run = &job.run;
        if run.stop_requested().is_some() {
            return Ok(None);
        }
        self.runs.metrics.run_started(run.age_ms());
        self.load(&job.source, job.quant, |bytes, total| {
            run.publish(Event::Loading { bytes, total });
        })?;
        let runs = self.runs.clone();
        let decoded;
        let picture = match &job.picture {
            JobPicture::Pixels(picture) => picture,
            JobPicture::InStore => {
                decoded = read_back(&runs, run)?;
                &decoded
            }
        };
        let model = self.cache.get(&*runs.lab, &job.source, job.quant, &mut |_, _| {})?;
        let prepared = model.prepare(picture, &run.options)?;
        let options = prepared.options().clone();
        let mut saved = Instant::now();
        let mut read = None;
        let last_layer = model.info().layers.saturating_sub(1);
        let sink = |event: Event| {
            if let Event::Layout { layout, .. } = &event {
                // What is read without a picture says nothing of pictures.
                read = layout.picture.map(|p| {
                    let text = layout.tokens.iter().filter(|t| t.group != Group::Image).count();
                    (u32::from(p.rows) * u32::from(p.cols), text as u32, layout.tokens.len() as u32)
                });
            }
            // The picture is encoded once the prefill is through: the first layers wait for nothing.
            if matches!(event, Event::Token { index: 0, .. }) {
                keep_prepared(run, &*prepared);
            }
            // What a person has seen of a short run is kept too: the prefill, and the first token.
            let landmark = match &event {
                Event::PrefillLayer { layer, .. } => *layer == last_layer,
                Event::Token { index, .. } => *index == 0,
                _ => false,
            };
            run.publish(event);
            if landmark || saved.elapsed() >= SAVE_EVERY {
                saved = Instant::now();
                runs.save_soon(run);
            }
            go_on(run)
        };
        let asked = run.clone();
        let mut observer =
            EventObserver::new(model.info().clone(), options, sink, move || go_on(&asked));
        if model.info().head_rows {
            let kept = run.clone();
            observer = observer.keeping_heads(move |rows| kept.heads.push(rows));
        }
        let (summary, tape) = if run.options.verify {
            let mut taped = Taped::new(&mut observer);
            (prepared.run(&mut taped)?, Some(taped.into_tape()))
        } else {
            (prepared.run(&mut observer)?, None)
        };
        drop(observer);
        if let Some(summary) = &summary
            && let Some((picture_tokens, text_tokens, prompt_tokens)) = read
        {
            let speed = Speed {
                quant: job.quant,
                picture_tokens,
                text_tokens,
                prompt_tokens,
                vision_ms: summary.timing.vision_ms,
                prefill_ms: summary.timing.prefill_ms,
            };
            runs.read_at(&job.source.name, speed);
        }
        if run.prepared().is_none() {
            keep_prepared(run, &*prepared);
        }
        if let (Some(_), Some(tape)) = (&summary, tape) {
            run.publish(Event::Verifying);
            runs.save_soon(run);
            let mut seen = Observation::default();
            run.log.all().iter().for_each(|entry| seen.apply(&entry.envelope.event));
            let observed = Observed {
                tape: &tape,
                seen: &seen,
                prepared: &*prepared,
                model: model.info(),
                source: &job.source,
                picture,
                options: &run.options,
            };
            match observed.fidelity(&*runs.lab, || go_on(run))? {
                Some(fidelity) => run.publish(Event::Verified { fidelity }),
                None => return Ok(None),
            }
        }
        Ok(summary)
    }
}

/// Keeps the picture as the model sees it, where it sees one.
fn keep_prepared(run: &Run, prepared: &dyn PreparedRun) {
    if let Some(png) = prepared.picture_png() {
        run.set_prepared(png.into());
    }
}

fn go_on(run: &Run) -> ControlFlow<()> {
    match run.stop_requested() {
        None => ControlFlow::Continue(()),
        Some(_) => ControlFlow::Break(()),
    }
}

/// The event that ends a run which was told to stop.
pub(crate) fn stopped(run: &Run) -> Event {
    match run.stop_requested() {
        Some(StopReason::ShuttingDown) => failed(
            ErrorCode::ShuttingDown,
            "The lab was stopped before this run finished; start it again.",
        ),
        Some(StopReason::Cancelled) | None => Event::Cancelled,
    }
}

fn failed(code: ErrorCode, message: impl Into<String>) -> Event {
    Event::Failed { code, message: message.into() }
}

/// Reads and decodes a picture that was too large to hold while its run waited.
fn read_back(runs: &Runs, run: &Run) -> Result<Picture, EngineError> {
    let internal = |cause: String| EngineError::new(ErrorCode::Internal, cause);
    let stored = runs.store.picture(&run.id).map_err(|e| internal(e.to_string()))?;
    let stored = stored.ok_or_else(|| internal("the picture is gone".to_owned()))?;
    runs.lab.decode(&stored.bytes)
}
