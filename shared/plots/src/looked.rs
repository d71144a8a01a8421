//! Who looked at one patch or word: tokens of the answer × layers, on the scale of attention.

use shared::Looks;

use crate::bars::fitting;
use crate::canvas;
use crate::scale;
use crate::text::{Across, Down, Type};
use crate::theme::Style;

/// Where the cells are, in CSS pixels: a column for each layer, as in every plot, and a row for each token, the
/// first at the top.
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
    tokens: usize,
    layers: usize,
}

impl Grid {
    /// A grid for a given width and size of type; rows shrink where tokens are many.
    pub fn new(width: f64, type_size: f64, tokens: usize, layers: usize) -> Self {
        let tokens = tokens.max(1);
        let row = (type_size * 22.0 / tokens as f64).clamp(4.0, type_size * 1.6);
        let top = (type_size * 0.5).round();
        let bottom = (top + row * tokens as f64).round();
        Grid {
            width: width.max(160.0).round(),
            height: bottom + (type_size * 3.3).round(),
            left: (type_size * 6.4).round(),
            top,
            bottom,
            type_size,
            tokens,
            layers: layers.max(1),
        }
    }

    /// A cell's rectangle: x, y, width, height.
    pub fn cell(&self, token: usize, layer: usize) -> [f64; 4] {
        let w = (self.width - 1.0 - self.left) / self.layers as f64;
        let h = (self.bottom - self.top) / self.tokens as f64;
        [self.left + layer as f64 * w, self.top + token as f64 * h, w, h]
    }

    /// Token and layer under a point.
    pub fn at(&self, x: f64, y: f64) -> Option<(usize, usize)> {
        let [_, _, w, h] = self.cell(0, 0);
        let (layer, token) = ((x - self.left) / w, (y - self.top) / h);
        let inside = token >= 0.0 && layer >= 0.0;
        let (token, layer) = (token as usize, layer as usize);
        (inside && token < self.tokens && layer < self.layers).then_some((token, layer))
    }
}

/// The map as an SVG document, its colours ending at `end`.
pub fn svg(looks: &Looks, words: &[String], end: f32, grid: &Grid, style: &Style) -> String {
    let (palette, size) = (&style.palette, grid.type_size);
    let quiet = Type::new(size, palette.muted);
    canvas::svg((grid.width, grid.height), |canvas| {
        let [_, _, w, h] = grid.cell(0, 0);
        let gap = if w.min(h) < 7.0 { 0.25 } else { 1.0 };
        for token in 0..looks.tokens {
            for layer in 0..looks.layers {
                // A row that is not there is no row with little attention.
                let Some(share) = looks.get(token, layer) else { continue };
                let [x, y, w, h] = grid.cell(token, layer);
                let t = if end > 0.0 { f64::from(share / end) } else { 0.0 };
                let fill = palette.scale.0.mix(palette.scale.1, t);
                canvas.rect((x + gap, y + gap), (x + w - gap, y + h - gap), fill)?;
            }
        }
        let every = scale::label_every(w, size * 2.0);
        for layer in (0..looks.layers).step_by(every) {
            let [x, ..] = grid.cell(0, layer);
            let place = (x + w / 2.0, grid.bottom + size * 0.7);
            canvas.text(&layer.to_string(), place, quiet.at(Across::Center, Down::Top))?;
        }
        let middle = ((grid.left + grid.width) / 2.0, grid.height - size * 0.1);
        canvas.text(style.words.layer, middle, quiet.at(Across::Center, Down::Bottom))?;
        let every = scale::label_every(h, size * 1.3);
        for token in (0..looks.tokens).step_by(every) {
            let word = words.get(token).map(String::as_str).unwrap_or_default();
            let [_, y, ..] = grid.cell(token, 0);
            let label = fitting(word, grid.left - size, size);
            let place = (grid.left - size * 0.6, y + h / 2.0);
            canvas.text(&label, place, quiet.at(Across::Right, Down::Center))?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_find_their_cells() {
        for (tokens, layers) in [(1, 1), (12, 8), (200, 32)] {
            let grid = Grid::new(700.0, 12.0, tokens, layers);
            for token in 0..tokens {
                for layer in 0..layers {
                    let [x, y, w, h] = grid.cell(token, layer);
                    assert_eq!(grid.at(x + w / 2.0, y + h / 2.0), Some((token, layer)));
                }
            }
            assert_eq!((grid.at(1.0, 5.0), grid.at(100.0, grid.height)), (None, None));
        }
        let grid = Grid::new(700.0, 12.0, 4, 8);
        assert!(grid.cell(0, 7)[0] > grid.cell(0, 0)[0], "layers run as everywhere");
    }

    #[test]
    fn what_is_not_there_is_not_drawn() {
        let looks =
            Looks { layers: 2, tokens: 2, shares: vec![Some(0.0), Some(0.2), None, Some(9.0)] };
        let words = ["It".to_owned(), "is".to_owned()];
        let style = Style::default();
        let text = svg(&looks, &words, 0.2, &Grid::new(300.0, 12.0, 2, 2), &style);
        assert_eq!(text.matches("<rect").count(), 3);
        let high = style.palette.scale.1.css().to_uppercase();
        assert_eq!(text.to_uppercase().matches(&high).count(), 2, "at the end and beyond it");
    }
}
