//! What keeps a spreadsheet from taking a text for a formula.
//!
//! A program such as Excel, LibreOffice or Google Sheets that opens comma-separated values computes
//! every cell that begins with one of a few signs, and a formula can send what stands beside it
//! away. Names, notes, prompts and answers come from anybody, so nothing is written into such a
//! file but through here (OWASP, "CSV Injection").

use std::borrow::Cow;

use serde::Serialize;

/// What formulas begin with: the signs, their full-width forms, which Excel reads too where it is
/// set to Chinese or Japanese, and what spreadsheets skip before a formula.
const BEGINNINGS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

/// Whether a spreadsheet would compute a cell of this text. A number is a number, also a negative
/// one; `-2+3` is a formula. Spaces before it are nothing to some programs.
pub fn is_formula(text: &str) -> bool {
    text.trim_start_matches(' ').starts_with(BEGINNINGS) && !is_number(text)
}

/// Whether a text is a number as programs write it.
fn is_number(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
    text.bytes().all(plain) && text.parse::<f64>().is_ok()
}

/// A cell that is text to every spreadsheet: one that would be a formula has an apostrophe before
/// it, all others are as they were. Quotes around cells with commas are the writer's.
pub fn cell(text: &str) -> Cow<'_, str> {
    match is_formula(text) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

/// A value as one line of JSON that may stand behind a `#` in a file of comma-separated values.
///
/// A spreadsheet knows no comments and makes cells of such a line too, wherever it finds what
/// parts cells in its country: so a sign that formulas begin with is written `\u003d` wherever no
/// letter or digit stands before it. To whoever reads JSON it is the same value.
pub fn json(value: &impl Serialize) -> String {
    let written = serde_json::to_string(value).unwrap_or_default();
    let mut out = String::with_capacity(written.len());
    let (mut inside, mut escaped, mut before) = (false, false, '"');
    for c in written.chars() {
        if !inside && c == '-' {
            // A negative number in a list; to a spreadsheet what follows a space is text.
            out.push(' ');
        }
        if inside && BEGINNINGS.contains(&c) && !before.is_alphanumeric() {
            // All of them are in the basic plane, where an escape is four digits.
            out += &format!("\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
        if c == '"' && !escaped {
            inside = !inside;
        }
        escaped = inside && c == '\\' && !escaped;
        before = c;
    }
    out
}

/// Plain text that may stand behind a `#`: on one line, and whatever a spreadsheet makes cells of is
/// no formula.
pub fn comment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut starts = false;
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if starts && BEGINNINGS.contains(&c) {
            out.push('\'');
        }
        starts = match c {
            ',' | ';' | '|' => true,
            '"' => starts,
            c => starts && c.is_whitespace(),
        };
        out.push(c);
    }
    out
}
