//! What differs between two runs, in words: only what differs is named.

use shared::{CopyPositions, Knockout, LayerBand, PictureUse, PruneBy, PruneCount, RunOptions};

use super::counterfactual::hides_picture;
use crate::language::{fill, t};
use crate::words;
use plots::text::short;

/// Characters of a prompt that fit a legend.
const PROMPT: usize = 60;

/// One thing that differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// What stands in the picture's place.
    Picture,
    /// Attention that is knocked out.
    Knockout,
    /// The prompt.
    Prompt,
    /// How many of the picture's tokens there are.
    Tokens,
    /// The prepared picture's size or how it meets the frame.
    Size,
    /// The model.
    Model,
    /// Its weights.
    Weights,
    /// The prompt's template.
    Template,
    /// How long the answer may become.
    Length,
    /// How its tokens are chosen.
    Sampling,
}

/// What differs in the options of another run from those of the first, each with a phrase that
/// says what it is in the other.
pub fn differences(first: &RunOptions, other: &RunOptions) -> Vec<(What, String)> {
    let mut found = Vec::new();
    if first.model != other.model {
        found.push((What::Model, other.model.clone()));
    }
    if first.picture != other.picture {
        found.push((What::Picture, picture(other.picture)));
    }
    if first.knockout != other.knockout {
        found.push((What::Knockout, knockout(other.knockout.as_ref())));
    }
    if first.prompt != other.prompt {
        found.push((What::Prompt, format!("“{}”", short(&other.prompt, PROMPT))));
    }
    if (first.prune, first.prune_by, first.prune_count, first.prune_positions)
        != (other.prune, other.prune_by, other.prune_count, other.prune_positions)
        && first.prune + other.prune > 0.0
    {
        found.push((What::Tokens, pruned(first, other)));
    }
    if (first.replicate, first.copies) != (other.replicate, other.copies)
        && first.replicate + other.replicate > 2
    {
        found.push((What::Tokens, repeated(other)));
    }
    if first.max_pixels != other.max_pixels {
        let phrase = match other.max_pixels {
            Some(n) => fill("at most {n} pixels", &[("n", &n)]),
            None => t("the model’s own picture size").into(),
        };
        found.push((What::Size, phrase));
    }
    if first.fit != other.fit {
        found.push((What::Size, other.fit.name().into()));
    }
    if first.resize != other.resize {
        found.push((What::Size, fill("resized as {whose}", &[("whose", &other.resize.name())])));
    }
    if first.quant != other.quant {
        found.push((What::Weights, words::quant(other.quant).into()));
    }
    if first.template != other.template {
        let name = match other.template.as_str() {
            "" => t("the model’s own"),
            name => name,
        };
        found.push((What::Template, fill("template {name}", &[("name", &name)])));
    }
    if (first.max_new_tokens, first.ignore_eos) != (other.max_new_tokens, other.ignore_eos) {
        let end = if other.ignore_eos { t(", and on after its end") } else { "" };
        let values: [(&str, &dyn std::fmt::Display); 2] =
            [("n", &other.max_new_tokens), ("end", &end)];
        found.push((What::Length, fill("up to {n} tokens{end}", &values)));
    }
    if first.sampling != other.sampling {
        found.push((What::Sampling, words::sampling(&other.sampling)));
    }
    found
}

/// Which of a run's pictures are not the first run's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swapped {
    /// Their numbers, from 0.
    pub which: Vec<u8>,
    /// Most pictures that one of the two has.
    pub of: u8,
}

impl Swapped {
    /// Compares the pictures of a run with the first run's, number by number: whether those that both have
    /// are the same, and of how many each has. A run that was shown none lacks none.
    pub fn new(same: &[bool], (own, first): (u8, u8), shown_none: bool) -> Self {
        let of = own.max(first);
        let is_other = |n: &u8| match same.get(usize::from(*n)) {
            Some(same) => !same,
            None => !shown_none,
        };
        Swapped { which: (0..of).filter(is_other).collect(), of }
    }

    /// What it says of the run; `None` where all are the first run's.
    fn phrase(&self) -> Option<String> {
        let numbers: Vec<String> = self.which.iter().map(|n| (n + 1).to_string()).collect();
        match numbers.as_slice() {
            [] => None,
            [_] if self.of == 1 => Some(t("another picture").into()),
            [one] => Some(fill("another picture {n}", &[("n", one)])),
            _ => Some(fill("other pictures {numbers}", &[("numbers", &numbers.join(", "))])),
        }
    }
}

/// A run's name beside the first one's: what differs, or that nothing does.
pub fn named(first: &RunOptions, other: &RunOptions, swapped: &Swapped) -> String {
    let differ = differences(first, other).into_iter().map(|d| d.1);
    let parts: Vec<String> = swapped.phrase().into_iter().chain(differ).collect();
    if parts.is_empty() { t("the same again").into() } else { parts.join(", ") }
}

fn picture(picture: PictureUse) -> String {
    match picture {
        PictureUse::Own => t("the picture itself").into(),
        PictureUse::Blank => t("blank picture").into(),
        PictureUse::Noise(seed) => fill("noise (seed {seed})", &[("seed", &seed)]),
        PictureUse::None => t("question only").into(),
    }
}

/// A band of layers in words.
fn band(layers: Option<LayerBand>) -> String {
    match layers {
        None => t("all layers").into(),
        Some(LayerBand { first, last }) if first == last => fill("layer {l}", &[("l", &first)]),
        Some(LayerBand { first, last }) => fill("layers {a}–{b}", &[("a", &first), ("b", &last)]),
    }
}

fn knockout(knockout: Option<&Knockout>) -> String {
    match knockout {
        None => t("nothing hidden").into(),
        Some(k) if hides_picture(k) => {
            fill("picture hidden from the words in {layers}", &[("layers", &band(k.layers))])
        }
        Some(k) => fill("attention knocked out: {what}", &[("what", k)]),
    }
}

fn pruned(first: &RunOptions, other: &RunOptions) -> String {
    if other.prune == 0.0 {
        return t("all picture tokens").into();
    }
    let share = words::percent(f64::from(other.prune));
    let mut phrase = fill("{share} of the picture tokens dropped", &[("share", &share)]);
    if first.prune_by != other.prune_by {
        phrase += match other.prune_by {
            PruneBy::Score => t(", by score"),
            PruneBy::Random(_) => t(", by chance"),
        };
    }
    if first.prune_count != other.prune_count {
        phrase += match other.prune_count {
            PruneCount::Round => t(", rounded"),
            PruneCount::Floor => t(", rounded down"),
        };
    }
    if first.prune > 0.0
        && first.prune_positions != other.prune_positions
        && let Some(at) = other.prune_positions
    {
        phrase += &fill(", positions {at}", &[("at", &at.name())]);
    }
    phrase
}

fn repeated(other: &RunOptions) -> String {
    let phrase = fill("picture tokens ×{n}", &[("n", &other.replicate)]);
    match other.copies {
        CopyPositions::New => phrase,
        CopyPositions::Shared => phrase + t(", at shared positions"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::counterfactual::{Counterfactual, hidden};
    use shared::{PrunePositions, Quant, Sampling};

    fn first() -> RunOptions {
        RunOptions {
            prompt: "What is it?".into(),
            model: "demo-llava".into(),
            ..Default::default()
        }
    }

    fn said(change: &Counterfactual) -> String {
        let same = *change != Counterfactual::Swap;
        named(&first(), &change.of(&first()), &Swapped::new(&[same], (1, 1), false))
    }

    #[test]
    fn only_what_differs_is_named() {
        let band = Some(LayerBand { first: 6, last: 9 });
        for (change, expected) in [
            (Counterfactual::Picture(PictureUse::Blank), "blank picture"),
            (Counterfactual::Picture(PictureUse::Noise(1)), "noise (seed 1)"),
            (Counterfactual::Picture(PictureUse::None), "question only"),
            (Counterfactual::Swap, "another picture"),
            (Counterfactual::Say("Is it a dog?".into()), "“Is it a dog?”"),
            (Counterfactual::Hide(band), "picture hidden from the words in layers 6–9"),
            (Counterfactual::Hide(None), "picture hidden from the words in all layers"),
            (Counterfactual::Prune(0.75), "75\u{a0}% of the picture tokens dropped"),
            (Counterfactual::Replicate(5), "picture tokens ×5"),
            (Counterfactual::Quant(Quant::Q4k), "q4k"),
            (Counterfactual::Template("plain".into()), "template plain"),
        ] {
            assert_eq!(said(&change), expected);
        }
        assert_eq!(named(&first(), &first(), &Swapped::default()), "the same again");
        let verified = RunOptions { verify: true, ..first() };
        assert!(differences(&first(), &verified).is_empty(), "checking changes nothing");
    }

    #[test]
    fn of_several_pictures_those_that_differ_are_named() {
        let said =
            |same: &[bool], own, first, none| Swapped::new(same, (own, first), none).phrase();
        assert_eq!(said(&[true, true, true], 3, 3, false), None);
        assert_eq!(said(&[true, false], 2, 2, false).as_deref(), Some("another picture 2"));
        let two = said(&[false, true, false], 3, 3, false);
        assert_eq!(two.as_deref(), Some("other pictures 1, 3"));
        // One more or one fewer differs; of a run that was shown none it is not known, and said otherwise.
        assert_eq!(said(&[true], 2, 1, false).as_deref(), Some("another picture 2"));
        assert_eq!(said(&[true], 1, 3, false).as_deref(), Some("other pictures 2, 3"));
        assert_eq!(said(&[true], 1, 3, true), None);
    }

    #[test]
    fn what_a_run_filled_in_is_no_difference() {
        // The lab says of every run that drops tokens where the rest stood.
        let dropped =
            RunOptions { prune: 0.75, prune_positions: Some(PrunePositions::Repacked), ..first() };
        let found = differences(&first(), &dropped);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].0, What::Tokens);
        assert!(!found[0].1.contains("positions"));
        let kept = RunOptions { prune_positions: Some(PrunePositions::Kept), ..dropped.clone() };
        assert!(differences(&dropped, &kept)[0].1.ends_with("positions kept"));
        assert_eq!(differences(&dropped, &first())[0].1, "all picture tokens");
    }

    #[test]
    fn how_tokens_are_chosen_is_a_difference() {
        let drawn = Sampling { temperature: 0.7, top_p: 0.9, seed: 3, ..Sampling::default() };
        let other = RunOptions { sampling: drawn, ..first() };
        assert_eq!(
            named(&first(), &other, &Swapped::default()),
            "drawn at temperature 0.7, top-p 0.9, seed 3"
        );
        let held = Sampling { repetition_penalty: 1.05, ..Sampling::default() };
        let held = RunOptions { sampling: held, ..first() };
        assert_eq!(
            named(&other, &held, &Swapped::default()),
            "most probable token, repetition penalty 1.05"
        );
    }

    #[test]
    fn several_differences_stand_together_and_long_prompts_are_cut() {
        let other = RunOptions {
            prompt: "word ".repeat(40),
            knockout: Some(hidden(None)),
            max_new_tokens: 5,
            ignore_eos: true,
            ..first()
        };
        let phrase = named(&first(), &other, &Swapped::default());
        assert!(phrase.contains("word…”"), "{phrase}");
        assert!(phrase.ends_with("up to 5 tokens, and on after its end"), "{phrase}");
        assert_eq!(differences(&first(), &other).len(), 3);
    }
}
