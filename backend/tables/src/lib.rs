//! Tables and plots of experiments as files. Knows `shared`; knows no model, web or store.
//!
//! Every function formats a [`Tables`], and computes nothing of its own; every file carries its
//! provenance, so that it says what it shows wherever it ends up. [`lines`] writes and reads what
//! tables are made from.

mod cells;
mod csv;
mod latex;
pub mod lines;
mod markdown;
pub mod neutral;
mod plot;
mod provenance;
mod readme;
mod sheet;

pub use csv::{COLUMNS, csv};
pub use latex::latex;
pub use markdown::markdown;
pub use plot::{Plot, png, svg};
pub use readme::readme;

use shared::experiment::tables::Tables;

/// The tables as one JSON object, numbers to the last bit.
pub fn json(tables: &Tables) -> String {
    // Tables hold only strings, numbers and names: nothing that JSON cannot say.
    serde_json::to_string(tables).unwrap_or_default()
}
