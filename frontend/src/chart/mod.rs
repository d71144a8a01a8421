//! The plots: geometry that knows no browser, and the drawing on any plotters backend.
//!
//! The page draws the chart once per change of data and lays its own reactive marks over it, so the
//! two must agree on where things are: [`frame::Frame`] is the page's side, and a test holds it
//! against plotters' own projection.

pub mod beside;
pub mod draw;
pub mod file;
pub mod frame;
pub mod heat;
pub mod looked;
pub mod marks;
pub mod ribbons;
pub mod scale;
pub mod sides;
pub mod time;

use std::ops::Range;

use crate::colour::Role;

/// The view box of what is laid over a drawing of this size: the drawing's own, so that both scale
/// alike where the page is laid out without being drawn anew, as on paper.
pub fn view_box(width: f64, height: f64) -> String {
    format!("0 0 {width} {height}")
}

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

/// A printed value laid over some layers for comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Ghost {
    /// The layers it speaks of.
    pub layers: Range<usize>,
    /// The value.
    pub value: f64,
    /// Whether there is reason to doubt it.
    pub doubtful: bool,
}

/// What would be there without any preference.
#[derive(Clone, Debug, PartialEq)]
pub struct Null {
    /// Short name at the line's end.
    pub label: &'static str,
    /// The value by layer; `None` where there is none, as where the picture is hidden.
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
    /// Printed values to compare with.
    pub ghosts: Vec<Ghost>,
    /// Short name of the ghosts.
    pub ghost_label: &'static str,
    /// What no preference would give.
    pub nulls: Vec<Null>,
    /// Whether some rows cannot see some keys: then 1 is not balance, and no line says so.
    pub knocked_out: bool,
}

impl Plot {
    /// The range of values the axis must cover.
    pub fn domain(&self) -> (f64, f64) {
        let curves = self.series.iter().flat_map(|s| s.values.iter().flatten().copied());
        let ghosts = self.ghosts.iter().map(|g| g.value);
        scale::domain(
            curves
                .chain(ghosts)
                .chain(self.nulls.iter().flat_map(|n| n.values.iter().flatten().copied())),
        )
    }
}
