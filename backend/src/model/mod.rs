//! The model thread and the line before it.

mod cache;
mod queue;
mod thread;

pub(crate) use thread::stopped;

pub use queue::{Job, JobPicture, PushError, Queue};
pub use thread::{ModelState, ModelThread, Settings};
