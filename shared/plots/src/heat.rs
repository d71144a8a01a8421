//! Layers × heads: MDI of each head as a map that diverges around 1.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::canvas::{self, Canvas, Drawn, units};
use crate::colour::Palette;
use crate::frame::Window;
use crate::scale;
use crate::text::{Across, Down, Type};
use crate::theme::Style;
use plotters::prelude::DrawingBackend;

/// The map's values, by layer and then by head; `None` where undefined or not observed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heat {
    /// Number of layers: columns.
    pub layers: usize,
    /// Number of heads: rows.
    pub heads: usize,
    /// `[layers, heads]`.
    pub values: Vec<Option<f64>>,
}

impl Heat {
    /// The value of a cell.
    pub fn get(&self, layer: usize, head: usize) -> Option<f64> {
        if head >= self.heads {
            return None;
        }
        self.values.get(layer * self.heads + head).copied().flatten()
    }

    /// The cells that lean most to the picture and most to the words.
    pub fn extremes(&self) -> Option<[(usize, usize); 2]> {
        let cells = (0..self.values.len()).filter_map(|i| self.values[i].map(|v| (i, v)));
        let least = cells.clone().min_by(|a, b| a.1.total_cmp(&b.1))?.0;
        let most = cells.max_by(|a, b| a.1.total_cmp(&b.1))?.0;
        let cell = |i: usize| (i / self.heads, i % self.heads);
        (least != most).then(|| [cell(least), cell(most)])
    }
}

/// Where the cells are, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Width of the whole plot.
    pub width: f64,
    /// Height of the whole plot.
    pub height: f64,
    left: f64,
    top: f64,
    bottom: f64,
    type_size: f64,
    window: Window,
    heads: usize,
}

impl Grid {
    /// A grid for a given width and size of type; rows shrink where heads are many.
    pub fn new(width: f64, type_size: f64, layers: usize, heads: usize) -> Self {
        let row = (type_size * 17.0 / heads.max(1) as f64).clamp(4.0, type_size * 2.0);
        // Room for the first row's label, which may be higher than its row.
        let top = (type_size * 0.5).round();
        let bottom = (top + row * heads.max(1) as f64).round();
        Grid {
            width: width.max(120.0).round(),
            height: bottom + (type_size * 3.3).round(),
            left: (type_size * 3.4).round(),
            top,
            bottom,
            type_size,
            window: Window { first: 0, last: layers.max(1) - 1 },
            heads: heads.max(1),
        }
    }

    /// The same grid with these layers alone; all where there is no window.
    #[must_use]
    pub fn windowed(self, window: Option<Window>) -> Self {
        Grid { window: window.unwrap_or(self.window), ..self }
    }

    /// Whether a layer is shown.
    pub fn shows(&self, layer: usize) -> bool {
        self.window.has(layer)
    }

    /// A cell's rectangle: x, y, width, height.
    pub fn cell(&self, layer: usize, head: usize) -> [f64; 4] {
        let w = (self.width - self.left) / self.window.layers() as f64;
        let h = self.bottom / self.heads as f64;
        let from_left = (layer as f64 - self.window.first as f64) * w;
        [self.left + from_left, self.top + head as f64 * h, w, h]
    }

    /// The layer nearest to a place across, inside the grid or beside it.
    pub fn nearest(&self, x: f64) -> usize {
        let [left, _, w, _] = self.cell(self.window.first, 0);
        let last = (self.window.layers() - 1) as f64;
        self.window.first + ((x - left) / w).floor().clamp(0.0, last) as usize
    }

    /// The cell under a point.
    pub fn at(&self, x: f64, y: f64) -> Option<(usize, usize)> {
        let [left, _, w, h] = self.cell(self.window.first, 0);
        let (column, head) = ((x - left) / w, (y - self.top) / h);
        let inside = column >= 0.0 && head >= 0.0;
        let (column, head) = (column as usize, head as usize);
        let there = inside && column < self.window.layers() && head < self.heads;
        there.then_some((self.window.first + column, head))
    }
}

/// The map as an SVG document.
pub fn svg(heat: &Heat, grid: &Grid, style: &Style) -> String {
    let mut text =
        canvas::svg((grid.width, grid.height), |canvas| labels(canvas, heat, grid, style));
    // Inside the document that plotters began, behind its labels.
    let inside = text.find('>').map_or(0, |i| i + 1);
    text.insert_str(inside, &cells(heat, grid, &style.palette));
    text
}

fn labels<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    heat: &Heat,
    grid: &Grid,
    style: &Style,
) -> Drawn<DB> {
    let size = grid.type_size;
    let quiet = Type::new(size, style.palette.muted);
    let [_, _, w, h] = grid.cell(0, 0);
    let every = scale::label_every(w, size * 2.0);
    for layer in (0..heat.layers).filter(|l| grid.shows(*l)).step_by(every) {
        let place = (grid.cell(layer, 0)[0] + w / 2.0, grid.bottom + size * 0.7);
        canvas.text(&layer.to_string(), place, quiet.at(Across::Center, Down::Top))?;
    }
    let every = scale::label_every(h, size * 1.3);
    for head in (0..heat.heads).step_by(every) {
        let place = (grid.left - size * 0.6, grid.cell(0, head)[1] + h / 2.0);
        canvas.text(&head.to_string(), place, quiet.at(Across::Right, Down::Center))?;
    }
    // Without names nobody could tell layers from heads where there are as many of each.
    let middle = ((grid.left + grid.width) / 2.0, grid.height - size * 0.1);
    canvas.text(style.words.layer, middle, quiet.at(Across::Center, Down::Bottom))?;
    let middle = (0.0, (grid.top + grid.bottom) / 2.0);
    canvas.text(style.words.head, middle, quiet.upright().at(Across::Center, Down::Top))
}

/// Shades within a factor of two: no eye can tell them apart.
const SHADES: f64 = 16.0;

/// The cells, one path for each shade. As an element each, the thousand cells of a large model cost
/// a browser more than a frame whenever a token arrives.
fn cells(heat: &Heat, grid: &Grid, palette: &Palette) -> String {
    let [_, _, w, h] = grid.cell(0, 0);
    // A hairline of the card between cells, none where cells are small.
    let gap = if w.min(h) < 7.0 { 0.25 } else { 1.0 };
    let mut shades: BTreeMap<Option<i32>, String> = BTreeMap::new();
    for layer in (0..heat.layers).filter(|l| grid.shows(*l)) {
        for head in 0..heat.heads {
            // MDI may be 0; the scale ends at a factor of 16.
            let shade = |v: f64| (libm::log2(v.max(1e-9)).clamp(-4.0, 4.0) * SHADES).round() as i32;
            let path = shades.entry(heat.get(layer, head).map(shade)).or_default();
            let [x, y, w, h] = grid.cell(layer, head);
            let (left, right) = (units(x + gap), units(x + w - gap));
            let (top, bottom) = (units(y + gap), units(y + h - gap));
            // Writing to a string cannot fail.
            let _ = write!(path, "M{left} {top}H{right}V{bottom}H{left}Z");
        }
    }
    let mut text = String::new();
    for (shade, path) in shades {
        let colour = shade
            .map_or(palette.band, |s| palette.dominance(libm::exp2(f64::from(s) / SHADES)))
            .css();
        let _ = write!(text, "<path fill=\"{colour}\" d=\"{path}\"/>");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colour::Rgb;

    #[test]
    fn points_find_their_cells() {
        for (layers, heads) in [(8, 8), (32, 32), (1, 1)] {
            let grid = Grid::new(420.0, 12.0, layers, heads);
            for layer in 0..layers {
                for head in 0..heads {
                    let [x, y, w, h] = grid.cell(layer, head);
                    assert_eq!(grid.at(x + w / 2.0, y + h / 2.0), Some((layer, head)));
                }
            }
            assert_eq!(grid.at(0.0, 1.0), None);
            assert_eq!((grid.nearest(-9.0), grid.nearest(9e9)), (0, layers - 1));
            assert_eq!(grid.at(100.0, grid.height), None);
        }
    }

    #[test]
    fn a_window_of_layers_is_as_wide_as_all() {
        let window = Window { first: 10, last: 13 };
        let grid = Grid::new(420.0, 12.0, 32, 8).windowed(Some(window));
        for layer in 10..=13 {
            let [x, y, w, h] = grid.cell(layer, 3);
            assert_eq!(grid.at(x + w / 2.0, y + h / 2.0), Some((layer, 3)));
        }
        assert_eq!((grid.nearest(0.0), grid.nearest(420.0)), (10, 13));
        let heat = Heat { layers: 32, heads: 8, values: vec![Some(2.0); 256] };
        assert_eq!(svg(&heat, &grid, &Style::default()).matches('M').count(), 4 * 8);
    }

    #[test]
    fn extremes_are_the_least_and_the_most() {
        let mut heat =
            Heat { layers: 2, heads: 2, values: vec![Some(1.0), None, Some(7.0), Some(0.2)] };
        assert_eq!(heat.extremes(), Some([(1, 1), (1, 0)]));
        assert_eq!((heat.get(0, 1), heat.get(0, 2), heat.get(9, 0)), (None, None, None));
        heat.values = vec![None; 4];
        assert_eq!(heat.extremes(), None);
    }

    #[test]
    fn every_cell_is_drawn_in_its_shade() {
        let mut values = vec![Some(2.0); 6];
        values[3] = None;
        values[4] = Some(0.0);
        let heat = Heat { layers: 3, heads: 2, values };
        let palette = Palette::default();
        let text = svg(&heat, &Grid::new(300.0, 12.0, 3, 2), &Style::default());
        let cells = |colour: Rgb| {
            let mark = format!("fill=\"{}\" d=\"", colour.css());
            let path = text.split_once(&mark).and_then(|(_, rest)| rest.split_once('"'));
            path.map(|(path, _)| path.matches('M').count())
        };
        assert_eq!(cells(palette.dominance(2.0)), Some(4));
        assert_eq!(cells(palette.band), Some(1));
        assert_eq!(cells(palette.dominance(1.0 / 16.0)), Some(1));
        assert_eq!(text.matches("<path").count(), 3);
        assert!(text.starts_with("<svg") && text.trim_end().ends_with("</svg>"));
    }

    #[test]
    fn the_map_of_a_large_model_has_few_elements() {
        let values = (0..1024).map(|i| Some((f64::from(i) / 100.0 - 5.0).exp2())).collect();
        let heat = Heat { layers: 32, heads: 32, values };
        let text = svg(&heat, &Grid::new(400.0, 12.0, 32, 32), &Style::default());
        assert!(text.matches("<path").count() <= 129);
        assert_eq!(text.matches('M').count(), 1024);
    }
}
