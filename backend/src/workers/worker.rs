//! A worker: one thread that owns the models of one device.

use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use engine::EngineError;
use shared::{Quant, Summary};
use tokio::sync::{oneshot, watch};
use tracing::Span;

use super::command::{
    Command, LoadSink, Loaded, MeasureError, Measured, Measurement, ModelChoice, Question, Reply,
};
use super::lab::Lab;
use super::thread;

/// Commands that may wait beside the one at work. Whoever has more to ask keeps it in a line of its
/// own, where it can be put in order and taken back.
const WAITING: usize = 2;

/// What a worker is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkerState {
    /// Whether its thread takes commands; false once that ended.
    pub alive: bool,
    /// Whether it is loading a model.
    pub loading: bool,
    /// Whether it is at work on a question that somebody watches.
    pub running: bool,
    /// The models in memory, the one used last at the end.
    pub loaded: Vec<(String, Quant)>,
}

/// A worker did not take a command, or did not live to reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkerRefused {
    /// As many commands wait as may.
    #[error("the worker has as many commands waiting as it takes")]
    Busy,
    /// Its thread has ended.
    #[error("the worker's thread has ended")]
    Gone,
}

/// A command on its way, with the span of whoever asked.
pub(super) struct SpannedCommand {
    pub(super) command: Command,
    pub(super) span: Span,
}

/// A thread that owns the models of one device. Dropping this lets it finish what it was asked, and
/// waits for that.
#[derive(Debug)]
pub struct Worker {
    device: String,
    orders: Option<SyncSender<SpannedCommand>>,
    state: watch::Receiver<WorkerState>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Starts a worker that loads models with `lab` and keeps so many of them. `device` is what it is
    /// called.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub fn start(
        device: impl Into<String>,
        lab: Arc<dyn Lab>,
        models_kept: usize,
    ) -> std::io::Result<Worker> {
        let device = device.into();
        let (orders, inbox) = sync_channel(WAITING);
        let alive = WorkerState { alive: true, ..WorkerState::default() };
        let (told, state) = watch::channel(alive);
        let thread = std::thread::Builder::new()
            .name(format!("model {device}"))
            .spawn(move || thread::work(&inbox, lab, models_kept, told))?;
        Ok(Worker { device, orders: Some(orders), state, thread: Some(thread) })
    }

    /// What its device is called.
    pub fn device(&self) -> &str {
        &self.device
    }

    /// Follows what it does.
    pub fn state(&self) -> watch::Receiver<WorkerState> {
        self.state.clone()
    }

    /// Loads a model unless it is in memory. Waits for the reply: not for async threads.
    ///
    /// # Errors
    /// [`WorkerRefused`]; inside, what is wrong with the model's files.
    pub fn load(
        &self,
        model: ModelChoice,
        sink: Box<dyn LoadSink>,
    ) -> Result<Result<Loaded, EngineError>, WorkerRefused> {
        self.ask(|reply| Command::Load { model, sink, reply })
    }

    /// Answers a question; `None` where it was stopped. Waits for the reply: not for async threads.
    ///
    /// # Errors
    /// [`WorkerRefused`]; inside, why there is no answer.
    pub fn run(
        &self,
        question: Question,
    ) -> Result<Result<Option<Summary>, EngineError>, WorkerRefused> {
        self.ask(|reply| Command::Run { question: Box::new(question), reply })
    }

    /// Measures a question; `None` where it was stopped. Waits for the reply: not for async threads.
    ///
    /// # Errors
    /// [`WorkerRefused`]; inside, why there are no numbers.
    pub fn measure(
        &self,
        measurement: Measurement,
    ) -> Result<Result<Option<Measured>, MeasureError>, WorkerRefused> {
        self.ask(|reply| Command::Measure { measurement: Box::new(measurement), reply })
    }

    fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, WorkerRefused> {
        let (reply, heard) = oneshot::channel();
        let order = SpannedCommand { command: command(reply), span: Span::current() };
        let orders = self.orders.as_ref().ok_or(WorkerRefused::Gone)?;
        orders.try_send(order).map_err(|unsent| match unsent {
            TrySendError::Full(_) => WorkerRefused::Busy,
            TrySendError::Disconnected(_) => WorkerRefused::Gone,
        })?;
        heard.blocking_recv().map_err(|_| WorkerRefused::Gone)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.orders.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!(device = self.device, "a model thread panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;
    use std::sync::mpsc::Receiver;

    use engine::LoadOptions;

    use super::*;
    use crate::lock;
    use crate::models::catalog::Source;
    use crate::workers::lab::{LoadedModel, ScriptedLab};

    /// Says when it begins to load, and goes on when it is told to.
    struct Gated {
        begun: Mutex<SyncSender<()>>,
        go: Mutex<Receiver<()>>,
    }

    impl Lab for Gated {
        fn load(
            &self,
            folder: &Path,
            options: &LoadOptions,
            progress: &mut dyn FnMut(u64, u64),
        ) -> Result<Box<dyn LoadedModel>, EngineError> {
            lock(&self.begun).send(()).expect("the test waits");
            lock(&self.go).recv().expect("the test is there");
            ScriptedLab::default().load(folder, options, progress)
        }
    }

    fn model(name: &str) -> ModelChoice {
        ModelChoice { source: Source::folder(name.into(), name.into()), quant: Quant::F32 }
    }

    /// Sends a command to load a model, and does not wait.
    fn ask(worker: &Worker, name: &str) -> oneshot::Receiver<Result<Loaded, EngineError>> {
        let (reply, heard) = oneshot::channel();
        let command = Command::Load { model: model(name), sink: Box::new(()), reply };
        let orders = worker.orders.as_ref().expect("it is open");
        assert!(orders.try_send(SpannedCommand { command, span: Span::none() }).is_ok());
        heard
    }

    #[test]
    fn a_worker_that_has_enough_to_do_says_so_and_goes_on() {
        let ((begun, begins), (goes, go)) = (sync_channel(WAITING + 1), sync_channel(WAITING + 1));
        let lab = Arc::new(Gated { begun: Mutex::new(begun), go: Mutex::new(go) });
        let worker = Worker::start("one", lab, 9).expect("a thread");
        let at_work = ask(&worker, "a");
        begins.recv().expect("it begins");
        let waiting: Vec<_> = (0..WAITING).map(|i| ask(&worker, &i.to_string())).collect();
        let refused = worker.load(model("b"), Box::new(()));
        assert_eq!(refused.map(drop), Err(WorkerRefused::Busy));
        for _ in 0..=WAITING {
            goes.send(()).expect("it waits");
        }
        for heard in std::iter::once(at_work).chain(waiting) {
            heard.blocking_recv().expect("a reply").expect("it loads");
        }
        let loaded = worker.state().borrow().loaded.len();
        assert_eq!(loaded, WAITING + 1);
    }

    #[test]
    fn what_nobody_hears_is_done_all_the_same_and_the_end_waits_for_it() {
        let worker = Worker::start("one", Arc::new(ScriptedLab::default()), 2).expect("a thread");
        let state = worker.state();
        drop(ask(&worker, "a"));
        assert!(state.borrow().alive);
        drop(worker);
        assert_eq!(*state.borrow(), WorkerState::default(), "its thread has ended");
    }

    /// Notes in whose span it loads.
    struct Traced(Mutex<Option<tracing::Id>>);

    impl Lab for Traced {
        fn load(
            &self,
            folder: &Path,
            options: &LoadOptions,
            progress: &mut dyn FnMut(u64, u64),
        ) -> Result<Box<dyn LoadedModel>, EngineError> {
            *lock(&self.0) = Span::current().id();
            ScriptedLab::default().load(folder, options, progress)
        }
    }

    #[test]
    fn the_span_of_whoever_asks_travels_with_the_command() {
        // Spans have no names where nobody listens; another test may listen already.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry());
        let lab = Arc::new(Traced(Mutex::default()));
        let worker = Worker::start("one", lab.clone(), 1).expect("a thread");
        let span = tracing::error_span!("whoever asks");
        let loaded = span.in_scope(|| worker.load(model("a"), Box::new(())));
        assert!(matches!(loaded, Ok(Ok(_))));
        let seen = lock(&lab.0).clone();
        assert!(seen.is_some() && seen == span.id(), "{seen:?}");
    }
}
