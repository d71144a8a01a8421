//! Options with letters, and reading one of them out of an answer.

use super::plain;
use super::spoken::{self, joins, unquoted};

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
    /// 5. the only letter in round brackets;
    /// 6. the only letter after a word for *option*;
    /// 7. the only capital letter that stands alone and is not part of an option's text that occurs,
    ///    as in *vitamin A* (`A` or `I` before a word in lower case is the word, not the letter, unless
    ///    that word is one as in `A is right` or `A or B`). Letters of scripts that are written
    ///    without blanks, and particles, part it from what follows;
    /// 8. the only option whose text occurs as whole words, one that lies inside another that
    ///    occurs not counted.
    ///
    /// Quotes, asterisks, backticks and dollar signs around words are overlooked, and wide letters
    /// and brackets are read as narrow ones. Unlike MMMU's own script, nothing is guessed: what it
    /// gives to chance or to the last of several is unreadable.
    pub fn read(&self, answer: &str) -> Option<usize> {
        let clean = unquoted(answer);
        let after = spoken::after_answer(&clean).and_then(|rest| {
            let first = spoken::first_letter(rest).and_then(letter);
            first.filter(|i| *i < self.options.len()).or_else(|| self.read_part(rest))
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
        self.whole_text(text)
            .or_else(|| self.leading(text))
            .or_else(|| self.bracketed(text))
            .or_else(|| self.one_of(spoken::after_option(text).filter_map(|c| self.index(c))))
            .or_else(|| {
                let letters = || capitals(text).filter_map(|letter| self.index(letter));
                // A text that is itself one of the letters was meant as the letter.
                let is_letter = |i: usize| {
                    letter(&tidy(&self.options[i])).is_some_and(|l| l < self.options.len())
                };
                match self.inside(text).filter(|named| !is_letter(*named)) {
                    // Letters of the text that was named are no choice; others are.
                    Some(named) if tidy(&self.options[named]).chars().count() > 1 => {
                        let own: Vec<char> = capitals(&self.options[named]).collect();
                        let own: Vec<usize> = own.iter().filter_map(|c| self.index(*c)).collect();
                        let others: Vec<usize> = letters().filter(|i| !own.contains(i)).collect();
                        match others.is_empty() {
                            true if own.is_empty() => self.one_of(letters()).or(Some(named)),
                            true => Some(named),
                            false => self.one_of(others.into_iter()),
                        }
                    }
                    named => match letters().next() {
                        Some(_) => self.one_of(letters()),
                        None => named,
                    },
                }
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
    let joins = |c: Option<&char>| c.is_some_and(|c| joins(*c));
    let alone = (0..chars.len()).filter(|&at| {
        let before = at.checked_sub(1).and_then(|i| chars.get(i));
        if !chars[at].is_ascii_uppercase() || joins(before) || joins(chars.get(at + 1)) {
            return false;
        }
        let next: String = chars[at + 1..].iter().skip_while(|c| **c == ' ').take(12).collect();
        let next = next.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        let word = next.starts_with(char::is_lowercase) && !spoken::follows_letter(next);
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

/// A text as it is compared, without the signs that [`Choice::read`] overlooks.
fn tidy(text: &str) -> String {
    plain(&unquoted(text))
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
            ("정답은 B입니다", Some(1)),
            ("정답은 b입니다.", Some(1)),
            ("정답: B", Some(1)),
            ("답은 (B)예요", Some(1)),
            ("B번이 맞습니다", Some(1)),
            ("A가 아니라 B", None),
            ("答えはBです", Some(1)),
            ("正解：Ｂ", Some(1)),
            ("正解は「B」です。", Some(1)),
            ("答案是B", Some(1)),
            ("答案是 b。", Some(1)),
            ("选B", Some(1)),
            ("选项（B）", Some(1)),
            ("La respuesta es B", Some(1)),
            ("La respuesta correcta es A porque ladra", Some(0)),
            ("A resposta é B", Some(1)),
            ("La réponse est B.", Some(1)),
            ("Die Antwort ist B, weil sie schnurrt", Some(1)),
            ("La risposta è B", Some(1)),
            ("Ответ: B", Some(1)),
            ("Правильный ответ — B", Some(1)),
            ("Đáp án là B", Some(1)),
            ("Jawabannya adalah B", Some(1)),
            ("Cevap B'dir", Some(1)),
            ("الإجابة هي B", Some(1)),
            ("คำตอบคือB", Some(1)),
            ("उत्तर B है", Some(1)),
            ("Option B", Some(1)),
            ("option b.", Some(1)),
            ("I would pick option (b), a dog is no cat", Some(1)),
            ("\\boxed{B}", Some(1)),
            ("[B]", Some(1)),
            ("Ⓑ", None),
            ("The answer is a cat", Some(1)),
            ("answer is b because it purrs", Some(1)),
            ("Élan", None),
            ("answer: bis", None),
            ("Answer: Bor", None),
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
        assert_eq!(letters.read("The answer is A"), Some(0));
        assert_eq!(letters.read("I think A fits"), None, "a word before a word in lower case");
        assert_eq!(letters.read("It is B."), Some(1));
        assert_eq!(biology.read("D, not vitamin A"), Some(3), "a letter comes before a text");
        assert_eq!(biology.read("The answer is B: vitamin A is in carrots"), Some(1));
        let roman = choice(&["I", "II", "both I and II"]);
        assert_eq!(roman.read("I"), Some(0));
        assert_eq!(roman.read("II"), Some(1));
        assert_eq!(roman.read("C. both I and II"), Some(2));
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
