//! Attention over time: what the row that predicted each token of the answer looked at, as stacked
//! columns.

use std::fmt::Write;

use plotters::prelude::DrawingBackend;

use crate::canvas::{self, Canvas, Drawn};
use crate::flow::End;
use crate::scale;
use crate::text::{self, Across, Down, Type};
use crate::theme::Style;

/// Everything the plot shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Columns {
    /// What the shares are, beside their axis.
    pub title: &'static str,
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
            left: (type_size * 4.7).round(),
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

/// A word cut to what fits in `room`; empty where nothing would.
pub(crate) fn fitting(word: &str, room: f64, type_size: f64) -> String {
    text::fit(word, room, type_size, false)
}

/// The columns as an SVG document.
pub fn svg(plot: &Columns, grid: &Grid, style: &Style) -> String {
    canvas::svg((grid.width, grid.height), |canvas| draw(canvas, plot, grid, style))
}

/// Draws the columns on a canvas of the grid's size.
///
/// # Errors
/// Whatever the backend reports.
pub fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    plot: &Columns,
    grid: &Grid,
    style: &Style,
) -> Drawn<DB> {
    let (palette, size) = (&style.palette, grid.type_size);
    let quiet = Type::new(size, palette.muted);
    for share in [0.0, 0.5, 1.0] {
        let y = grid.y(share);
        canvas.line(&[(grid.left, y), (grid.right, y)], palette.line, 1.0)?;
        let label = format!("{:.0}\u{a0}%", share * 100.0);
        let place = (grid.left - size * 0.5, y);
        canvas.text(&label, place, quiet.at(Across::Right, Down::Center))?;
    }
    let middle = (0.0, (grid.top + grid.bottom) / 2.0);
    let upright = quiet.upright().at(Across::Center, Down::Top);
    canvas.text(plot.title, middle, upright)?;
    let tokens = plot.words.len();
    for token in 0..tokens {
        let (x0, x1) = grid.column(token);
        let mut under = 0.0;
        for (i, side) in plot.sides.iter().enumerate() {
            let over = under + plot.get(token, i);
            canvas.rect((x0, grid.y(over)), (x1, grid.y(under)), side.colour)?;
            under = over;
        }
        if let Some(even) = plot.even.get(token) {
            let y = grid.y(*even);
            let reach = (grid.step() - (x1 - x0)) / 2.0;
            // Twice: a line that is seen on light and on dark grounds alike.
            for (colour, width) in [(palette.surface, 3.0), (palette.ink, 1.5)] {
                canvas.line(&[(x0 - reach, y), (x1 + reach, y)], colour, width)?;
            }
        }
    }
    // Words where columns are wide enough, numbers where they are not.
    let words = grid.step() >= size * 2.0;
    let every = if words { 1 } else { scale::label_every(grid.step(), size * 2.4) };
    for token in (0..tokens).step_by(every) {
        let (x0, x1) = grid.column(token);
        let label = match words {
            true => fitting(&plot.words[token], grid.step(), size),
            false => token.to_string(),
        };
        let place = ((x0 + x1) / 2.0, grid.bottom + size * 0.5);
        canvas.text(&label, place, quiet.at(Across::Center, Down::Top))?;
    }
    Ok(())
}

/// Height of the legend below columns, in sizes of their type.
pub const LEGEND: f64 = 2.2;

/// What the columns' colours mean, below them, as SVG elements in the drawing's pixels: for a file,
/// which has no page around it.
pub fn legend(plot: &Columns, grid: &Grid, style: &Style) -> String {
    let (size, mut x, mut out) = (grid.type_size, grid.left, String::new());
    let y = grid.height + size * 1.4;
    for side in &plot.sides {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{y:.1}\" font-size=\"{size:.1}\" fill=\"{}\">{}</text>",
            y - size * 0.75,
            size * 0.8,
            size * 0.8,
            side.colour.css(),
            x + size * 1.2,
            style.palette.muted.css(),
            text::escaped(side.name),
        );
        x += size * (text::width(side.name, false) + 2.6);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colour::Rgb;

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
        assert_eq!(fitting("picture", 36.0, 12.0), "pict…");
        assert_eq!(fitting("picture", 10.0, 12.0), "");
    }

    #[test]
    fn every_share_and_every_null_is_drawn() {
        let end = |name| End { name, colour: Rgb(1, 2, 3) };
        let plot = Columns {
            title: "share of attention",
            sides: vec![end("picture"), end("words")],
            shares: vec![0.25, 0.75, 0.5, 0.5],
            words: vec!["It".into(), "is".into()],
            even: vec![0.8, 0.79],
        };
        let text = svg(&plot, &Grid::new(400.0, 160.0, 12.0, 2), &Style::default());
        assert_eq!(text.matches("<rect").count(), 4);
        assert_eq!(text.matches("<polyline").count(), 3 + 4);
        assert!(text.contains(">\nIt\n<") || text.contains("It"));
        assert_eq!(plot.get(1, 0), 0.5);
    }
}
