//! The prompt and the answer, each token lit by how much the token that is looked at looked at it.

use std::fmt::Write;

use crate::colour::{Palette, Rgb};
use crate::text::{self, escaped};
use crate::theme::Style;

/// A stretch of the sequence that is lit as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// Its text, as a list shows tokens.
    pub text: String,
    /// Its part of the attention; `None` where the row does not reach it.
    pub share: Option<f64>,
    /// Whether it is a medium; words otherwise.
    pub medium: bool,
    /// Whether it is the token that is looked at.
    pub looked: bool,
}

/// Everything the plot shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lit {
    /// The pieces in the order of the sequence.
    pub pieces: Vec<Piece>,
    /// Where light is full.
    pub end: f64,
}

/// Where the pieces are, in CSS pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Lines {
    /// Width of the whole plot.
    pub width: f64,
    /// Height of the whole plot.
    pub height: f64,
    /// Left, top and width of each piece.
    pub at: Vec<[f64; 3]>,
    type_size: f64,
}

/// Height of a line and of a piece, in sizes of type.
const LINE: (f64, f64) = (1.9, 1.55);
/// Room around a piece's text, in sizes of type.
const AROUND: f64 = 0.35;

impl Lines {
    /// Lays pieces out one after another, breaking lines where the width ends.
    pub fn new(lit: &Lit, width: f64, type_size: f64) -> Self {
        let (mut x, mut y) = (0.0, 0.0);
        let mut place = |piece: &Piece| {
            let shown = text::fit(&piece.text, width - 2.0 * AROUND * type_size, type_size, false);
            let wide = (text::width(&shown, false) + 2.0 * AROUND) * type_size;
            if x > 0.0 && x + wide > width {
                (x, y) = (0.0, y + LINE.0 * type_size);
            }
            let at = [x, y, wide];
            x += wide + type_size * 0.15;
            at
        };
        let at: Vec<[f64; 3]> = lit.pieces.iter().map(&mut place).collect();
        let height = (y + LINE.1 * type_size).ceil();
        Lines { width, height, at, type_size }
    }
}

/// The colour that a piece lies on: the card's own where it drew nothing.
fn ground(piece: &Piece, end: f64, palette: &Palette) -> Rgb {
    let light = piece.share.filter(|_| end > 0.0).map_or(0.0, |share| share / end);
    let full = if piece.medium { palette.picture } else { palette.words };
    palette.surface.mix(full, light.clamp(0.0, 1.0))
}

/// The pieces as SVG elements, in pixels.
pub fn elements(lit: &Lit, lines: &Lines, style: &Style) -> String {
    let (size, mut out) = (lines.type_size, String::new());
    let room = lines.width - 2.0 * AROUND * size;
    for (piece, [x, y, w]) in lit.pieces.iter().zip(&lines.at) {
        let ground = ground(piece, lit.end, &style.palette);
        let edge = match (piece.looked, piece.share) {
            (true, _) => format!(" stroke=\"{}\" stroke-width=\"1.5\"", style.palette.ink.css()),
            // What the row does not reach is no token that drew little.
            (false, None) => {
                format!(" stroke=\"{}\" stroke-dasharray=\"2 2\"", style.palette.line.css())
            }
            (false, Some(_)) => String::new(),
        };
        let shown = text::fit(&piece.text, room, size, false);
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{:.1}\" rx=\"3\" fill=\"{}\"{edge}/>\
             <text x=\"{:.1}\" y=\"{:.1}\" font-size=\"{size:.1}\" fill=\"{}\">{}</text>",
            LINE.1 * size,
            ground.css(),
            x + AROUND * size,
            y + 1.12 * size,
            ground.type_on().css(),
            escaped(&shown)
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str, share: Option<f64>) -> Piece {
        Piece { text: text.to_owned(), share, medium: false, looked: false }
    }

    #[test]
    fn lines_break_where_the_width_ends_and_nothing_lies_outside() {
        let words =
            "What is in the picture and what stands beside it on the table there".split(' ');
        let lit = Lit { pieces: words.map(|w| piece(w, Some(0.1))).collect(), end: 0.2 };
        for width in [120.0, 300.0, 900.0] {
            let lines = Lines::new(&lit, width, 14.0);
            assert_eq!(lines.at.len(), lit.pieces.len());
            for pair in lines.at.windows(2) {
                let ([x, y, w], [next, below, _]) = (pair[0], pair[1]);
                assert!(x + w <= width && (next > x + w || below > y), "{pair:?}");
            }
            assert!(lines.at.iter().all(|[_, y, _]| y + 14.0 * LINE.1 <= lines.height));
        }
        assert!(Lines::new(&lit, 120.0, 14.0).height > Lines::new(&lit, 900.0, 14.0).height);
    }

    #[test]
    fn light_is_full_at_the_end_of_the_scale_and_colour_tells_media_from_words() {
        let palette = Palette::default();
        assert_eq!(ground(&piece("a", Some(0.0)), 0.5, &palette), palette.surface);
        assert_eq!(ground(&piece("a", None), 0.5, &palette), palette.surface);
        assert_eq!(ground(&piece("a", Some(9.0)), 0.5, &palette), palette.words);
        let medium = Piece { medium: true, ..piece("a", Some(0.5)) };
        assert_eq!(ground(&medium, 0.5, &palette), palette.picture);
    }

    #[test]
    fn what_people_typed_is_text() {
        let lit = Lit { pieces: vec![piece("<b>&", Some(0.1))], end: 0.1 };
        let drawn = elements(&lit, &Lines::new(&lit, 300.0, 12.0), &Style::default());
        assert!(drawn.contains("&lt;b&gt;&amp;") && !drawn.contains("<b>"), "{drawn}");
    }
}
