//! Experiments: many samples under a grid of conditions, and nothing lost.
//!
//! [`plan`] turns what a person asks for into items, a [`Queue`] keeps them and hands them out, a
//! [`Worker`] runs them. A worker is whatever has a thread with models: the lab's own model thread
//! (between the runs that people wait for), `langoverrule experiment`, `langoverrule worker`, each
//! in its own process if one likes. What they leave behind is read back end by end.

mod feeder;
pub mod files;
mod lacking;
pub mod live;
mod observe;
mod plan;
pub mod queue;
mod shelves;
mod sqlite;
mod worker;

pub use live::Live;
pub use plan::{Asker, could_fit, plan, status};
pub use queue::Queue;
pub use shelves::Shelves;
pub use sqlite::{SqliteQueue, check as check_experiments};
pub use worker::{Means, Turn, Worker};
