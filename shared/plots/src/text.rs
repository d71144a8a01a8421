//! Type: its style, how wide texts are, and how they are made to fit.
//!
//! Widths come from one table of Inter's advances and not from the platform, so that page and server
//! break and cut texts alike.

use crate::advances::{OTHERS, REGULAR, SEMI_BOLD, UNITS_PER_EM};
use crate::colour::Rgb;

/// What drawings ask their reader for.
pub const FAMILY: &str = "Inter, Helvetica, Arial, sans-serif";

/// Which end of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Across {
    /// Its left end.
    Left,
    /// Its middle.
    Center,
    /// Its right end.
    Right,
}

/// Which edge of a text stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Down {
    /// The top.
    Top,
    /// The middle of its small letters.
    Center,
    /// Its base line.
    Bottom,
}

/// How a text is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Type {
    /// Its size in pixels.
    pub size: f64,
    /// Its colour.
    pub colour: Rgb,
    /// Whether it is semi-bold.
    pub bold: bool,
    /// Which end of it stands at its place.
    pub across: Across,
    /// Which edge of it does.
    pub down: Down,
    /// Whether it is turned to read from the bottom up.
    pub upright: bool,
}

impl Type {
    /// Regular type from the left, in the middle of its height.
    pub fn new(size: f64, colour: Rgb) -> Self {
        let (across, down) = (Across::Left, Down::Center);
        Type { size, colour, bold: false, across, down, upright: false }
    }

    /// The same, anchored this way.
    #[must_use]
    pub fn at(self, across: Across, down: Down) -> Self {
        Type { across, down, ..self }
    }

    /// The same, semi-bold.
    #[must_use]
    pub fn bold(self) -> Self {
        Type { bold: true, ..self }
    }

    /// The same, turned to read from the bottom up.
    #[must_use]
    pub fn upright(self) -> Self {
        Type { upright: true, ..self }
    }
}

/// Whether a character is as wide as it is high: Korean, Chinese and Japanese letters, and emoji.
fn is_wide(c: char) -> bool {
    matches!(u32::from(c),
        0x1100..=0x115f | 0x2e80..=0x303e | 0x3041..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f | 0xff01..=0xff60 | 0xffe0..=0xffe6 | 0x1f000..=0x1faff | 0x20000..=0x3ffff)
}

/// How far a character advances at type size 1.
fn advance(c: char, bold: bool) -> f64 {
    if is_wide(c) {
        return 1.0;
    }
    let table = if bold { &SEMI_BOLD } else { &REGULAR };
    let listed = (u32::from(c) as usize).checked_sub(0x20).and_then(|at| table.get(at)).copied();
    let others = || {
        let at = OTHERS.binary_search_by_key(&c, |(other, ..)| *other).ok()?;
        Some(if bold { OTHERS[at].2 } else { OTHERS[at].1 })
    };
    // What the font lacks comes from another one, of which nothing is known.
    listed.or_else(others).filter(|width| *width > 0).map_or(0.6, |w| f64::from(w) / UNITS_PER_EM)
}

/// The width of a text of type size 1.
pub fn width(text: &str, bold: bool) -> f64 {
    text.chars().map(|c| advance(c, bold)).sum()
}

/// The longest beginning of a text that fits into `room`, with an ellipsis where it was cut; empty
/// where nothing fits.
pub fn fit(text: &str, room: f64, size: f64, bold: bool) -> String {
    if width(text, bold) * size <= room {
        return text.to_owned();
    }
    let mut left = room / size - advance('…', bold);
    let kept = text.chars().take_while(|c| {
        left -= advance(*c, bold);
        left >= 0.0
    });
    let kept: String = kept.collect();
    match kept.trim_end() {
        "" => String::new(),
        kept => format!("{kept}…"),
    }
}

/// Breaks a text into at most `most` lines no wider than `room`, at blanks where that is possible; the
/// last one ends in an ellipsis where the text goes on.
pub fn wrap(text: &str, room: f64, size: f64, bold: bool, most: usize) -> Vec<String> {
    let fits = |line: &str| width(line, bold) * size <= room;
    let mut lines: Vec<String> = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() && lines.len() < most {
        if lines.len() + 1 == most || fits(rest) {
            let line = fit(rest, room, size, bold);
            // The last line ends with a whole word, unless that is most of the line.
            let whole = line.strip_suffix('…').and_then(|cut| {
                let next = rest[cut.len()..].starts_with(' ');
                let blank = cut.rfind(' ').filter(|at| !next && *at * 2 > cut.len())?;
                Some(format!("{}…", cut[..blank].trim_end_matches([' ', ',', ';', ':'])))
            });
            lines.push(whole.unwrap_or(line));
            break;
        }
        let mut wide = 0.0;
        let over = rest.char_indices().find(|(_, c)| {
            wide += advance(*c, bold) * size;
            wide > room
        });
        // At least one character a line, or there would be no end.
        let first = rest.chars().next().map_or(0, char::len_utf8);
        let hard = over.map_or(rest.len(), |(at, _)| at).max(first);
        // A blank that stands behind the last whole word, or at the line's very end.
        let blank = match rest[hard..].starts_with(' ') {
            true => Some(hard),
            false => rest[..hard].rfind(' '),
        };
        let end = blank.filter(|at| *at > 0).unwrap_or(hard);
        lines.push(rest[..end].trim_end().to_owned());
        rest = rest[end..].trim_start();
    }
    lines
}

/// A text on one line, without its line breaks and double blanks.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text on one line, cut where it is longer than `most` characters.
pub fn short(text: &str, most: usize) -> String {
    let line = one_line(text);
    if line.chars().count() <= most {
        return line;
    }
    line.chars().take(most.saturating_sub(1)).collect::<String>().trim_end().to_owned() + "…"
}

/// A text as XML carries it.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\t' | '\n' | '\r' => out.push(c),
            // XML has no place for these, escaped or not.
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_the_fonts() {
        assert!(width("MDI", true) > width("MDI", false));
        assert!(width("iii", false) < width("mmm", false) / 2.0);
        assert_eq!(width("강아지", false), 3.0);
        assert!(width("\u{200b}", false) > 0.0, "another font's character has some width");
    }

    #[test]
    fn what_does_not_fit_ends_in_an_ellipsis() {
        let text = "Is there a dog in the picture?";
        assert_eq!(fit(text, 1000.0, 12.0, false), text);
        for room in [0.0, 5.0, 20.0, 60.0, 120.0] {
            let cut = fit(text, room, 12.0, false);
            assert!(cut.is_empty() || cut.ends_with('…'), "{cut}");
            assert!(width(&cut, false) * 12.0 <= room, "{cut} in {room}");
        }
        assert_eq!(fit("강아지가 있나요?", 60.0, 12.0, false), "강아지가…");
    }

    #[test]
    fn lines_break_at_blanks_and_end_in_an_ellipsis() {
        let lines = wrap("one two three four five", 60.0, 12.0, false, 2);
        assert_eq!(lines, ["one two", "three…"]);
        assert_eq!(wrap("one", 60.0, 12.0, false, 2), ["one"]);
        assert!(wrap("  ", 60.0, 12.0, false, 2).is_empty());
        // A word that is wider than a line is broken where the line ends.
        let lines = wrap(&"ㅋ".repeat(12), 60.0, 12.0, false, 4);
        assert_eq!(lines.iter().map(|l| l.chars().count()).collect::<Vec<_>>(), [5, 5, 2]);
        let lines = wrap("고양이가 어디에 있는지 자세히 설명해 주세요", 100.0, 12.0, false, 3);
        assert_eq!(lines, ["고양이가 어디에", "있는지 자세히", "설명해 주세요"]);
        assert!(lines.iter().all(|l| width(l, false) * 12.0 <= 100.0));
        assert!(wrap("wide", 1.0, 12.0, false, 9).len() == 4, "no room, and still an end");
    }

    #[test]
    fn long_texts_are_cut_to_a_line() {
        assert_eq!(short(" a\n b ", 5), "a b");
        assert_eq!(short("one two three", 8), "one two…");
        assert_eq!(short("강아지가 있나요?", 5), "강아지가…");
    }
}
