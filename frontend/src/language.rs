//! The page's languages.
//!
//! English stands in the source, where it is used: `t("Copy link")`, `fill("{n} tokens", …)`. The
//! other languages' texts stand in `locales/`, by their English, a file for each part of the page.
//! A change of language draws the page anew, so that texts need not be reactive.
//!
//! `tests/catalogue.rs` reads the sources and fails where a text lacks its translation, so every
//! text is written out inside the call: by [`t`], [`fill`], [`mark`] or `views`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Display;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

pub use shared::Language;
pub use shared::sentence::{Piece, pieces};
use shared::{Message, Sentence};

/// Files of the Korean catalogue.
pub const KOREAN: &[&str] = &[
    include_str!("../locales/ko/access.json"),
    include_str!("../locales/ko/classroom.json"),
    include_str!("../locales/ko/compare.json"),
    include_str!("../locales/ko/heads.json"),
    include_str!("../locales/ko/page.json"),
    include_str!("../locales/ko/runs.json"),
    include_str!("../locales/ko/experiments.json"),
    include_str!("../locales/ko/errors.json"),
    include_str!("../locales/ko/glossary.json"),
];

/// Texts that the server writes, with `{names}` where it puts values; see [`server`].
pub const KOREAN_SERVER: &str = include_str!("../locales/ko/server.json");

static NOW: AtomicU8 = AtomicU8::new(0);

/// What the page does with a [`Language`].
pub trait InForce: Sized {
    /// The language in force.
    fn now() -> Self;
    /// Puts the language in force for every text that is asked for from now on.
    fn apply(self);
    /// What `write` writes with this language in force; afterwards the one before is in force again.
    fn during<T>(self, write: impl FnOnce() -> T) -> T;
    /// A text in this language; in English where its catalogue lacks it.
    fn text(self, text: &'static str) -> &'static str;
    /// A text of the server's in this language; as it came where the catalogue lacks it.
    fn server(self, text: &str) -> Cow<'_, str>;
}

impl InForce for Language {
    fn now() -> Self {
        if NOW.load(Ordering::Relaxed) == 1 { Language::Korean } else { Language::English }
    }

    fn apply(self) {
        NOW.store(u8::from(self == Language::Korean), Ordering::Relaxed);
    }

    fn during<T>(self, write: impl FnOnce() -> T) -> T {
        let before = Language::now();
        self.apply();
        let written = write();
        before.apply();
        written
    }

    fn text(self, text: &'static str) -> &'static str {
        match self {
            Language::English => text,
            Language::Korean => korean().get(text).copied().unwrap_or(text),
        }
    }

    fn server(self, text: &str) -> Cow<'_, str> {
        if self == Language::English {
            return text.into();
        }
        let all = korean_server();
        let exact = all.iter().find(|(english, _)| *english == text).map(|(_, own)| *own);
        if let Some(own) = exact {
            return own.into();
        }
        let filled = |(english, own): &(&str, &str)| {
            // What stands in a place may be the server's words, too.
            let found = values(english, text)?;
            let found: Vec<(&str, Cow<str>)> =
                found.into_iter().map(|(name, value)| (name, self.server(value))).collect();
            let found: Vec<(&str, &dyn Display)> =
                found.iter().map(|(name, value)| (*name, value as &dyn Display)).collect();
            Some(filled(own, &found))
        };
        all.iter().find_map(filled).map_or(text.into(), Cow::Owned)
    }
}

type Text = &'static str;

/// Reads a file of a catalogue, whose texts are kept for as long as the page is open.
fn read(file: &str) -> impl Iterator<Item = (Text, Text)> {
    let texts: HashMap<String, String> = serde_json::from_str(file).unwrap_or_default();
    texts.into_iter().map(|(english, own)| {
        (&*Box::leak(english.into_boxed_str()), &*Box::leak(own.into_boxed_str()))
    })
}

/// The Korean catalogue: texts by their English.
fn korean() -> &'static HashMap<Text, Text> {
    static TEXTS: OnceLock<HashMap<&str, &str>> = OnceLock::new();
    TEXTS.get_or_init(|| KOREAN.iter().flat_map(|file| read(file)).collect())
}

/// What the server says, in English and in Korean: the longest patterns first, for a short one may
/// fit where a longer one is meant.
fn korean_server() -> &'static [(Text, Text)] {
    static TEXTS: OnceLock<Vec<(&str, &str)>> = OnceLock::new();
    TEXTS.get_or_init(|| {
        let mut all: Vec<_> = read(KOREAN_SERVER).collect();
        all.sort_by_key(|(english, _)| std::cmp::Reverse(english.len()));
        all
    })
}

/// A text in the language in force; in English where the catalogue lacks it.
pub fn t(text: &'static str) -> &'static str {
    Language::now().text(text)
}

/// A text that stands in a table or constant and is put into the language in force by [`t`] where
/// it is shown.
pub const fn mark(text: &'static str) -> &'static str {
    text
}

/// A text in the language in force, with values in the place of their `{names}`.
pub fn fill(text: &'static str, values: &[(&str, &dyn Display)]) -> String {
    filled(t(text), values)
}

/// A text that the server wrote, in the language in force: a model's title, a table's heading, a
/// finding. Programs know such things by name or number; people read the page's language.
pub fn server(text: &str) -> String {
    Language::now().server(text).into_owned()
}

/// A message in the language in force; in English where it is no sentence that this page knows.
pub fn message(message: &Message) -> String {
    said(&message.text, message.sentence.as_ref()).unwrap_or_else(|| message.text.clone())
}

/// What was said, in the language in force; `None` where only its English is to be had: it is no
/// sentence, or a later version's.
pub fn said(english: &str, sentence: Option<&Sentence>) -> Option<String> {
    match Language::now() {
        Language::English => Some(english.to_owned()),
        Language::Korean => sentence.and_then(Sentence::korean),
    }
}

fn filled(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let mut out = String::new();
    for piece in pieces(text) {
        match piece {
            Piece::Words(words) => out += words,
            Piece::Place(name) => match values.iter().find(|(n, _)| *n == name) {
                Some((_, value)) => out += &value.to_string(),
                None => out += &format!("{{{name}}}"),
            },
        }
    }
    out
}

/// The values that a text has in the places of a pattern; `None` where it does not fit.
fn values<'a>(pattern: &'a str, text: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let pieces = pieces(pattern);
    let (mut found, mut rest) = (Vec::new(), text);
    let mut at = 0;
    while let Some(piece) = pieces.get(at) {
        match *piece {
            Piece::Words(words) => rest = rest.strip_prefix(words)?,
            Piece::Place(name) => {
                let end = match pieces.get(at + 1) {
                    // The last words of a pattern are the text's last.
                    Some(Piece::Words(words)) if at + 2 == pieces.len() => {
                        rest.len().checked_sub(words.len())?
                    }
                    Some(Piece::Words(words)) => rest.find(words)?,
                    _ => rest.len(),
                };
                found.push((name, rest.get(..end)?));
                rest = rest.get(end..)?;
            }
        }
        at += 1;
    }
    (rest.is_empty() && !found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_take_their_places() {
        let text = fill("{a} of {b}, {a}: {c}", &[("a", &1), ("b", &"two {a}")]);
        assert_eq!(text, "1 of two {a}, 1: {c}");
        assert_eq!(fill("plain {", &[]), "plain {");
    }

    #[test]
    fn a_pattern_finds_its_values_in_a_text() {
        assert_eq!(values("{n} % dropped", "75 % dropped"), Some(vec![("n", "75")]));
        assert_eq!(values("{n} % dropped", "75 % kept"), None);
        let found = values("from {a} to {b}.", "from 1.5 to 2.0.");
        assert_eq!(found, Some(vec![("a", "1.5"), ("b", "2.0")]));
        assert_eq!(values("no place", "no place"), None, "that is no pattern");
    }

    #[test]
    fn the_server_is_understood() {
        let korean = |text: &'static str| Language::Korean.server(text).into_owned();
        const TITLE: &str = "Demo LLaVA: a small real model that ships with the lab";
        assert_ne!(korean(TITLE), TITLE);
        assert_eq!(korean("75 % dropped"), "75 % 제거");
        assert_eq!(korean("nobody ever wrote this"), "nobody ever wrote this");
        assert_eq!(Language::English.server("75 % dropped"), "75 % dropped");
    }

    #[test]
    fn every_file_of_the_catalogue_can_be_read() {
        for file in KOREAN.iter().chain([&KOREAN_SERVER]) {
            let texts = serde_json::from_str::<HashMap<String, String>>(file);
            assert!(texts.is_ok_and(|all| !all.is_empty()));
        }
    }
}
