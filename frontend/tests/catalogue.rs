//! The catalogue against the sources: no text without its translation, no translation without its
//! text, no text that went round the catalogue.
#![allow(clippy::unwrap_used, missing_docs)]

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use frontend::glossary::Term;
use frontend::language::{KOREAN, Piece, pieces};
use source::{Literal, Source, files, sources};

/// The functions that take a text.
const TAKE_TEXTS: [&str; 4] = ["t", "fill", "mark", "views"];

/// Names, and what is no text of one language; they stand on the page as they are.
const NAMES: [&str; 20] = [
    "LangOverrule Lab",
    "MDI",
    "AEI",
    "P_T",
    "top-p",
    "JSON",
    "CSV",
    "HTML",
    "SVG",
    "PNG",
    "Markdown",
    "LaTeX",
    // The language switch speaks to those who cannot read the page.
    "Language / 언어",
    // A command is the same in every language.
    "langoverrule models pull {name}",
    "./run.sh serve --bind 0.0.0.0:8080",
    "BibTeX",
    // What can be typed there.
    "own, 200704, 50176",
    // Values of styles, which people do not read.
    "linear-gradient(90deg, {})",
    "dot image",
    "dot counts",
];

fn page() -> Vec<Source> {
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"))
}

fn catalogue(files: &[&str]) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    for file in files {
        let texts: BTreeMap<String, String> = serde_json::from_str(file).unwrap();
        for (english, own) in texts {
            let before = all.insert(english.clone(), own);
            assert!(before.is_none(), "two files translate {english:?}");
        }
    }
    all
}

fn places(text: &str) -> BTreeSet<&str> {
    let place = |piece| match piece {
        Piece::Place(name) => Some(name),
        Piece::Words(_) => None,
    };
    pieces(text).into_iter().filter_map(place).collect()
}

#[test]
fn every_text_has_its_translation_and_every_translation_its_text() {
    let sources = page();
    let korean = catalogue(KOREAN);
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for source in &sources {
        for literal in source.texts_of(&TAKE_TEXTS) {
            used.insert(literal.text.as_str());
            if !korean.contains_key(&literal.text) {
                let (file, line) = (source.path.display(), source.line(literal.start));
                wrong.push(format!("{file}:{line} has no Korean: {:?}", literal.text));
            }
        }
    }
    assert!(used.len() > 300, "the sources hold {} texts: are they read?", used.len());
    for (english, own) in &korean {
        if !used.contains(english.as_str()) {
            wrong.push(format!("nobody uses {english:?}"));
        }
        if places(english) != places(own) {
            wrong.push(format!("other places: {english:?} and {own:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a text holds words of a language.
fn has_words(text: &str, letters: usize) -> bool {
    let bare = NAMES.iter().fold(text.to_owned(), |text, name| text.replace(name, ""));
    let mut bare = bare.as_str();
    // What stands in a place of a format is code.
    let mut words = String::new();
    while let Some((before, after)) = bare.split_once('{') {
        words += before;
        words.push(' ');
        bare = after.split_once('}').map_or("", |(_, behind)| behind);
    }
    words += bare;
    words.split(|c: char| !c.is_ascii_alphabetic()).any(|w| w.len() >= letters)
}

/// Whether a text reads as a sentence or a label, not as a name in code.
fn reads_as_english(text: &str) -> bool {
    let label = text.starts_with(|c: char| c.is_ascii_uppercase());
    let spaced = text.trim().contains(' ');
    (label || spaced) && has_words(text, 3)
}

/// Whether a literal of a `view!` is shown to people without having gone through the catalogue.
///
/// A heuristic: text between tags, attributes that people read, values of `if` and `match` that
/// read as English, and formats that do.
fn goes_round_the_catalogue(source: &Source, literal: &Literal) -> bool {
    let before = source.code[..literal.start].trim_end();
    let after = source.code[literal.end..].trim_start();
    let call = source.call(literal);
    if call.is_some_and(|f| TAKE_TEXTS.contains(&f)) {
        return false;
    }
    let attributes = ["title=", "aria-label=", "placeholder=", "alt=", "label=", "caption="];
    if attributes.iter().any(|a| before.ends_with(a)) {
        return has_words(&literal.text, 2);
    }
    let behind_tag = before.ends_with('>') && !["=>", "->"].iter().any(|a| before.ends_with(a));
    let behind_text = before.ends_with(['"', '}']) && after.starts_with(['<', '"', '{', '}']);
    if behind_tag || behind_text {
        return has_words(&literal.text, 2);
    }
    let value = (before.ends_with('{') || before.ends_with("=>"))
        && (after.starts_with('}') || after.starts_with(','));
    let shown = ["format!", "then_some", "Some"].iter().any(|f| call == Some(*f));
    (value || shown) && reads_as_english(&literal.text)
}

#[test]
fn no_text_of_a_view_goes_round_the_catalogue() {
    let mut wrong = Vec::new();
    for source in &page() {
        for literal in &source.literals {
            if source.in_view(literal.start) && goes_round_the_catalogue(source, literal) {
                let (file, line) = (source.path.display(), source.line(literal.start));
                wrong.push(format!("{file}:{line} {:?}", literal.text));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "these texts are shown in English whatever the language; put them into t(…), fill(…) or \
         views(…):\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_heuristic_finds_what_it_is_for() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/source/forgotten");
    let found = sources(&folder).into_iter().flat_map(|s| {
        let wrong = s.literals.iter().filter(|l| s.in_view(l.start));
        let wrong = wrong.filter(|l| goes_round_the_catalogue(&s, l)).map(|l| l.text.clone());
        wrong.collect::<Vec<_>>()
    });
    let found: Vec<String> = found.collect();
    assert_eq!(
        found,
        ["Between tags", " after a value", "A title", "Yes, it is", "of {}, too", "behind a tag"]
    );
}

#[test]
fn every_file_of_the_catalogue_is_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales/ko");
    let all = files(&root, "json");
    assert_eq!(all.len(), KOREAN.len(), "{all:?}: a file that is not listed is not read");
}

#[test]
fn every_term_is_explained_where_the_page_uses_it() {
    // These stand in the list alone: in exports, and in the sentence of a badge.
    let listed = [Term::LogProbability, Term::Logit];
    let sources = page();
    for term in Term::ALL.into_iter().filter(|t| !listed.contains(t)) {
        let name = format!("Term::{term:?}");
        let used = |s: &Source| {
            let file = s.path.file_name().and_then(|f| f.to_str());
            file != Some("glossary.rs")
                && s.code.match_indices(&name).any(|(at, _)| {
                    !s.code[at + name.len()..].starts_with(|c: char| c.is_alphanumeric())
                })
        };
        assert!(sources.iter().any(used), "{name} is used nowhere");
    }
}
