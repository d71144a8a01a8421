//! The model thread and the line before it.

mod cache;
mod queue;
mod thread;

pub(crate) use thread::stopped;

pub use cache::{Cache, Key};
pub use queue::{Job, JobPicture, Popped, PushError, Queue};
pub use thread::{ModelState, ModelThread, Settings};
