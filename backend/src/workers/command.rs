//! What a worker can be asked: a closed list. Each command carries where its reply goes.

use std::any::Any;
use std::sync::Arc;

use engine::EngineError;
use shared::{Event, Message, ModelInfo, Observation, Quant, RunOptions, Summary, TokenHeads};
use tokio::sync::oneshot;

use super::lab::{Decoded, Precheck};
use crate::models::catalog::{Look, Source};

/// A model, and how its weights are held.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelChoice {
    /// Where it comes from.
    pub source: Source,
    /// How its weights are held.
    pub quant: Quant,
}

/// What a worker does for others.
pub(super) enum Command {
    /// Loads a model unless it is in memory.
    Load { model: ModelChoice, sink: Box<dyn LoadSink>, reply: Reply<Result<Loaded, EngineError>> },
    /// Answers a question with everything observed; `None` where it was stopped.
    Run { question: Box<Question>, reply: Reply<Result<Option<Summary>, EngineError>> },
    /// Answers a question observed for masses only; `None` where it was stopped.
    Measure { measurement: Box<Measurement>, reply: Reply<Result<Option<Measured>, MeasureError>> },
}

/// Where a command's reply goes. Nobody may be left to hear it.
pub(super) type Reply<T> = oneshot::Sender<T>;

/// Whether somebody wants a command's work to end.
pub type Stop = Arc<dyn Fn() -> bool + Send + Sync>;

/// Who is told while a model is loaded.
pub trait LoadSink: Send {
    /// Its files are about to be read. What this gives is dropped once they were, however that went.
    fn begins(&mut self, source: &Source) -> Box<dyn Any> {
        let _ = source;
        Box::new(())
    }

    /// So many of so many bytes were read.
    fn progress(&mut self, bytes: u64, total: u64) {
        let _ = (bytes, total);
    }
}

/// Nobody is told.
impl LoadSink for () {}

/// A model that is in memory.
#[derive(Clone)]
pub struct Loaded {
    /// What it is.
    pub info: ModelInfo,
    /// What its files looked like when it was loaded.
    pub look: Look,
    /// What tells whether a question fits it, without it.
    pub precheck: Option<Precheck>,
}

impl std::fmt::Debug for Loaded {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Loaded").field("info", &self.info).finish_non_exhaustive()
    }
}

/// A question that somebody watches being answered.
pub struct Question {
    /// The model that is asked.
    pub model: ModelChoice,
    /// The media, in the prompt's order.
    pub media: Vec<Decoded>,
    /// The prompt, and how it is run.
    pub options: RunOptions,
    /// Who watches.
    pub sink: Arc<dyn RunSink>,
}

/// Who is told what a run shows, on the worker's thread: what is done there, the model waits for.
pub trait RunSink: Send + Sync {
    /// Something happened.
    fn event(&self, event: Event);

    /// A token's rows by head, before the token's event.
    fn heads(&self, rows: TokenHeads);

    /// The pictures as the model sees them, as PNG files.
    fn prepared(&self, pngs: Vec<Vec<u8>>);

    /// Whether the run is to stop. Asked between layers.
    fn stopped(&self) -> bool;
}

/// A question of which only the sums are wanted.
pub struct Measurement {
    /// The model that is asked.
    pub model: ModelChoice,
    /// The media, in the prompt's order.
    pub media: Vec<Decoded>,
    /// The prompt, and how it is run.
    pub options: RunOptions,
    /// Asked between layers.
    pub stop: Stop,
}

/// What a measurement gave.
#[derive(Clone, Debug)]
pub struct Measured {
    /// The model as it ran.
    pub info: ModelInfo,
    /// The answer and its timing.
    pub summary: Summary,
    /// The masses of every layer and token.
    pub observation: Observation,
}

/// Why a measurement gave nothing.
#[derive(Clone, Debug)]
pub enum MeasureError {
    /// The model cannot be used here, or not now.
    Model(EngineError),
    /// It is the question's or the picture's fault.
    Question(EngineError),
    /// There is too little memory free now; the question would fit the machine.
    Memory(Message),
    /// The run panicked; the log says how.
    Panicked,
}
