//! The page's languages.
//!
//! English stands in the source, where it is used: `t("Copy link")`, `fill("{n} tokens", …)`. The
//! other languages' texts stand in `locales/`, by their English, a file for each part of the page. What
//! the lab says to people comes as [sentences](shared::sentence), which know every language, and what data
//! say comes in both ([`either`]): no text of the lab's is looked up by its English.
//! A change of language draws the page anew, so that texts need not be reactive.
//!
//! `tests/catalogue.rs` reads the sources and fails where a text lacks its translation, so every
//! text is written out inside the call: by [`t`], [`fill`], [`mark`] or `views`.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

pub use shared::Language;
pub use shared::sentence::{Piece, pieces};
use shared::{Message, Sentence};

/// Files of the Korean catalogue. The page has them as one file, which it asks for when it is read in Korean.
#[cfg(not(target_arch = "wasm32"))]
pub const KOREAN: &[&str] = &[
    include_str!("../locales/ko/access.json"),
    include_str!("../locales/ko/classroom.json"),
    include_str!("../locales/ko/compare.json"),
    include_str!("../locales/ko/heads.json"),
    include_str!("../locales/ko/opener.json"),
    include_str!("../locales/ko/page.json"),
    include_str!("../locales/ko/repeat.json"),
    include_str!("../locales/ko/runs.json"),
    include_str!("../locales/ko/experiments.json"),
    include_str!("../locales/ko/errors.json"),
    include_str!("../locales/ko/glossary.json"),
];

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
            Language::Korean => korean().and_then(|all| all.get(text).copied()).unwrap_or(text),
        }
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

static TEXTS: OnceLock<HashMap<Text, Text>> = OnceLock::new();

/// The Korean catalogue: texts by their English.
#[cfg(not(target_arch = "wasm32"))]
fn korean() -> Option<&'static HashMap<Text, Text>> {
    Some(TEXTS.get_or_init(|| KOREAN.iter().flat_map(|file| read(file)).collect()))
}

/// The Korean catalogue: texts by their English; `None` before [`learn`] was told it.
#[cfg(target_arch = "wasm32")]
fn korean() -> Option<&'static HashMap<Text, Text>> {
    TEXTS.get()
}

/// Whether the catalogue of a language is there.
#[cfg(target_arch = "wasm32")]
pub fn is_known(language: Language) -> bool {
    language == Language::English || TEXTS.get().is_some()
}

/// Takes in the Korean catalogue, once; a file that is none is left out.
#[cfg(target_arch = "wasm32")]
pub fn learn(file: &str) {
    let texts: HashMap<Text, Text> = read(file).collect();
    if !texts.is_empty() {
        let _ = TEXTS.set(texts);
    }
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

/// What data say in English and in Korean, in the language in force; in English where they do not.
pub fn either<'a>(english: &'a str, korean: &'a str) -> &'a str {
    match Language::now() {
        Language::Korean if !korean.is_empty() => korean,
        _ => english,
    }
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
    fn every_file_of_the_catalogue_can_be_read() {
        for file in KOREAN {
            let texts = serde_json::from_str::<HashMap<String, String>>(file);
            assert!(texts.is_ok_and(|all| !all.is_empty()));
        }
    }
}
