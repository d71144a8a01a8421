//! A worker's thread: takes one command after the other. No tensor leaves it.

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use engine::{EngineError, EventObserver, Taped};
use shared::{Event, Observation, Summary};
use tokio::sync::watch;

use super::cache::Cache;
use super::command::{
    Command, LoadSink, Loaded, MeasureError, Measured, Measurement, ModelChoice, Question, RunSink,
};
use super::fidelity::VerifiedRun;
use super::lab::{self, Lab, PreparedRun};
use super::measure;
use super::worker::{SpannedCommand, WorkerState};
use crate::models::catalog::Look;

/// Loading progress is told this often.
const TELL_EVERY: Duration = Duration::from_millis(50);

/// Works until nobody can ask for anything any more.
pub(super) fn work(
    inbox: &Receiver<SpannedCommand>,
    lab: Arc<dyn Lab>,
    models_kept: usize,
    told: watch::Sender<WorkerState>,
) {
    let mut thread = Thread { lab, cache: Cache::new(models_kept), state: StateOfThread(told) };
    while let Ok(SpannedCommand { command, span }) = inbox.recv() {
        span.in_scope(|| thread.obey(command));
    }
}

/// Says that the thread is gone, however it went.
struct StateOfThread(watch::Sender<WorkerState>);

impl Drop for StateOfThread {
    fn drop(&mut self) {
        self.0.send_replace(WorkerState::default());
    }
}

struct Thread {
    lab: Arc<dyn Lab>,
    cache: Cache,
    state: StateOfThread,
}

impl Thread {
    /// Does what a command says. The state is told before the reply: whoever hears of the end finds
    /// it there.
    fn obey(&mut self, command: Command) {
        match command {
            Command::Load { model, mut sink, reply } => {
                let done = self.guarded(|t| t.load(&model, &mut *sink));
                let done = done.unwrap_or_else(|| {
                    self.cache.forget(&model.source, model.quant);
                    Err(panicked())
                });
                drop(sink);
                self.idle();
                let _ = reply.send(done);
            }
            Command::Run { question, reply } => {
                self.tell(|s| s.running = true);
                let done = self.guarded(|t| t.run(&question));
                let done = done.unwrap_or_else(|| {
                    let ModelChoice { source, quant } = &question.model;
                    self.cache.forget(source, *quant);
                    Err(panicked())
                });
                drop(question);
                self.idle();
                let _ = reply.send(done);
            }
            Command::Measure { measurement, reply } => {
                let done = self.guarded(|t| t.measure(&measurement));
                let done = done.unwrap_or_else(|| {
                    self.cache.clear();
                    Err(MeasureError::Panicked)
                });
                drop(measurement);
                self.idle();
                let _ = reply.send(done);
            }
        }
    }

    /// Does something that may panic; `None` where it did. The panic's own message is in the log,
    /// from the panic hook.
    fn guarded<T>(&mut self, work: impl FnOnce(&mut Self) -> T) -> Option<T> {
        std::panic::catch_unwind(AssertUnwindSafe(|| work(self))).ok()
    }

    fn tell(&self, change: impl FnOnce(&mut WorkerState)) {
        self.state.0.send_modify(change);
    }

    fn idle(&self) {
        let now = WorkerState { alive: true, loaded: self.cache.keys(), ..WorkerState::default() };
        self.state.0.send_if_modified(|state| {
            let changed = *state != now;
            *state = now;
            changed
        });
    }

    /// Loads a model unless it is in memory; `sink` hears of the progress now and then.
    fn load(
        &mut self,
        model: &ModelChoice,
        sink: &mut dyn LoadSink,
    ) -> Result<Loaded, EngineError> {
        let ModelChoice { source, quant } = model;
        let look = Look::at(&source.folder);
        let fresh = !self.cache.has(source, *quant);
        let noted = fresh.then(|| {
            self.tell(|s| s.loading = true);
            sink.begins(source)
        });
        let started = Instant::now();
        let mut last_told: Option<Instant> = None;
        let mut progress = |bytes: u64, total: u64| {
            if bytes >= total || last_told.is_none_or(|at| at.elapsed() >= TELL_EVERY) {
                last_told = Some(Instant::now());
                sink.progress(bytes, total);
            }
        };
        let loaded = self.cache.get(&*self.lab, source, *quant, &mut progress)?;
        drop(noted);
        let (info, precheck) = (loaded.info().clone(), loaded.precheck());
        if fresh {
            let (bytes, ms) = (info.bytes, started.elapsed().as_millis() as u64);
            tracing::info!(model = source.name, quant = quant.name(), bytes, ms, "model loaded");
            let loaded = self.cache.keys();
            self.tell(|s| (s.loading, s.loaded) = (false, loaded));
        }
        Ok(Loaded { info, look, precheck })
    }

    fn run(&mut self, question: &Question) -> Result<Option<Summary>, EngineError> {
        let Question { model: ModelChoice { source, quant }, media, options, sink } = question;
        let model = self.cache.get(&*self.lab, source, *quant, &mut |_, _| {})?;
        let media = lab::media(media);
        let prepared = model.prepare(&media, options)?;
        let (mut shown, mut seen) = (false, Observation::default());
        let events = |event: Event| {
            // What is compared with another run is folded together on the way.
            if options.verify {
                seen.apply(&event);
            }
            // The picture is encoded once the prefill is through: the first layers wait for nothing.
            if matches!(event, Event::Token { index: 0, .. }) {
                shown = true;
                show_prepared(&**sink, &*prepared);
            }
            sink.event(event);
            go_on(&**sink)
        };
        let asked = sink.clone();
        let understood = prepared.options().clone();
        let mut observer =
            EventObserver::new(model.info().clone(), understood, events, move || go_on(&*asked));
        if model.info().head_rows {
            let kept = sink.clone();
            observer = observer.keeping_heads(move |rows| kept.heads(rows));
        }
        let (summary, tape) = if options.verify {
            let mut taped = Taped::new(&mut observer);
            (prepared.run(&mut taped)?, Some(taped.into_tape()))
        } else {
            (prepared.run(&mut observer)?, None)
        };
        drop(observer);
        if !shown {
            show_prepared(&**sink, &*prepared);
        }
        if let (Some(_), Some(tape)) = (&summary, tape) {
            sink.event(Event::Verifying);
            let observed = VerifiedRun {
                tape: &tape,
                seen: &seen,
                prepared: &*prepared,
                model: model.info(),
                source,
                media: &media,
                options,
            };
            match observed.fidelity(&*self.lab, || go_on(&**sink))? {
                Some(fidelity) => sink.event(Event::Verified { fidelity }),
                None => return Ok(None),
            }
        }
        Ok(summary)
    }

    fn measure(&mut self, measurement: &Measurement) -> Result<Option<Measured>, MeasureError> {
        let Measurement { model: ModelChoice { source, quant }, media, options, stop } =
            measurement;
        let model = self.cache.get(&*self.lab, source, *quant, &mut |_, _| {});
        let model = model.map_err(MeasureError::Model)?;
        measure::measure(model, &lab::media(media), options, stop)
    }
}

/// Hands on the pictures as the model sees them, where it sees any.
fn show_prepared(sink: &dyn RunSink, prepared: &dyn PreparedRun) {
    let pngs: Vec<_> = (0..).map_while(|i| prepared.picture_png(i)).collect();
    if !pngs.is_empty() {
        sink.prepared(pngs);
    }
}

fn go_on(sink: &dyn RunSink) -> ControlFlow<()> {
    if sink.stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

fn panicked() -> EngineError {
    EngineError::internal("the worker panicked; the log says how")
}
