//! The sequence in pieces and in words: tokens by index, each medium as one block, and what the
//! model nearly said.

use shared::observation::Generated;
use shared::{Group, Layout, Observation, Target};

use crate::language::{fill, t};
use crate::words;

/// A piece of the prompt.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// A token.
    Token {
        /// Its position.
        index: usize,
        /// What it is.
        group: Group,
    },
    /// Neighbouring tokens of a medium.
    Medium {
        /// The medium's group.
        group: Group,
        /// The first one's position.
        start: usize,
        /// The position after the last one's.
        end: usize,
    },
}

/// The prompt in pieces.
pub fn pieces(layout: &Layout) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (group, start, end) in layout.segments() {
        if group.is_medium() {
            pieces.push(Piece::Medium { group, start, end });
        } else {
            pieces.extend((start..end).map(|index| Piece::Token { index, group }));
        }
    }
    pieces
}

/// A token's text with every blank to be seen, as tables and details show it: two tokens that
/// differ by a leading blank look different.
pub fn exact(text: &str) -> String {
    let shown = text.replace('\u{2581}', " ").replace("\r\n", "↵").replace(['\n', '\r'], "↵");
    let shown = shown.replace("<0x0A>", "↵").replace('\t', "⇥");
    if shown.is_empty() {
        return t("[end]").to_owned();
    }
    words::drawn(&shown).chars().map(|c| if c.is_whitespace() { '␣' } else { c }).collect()
}

/// A word or a mark of what was typed, as it stands in a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Typed {
    /// Its positions.
    pub at: Vec<u32>,
    /// Its text.
    pub text: String,
    /// Whether a blank stands before it.
    pub apart: bool,
}

impl Typed {
    /// Whether it is a word; marks are not chosen.
    pub fn is_word(&self) -> bool {
        self.text.chars().any(char::is_alphanumeric)
    }
}

/// What was typed, in words and marks: tokens that make one word stand together.
pub fn typed(layout: &Layout) -> Vec<Typed> {
    let mut all: Vec<Typed> = Vec::new();
    for token in layout.tokens.iter().filter(|t| t.group == Group::Instruction) {
        let text = match token.parts.as_slice() {
            [] => {
                let text = token.text.replace('\u{2581}', " ").replace("<0x0A>", " ");
                let text = text.replace(['\n', '\r', '\t'], " ");
                if text.trim().is_empty() { text } else { words::drawn(&text) }
            }
            // A character of several tokens stands with the first of them.
            parts => parts.iter().filter(|p| p.index == 0).map(|p| p.of.as_str()).collect(),
        };
        let shown = text.trim();
        let apart = text.starts_with(char::is_whitespace)
            || all.last().is_some_and(|last| last.text.is_empty());
        let begins = shown.chars().next().is_some_and(char::is_alphanumeric);
        match all.last_mut() {
            Some(last)
                if !apart && (begins && last.is_word() || shown.is_empty() && text.is_empty()) =>
            {
                last.at.push(token.index);
                last.text += shown;
            }
            _ => all.push(Typed { at: vec![token.index], text: shown.to_owned(), apart }),
        }
    }
    all.retain(|typed| !typed.text.is_empty());
    all
}

/// A position's text: of the prompt, or of the answer behind it.
pub fn text_at(observation: &Observation, position: usize) -> Option<String> {
    let layout = observation.layout.as_ref()?;
    match layout.tokens.get(position) {
        Some(token) => Some(token.text.clone()),
        None => Some(observation.shown(position - layout.len())?.text),
    }
}

/// The answer's tokens as chips show them.
pub fn words_of(observation: &Observation) -> Vec<String> {
    (0..).map_while(|i| Some(words::token(&observation.shown(i)?.text))).collect()
}

/// A token of the answer with every blank to be seen.
fn exact_of(observation: &Observation, index: usize) -> String {
    observation.shown(index).map(|shown| exact(&shown.text)).unwrap_or_default()
}

/// What a target is called.
pub fn target_name(observation: &Observation, target: Target) -> String {
    match target {
        Target::Patch { medium, row, col } => {
            let several = observation.layout.as_ref().is_some_and(|l| l.media.len() > 1);
            let at: [(&str, &dyn std::fmt::Display); 2] = [("row", &row), ("col", &col)];
            match several {
                false => fill("the patch in row {row}, column {col}", &at),
                true => fill(
                    "the patch in row {row}, column {col} of picture {n}",
                    &[at[0], at[1], ("n", &(medium + 1))],
                ),
            }
        }
        Target::Position(at) => {
            let text =
                text_at(observation, at as usize).map(|text| exact(&text)).unwrap_or_default();
            fill("“{text}” (position {at})", &[("text", &text), ("at", &at)])
        }
    }
}

/// A probability with its logarithm.
pub fn chance(logprob: f32) -> String {
    let percent = words::percent(f64::from(logprob).exp());
    let size = words::number(f64::from(logprob.abs()));
    let log = if logprob < 0.0 { format!("−{size}") } else { size };
    fill("{percent} (log {log})", &[("percent", &percent), ("log", &log)])
}

/// A logarithm of a probability as a table has it: never a rounded 0 for what is not certain.
fn log_probability(logprob: f32) -> String {
    match logprob.abs() {
        size if size >= 0.001 || size == 0.0 => format!("{logprob:.4}"),
        _ => format!("{logprob:.1e}"),
    }
}

/// What nearly was said in a token's place, the most probable first.
pub fn nearly(token: &Generated) -> String {
    let one = |a: &shared::Alternative| {
        format!("“{}” {}", exact(&a.text), words::percent(f64::from(a.logprob).exp()))
    };
    let all: Vec<String> = token.alternatives.iter().map(one).collect();
    match all.is_empty() {
        true => String::new(),
        false => fill("nearly {others}", &[("others", &all.join(", "))]),
    }
}

/// Columns of the table of the answer: `most` alternatives.
pub fn answer_columns(most: usize) -> Vec<String> {
    let mut columns = [t("number"), t("position"), t("token"), t("id"), t("log probability")]
        .map(str::to_owned)
        .to_vec();
    columns.push(t("probability").to_owned());
    columns.extend((1..=most).map(|n| fill("nearly, {n}.", &[("n", &n)])));
    columns
}

/// The answer as a table: how sure the model was, and what it nearly said.
pub fn answer_rows(observation: &Observation) -> Vec<Vec<String>> {
    let prompt = observation.layout.as_ref().map_or(0, Layout::len);
    let most = most_alternatives(observation);
    let row = |(i, token): (usize, &Generated)| {
        let mut row = vec![
            i.to_string(),
            (prompt + i).to_string(),
            exact_of(observation, i),
            token.id.to_string(),
            log_probability(token.logprob),
            words::percent(f64::from(token.logprob).exp()),
        ];
        row.extend((0..most).map(|n| match token.alternatives.get(n) {
            Some(a) => {
                format!("{} {}", exact(&a.text), words::percent(f64::from(a.logprob).exp()))
            }
            None => "–".to_owned(),
        }));
        row
    };
    observation.tokens.iter().enumerate().map(row).collect()
}

/// The most alternatives that a token of the answer has.
pub fn most_alternatives(observation: &Observation) -> usize {
    observation.tokens.iter().map(|t| t.alternatives.len()).max().unwrap_or(0)
}

/// The whole sequence as a table: index, text, id, group, place on the picture, and, where `row` is
/// a row of attention, its share.
pub fn sequence_rows(observation: &Observation, row: Option<&[f32]>) -> Vec<Vec<String>> {
    let Some(layout) = &observation.layout else { return Vec::new() };
    let share = |at: usize| match row.and_then(|r| r.get(at)) {
        Some(share) => words::percent(f64::from(*share)),
        None => "–".to_owned(),
    };
    let prompt = layout.tokens.iter().map(|t| {
        // Learned features between the lines of a picture's map.
        let ends_line = || match t.group == Group::Image && t.place.is_none() {
            true => words::line_end().to_owned(),
            false => String::new(),
        };
        let mut cell = t.cell().map_or_else(ends_line, |c| {
            let place = match layout.spot(t) {
                Some((row, col)) => format!("{row}, {col}"),
                // The map behind tiles is none of theirs.
                None => fill("whole picture: {row}, {col}", &[("row", &c.row), ("col", &c.col)]),
            };
            match c.copy {
                0 => place,
                copy => format!("{place} ({})", copy + 1),
            }
        });
        if let Some(medium) = t.medium.filter(|_| layout.media.len() > 1) {
            cell = format!("{}: {cell}", medium + 1);
        }
        let at = t.index as usize;
        let group = words::group(t.group).to_owned();
        vec![t.index.to_string(), exact(&t.text), t.id.to_string(), group, cell, share(at)]
    });
    let answer = observation.tokens.iter().enumerate().map(|(i, token)| {
        let at = layout.len() + i;
        let group = words::group(Group::Generated).to_owned();
        vec![
            at.to_string(),
            exact_of(observation, i),
            token.id.to_string(),
            group,
            String::new(),
            share(at),
        ]
    });
    prompt.chain(answer).collect()
}

#[cfg(test)]
mod tests {
    use shared::{Alternative, Place, Token, TokenFlow};

    use super::*;

    fn observation() -> Observation {
        let of = |index: u32, text: &str, group, col: Option<u16>| Token {
            medium: col.map(|_| 0),
            place: col.map(|col| Place::cell(0, col, 0)),
            ..Token::text(index, index + 10, text, group)
        };
        let tokens = vec![
            of(0, "<s>", Group::Begin, None),
            of(1, "<image>", Group::Image, Some(0)),
            of(2, "<image>", Group::Image, Some(1)),
            of(3, "\n", Group::Template, None),
            of(4, " a", Group::Instruction, None),
            of(5, "a", Group::Instruction, None),
        ];
        let alternatives =
            vec![Alternative { id: 8, text: " cat".into(), logprob: -std::f32::consts::LN_10 }];
        let token = Generated {
            id: 7,
            text: " dog".into(),
            bytes: None,
            logprob: -0.105_36,
            alternatives,
            flow: TokenFlow::default(),
        };
        Observation {
            layout: Some(Layout::new(tokens, Vec::new())),
            prefill: vec![None],
            tokens: vec![token],
        }
    }

    #[test]
    fn the_picture_is_one_block() {
        let layout = observation().layout.unwrap_or_else(|| unreachable!());
        let pieces = pieces(&layout);
        assert_eq!(pieces.len(), 5);
        assert_eq!(pieces[1], Piece::Medium { group: Group::Image, start: 1, end: 3 });
        assert_eq!(pieces[2], Piece::Token { index: 3, group: Group::Template });
    }

    #[test]
    fn what_was_typed_stands_in_words() {
        let text = |index, text: &str| Token::text(index, 1, text, Group::Instruction);
        let part = |index, at| Token {
            parts: vec![shared::CharPart { of: "\u{C5B4}".into(), index: at, count: 2 }],
            ..text(index, "\u{C5B4} 1/2")
        };
        let tokens = ["An", "\u{2581}app", "le", ".", "\n", "Is", " it"];
        let tokens = tokens.iter().enumerate().map(|(i, t)| text(i as u32, t));
        let tokens = tokens.chain([part(7, 0), part(8, 1), text(9, "?")]).collect();
        let typed = typed(&Layout::new(tokens, Vec::new()));
        let told: Vec<_> = typed.iter().map(|t| (t.text.as_str(), t.apart, t.at.len())).collect();
        let wanted = [
            ("An", false, 1),
            ("apple", true, 2),
            (".", false, 1),
            ("Is", true, 1),
            ("it\u{C5B4}", true, 3),
            ("?", false, 1),
        ];
        assert_eq!(told, wanted);
        assert!(typed[1].is_word() && !typed[2].is_word());
    }

    #[test]
    fn blanks_are_seen_and_duplicates_differ() {
        assert_eq!([exact(" a"), exact("a"), exact("\n")], ["␣a", "a", "↵"].map(str::to_owned));
        assert_eq!(
            [exact(""), exact("▁▁"), exact("<0x0A>")],
            ["[end]", "␣␣", "↵"].map(str::to_owned)
        );
        let o = observation();
        assert_eq!(target_name(&o, Target::Position(4)), "“␣a” (position 4)");
        assert_eq!(target_name(&o, Target::Position(6)), "“␣dog” (position 6)");
        assert_eq!(target_name(&o, Target::Position(7)), "“” (position 7)");
        let patch = Target::Patch { medium: 0, row: 2, col: 3 };
        assert_eq!(target_name(&o, patch), "the patch in row 2, column 3");
    }

    #[test]
    fn what_nearly_was_said_is_said() {
        let o = observation();
        assert_eq!(nearly(&o.tokens[0]), "nearly “␣cat” 10\u{a0}%");
        assert_eq!(chance(o.tokens[0].logprob), "90\u{a0}% (log −0.11)");
        let rows = answer_rows(&o);
        assert_eq!(rows[0][..5], ["0", "6", "␣dog", "7", "-0.1054"].map(str::to_owned));
        assert_eq!(log_probability(-1.69e-6), "-1.7e-6");
        assert_eq!(rows[0][6], "␣cat 10\u{a0}%");
        assert_eq!(rows[0].len(), answer_columns(most_alternatives(&o)).len());
    }

    #[test]
    fn every_position_has_its_row_and_its_share() {
        let o = observation();
        let rows = sequence_rows(&o, Some(&[0.5, 0.0, 0.25, 0.0, 0.125, 0.125]));
        assert_eq!(rows.len(), 7);
        assert_eq!(
            rows[2],
            ["2", "<image>", "12", "picture", "0, 1", "25\u{a0}%"].map(str::to_owned)
        );
        assert_eq!(rows[6][5], "–", "its own row did not see it");
        assert!(sequence_rows(&o, None).iter().all(|row| row[5] == "–"));
    }
}
