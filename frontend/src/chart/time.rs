//! Attention over time: what the row that predicted each token of the answer looked at, as stacked
//! columns.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::draw::UNITS;
use super::ribbons::End;
use super::scale;
use crate::colour::{Palette, Rgb};

/// Everything the plot shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// The sides, from the bottom up.
    pub sides: Vec<End>,
    /// `[tokens, sides]`: shares of a token's attention, each token's adding up to 1.
    pub shares: Vec<f64>,
    /// The tokens' texts.
    pub words: Vec<String>,
    /// For each token the share the lowest side would have if attention were even.
    pub even: Vec<f64>,
}

impl Columns {
    /// The share of a token's attention on a side.
    pub fn get(&self, token: usize, side: usize) -> f64 {
        if side >= self.sides.len() {
            return 0.0;
        }
        self.shares.get(token * self.sides.len() + side).copied().unwrap_or(0.0)
    }
}

/// Where things are, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid {
    /// Width of the whole plot.
    pub width: f64,
    /// Height of the whole plot.
    pub height: f64,
    /// Top of the columns.
    pub top: f64,
    /// Bottom of the columns.
    pub bottom: f64,
    left: f64,
    right: f64,
    type_size: f64,
    tokens: usize,
}

impl Grid {
    /// A grid for a given width, height and size of type.
    pub fn new(width: f64, height: f64, type_size: f64, tokens: usize) -> Self {
        let width = width.max(160.0).round();
        Grid {
            width,
            height,
            top: (type_size * 0.6).round(),
            bottom: height - (type_size * 1.9).round(),
            left: (type_size * 3.4).round(),
            right: width - 1.0,
            type_size,
            tokens: tokens.max(1),
        }
    }

    /// Width of one token; few tokens do not make wide walls.
    fn step(&self) -> f64 {
        ((self.right - self.left) / self.tokens as f64).min(self.type_size * 8.0)
    }

    /// Left and right edge of a token's column.
    pub fn column(&self, token: usize) -> (f64, f64) {
        let step = self.step();
        let gap = if step < 8.0 { step * 0.1 } else { (step * 0.14).min(8.0) };
        let x = self.left + token as f64 * step;
        (x + gap / 2.0, x + step - gap / 2.0)
    }

    /// The token whose column is under a point.
    pub fn at(&self, x: f64, y: f64) -> Option<usize> {
        let inside = x >= self.left && (0.0..=self.height).contains(&y);
        let token = ((x - self.left) / self.step()).floor();
        (inside && token >= 0.0 && (token as usize) < self.tokens).then_some(token as usize)
    }

    /// Height of a share.
    pub fn y(&self, share: f64) -> f64 {
        self.bottom - share * (self.bottom - self.top)
    }
}

/// A word cut to what fits in `width`; empty where nothing would.
pub(super) fn fitting(word: &str, width: f64, type_size: f64) -> String {
    let room = (width / (type_size * 0.6)) as usize;
    match word.chars().count() {
        n if n <= room => word.to_owned(),
        _ if room < 2 => String::new(),
        _ => word.chars().take(room - 1).chain(['…']).collect(),
    }
}

/// The columns as an SVG document.
pub fn svg(plot: &Columns, grid: &Grid, palette: &Palette) -> String {
    let at = |v: f64| (v * UNITS).round() as i32;
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, (at(grid.width) as u32, at(grid.height) as u32))
        .into_drawing_area();
    let rgb = |Rgb(r, g, b): Rgb| RGBColor(r, g, b);
    let size = grid.type_size * UNITS * 1.24;
    let style = |h: HPos, v: VPos| {
        let mut style = TextStyle::from(("sans-serif", size).into_font());
        style.color = rgb(palette.muted).to_backend_color();
        style.pos = Pos::new(h, v);
        style
    };
    let mut drawn = Ok(());
    for share in [0.0, 0.5, 1.0] {
        let y = at(grid.y(share));
        let line = vec![(at(grid.left), y), (at(grid.right), y)];
        let hairline = rgb(palette.line).stroke_width(at(1.0) as u32);
        let label = format!("{:.0}\u{2009}%", share * 100.0);
        let place = (at(grid.left - grid.type_size * 0.5), y);
        drawn = drawn.and(root.draw(&PathElement::new(line, hairline))).and(root.draw_text(
            &label,
            &style(HPos::Right, VPos::Center),
            place,
        ));
    }
    let tokens = plot.words.len();
    for token in 0..tokens {
        let (x0, x1) = grid.column(token);
        let mut under = 0.0;
        for (i, side) in plot.sides.iter().enumerate() {
            let over = under + plot.get(token, i);
            let corners = [(at(x0), at(grid.y(over))), (at(x1), at(grid.y(under)))];
            drawn = drawn.and(root.draw(&Rectangle::new(corners, rgb(side.colour).filled())));
            under = over;
        }
        if let Some(even) = plot.even.get(token) {
            let y = at(grid.y(*even));
            let reach = (grid.step() - (x1 - x0)) / 2.0;
            // Twice: a line that is seen on light and on dark grounds alike.
            for (colour, width) in [(palette.surface, 3.0), (palette.ink, 1.5)] {
                let line = vec![(at(x0 - reach), y), (at(x1 + reach), y)];
                let stroke = rgb(colour).stroke_width(at(width) as u32);
                drawn = drawn.and(root.draw(&PathElement::new(line, stroke)));
            }
        }
    }
    // Words where columns are wide enough, numbers where they are not.
    let words = grid.step() >= grid.type_size * 2.0;
    let every = if words { 1 } else { scale::label_every(grid.step(), grid.type_size * 2.4) };
    for token in (0..tokens).step_by(every) {
        let (x0, x1) = grid.column(token);
        let label = if words {
            fitting(&plot.words[token], grid.step(), grid.type_size)
        } else {
            token.to_string()
        };
        let place = (at((x0 + x1) / 2.0), at(grid.bottom + grid.type_size * 0.5));
        drawn = drawn.and(root.draw_text(&label, &style(HPos::Center, VPos::Top), place));
    }
    drawn = drawn.and(root.present());
    // Writing to a string cannot fail.
    debug_assert!(drawn.is_ok());
    drop(root);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_find_their_token() {
        for tokens in [1, 6, 20, 512] {
            let grid = Grid::new(700.0, 180.0, 12.0, tokens);
            for token in 0..tokens {
                let (x0, x1) = grid.column(token);
                assert!(x0 < x1);
                assert_eq!(grid.at((x0 + x1) / 2.0, 50.0), Some(token), "{token} of {tokens}");
            }
            assert_eq!(grid.at(2.0, 50.0), None);
            assert_eq!(grid.at(grid.column(tokens - 1).1 + 9.0, 50.0), None);
        }
    }

    #[test]
    fn columns_fill_the_height() {
        let grid = Grid::new(700.0, 180.0, 12.0, 6);
        assert_eq!((grid.y(0.0), grid.y(1.0)), (grid.bottom, grid.top));
    }

    #[test]
    fn words_are_cut_to_their_columns() {
        assert_eq!(fitting("dog", 40.0, 12.0), "dog");
        assert_eq!(fitting("picture", 40.0, 12.0), "pict…");
        assert_eq!(fitting("picture", 10.0, 12.0), "");
    }

    #[test]
    fn every_share_and_every_null_is_drawn() {
        let end = |name| End { name, colour: Rgb(1, 2, 3) };
        let plot = Columns {
            sides: vec![end("picture"), end("words")],
            shares: vec![0.25, 0.75, 0.5, 0.5],
            words: vec!["It".into(), "is".into()],
            even: vec![0.8, 0.79],
        };
        let text = svg(&plot, &Grid::new(400.0, 160.0, 12.0, 2), &Palette::default());
        assert_eq!(text.matches("<rect").count(), 4);
        assert_eq!(text.matches("<polyline").count(), 3 + 4);
        assert!(text.contains(">\nIt\n<") || text.contains("It"));
        assert_eq!(plot.get(1, 0), 0.5);
    }
}
