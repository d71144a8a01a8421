//! Sentences of the classroom, and which of its words the answer takes from the prompt.

use shared::classroom::{Guess, Moment};

use crate::language::{fill, t};

/// How far the answering is.
pub fn answered(answered: u32, present: u32) -> String {
    // Who answered and left is still counted.
    let all = present.max(answered);
    match all {
        0 => t("Nobody has joined yet").to_owned(),
        _ => fill("{n} of {all} have answered", &[("n", &answered), ("all", &all)]),
    }
}

/// What somebody answered, told to them.
pub fn own_answer(answer: &str) -> String {
    fill("You answered: {answer}.", &[("answer", &answer)])
}

/// Whether the presenter may show what the answers come to now, or hide it.
pub fn onto_results(shown: bool) -> &'static str {
    if shown { t("Hide what the class answered") } else { t("Show what the class answered") }
}

/// Which side the answer followed, where a lesson knows it.
pub fn followed(side: Guess) -> &'static str {
    match side {
        Guess::Words => t("The answer followed the words."),
        Guess::Picture => t("The answer followed the picture."),
    }
}

/// What the presenter's main button does at a moment; `more` where another step of a lesson follows.
pub fn onward(moment: Moment, more: bool) -> Option<&'static str> {
    match moment {
        Moment::Asked => Some(t("Show the answer")),
        Moment::Answered => Some(t("Reveal the curve")),
        Moment::Revealed => more.then(|| t("Next question")),
    }
}

/// A piece of a text, and whether it is one of the words that both sides share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Whether the other text has this word too.
    pub shared: bool,
}

/// Words that are in every question and answer and so say nothing.
const COMMON: &[&str] = &[
    "the", "and", "are", "this", "that", "there", "here", "picture", "photo", "image", "shows",
    "what", "which", "with", "has", "its", "can", "see", "you", "left", "right", "how", "many",
];

/// `text` in pieces, those words marked that `other` has too: with prompt and answer, what the model
/// may have taken from the words. A cue for the eye, not a measurement.
pub fn echoes(text: &str, other: &str) -> Vec<Piece> {
    let key = |word: &str| {
        let word: String = word.chars().filter(|c| c.is_alphanumeric()).collect();
        let word = word.to_lowercase();
        (word.chars().count() > 2 && !COMMON.contains(&word.as_str())).then_some(word)
    };
    let theirs: Vec<String> = other.split_whitespace().filter_map(key).collect();
    let mut pieces: Vec<Piece> = Vec::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let shared = key(word).is_some_and(|w| theirs.contains(&w));
        // Only the word itself is marked, not what stands around it.
        let is_word = |c: char| c.is_alphanumeric();
        let (start, end) = match (word.find(is_word), word.rfind(is_word)) {
            (Some(a), Some(b)) if shared => {
                (a, b + word[b..].chars().next().map_or(0, char::len_utf8))
            }
            _ => (0, 0),
        };
        for (part, shared) in
            [(&word[..start], false), (&word[start..end], shared), (&word[end..], false)]
        {
            match pieces.last_mut() {
                _ if part.is_empty() => {}
                Some(last) if last.shared == shared => last.text.push_str(part),
                _ => pieces.push(Piece { text: part.to_owned(), shared }),
            }
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(text: &str, other: &str) -> String {
        let pieces = echoes(text, other);
        pieces
            .iter()
            .map(|p| if p.shared { format!("<{}>", p.text) } else { p.text.clone() })
            .collect()
    }

    #[test]
    fn what_the_answer_took_from_the_prompt_is_marked() {
        let prompt = "The picture shows a dog. Which animal is in the picture?";
        assert_eq!(
            marked(prompt, "It is a dog."),
            "The picture shows a <dog>. Which animal is in the picture?"
        );
        assert_eq!(marked("It is a dog.", prompt), "It is a <dog>.");
        assert_eq!(marked("It is a cat.", prompt), "It is a cat.");
        assert_eq!(marked("„Ärger“!", "kein ärger"), "„<Ärger>“!");
        assert_eq!(marked("", prompt), "");
    }

    #[test]
    fn answering_is_told() {
        assert_eq!(answered(58, 60), "58 of 60 have answered");
        assert_eq!(answered(58, 0), "58 of 58 have answered");
        assert_eq!(answered(0, 0), "Nobody has joined yet");
    }
}
