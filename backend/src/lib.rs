//! The lab: command line, HTTP and websockets, runs, the store. Knows the engine only by its API.
//!
//! Rooms, each of which knows those below it and none above (a test reads the arrows):
//!
//! - [`cli`]: the command line; it opens the lab.
//! - [`http`]: server, routes, the application that holds both.
//! - [`runs`] and, beside it, [`experiments`]: single questions that somebody watches, and many samples under
//!   a grid of conditions.
//! - [`workers`]: one thread a device, which owns the models there.
//! - [`models`]: registry, catalog, hub, pulls. [`classroom`]: classes. [`store`]: rows and blobs; it knows no
//!   live run. [`fair`]: who may have how much.
//! - The ground, single files that know no room: names, errors, clocks, what ships, counters.
//!
//! A run, from click to last layer:
//!
//! 1. `POST /api/runs` ([`http::routes`]) reads and checks picture and options, makes the run durable
//!    ([`store`]) and puts it into the [`runs::Queue`]; then it answers.
//! 2. The [`runs::Dispatcher`] gives it to the device where its model lies: a [`workers::Worker`] loads what is
//!    not loaded and lets the engine work; everything observed becomes an event in the run's
//!    [`runs::EventLog`].
//! 3. Viewers read that log, each at its own pace ([`http::routes`]); none is fed by the model.
//! 4. The last event is shown once the store has the whole run.
//!
//! Invariants: no tensor leaves a worker's thread; the async side never waits for a model; no model waits
//! for a viewer; every queue has a bound.

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
