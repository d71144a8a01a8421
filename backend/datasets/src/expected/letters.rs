//! Capital letters that stand alone in an answer, and the words of one letter among them.

use super::spoken::{follows_letter, is_refused, joins, places, unquoted};

/// A capital letter that stands alone and is no word of its sentence.
pub(super) struct Lone {
    pub(super) letter: char,
    /// Whether it is said to be wrong.
    pub(super) refused: bool,
}

/// The letters that stand alone in a text and are no words.
pub(super) fn lone(text: &str) -> Vec<Lone> {
    let mut found = Vec::new();
    for (at, letter) in text.char_indices() {
        let (before, after) = (&text[..at], &text[at + letter.len_utf8()..]);
        if letter.is_ascii_uppercase()
            && !before.ends_with(joins)
            && !after.starts_with(joins)
            && !is_word(letter, before, after)
        {
            found.push(Lone { letter, refused: is_refused(before, after) });
        }
    }
    found
}

/// Whether a capital that stands alone is a word of its language: English *a* and *I*, articles,
/// conjunctions and prepositions of one letter in others, which are capitals only where they begin a
/// sentence.
fn is_word(letter: char, before: &str, after: &str) -> bool {
    if !matches!(letter, 'A' | 'E' | 'I' | 'K' | 'O' | 'S' | 'U' | 'V' | 'W' | 'Y' | 'Z') {
        return false;
    }
    let Some(after) = after.strip_prefix(' ') else { return false };
    let after = after.trim_start_matches(' ');
    let word = after.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let Some(first) = word.chars().next().filter(|c| joins(*c)) else { return false };
    let stands_alone = |word: &str| word.len() == 1 && word.starts_with(char::is_uppercase);
    if stands_alone(word) || follows_letter(letter, &word.to_lowercase()) {
        return false;
    }
    // One word between two letters is *and* or *or*, in whatever language: "A e B". But "I see B".
    let more = after[word.len()..].strip_prefix(' ').unwrap_or_default();
    let other = more.split(' ').next().unwrap_or_default();
    let is_last = more.len() == other.len();
    let bare = other.trim_end_matches(['.', ',', '!', '?', ';', ':', ')']);
    if letter != 'I' && stands_alone(bare) && (is_last || bare.len() < other.len()) {
        return false;
    }
    matches!(letter, 'A' | 'I') || (first.is_lowercase() && begins_sentence(before))
}

fn begins_sentence(before: &str) -> bool {
    let before = before.trim_end_matches([' ', '(', '[']);
    before.is_empty() || before.ends_with(['.', '!', '?', '\n'])
}

/// A text in which an option's text, wherever it occurs, is in small letters: its own letters, and an
/// article before it, choose nothing.
pub(super) fn small(text: &str, option: &str) -> String {
    let option = unquoted(option);
    let option = option.trim();
    // A text of one letter was meant as the letter.
    if option.chars().count() < 2 {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for (at, len) in places(text, option) {
        let end = at + len;
        let inside = option.ends_with(joins) && text[end..].starts_with(joins);
        if at >= done && !inside {
            out.push_str(&text[done..at]);
            out.push_str(&text[at..end].to_lowercase());
            done = end;
        }
    }
    out.push_str(&text[done..]);
    out
}
