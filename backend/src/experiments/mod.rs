//! Experiments: many samples under a grid of conditions, and nothing lost.
//!
//! [`plan`] turns what a person asks for into items. The [`Book`] keeps what was started and every end
//! that came of it; [`Items`] hands items out and takes their ends; a [`Bench`] has one device's worker run them.
//! Benches stand beside the lab's own devices (for the time in which no run waits), in `langoverrule
//! experiment` and in `langoverrule worker`, each in its own process if one likes.

mod bench;
mod book;
mod feeder;
pub mod files;
mod items;
mod lacking;
pub mod live;
mod means;
mod plan;
mod shelves;
mod sqlite;

pub use bench::{Bench, Turn};
pub use book::{Book, End, Ended, Experiment, NewExperiment, Progress};
pub use items::{AtWork, Claim, Items, Noted, Post, Seat};
pub use live::Live;
pub use means::Means;
pub use plan::{Reach, could_fit, plan, status};
pub use shelves::Shelves;
pub use sqlite::{SqliteQueue, check as check_experiments};
