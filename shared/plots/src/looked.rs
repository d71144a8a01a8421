//! Who looked at one patch or word: tokens of the answer × layers, on the scale of attention.

use shared::Looks;

use crate::bars::fitting;
use crate::canvas;
use crate::scale;
use crate::text::{Across, Down, Type};
use crate::theme::Style;

/// Where the cells are, in CSS pixels: a column for each token, a row for each layer, the first at
/// the bottom.
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
    /// A grid for a given width and size of type; rows shrink where layers are many.
    pub fn new(width: f64, type_size: f64, tokens: usize, layers: usize) -> Self {
        let layers = layers.max(1);
        let row = (type_size * 12.0 / layers as f64).clamp(4.0, type_size * 1.6);
        let top = (type_size * 0.5).round();
        let bottom = (top + row * layers as f64).round();
        Grid {
            width: width.max(160.0).round(),
            height: bottom + (type_size * 1.9).round(),
            left: (type_size * 3.4).round(),
            top,
            bottom,
            type_size,
            tokens: tokens.max(1),
            layers,
        }
    }

    fn step(&self) -> f64 {
        ((self.width - 1.0 - self.left) / self.tokens as f64).min(self.type_size * 8.0)
    }

    /// A cell's rectangle: x, y, width, height.
    pub fn cell(&self, token: usize, layer: usize) -> [f64; 4] {
        let (w, h) = (self.step(), (self.bottom - self.top) / self.layers as f64);
        [self.left + token as f64 * w, self.bottom - (layer + 1) as f64 * h, w, h]
    }

    /// Token and layer under a point.
    pub fn at(&self, x: f64, y: f64) -> Option<(usize, usize)> {
        let [_, _, w, h] = self.cell(0, 0);
        let (token, layer) = ((x - self.left) / w, (self.bottom - y) / h);
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
        let every = scale::label_every(h, size * 1.3);
        for layer in (0..looks.layers).step_by(every) {
            let [x, y, _, h] = grid.cell(0, layer);
            let place = (x - size * 0.6, y + h / 2.0);
            canvas.text(&layer.to_string(), place, quiet.at(Across::Right, Down::Center))?;
        }
        let middle = (0.0, (grid.top + grid.bottom) / 2.0);
        let upright = quiet.upright().at(Across::Center, Down::Top);
        canvas.text(style.words.layer, middle, upright)?;
        let wide = w >= size * 2.0;
        let every = if wide { 1 } else { scale::label_every(w, size * 2.4) };
        for token in (0..looks.tokens).step_by(every) {
            let label = match words.get(token) {
                Some(word) if wide => fitting(word, w, size),
                _ => token.to_string(),
            };
            let [x, ..] = grid.cell(token, 0);
            let place = (x + w / 2.0, grid.bottom + size * 0.5);
            canvas.text(&label, place, quiet.at(Across::Center, Down::Top))?;
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
        assert!(grid.cell(0, 7)[1] < grid.cell(0, 0)[1], "later layers stand higher");
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
