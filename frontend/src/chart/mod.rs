//! The MDI-by-layer chart: geometry that knows no browser, and the drawing on any plotters backend.
//!
//! The page draws the chart once per change of data and lays its own reactive marks over it, so the
//! two must agree on where things are: [`frame::Frame`] is the page's side, and a test holds it
//! against plotters' own projection.

pub mod draw;
pub mod frame;
pub mod heat;
pub mod scale;

use std::ops::Range;

use crate::colour::Role;

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What its colour means; `None` for a curve coloured by the side of 1 it is on.
    pub role: Option<Role>,
    /// Short name at the curve's end.
    pub label: &'static str,
    /// Value by layer; `None` where undefined or not observed.
    pub values: Vec<Option<f64>>,
}

/// Everything the chart shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Plot {
    /// Number of layers, also those not observed yet.
    pub layers: usize,
    /// The curves.
    pub series: Vec<Series>,
    /// Named ranges of layers, drawn as bands.
    pub bands: Vec<(&'static str, Range<usize>)>,
}

impl Plot {
    /// The range of values the axis must cover.
    pub fn domain(&self) -> (f64, f64) {
        scale::domain(self.series.iter().flat_map(|s| s.values.iter().flatten().copied()))
    }
}
