//! What a class is asked, what it answers, and what its answers come to.

use serde::{Deserialize, Serialize};

use super::Guess;
use crate::sentence::{Message, OptionError};

/// Most choices of a question.
pub const MOST_CHOICES: usize = 6;
/// Longest choice, in characters.
pub const LONGEST_CHOICE: usize = 80;
/// Longest answer in words of one's own, in characters.
pub const LONGEST_ANSWER: usize = 120;
/// Largest number that is an answer, either way.
pub const LARGEST_NUMBER: f64 = 1e12;
/// Most answers that a wall shows apart.
const ROWS: usize = 12;
/// Ranges that many different numbers are counted in.
const RANGES: usize = 8;

/// What kind of answer a question wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// Words or picture.
    #[default]
    Sides,
    /// One of some choices.
    Choice {
        /// The choices, two to six, each at most 80 characters.
        choices: Vec<String>,
    },
    /// Words of one's own, at most 120 characters.
    Text,
    /// A number.
    Number,
}

impl Question {
    /// Whether it is the usual one.
    pub fn is_sides(&self) -> bool {
        *self == Question::Sides
    }

    /// The stable name of its kind.
    pub const fn name(&self) -> &'static str {
        match self {
            Question::Sides => "sides",
            Question::Choice { .. } => "choice",
            Question::Text => "text",
            Question::Number => "number",
        }
    }

    /// Checks that it can be asked.
    ///
    /// # Errors
    /// A sentence.
    pub fn check(&self) -> Result<(), Message> {
        let Question::Choice { choices } = self else { return Ok(()) };
        let fits = |choice: &String| {
            let signs = choice.chars().count();
            !choice.trim().is_empty() && signs <= LONGEST_CHOICE
        };
        match (2..=MOST_CHOICES).contains(&choices.len()) && choices.iter().all(fits) {
            true => Ok(()),
            false => Err(OptionError::QuestionChoices {
                most: MOST_CHOICES as u64,
                chars: LONGEST_CHOICE as u64,
            }
            .into()),
        }
    }

    /// An answer as it counts; `None` for one that is none to this question.
    pub fn takes(&self, answer: Answer) -> Option<Answer> {
        match (self, answer) {
            (Question::Sides, side @ Answer::Side(_)) => Some(side),
            (Question::Choice { choices }, Answer::Choice(n)) => {
                (usize::from(n) < choices.len()).then_some(Answer::Choice(n))
            }
            (Question::Text, Answer::Text(text)) => {
                let text = one_line(&text);
                let length = text.chars().count();
                (1..=LONGEST_ANSWER).contains(&length).then_some(Answer::Text(text))
            }
            (Question::Number, Answer::Number(number)) => {
                let counts = number.is_finite() && number.abs() <= LARGEST_NUMBER;
                // There is one zero.
                counts.then_some(Answer::Number(number + 0.0))
            }
            _ => None,
        }
    }
}

/// A text on one line, without what cannot be seen.
pub fn one_line(text: &str) -> String {
    let unseen = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let seen: String = text
        .chars()
        .filter(|c| !unseen(*c))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    seen.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What somebody answered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Words or picture.
    Side(Guess),
    /// The choice of that number, from 0.
    Choice(u8),
    /// Words of one's own.
    Text(String),
    /// A number.
    Number(f64),
}

impl Answer {
    /// As a person reads it, given the question.
    pub fn told(&self, question: &Question) -> String {
        match (self, question) {
            (Answer::Side(guess), _) => guess.name().to_owned(),
            (Answer::Choice(n), Question::Choice { choices }) => {
                choices.get(usize::from(*n)).cloned().unwrap_or_default()
            }
            (Answer::Choice(n), _) => n.to_string(),
            (Answer::Text(text), _) => text.clone(),
            (Answer::Number(number), _) => number.to_string(),
        }
    }

    /// About how many bytes it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Answer::Text(text) => text.len() + 32,
            _ => 32,
        }
    }
}

/// An answer and how many gave it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnswerCount {
    /// The answer, or a range of numbers.
    pub answer: String,
    /// How many gave it.
    pub count: u32,
}

/// What some numbers come to.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NumberSummary {
    /// The least.
    pub least: f64,
    /// Half of them are not above it.
    pub median: f64,
    /// The most.
    pub most: f64,
}

/// What the answers of a class come to; no answer says whose it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Results {
    /// Answers: all choices in their order, words of one's own by how many gave them, numbers in order.
    pub rows: Vec<AnswerCount>,
    /// How many gave an answer that has no row.
    pub others: u32,
    /// Of numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<NumberSummary>,
}

impl Results {
    /// The results of some answers to a question.
    pub fn of<'a>(question: &Question, answers: impl IntoIterator<Item = &'a Answer>) -> Self {
        let answers: Vec<&Answer> = answers.into_iter().collect();
        match question {
            Question::Sides => {
                let count = |guess| answers.iter().filter(|a| ***a == Answer::Side(guess)).count();
                let row = |guess: Guess| row(guess.name().to_owned(), count(guess));
                Results { rows: Guess::ALL.map(row).to_vec(), ..Results::default() }
            }
            Question::Choice { choices } => {
                let count = |n: usize| {
                    let this =
                        |a: &&&Answer| matches!(a, Answer::Choice(c) if usize::from(*c) == n);
                    answers.iter().filter(this).count()
                };
                let rows = choices.iter().enumerate().map(|(n, text)| row(text.clone(), count(n)));
                Results { rows: rows.collect(), ..Results::default() }
            }
            Question::Text => of_texts(&answers),
            Question::Number => of_numbers(&answers),
        }
    }

    /// A row's part of the largest, 0 to 1: the length of its bar.
    pub fn length(&self, row: &AnswerCount) -> f64 {
        match self.rows.iter().map(|row| row.count).max() {
            None | Some(0) => 0.0,
            Some(most) => f64::from(row.count) / f64::from(most),
        }
    }
}

fn row(answer: String, count: usize) -> AnswerCount {
    AnswerCount { answer, count: u32::try_from(count).unwrap_or(u32::MAX) }
}

/// Texts that differ in nothing but their letters' size and in signs around them are one answer, as it
/// was written first.
fn of_texts(answers: &[&Answer]) -> Results {
    let mut found: Vec<(String, AnswerCount)> = Vec::new();
    for answer in answers {
        let Answer::Text(text) = answer else { continue };
        let key = text.to_lowercase();
        let key = key.trim_matches(|c: char| !c.is_alphanumeric()).to_owned();
        match found.iter_mut().find(|(known, _)| *known == key) {
            Some((_, row)) => row.count += 1,
            None => found.push((key, row(text.clone(), 1))),
        }
    }
    let mut rows: Vec<AnswerCount> = found.into_iter().map(|(_, row)| row).collect();
    rows.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.answer.cmp(&b.answer)));
    let rest = rows.split_off(rows.len().min(ROWS));
    Results { rows, others: rest.iter().map(|row| row.count).sum(), numbers: None }
}

/// Few different numbers are counted each, many in ranges of one width.
fn of_numbers(answers: &[&Answer]) -> Results {
    let number = |answer: &&Answer| match answer {
        Answer::Number(number) => Some(*number),
        _ => None,
    };
    let mut all: Vec<f64> = answers.iter().filter_map(number).collect();
    all.sort_by(f64::total_cmp);
    let (Some(&least), Some(&most)) = (all.first(), all.last()) else { return Results::default() };
    let middle = all.len() / 2;
    let median = match all.len() % 2 {
        1 => all[middle],
        _ => f64::midpoint(all[middle - 1], all[middle]),
    };
    let mut different = all.clone();
    different.dedup();
    let rows = match different.len() {
        n if n <= ROWS => {
            let count = |one: &f64| all.iter().filter(|x| *x == one).count();
            different.iter().map(|one| row(one.to_string(), count(one))).collect()
        }
        _ => {
            let width = (most - least) / RANGES as f64;
            let of = |x: f64| (((x - least) / width) as usize).min(RANGES - 1);
            (0..RANGES)
                .map(|n| {
                    let from = least + width * n as f64;
                    let count = all.iter().filter(|x| of(**x) == n).count();
                    row(format!("{} – {}", short(from), short(from + width)), count)
                })
                .collect()
        }
    };
    Results { rows, others: 0, numbers: Some(NumberSummary { least, median, most }) }
}

/// A number with no more digits than a range needs.
fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(results: &Results) -> Vec<(&str, u32)> {
        results.rows.iter().map(|row| (row.answer.as_str(), row.count)).collect()
    }

    #[test]
    fn only_what_the_question_asks_for_is_an_answer() {
        let choice = Question::Choice { choices: vec!["a".into(), "b".into()] };
        assert_eq!(choice.takes(Answer::Choice(1)), Some(Answer::Choice(1)));
        assert_eq!(choice.takes(Answer::Choice(2)), None);
        assert_eq!(choice.takes(Answer::Side(Guess::Words)), None);
        assert_eq!(Question::Sides.takes(Answer::Text("words".into())), None);
        let text = Question::Text.takes(Answer::Text(" a\n\u{202e}dog ".into()));
        assert_eq!(text, Some(Answer::Text("a dog".into())));
        assert_eq!(Question::Text.takes(Answer::Text(" \n".into())), None);
        assert_eq!(Question::Text.takes(Answer::Text("x".repeat(121))), None);
        assert_eq!(Question::Number.takes(Answer::Number(-0.0)), Some(Answer::Number(0.0)));
        for odd in [f64::NAN, f64::INFINITY, 1e13] {
            assert_eq!(Question::Number.takes(Answer::Number(odd)), None);
        }
    }

    #[test]
    fn choices_are_few_and_short() {
        let of = |choices: &[&str]| {
            let choices = choices.iter().map(|c| (*c).to_owned()).collect();
            Question::Choice { choices }.check()
        };
        assert_eq!(of(&["yes", "no"]), Ok(()));
        assert!(of(&["yes"]).is_err() && of(&["a"; 7]).is_err());
        assert!(of(&["yes", " "]).is_err() && of(&["yes", &"x".repeat(81)]).is_err());
    }

    #[test]
    fn choices_that_nobody_took_are_counted_too() {
        let question = Question::Choice { choices: vec!["a".into(), "b".into()] };
        let results = Results::of(&question, &[Answer::Choice(1), Answer::Choice(1)]);
        assert_eq!(rows(&results), [("a", 0), ("b", 2)]);
        assert_eq!(results.length(&results.rows[1]), 1.0);
        let sides = Results::of(&Question::Sides, &[Answer::Side(Guess::Picture)]);
        assert_eq!(rows(&sides), [("words", 0), ("picture", 1)]);
    }

    #[test]
    fn texts_that_say_the_same_are_one_answer_and_the_rest_is_counted() {
        let text = |text: &str| Answer::Text(text.into());
        let said = ["A dog.", "a dog", "고양이", "A DOG!"].map(text);
        assert_eq!(rows(&Results::of(&Question::Text, &said)), [("A dog.", 3), ("고양이", 1)]);
        let many: Vec<Answer> = (0..20).map(|n| text(&format!("answer {n:02}"))).collect();
        let results = Results::of(&Question::Text, &many);
        assert_eq!((results.rows.len(), results.others), (12, 8));
    }

    #[test]
    fn numbers_are_summed_up_and_many_are_counted_in_ranges() {
        let numbers = |all: &[f64]| {
            let all: Vec<Answer> = all.iter().map(|n| Answer::Number(*n)).collect();
            Results::of(&Question::Number, &all)
        };
        let few = numbers(&[3.0, 1.5, 3.0, 2.0]);
        assert_eq!(rows(&few), [("1.5", 1), ("2", 1), ("3", 2)]);
        let summary = NumberSummary { least: 1.5, median: 2.5, most: 3.0 };
        assert_eq!(few.numbers, Some(summary));
        let all: Vec<f64> = (0..=80).map(f64::from).collect();
        let many = numbers(&all);
        assert_eq!(many.rows.len(), 8);
        assert_eq!(rows(&many)[0], ("0 – 10", 10));
        assert_eq!(rows(&many)[7], ("70 – 80", 11));
        assert_eq!(many.rows.iter().map(|row| row.count).sum::<u32>(), 81);
        assert_eq!(numbers(&[]), Results::default());
    }
}
