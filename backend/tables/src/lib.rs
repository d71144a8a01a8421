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
mod provenance;
mod readme;
mod sheet;

pub use csv::{COLUMNS, csv};
pub use latex::latex;
pub use markdown::markdown;
pub use plots::experiment::Plot;
pub use readme::readme;

use plots::experiment::Paper;
use plots::{Style, raster};
use shared::experiment::tables::Tables;

/// A plot as an SVG document, with its provenance as JSON in `<metadata>`; `None` where there is
/// nothing to draw.
pub fn svg(tables: &Tables, plot: Plot) -> Option<String> {
    let (notices, style) = (provenance::notices(tables), Style::default());
    plots::experiment::svg(&Paper { tables, notices: &notices, style: &style }, plot)
}

/// A plot as a PNG, with its provenance as JSON in a text chunk named `Comment`; `None` where there
/// is nothing to draw.
pub fn png(tables: &Tables, plot: Plot) -> Option<Vec<u8>> {
    let about = plots::experiment::metadata(tables, plot);
    raster::png(&svg(tables, plot)?, raster::SHARPNESS, &tables.title, &about).ok()
}

/// The tables as one JSON object, numbers to the last bit.
pub fn json(tables: &Tables) -> String {
    // Tables hold only strings, numbers and names: nothing that JSON cannot say.
    serde_json::to_string(tables).unwrap_or_default()
}
