//! Markdown, aligned so that it reads as well raw.

use std::fmt::Write as _;

use shared::experiment::tables::Tables;

use crate::provenance::{notices, provenance};
use crate::sheet::{Kind, SUMMARY, Sheet, sheets};

/// Text on one line that no reader takes for markup, with no more backslashes than that takes:
/// an underscore within a word and brackets that lead nowhere are what they are.
fn escape(text: &str) -> String {
    let mut out = String::new();
    let mut before = ' ';
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        let next = letters.peek().copied().unwrap_or(' ');
        match c {
            '|' | '*' | '`' | '<' | '>' | '\\' => out.extend(['\\', c]),
            '_' if !(before.is_alphanumeric() && next.is_alphanumeric()) => out.push_str("\\_"),
            ']' if matches!(next, '(' | '[' | ':') => out.push_str("\\]"),
            '#' if before == ' ' => out.push_str("\\#"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
        before = c;
    }
    out
}

fn cell(text: &str, kind: Kind) -> String {
    let text = escape(text);
    match kind {
        _ if text.is_empty() => text,
        Kind::Heading => format!("**{text}**"),
        Kind::Paper => format!("*{text}*"),
        Kind::Measured | Kind::Below => text,
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn table(sheet: &Sheet) -> String {
    let columns = sheet.columns.len();
    let mut rows: Vec<Vec<String>> =
        vec![sheet.columns.iter().map(|c| cell(c, Kind::Measured)).collect()];
    for row in &sheet.rows {
        let mut cells: Vec<String> = row.cells.iter().map(|c| cell(c, row.kind)).collect();
        cells.resize(columns, String::new());
        rows.push(cells);
    }
    // A heading spans; it must not widen the first column more than its neighbours need.
    let widths: Vec<usize> =
        (0..columns).map(|c| rows.iter().map(|r| width(&r[c])).max().unwrap_or(0).max(3)).collect();
    let mut out = String::new();
    for (i, row) in rows.iter().enumerate() {
        for (c, text) in row.iter().enumerate() {
            let room = " ".repeat(widths[c] - width(text));
            let _ = match c {
                0 => write!(out, "| {text}{room} "),
                _ => write!(out, "| {room}{text} "),
            };
        }
        out.push_str("|\n");
        if i == 0 {
            for (c, w) in widths.iter().enumerate() {
                let _ = match c {
                    0 => write!(out, "| :{} ", "-".repeat(w - 1)),
                    _ => write!(out, "| {}: ", "-".repeat(w - 1)),
                };
            }
            out.push_str("|\n");
        }
    }
    out
}

/// Every table as one Markdown document.
pub fn markdown(tables: &Tables) -> String {
    let mut out = format!("# {}\n\n", escape(&tables.title));
    for notice in notices(tables) {
        let _ = writeln!(out, "> {}\n", escape(&notice));
    }
    let _ = writeln!(out, "Definition: {}.\n", escape(&tables.choice.title));
    for sheet in sheets(tables) {
        let _ = writeln!(out, "## {}\n\n{}", escape(&sheet.title), table(&sheet));
        if !sheet.finding.is_empty() {
            let _ = writeln!(out, "{}\n", escape(&sheet.finding));
        }
    }
    out.push_str("## Notes\n\n");
    let _ = writeln!(out, "- {}", escape(SUMMARY));
    for note in &tables.notes {
        let mark = if note.mark.is_empty() { String::new() } else { format!("{} ", note.mark) };
        let _ = writeln!(out, "- {mark}{}", escape(&note.text));
    }
    out.push_str("\n## Provenance\n\n");
    for (name, value) in provenance(tables) {
        let _ = writeln!(out, "- {name}: {}", escape(&value));
    }
    out
}
