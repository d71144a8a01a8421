//! Plots of experiments: MDI by layer with its intervals, and what pruning and replicating do to it.
//!
//! Models differ in colour, marker and dash alike; the paper's values are grey.

mod layers;
mod lever;
mod panel;

use plotters::prelude::DrawingBackend;
use shared::experiment::tables::{Lever, Tables};

use crate::canvas::{self, Canvas, Drawn, UNITS};
use crate::text::escaped;
use crate::theme::Style;

/// The size of a plot, in CSS pixels.
pub const SIZE: (f64, f64) = (960.0, 540.0);

/// A plot of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plot {
    /// MDI by layer, a line for each model.
    Layers,
    /// MDI by stage and right answers, by share of dropped picture tokens.
    Prune,
    /// The same by number of copies.
    Replicate,
}

/// What a plot is drawn from.
pub struct Paper<'a> {
    /// The tables.
    pub tables: &'a Tables,
    /// What is said before anything else: that an experiment is not done, what stands in for what.
    pub notices: &'a [String],
    /// What it is drawn in.
    pub style: &'a Style,
}

impl Plot {
    /// All plots.
    pub const ALL: [Plot; 3] = [Plot::Layers, Plot::Prune, Plot::Replicate];

    /// The name used in files and links.
    pub const fn name(self) -> &'static str {
        match self {
            Plot::Layers => "layers",
            Plot::Prune => "prune",
            Plot::Replicate => "replicate",
        }
    }

    /// The plot of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Plot::ALL.into_iter().find(|p| p.name() == name)
    }

    /// Whether there is anything to draw.
    pub fn has(self, tables: &Tables) -> bool {
        match self {
            Plot::Layers => tables.stages.rows.iter().any(|r| r.n > 0),
            Plot::Prune => tables.prune.is_some(),
            Plot::Replicate => tables.replicate.is_some(),
        }
    }

    fn draw<DB: DrawingBackend>(self, canvas: &Canvas<'_, DB>, paper: &Paper<'_>) -> Drawn<DB> {
        match self {
            Plot::Layers => layers::draw(canvas, paper),
            Plot::Prune => lever::draw(canvas, paper, Lever::Prune),
            Plot::Replicate => lever::draw(canvas, paper, Lever::Replicate),
        }
    }
}

/// The provenance that a plot carries, as JSON.
pub fn metadata(tables: &Tables, plot: Plot) -> String {
    let about = serde_json::json!({
        "plot": plot.name(),
        "title": tables.title,
        "notice": tables.notice,
        "choice": tables.choice,
        "provenance": tables.provenance,
    });
    about.to_string()
}

/// A plot as an SVG document, with its provenance as JSON in `<metadata>`; `None` where there is
/// nothing to draw.
pub fn svg(paper: &Paper<'_>, plot: Plot) -> Option<String> {
    if !plot.has(paper.tables) {
        return None;
    }
    let drawn = canvas::svg(SIZE, |canvas| plot.draw(canvas, paper));
    // plotters' own first tag measures in units; this one says how large a unit is.
    let body = drawn.split_once('>')?.1;
    let (width, height) = SIZE;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\">\n<title>{}</title>\n<metadata>{}</metadata>{body}",
        width * UNITS,
        height * UNITS,
        escaped(&paper.tables.title),
        escaped(&metadata(paper.tables, plot)),
    ))
}
