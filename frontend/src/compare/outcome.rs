//! Whether the answer moved, in plain sentences that claim no more than was seen.

use shared::pair::{Likelihood, Parting};
use shared::{PictureUse, RunOptions};

use super::difference::{What, differences};
use crate::language::{fill, t};
use crate::words;

/// Whether the answer changed and where the two part.
pub fn answer(parting: &Parting) -> String {
    // As everywhere, the first token is 0.
    let place = parting.same;
    let shown = |text: &String| format!("“{}”", words::token(text));
    match (&parting.first, &parting.second) {
        (None, None) if parting.same == 0 => t("Neither wrote anything.").into(),
        (None, None) => t("The answer stays the same, token for token.").into(),
        (Some(a), Some(b)) => fill(
            "The answer changes at token {n}: {a} becomes {b}.",
            &[("n", &place), ("a", &shown(a)), ("b", &shown(b))],
        ),
        (Some(a), None) => fill(
            "The answer changes: it ends before token {n}, {a}.",
            &[("n", &place), ("a", &shown(a))],
        ),
        (None, Some(b)) => fill(
            "The answer changes: it goes on with token {n}, {b}.",
            &[("n", &place), ("b", &shown(b))],
        ),
    }
}

/// What that says about the first run, where one thing alone differs: a test of that thing.
pub fn meaning(
    first: &RunOptions,
    other: &RunOptions,
    swapped: bool,
    stays: bool,
) -> Option<&'static str> {
    let found = differences(first, other);
    let one = match (found.as_slice(), swapped) {
        ([], true) => None,
        ([(what, _)], false) => Some(*what),
        _ => return None,
    };
    let sentence = match (one, stays) {
        (None, true) => {
            t("Another picture, the same answer: this alone does not show that a picture was used.")
        }
        (None, false) => t("The answer follows the picture."),
        (Some(What::Picture), true) if other.picture != PictureUse::Own => {
            t("The model gives this answer without the picture too: whatever its attention, the \
             answer did not need it.")
        }
        (Some(What::Picture), false) if other.picture != PictureUse::Own => {
            t("Without the picture the model answers something else: the answer needed it.")
        }
        (Some(What::Knockout), true) if other.knockout.is_some() => {
            t("The answer did not need the attention that was blocked.")
        }
        (Some(What::Knockout), false) if other.knockout.is_some() => {
            t("The answer needed the attention that was blocked, or was disturbed by its lack.")
        }
        (Some(What::Prompt), true) => t("The other words did not move the answer."),
        (Some(What::Prompt), false) => t("The words moved the answer; the picture is the same."),
        (Some(What::Tokens), true) => {
            t("The answer does not depend on how many tokens the picture has.")
        }
        (Some(What::Tokens), false) => t("The answer depends on how many tokens the picture has."),
        _ => return None,
    };
    Some(sentence)
}

/// The log-probability of the first run's answer, and of how much of it that is known.
pub fn likelihood(found: Option<Likelihood>) -> String {
    match found {
        None => t("not known").into(),
        Some(l) if l.known == l.tokens => log(l.logprob),
        Some(l) => fill(
            "{log} (first {known} of {tokens} tokens)",
            &[("log", &log(l.logprob)), ("known", &l.known), ("tokens", &l.tokens)],
        ),
    }
}

/// A logarithm with a true minus.
fn log(value: f64) -> String {
    let size = words::number(value.abs());
    if value < 0.0 { format!("−{size}") } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::counterfactual::Counterfactual;

    fn parted(same: usize, first: Option<&str>, second: Option<&str>) -> String {
        let own = |text: Option<&str>| text.map(str::to_owned);
        answer(&Parting { same, first: own(first), second: own(second) })
    }

    #[test]
    fn the_place_where_answers_part_is_named() {
        assert_eq!(
            parted(3, Some(" dog"), Some(" cat")),
            "The answer changes at token 3: “dog” becomes “cat”."
        );
        assert_eq!(parted(6, None, None), "The answer stays the same, token for token.");
        assert_eq!(parted(0, None, None), "Neither wrote anything.");
        assert!(parted(2, Some(""), None).ends_with("ends before token 2, “[end]”."));
        assert!(parted(2, None, Some("!")).contains("goes on with token 2"));
    }

    #[test]
    fn one_difference_has_a_meaning_and_several_have_none() {
        let first = RunOptions { prompt: "What is it?".into(), ..RunOptions::default() };
        let blank = Counterfactual::Picture(PictureUse::Blank).of(&first);
        let said = |other: &RunOptions, swapped, stays| meaning(&first, other, swapped, stays);
        assert!(said(&blank, false, true).is_some_and(|s| s.contains("did not need it")));
        assert!(said(&blank, false, false).is_some_and(|s| s.contains("needed it")));
        assert!(said(&first, true, true).is_some_and(|s| s.contains("does not show")));
        let both = RunOptions { prompt: "A dog?".into(), ..blank.clone() };
        assert_eq!(said(&both, false, false), None);
        assert_eq!(said(&blank, true, false), None, "two things differ");
        assert_eq!(said(&first, false, true), None, "nothing differs");
        // A run that was blank already tells nothing about its picture by getting it back.
        assert_eq!(meaning(&blank, &first, false, true), None);
    }

    #[test]
    fn what_is_known_of_an_answer_is_said() {
        let of = |logprob, known| likelihood(Some(Likelihood { logprob, known, tokens: 6 }));
        assert_eq!(of(-8.31, 6), "−8.31");
        assert_eq!((of(-0.000_2, 6), of(0.0, 6)), ("−0.00020".into(), "0.00".into()));
        assert_eq!(of(-2.5, 4), "−2.50 (first 4 of 6 tokens)");
        assert_eq!(likelihood(None), "not known");
    }
}
