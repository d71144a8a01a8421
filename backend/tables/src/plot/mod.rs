//! Plots: MDI by layer with its intervals, and what pruning and replicating do to it.
//!
//! Each is drawn once, by plotters, on any backend: SVG for documents and the page, and PNG with
//! the letters inside. Models differ in colour, marker and dash alike; the paper's values are grey.

mod axis;
mod canvas;
mod font;
mod layers;
mod lever;
mod raster;

use std::io::Write;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::prelude::{DrawingBackend, SVGBackend};
use shared::experiment::tables::{Lever, Tables};

use canvas::UNITS;
use raster::Raster;

/// What an area's backend may report.
type Failed<DB> = DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>;

/// The size of a plot, in CSS pixels.
pub const SIZE: (u32, u32) = (960, 540);

/// Pixels of a PNG for each CSS pixel: some 240 dots an inch over a page's width.
const SHARPNESS: u32 = 2;

/// A plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plot {
    /// MDI by layer, a line for each model.
    Layers,
    /// MDI by stage and right answers, by share of dropped picture tokens.
    Prune,
    /// The same by number of copies.
    Replicate,
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

    fn draw<DB: DrawingBackend>(
        self,
        root: &DrawingArea<DB, Shift>,
        tables: &Tables,
    ) -> Result<(), Failed<DB>> {
        match self {
            Plot::Layers => layers::draw(root, tables),
            Plot::Prune => lever::draw(root, tables, Lever::Prune),
            Plot::Replicate => lever::draw(root, tables, Lever::Replicate),
        }
    }
}

/// The provenance that a picture carries, as JSON.
fn metadata(tables: &Tables, plot: Plot) -> String {
    let about = serde_json::json!({
        "plot": plot.name(),
        "title": tables.title,
        "notice": tables.notice,
        "choice": tables.choice,
        "provenance": tables.provenance,
    });
    about.to_string()
}

/// Text as XML holds it.
fn xml(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no other control characters, not even escaped.
            '\n' | '\t' => out.push(c),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A plot as an SVG document, with its provenance as JSON in `<metadata>`; `None` where there is
/// nothing to draw.
pub fn svg(tables: &Tables, plot: Plot) -> Option<String> {
    if !plot.has(tables) {
        return None;
    }
    let (width, height) = SIZE;
    let mut drawn = String::new();
    {
        let size = (width * UNITS, height * UNITS);
        let root = SVGBackend::with_string(&mut drawn, size).into_drawing_area();
        // Writing to a string cannot fail.
        plot.draw(&root, tables).ok()?;
        root.present().ok()?;
    }
    // plotters' own first tag measures in units; this one says how large a unit is.
    let body = drawn.split_once('>')?.1;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {} {}\" role=\"img\">\n<title>{}</title>\n<metadata>{}</metadata>{body}",
        width * UNITS,
        height * UNITS,
        xml(&tables.title),
        xml(&metadata(tables, plot)),
    ))
}

/// A plot as a PNG, with its provenance as JSON in a text chunk named `Comment`; `None` where there
/// is nothing to draw.
pub fn png(tables: &Tables, plot: Plot) -> Option<Vec<u8>> {
    if !plot.has(tables) {
        return None;
    }
    let (width, height) = (SIZE.0 * SHARPNESS, SIZE.1 * SHARPNESS);
    let mut pixels = tiny_skia::Pixmap::new(width, height)?;
    pixels.fill(tiny_skia::Color::WHITE);
    {
        let size = (SIZE.0 * UNITS, SIZE.1 * UNITS);
        let root = Raster::new(&mut pixels, size).into_drawing_area();
        plot.draw(&root, tables).ok()?;
    }
    encode(&pixels, &tables.title, &metadata(tables, plot)).ok()
}

fn encode(
    pixels: &tiny_skia::Pixmap,
    title: &str,
    metadata: &str,
) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let per_metre = (f64::from(SHARPNESS) * 96.0 / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_metre,
        yppu: per_metre,
        unit: png::Unit::Meter,
    }));
    encoder.add_itxt_chunk("Title".to_owned(), title.to_owned())?;
    encoder.add_itxt_chunk("Comment".to_owned(), metadata.to_owned())?;
    // The ground is white and opaque: three bytes a pixel hold everything.
    let rgb: Vec<u8> = pixels.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&rgb)?;
    writer.finish()?;
    file.flush().map_err(png::EncodingError::IoError)?;
    Ok(file)
}
