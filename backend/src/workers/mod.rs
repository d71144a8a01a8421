//! Workers: one thread a device, which owns the models there. No tensor leaves it.
//!
//! A [`Worker`] takes a closed list of commands (`command.rs`: load, run, measure) through a bounded channel and
//! replies by oneshot; a full channel and a thread that ended are errors for whoever asked. It knows no line
//! of runs and no experiments: those ask. What it needs of an engine stands in [`lab`].

pub(crate) mod fidelity;
pub mod lab;
pub mod memory;

mod cache;
mod command;
mod devices;
mod fitting;
mod measure;
mod spare;
mod thread;
mod worker;

pub use cache::Key;
pub use command::{
    LoadSink, Loaded, MeasureError, Measured, Measurement, ModelChoice, Question, RunSink, Stop,
};
pub use devices::Devices;
pub use fitting::{Fitting, ModelsState};
pub(crate) use measure::measure;
pub use spare::{Next, Spare, SpareWork};
pub use worker::{Worker, WorkerRefused, WorkerState};
