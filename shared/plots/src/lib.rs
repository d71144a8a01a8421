//! Every plot of LangOverrule Lab, once: what the page shows is what files, cards and the command line
//! draw.
//!
//! Pure: geometry, hit-testing and drawing know no browser, clock or file. A drawing is an SVG document,
//! the same bytes natively and in wasm: logarithms come from `libm`, widths of texts from one table. With
//! the feature `png` a drawing becomes a picture; the page leaves that to its browser.
//!
//! A plot is one file with its data's type, its geometry (pixel to datum and back) and its drawing:
//! [`curve`], [`curves`], [`track`], [`heat`], [`flow`], [`bars`], [`lit`], [`looked`], [`means`], [`sound`]. What they share is
//! [`canvas`], [`frame`], [`scale`], [`colour`], [`theme`] and [`text`]. [`sheet`] puts what a file says
//! of itself around a drawing, [`run`] says what each plot shows of a run, [`export`] makes files of
//! both, [`html`] one document of all of them, and
//! [`comparison`] files of several runs.

mod advances;
pub mod bars;
pub mod canvas;
pub mod card;
pub mod colour;
pub mod comparison;
pub mod curve;
pub mod curves;
pub mod experiment;
pub mod export;
pub mod flow;
pub mod frame;
pub mod heat;
pub mod html;
pub mod lit;
pub mod looked;
pub mod map;
pub mod marks;
pub mod means;
pub mod pictured;
#[cfg(feature = "png")]
pub mod raster;
pub mod run;
pub mod scale;
pub mod sheet;
pub mod sides;
pub mod sound;
pub mod text;
pub mod theme;
pub mod track;
pub mod words;

pub use colour::{Palette, Rgb, Role};
pub use theme::{Style, Theme};
pub use words::Words;

/// The view box of what is laid over a drawing of this size: the drawing's own, so that both scale
/// alike where the page is laid out without being drawn anew, as on paper.
pub fn view_box(width: f64, height: f64) -> String {
    format!("0 0 {width} {height}")
}
