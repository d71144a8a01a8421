//! Datasets: rows of files become samples.
//!
//! [`open`] takes a name as a person writes it and gives a [`Dataset`], which reads one [`Sample`]
//! at a time and holds no more than it needs to find the next one. A row that cannot be a sample is
//! a [`RowError`], which says what is wrong with it; the rows around it are not touched by that.
//! [`draw`] chooses rows, [`Expected`] judges answers.
//!
//! The crate knows files and formats; it knows no model, no web and no store.

mod draw;
mod error;
mod expected;
mod files;
mod fingerprint;
mod folder;
#[cfg(test)]
mod fuzz;
mod inline;
mod jsonl;
mod literal;
mod mmmu_pro;
mod name;
mod places;
mod prompts;
mod published;
mod record;
mod references;
mod sample;
mod table;
mod tabular;

pub use draw::draw;
pub use error::{Fault, OpenError, RowError};
pub use expected::{Choice, Expected, Texts};
pub use files::Files;
pub use name::{anywhere, label, open};
pub use places::{Hub, Paths, Places, Pulled};
pub use published::{PUBLISHED, Published};
pub use sample::{Dataset, Sample};
