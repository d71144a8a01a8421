//! The page's languages.
//!
//! English stands in the source, where it is used: `t("Copy link")`, `fill("{n} tokens", …)`. The
//! other languages' texts stand in `locales/`, by their English, a file for each part of the page.
//! A change of language draws the page anew, so that texts need not be reactive.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

/// A language of the page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// The language of the source.
    #[default]
    English,
    /// Korean.
    Korean,
}

/// Files of the Korean catalogue.
const KOREAN: &[&str] =
    &[include_str!("../locales/ko/page.json"), include_str!("../locales/ko/heads.json")];

static NOW: AtomicU8 = AtomicU8::new(0);

impl Language {
    /// All of them.
    pub const ALL: [Language; 2] = [Language::English, Language::Korean];

    /// The language's tag, as `lang` attributes and links take it (BCP 47).
    pub const fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::Korean => "ko",
        }
    }

    /// The language's name in itself.
    pub const fn name(self) -> &'static str {
        match self {
            Language::English => "English",
            Language::Korean => "한국어",
        }
    }

    /// The language of a tag such as `ko` or `ko-KR`.
    pub fn of(tag: &str) -> Option<Self> {
        let main = tag.split(['-', '_']).next().unwrap_or_default().to_ascii_lowercase();
        Language::ALL.into_iter().find(|l| l.tag() == main)
    }

    /// The language in force.
    pub fn now() -> Self {
        if NOW.load(Ordering::Relaxed) == 1 { Language::Korean } else { Language::English }
    }

    /// Puts the language in force for every text that is asked for from now on.
    pub fn apply(self) {
        NOW.store(u8::from(self == Language::Korean), Ordering::Relaxed);
    }
}

/// The Korean catalogue: texts by their English.
fn korean() -> &'static HashMap<&'static str, &'static str> {
    static TEXTS: OnceLock<HashMap<&str, &str>> = OnceLock::new();
    TEXTS.get_or_init(|| {
        let mut all = HashMap::new();
        for file in KOREAN {
            let texts: HashMap<String, String> = serde_json::from_str(file).unwrap_or_default();
            // Kept for as long as the page is open.
            all.extend(texts.into_iter().map(|(english, korean)| {
                (&*Box::leak(english.into_boxed_str()), &*Box::leak(korean.into_boxed_str()))
            }));
        }
        all
    })
}

/// A text in the language in force; in English where the catalogue lacks it.
pub fn t(text: &'static str) -> &'static str {
    match Language::now() {
        Language::English => text,
        Language::Korean => korean().get(text).copied().unwrap_or(text),
    }
}

/// A text in the language in force, with values in the place of their `{names}`.
pub fn fill(text: &'static str, values: &[(&str, &dyn Display)]) -> String {
    let mut filled = String::new();
    let mut rest = t(text);
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, behind)) = after.split_once('}') else { break };
        filled.push_str(before);
        match values.iter().find(|(n, _)| *n == name) {
            Some((_, value)) => filled += &value.to_string(),
            None => filled += &format!("{{{name}}}"),
        }
        rest = behind;
    }
    filled + rest
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
    fn languages_have_tags() {
        assert_eq!(Language::of("ko-KR"), Some(Language::Korean));
        assert_eq!(Language::of("EN"), Some(Language::English));
        assert_eq!(Language::of("de"), None);
    }
}
