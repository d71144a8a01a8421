//! Options with letters, and reading one of them out of an answer.

use super::plain;

/// Most options a question may have: one for each letter.
const MOST: usize = 26;

/// Words in lower case that follow a letter rather than the article or the pronoun.
const AFTER_LETTER: [&str; 8] = ["and", "because", "but", "is", "nor", "or", "seems", "since"];

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
            None => only(options.iter().map(|o| plain(o) == plain(right)))?,
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
    /// Where the answer says *answer:* or *answer is*, what follows the last of these is read, and
    /// the whole only if that chooses nothing. The first rule that chooses decides:
    ///
    /// 1. nothing but a letter, whatever its case, perhaps with brackets or a stop: `b`, `(B)`, `B.`;
    /// 2. nothing but an option's text, compared as accepted texts are;
    /// 3. a letter with a stop, bracket or colon at the beginning, `B. a cat`, if no later line
    ///    begins with another option's (that would be the question again);
    /// 4. the only letter in round brackets;
    /// 5. the only capital letter that stands alone (`A` or `I` before a word in lower case is the
    ///    word, not the letter, unless that word is one as in `A is right` or `A or B`);
    /// 6. the only option whose text occurs as whole words, one that lies inside another that
    ///    occurs not counted. It comes before rule 5 where the letter is part of that text, as in
    ///    *vitamin A*.
    ///
    /// Quotes, asterisks, backticks and dollar signs around words are overlooked. Unlike MMMU's own
    /// script, nothing is guessed: what it gives to chance or to the last of several is unreadable.
    pub fn read(&self, answer: &str) -> Option<usize> {
        let clean: String = answer.chars().filter(|c| !"*`$\"'“”‘’_".contains(*c)).collect();
        let after = after_answer(&clean).and_then(|rest| self.read_part(rest));
        after.or_else(|| self.read_part(&clean))
    }

    fn read_part(&self, text: &str) -> Option<usize> {
        let text = text.trim();
        if let Some(alone) = alone(text) {
            // A single letter that is no option's stands for nothing else.
            return letter(alone).filter(|&i| i < self.options.len());
        }
        self.whole_text(text)
            .or_else(|| self.leading(text))
            .or_else(|| self.bracketed(text))
            .or_else(|| match (self.standing_alone(text), self.inside(text)) {
                (Some(_), Some(named)) if capitals(&self.options[named]).next().is_some() => {
                    Some(named)
                }
                (letter, named) => letter.or(named),
            })
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
        self.index(first).filter(|_| ends)
    }

    fn bracketed(&self, text: &str) -> Option<usize> {
        let places = text.match_indices('(');
        self.one_of(places.filter_map(|(at, _)| {
            let mut inside = text[at + 1..].chars();
            let first = inside.next()?;
            (inside.next() == Some(')')).then(|| self.index(first)).flatten()
        }))
    }

    fn standing_alone(&self, text: &str) -> Option<usize> {
        self.one_of(capitals(text).filter_map(|letter| self.index(letter)))
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

/// The capital letters that stand alone in a text and are no words.
fn capitals(text: &str) -> impl Iterator<Item = char> {
    let chars: Vec<char> = text.chars().collect();
    let joins = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '-');
    let alone = (0..chars.len()).filter(|&at| {
        let before = at.checked_sub(1).and_then(|i| chars.get(i));
        if !chars[at].is_ascii_uppercase() || joins(before) || joins(chars.get(at + 1)) {
            return false;
        }
        let next: String = chars[at + 1..].iter().skip_while(|c| **c == ' ').take(12).collect();
        let next = next.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        let word = next.starts_with(char::is_lowercase) && !AFTER_LETTER.contains(&next);
        !(matches!(chars[at], 'A' | 'I') && word)
    });
    alone.map(|at| chars[at]).collect::<Vec<_>>().into_iter()
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

/// What follows the last "answer:" or "answer is".
fn after_answer(text: &str) -> Option<&str> {
    // Only ASCII letters change, so that places stay the same.
    let lower = text.to_ascii_lowercase();
    lower.rmatch_indices("answer").find_map(|(at, word)| {
        let rest = text[at + word.len()..].trim_start();
        let rest = match rest.get(..2) {
            Some(is) if is.eq_ignore_ascii_case("is") => {
                let rest = &rest[2..];
                let rest = rest.strip_prefix(':').unwrap_or(rest);
                rest.starts_with(char::is_whitespace).then_some(rest)?
            }
            _ => rest.strip_prefix(':')?,
        };
        let rest = rest.trim_start();
        (!rest.is_empty()).then_some(rest)
    })
}

/// A text as it is compared, without the signs that [`Choice::read`] overlooks.
fn tidy(text: &str) -> String {
    plain(&text.chars().filter(|c| !"*`$\"'“”‘’_".contains(*c)).collect::<String>())
}

/// A text's words in lower case with single spaces; what is no letter and no digit parts them, but
/// stays where it is part of a number or formula.
fn words(text: &str) -> String {
    let tidy = tidy(text);
    let words = tidy.split(' ').map(|w| w.trim_matches(|c: char| ".,;:!?()[]".contains(c)));
    words.filter(|w| !w.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn choice(options: &[&str]) -> Choice {
        let options = options.iter().map(|o| (*o).to_owned()).collect();
        Choice { options, right: 0 }
    }

    #[test]
    fn letters_are_read_where_they_are_meant() {
        let animals = choice(&["a dog", "a cat", "a red fox", "a fox"]);
        for (answer, read) in [
            ("B", Some(1)),
            (" b.", Some(1)),
            ("(B)", Some(1)),
            ("B)", Some(1)),
            ("**B**", Some(1)),
            ("B. a cat", Some(1)),
            ("B: because it purrs", Some(1)),
            ("(b) a cat", Some(1)),
            ("Answer: B", Some(1)),
            ("The cat purrs. A dog would not.\nAnswer: $B$", Some(1)),
            ("**Answer:** B", Some(1)),
            ("Answer: A\nNo, wait.\nAnswer: B.", Some(1)),
            ("The correct answer is B", Some(1)),
            ("The answer is: (B) a cat", Some(1)),
            ("The correct option is B", Some(1)),
            ("I choose (B) because of the ears", Some(1)),
            ("a cat", Some(1)),
            ("A cat.", Some(1)),
            ("It is a cat.", Some(1)),
            ("This is a red fox, I think", Some(2)),
            ("A", Some(0)),
            ("A dog.", Some(0)),
            ("Answer: A dog", Some(0)),
            ("A. a dog\nB. a cat\nC. a red fox\nD. a fox", None),
            ("A is right", Some(0)),
            ("A or B", None),
            ("a dog and a cat", None),
            ("E", None),
            ("Answer: E", None),
            ("An animal that I cannot name", None),
            ("I see a bird.", None),
            ("answering that is hard", None),
            ("X-ray of D-day", None),
            ("Answer:", None),
            ("", None),
            ("🦊", None),
        ] {
            assert_eq!(animals.read(answer), read, "{answer}");
        }
    }

    #[test]
    fn texts_that_look_like_letters_stay_texts() {
        let biology = choice(&["C. elegans", "Vitamin C", "vitamin A", "50%"]);
        assert_eq!(biology.read("C. elegans"), Some(0));
        assert_eq!(biology.read("Vitamin C"), Some(1));
        assert_eq!(biology.read("Vitamin A."), Some(2));
        assert_eq!(biology.read("It must be vitamin A here"), Some(2));
        assert_eq!(biology.read("D, there is no vitamin to see"), Some(3));
        assert_eq!(biology.read("about 50% of it"), Some(3));
        assert_eq!(biology.read("150%"), None);
        let letters = choice(&["B", "A"]);
        assert_eq!(letters.read("A"), Some(0), "the letter was asked for, not the text");
        let same = choice(&["$5", "5"]);
        assert_eq!(same.read("5"), None, "two options say so");
    }

    #[test]
    fn the_right_one_is_named_by_letter_or_text() {
        let options = || vec!["dog".to_owned(), "cat".to_owned(), "cat".to_owned()];
        assert_eq!(Choice::new(options(), "B").map(|c| c.right()), Some(1));
        assert_eq!(Choice::new(options(), "b ").map(|c| c.right()), Some(1));
        assert_eq!(Choice::new(options(), "Dog.").map(|c| c.right()), Some(0));
        assert_eq!(Choice::new(options(), "D"), None, "outside of the options");
        assert_eq!(Choice::new(options(), "cat"), None, "two say so");
        assert_eq!(Choice::new(options(), ""), None);
        assert_eq!(Choice::new(Vec::new(), "A"), None);
        assert_eq!(Choice::new(vec![String::new(); 27], "A"), None);
        assert_eq!(Choice::listed(&options()), "A. dog\nB. cat\nC. cat");
    }

    proptest! {
        #[test]
        fn any_answer_can_be_read(answer in ".{0,60}") {
            choice(&["one", "two", ""]).read(&answer);
        }

        #[test]
        fn every_letter_is_read(right in 0usize..10) {
            let options: Vec<String> = (0..10).map(|i| format!("option number {i}")).collect();
            let letter = (b'A' + right as u8) as char;
            let choice = Choice { options, right };
            for form in [
                format!("{letter}"), format!("({letter})"), format!("{letter}."),
                format!("Answer: {letter}"), choice.to_string(), choice.options[right].clone(),
            ] {
                prop_assert_eq!(choice.read(&form), Some(right), "{}", form);
            }
        }
    }
}
