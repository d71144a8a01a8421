//! Options with letters, and reading one of them out of an answer.

use shared::experiment::as_compared;

use super::letters::{Lone, lone, small};
use super::spoken::{self, unquoted};

/// Most options a question may have: one for each letter.
const MOST: usize = 26;

/// A question's options, lettered from A, and which one is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    options: Vec<String>,
    right: usize,
}

impl Choice {
    /// Options and the right one, by its letter or, failing that, by its text; `None` where that
    /// names no option, or there are none, or more than 26.
    pub fn new(options: Vec<String>, right: &str) -> Option<Choice> {
        if options.is_empty() || options.len() > MOST {
            return None;
        }
        let right = match letter(right.trim()).filter(|&i| i < options.len()) {
            Some(right) => right,
            None => only(options.iter().map(|o| as_compared(o) == as_compared(right)))?,
        };
        Some(Choice { options, right })
    }

    /// The options, in order.
    pub fn options(&self) -> &[String] {
        &self.options
    }

    /// The right one's place among them.
    pub fn right(&self) -> usize {
        self.right
    }

    /// The options as a prompt lists them: `A. first`, one a line.
    pub fn listed(options: &[String]) -> String {
        let lines = options.iter().zip('A'..).map(|(option, letter)| format!("{letter}. {option}"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The option that an answer chooses; `None` where it chooses none, or more than one.
    ///
    /// Where the answer says *answer:* or *answer is*, in any of some twenty languages (`정답은`,
    /// `答えは`, `la respuesta es`), what follows the last of these is read, and the whole only if that
    /// chooses nothing. The first rule that chooses decides; letters come before texts:
    ///
    /// 1. nothing but a letter, whatever its case, perhaps with brackets or a stop: `b`, `(B)`, `B.`;
    /// 2. a letter after *answer is*, whatever its case, with a particle that no blank parts from it:
    ///    `b입니다`, `Bです`;
    /// 3. nothing but an option's text, compared as accepted texts are;
    /// 4. a letter with a stop, bracket or colon at the beginning, `B. a cat`, if no later line
    ///    begins with another option's (that would be the question again);
    /// 5. the only letter in round brackets, if no other option's capital stands alone;
    /// 6. the only letter after a word for *option*, if no other option's capital stands alone;
    /// 7. the only capital letter that stands alone and is not part of an option's text that occurs,
    ///    as in *vitamin A*. Words of one letter are no letters (`letters.rs`): `A` or `I` before
    ///    a word, unless that word is one as in `A is right` or `A or B`, and those of other languages
    ///    that begin a sentence. Letters of scripts that are written without blanks, and particles,
    ///    part it from what follows;
    /// 8. the only option whose text occurs as whole words, one that lies inside another that
    ///    occurs not counted.
    ///
    /// A letter that is said to be wrong (`A is wrong`, `not A`) is never chosen; where it is the only one,
    /// or stands beside another by rules 5 to 7, the answer is unreadable.
    ///
    /// Quotes, asterisks, backticks and dollar signs around words are overlooked, and wide letters
    /// and brackets are read as narrow ones. Unlike MMMU's own script, nothing is guessed: what it
    /// gives to chance or to the last of several is unreadable.
    pub fn read(&self, answer: &str) -> Option<usize> {
        let clean = unquoted(answer);
        let after = spoken::after_answer(&clean).and_then(|answered| {
            let first = answered.letter().and_then(letter);
            first.filter(|i| *i < self.options.len()).or_else(|| self.read_part(answered.rest))
        });
        after.or_else(|| self.read_part(&clean))
    }

    fn read_part(&self, text: &str) -> Option<usize> {
        let text = text.trim();
        if let Some(alone) = alone(text) {
            // A single letter that is no option's stands for nothing else but a text of one letter.
            let index = letter(alone).filter(|&i| i < self.options.len());
            return index.or_else(|| self.whole_text(text));
        }
        if let Some(read) = self.whole_text(text).or_else(|| self.leading(text)) {
            return Some(read);
        }
        let options = spoken::after_option(text);
        let option = self.one_of(options.iter().filter_map(|(c, _)| self.index(*c)));
        if let Some(read) = self.bracketed(text).or(option) {
            return self.is_undisputed(text, read, &options).then_some(read);
        }
        // A text that is itself one of the letters was meant as the letter.
        let is_letter =
            |i: usize| letter(&tidy(&self.options[i])).is_some_and(|l| l < self.options.len());
        let Some(named) = self.inside(text).filter(|named| !is_letter(*named)) else {
            return self.chosen(&self.lone(text));
        };
        // Letters of the text that was named are no choice; others are.
        let own: Vec<usize> = self.lone(&self.options[named]).iter().map(|(i, _)| *i).collect();
        let mut others = self.lone(&small(text, &self.options[named]));
        others.retain(|(i, _)| !own.contains(i));
        if others.is_empty() { Some(named) } else { self.chosen(&others) }
    }

    /// The options whose letters stand alone, and whether they are said to be wrong.
    fn lone(&self, text: &str) -> Vec<(usize, bool)> {
        let all = lone(text).into_iter();
        all.filter_map(|Lone { letter, refused }| Some((self.index(letter)?, refused))).collect()
    }

    /// The only one of these, unless it is said to be wrong.
    fn chosen(&self, letters: &[(usize, bool)]) -> Option<usize> {
        let one = self.one_of(letters.iter().map(|(i, _)| *i));
        one.filter(|_| !letters.iter().any(|(_, refused)| *refused))
    }

    /// Whether no other option's letter stands beside this one's, and nothing says that it is wrong.
    fn is_undisputed(&self, text: &str, read: usize, options: &[(char, bool)]) -> bool {
        let others = self.lone(&small(text, &self.options[read]));
        others.iter().all(|(i, refused)| *i == read && !refused)
            && !options.iter().any(|(_, refused)| *refused)
    }

    fn whole_text(&self, text: &str) -> Option<usize> {
        let text = tidy(text);
        only(self.options.iter().map(|o| tidy(o) == text))
    }

    fn leading(&self, text: &str) -> Option<usize> {
        let mut lines = text.lines().filter_map(|line| self.label(line.trim_start()));
        let first = self.label(text)?;
        lines.all(|other| other == first).then_some(first)
    }

    /// The option whose label a line begins with.
    fn label(&self, line: &str) -> Option<usize> {
        let line = line.strip_prefix('(').unwrap_or(line);
        let mut chars = line.chars();
        let first = chars.next()?;
        let rest = chars.as_str();
        let after = rest.chars().nth(1);
        // A stop inside a word, as in "e.g." or "C.elegans", ends no label.
        let ends = match rest.chars().next()? {
            ')' | ':' | '\n' => true,
            '.' => after.is_none_or(char::is_whitespace),
            _ => false,
        };
        // What follows a bracket may go on about the letter: "(A) is wrong".
        let refused = rest.starts_with(')') && spoken::is_refused("", rest);
        self.index(first).filter(|_| ends && !refused)
    }

    fn bracketed(&self, text: &str) -> Option<usize> {
        let places = text.match_indices('(');
        self.one_of(places.filter_map(|(at, _)| {
            let mut inside = text[at + 1..].chars();
            let first = inside.next()?;
            (inside.next() == Some(')')).then(|| self.index(first)).flatten()
        }))
    }

    fn inside(&self, text: &str) -> Option<usize> {
        let text = format!(" {} ", words(text));
        let options: Vec<String> = self.options.iter().map(|o| format!(" {} ", words(o))).collect();
        let occurs = |i: usize| options[i].len() > 2 && text.contains(&options[i]);
        let within = |i: usize| {
            let longer = |j: usize| options[j].len() > options[i].len();
            (0..options.len()).any(|j| longer(j) && occurs(j) && options[j].contains(&options[i]))
        };
        only((0..options.len()).map(|i| occurs(i) && !within(i)))
    }

    fn index(&self, letter: char) -> Option<usize> {
        let index = (letter.to_ascii_uppercase() as usize).checked_sub('A' as usize)?;
        (index < self.options.len()).then_some(index)
    }

    /// The option that all of these are.
    fn one_of(&self, mut found: impl Iterator<Item = usize>) -> Option<usize> {
        let first = found.next()?;
        found.all(|other| other == first).then_some(first)
    }
}

/// The right option with its letter.
impl std::fmt::Display for Choice {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let letter = (b'A' + self.right as u8) as char;
        write!(f, "{letter}. {}", self.options[self.right])
    }
}

/// The place of a text that is one letter.
fn letter(text: &str) -> Option<usize> {
    match text.as_bytes() {
        [c] if c.is_ascii_alphabetic() => Some((c.to_ascii_uppercase() - b'A').into()),
        _ => None,
    }
}

/// The letter of a text that is nothing but one and the signs around it.
fn alone(text: &str) -> Option<&str> {
    let bare = text.trim_matches(|c: char| c.is_whitespace() || "()[].,:;!".contains(c));
    letter(bare).map(|_| bare)
}

/// The place of the only `true`.
fn only(found: impl Iterator<Item = bool>) -> Option<usize> {
    let mut places = found.enumerate().filter_map(|(i, yes)| yes.then_some(i));
    let first = places.next()?;
    places.next().is_none().then_some(first)
}

/// A text as it is compared, without the signs that [`Choice::read`] overlooks.
fn tidy(text: &str) -> String {
    as_compared(&unquoted(text))
}

/// A text's words in lower case with single spaces; what is no letter and no digit parts them, but
/// stays where it is part of a number or formula.
fn words(text: &str) -> String {
    let tidy = tidy(text);
    let words = tidy.split(' ').map(|w| w.trim_matches(|c: char| ".,;:!?()[]".contains(c)));
    words.filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests;
