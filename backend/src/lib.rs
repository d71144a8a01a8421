//! The lab: command line, HTTP and websockets, runs, the store. Knows the engine only by its API.
//!
//! A run, from click to last layer:
//!
//! 1. `POST /api/runs` ([`routes`]) reads and checks picture and options ([`validate`]), makes the
//!    run durable ([`store`]) and puts it into the [`model::Queue`]; then it answers.
//! 2. The model thread ([`model`]) takes it, loads what is not loaded and lets the engine work;
//!    everything observed becomes an event in the run's [`run::EventLog`].
//! 3. Viewers read that log, each at its own pace ([`routes::events`]); none is fed by the model.
//! 4. The last event is shown once the store has the whole run.
//!
//! Invariants: no tensor leaves the model thread; the async side never waits for the model; the
//! model never waits for a viewer; every queue has a bound.

pub mod assets;
pub mod backup;
pub mod caches;
pub mod classroom;
pub mod cli;
pub mod clock;
pub mod error;
pub mod experiments;
pub mod export;
pub mod fair;
pub mod http;
pub mod id;
pub mod metrics;
pub mod models;
mod process;
pub mod retention;
pub mod runs;
pub mod store;
mod wire;
pub mod workers;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex whose holder may have panicked: what these guard stays consistent between
/// statements, and one failed run must not stop the lab.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
