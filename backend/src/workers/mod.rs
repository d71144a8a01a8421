//! What loads models and runs them: one thread a device.

pub(crate) mod fidelity;
pub mod lab;
pub mod memory;

mod cache;
mod thread;

pub(crate) use thread::stopped;

pub use cache::{Cache, Key};
pub use thread::{ModelState, ModelThread, Settings};
