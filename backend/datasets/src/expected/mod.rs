//! What a right answer would be, and how an answer compares with it.

mod choice;
mod letters;
mod spoken;

use shared::experiment::{Verdict, as_compared};

pub use choice::Choice;

/// What answers to a sample are compared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// One option of several.
    Choice(Choice),
    /// Texts, any of which is right.
    Texts(Texts),
}

/// Accepted answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Texts {
    /// The answers that are right.
    pub accepted: Vec<String>,
    /// The answers of one who believes the prompt's false claim; empty where it makes none.
    pub claimed: Vec<String>,
}

impl Expected {
    /// Compares an answer. An option is read out of it as [`Choice::read`] says. A text must equal
    /// one of those accepted after lower-casing, collapsing white space and taking one last full
    /// stop away; what equals none of them, and none of those that believe the claim, is wrong.
    pub fn judge(&self, answer: &str) -> Verdict {
        match self {
            Expected::Choice(choice) => match choice.read(answer) {
                Some(read) if read == choice.right() => Verdict::Right,
                Some(_) => Verdict::Wrong,
                None => Verdict::Unreadable,
            },
            Expected::Texts(texts) => {
                let answer = as_compared(answer);
                let among = |list: &[String]| list.iter().any(|text| as_compared(text) == answer);
                if among(&texts.accepted) {
                    Verdict::Right
                } else if among(&texts.claimed) {
                    Verdict::Claimed
                } else {
                    Verdict::Wrong
                }
            }
        }
    }
}

/// A right answer for people: the option with its letter, or the first accepted text.
impl std::fmt::Display for Expected {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Expected::Choice(choice) => choice.fmt(f),
            Expected::Texts(texts) => f.write_str(texts.accepted.first().map_or("", |t| t)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared_as_the_models_were_scored() {
        let expected = Expected::Texts(Texts {
            accepted: vec!["There is one thing.".into(), "One.".into()],
            claimed: vec!["There are four things.".into()],
        });
        for (answer, verdict) in [
            ("There is one thing.", Verdict::Right),
            ("  there is\n ONE thing ", Verdict::Right),
            ("one", Verdict::Right),
            ("There are four things", Verdict::Claimed),
            ("There are four things..", Verdict::Wrong),
            ("There is one thing. It is red.", Verdict::Wrong),
            ("", Verdict::Wrong),
        ] {
            assert_eq!(expected.judge(answer), verdict, "{answer}");
        }
        assert_eq!(expected.to_string(), "There is one thing.");
    }

    #[test]
    fn options_are_right_wrong_or_unreadable() {
        let choice = Choice::new(vec!["a dog".into(), "a cat".into()], "B");
        let expected = choice.map(Expected::Choice);
        let judge = |answer| expected.as_ref().map(|e| e.judge(answer));
        assert_eq!(judge("B"), Some(Verdict::Right));
        assert_eq!(judge("It is a dog."), Some(Verdict::Wrong));
        assert_eq!(judge("I cannot tell."), Some(Verdict::Unreadable));
        assert_eq!(expected.map(|e| e.to_string()), Some("B. a cat".into()));
    }
}
