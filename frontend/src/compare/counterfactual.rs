//! What can be changed about a run to test it: one thing each, the rest stays as it was.

use shared::repeat::{BEGINNINGS, claim_in};
use shared::{Group, GroupSet, Knockout, LayerBand, PictureUse, Quant, RunOptions};

/// Seed of the noise: any will do, and the same one makes runs comparable.
pub const NOISE_SEED: u32 = 1;

/// One change of a run.
#[derive(Clone, Debug, PartialEq)]
pub enum Counterfactual {
    /// What stands in the picture's place.
    Picture(PictureUse),
    /// Another picture; the options stay.
    Swap,
    /// Another prompt: one that contradicts the picture, say.
    Say(String),
    /// The picture hidden from the words, in all layers or a band of them.
    Hide(Option<LayerBand>),
    /// Nothing hidden any more.
    Unhide,
    /// Another share of the picture's tokens dropped.
    Prune(f32),
    /// Another number of copies of the picture's tokens.
    Replicate(u32),
    /// Other weights.
    Quant(Quant),
    /// Another size of the prepared picture; `None` for the model's own limit.
    MaxPixels(Option<u32>),
    /// Another prompt template.
    Template(String),
}

impl Counterfactual {
    /// The options of the run that this change makes of another.
    pub fn of(&self, options: &RunOptions) -> RunOptions {
        // Checking costs a second run, and the first one was checked where somebody wanted that.
        // What could not be had as asked is said of each run anew.
        // A test is asked once, however often the run was.
        let (repeat, told) = (None, Vec::new());
        let mut changed = RunOptions { verify: false, repeat, changed: told, ..options.clone() };
        match self {
            Counterfactual::Picture(picture) => {
                changed.picture = *picture;
                if *picture == PictureUse::None {
                    // Without a picture there is nothing to drop or to repeat.
                    changed.prune = 0.0;
                    changed.replicate = 1;
                }
            }
            Counterfactual::Swap => {}
            Counterfactual::Say(prompt) => changed.prompt.clone_from(prompt),
            Counterfactual::Hide(layers) => changed.knockout = Some(hidden(*layers)),
            Counterfactual::Unhide => changed.knockout = None,
            Counterfactual::Prune(share) => changed.prune = *share,
            Counterfactual::Replicate(copies) => changed.replicate = *copies,
            Counterfactual::Quant(quant) => changed.quant = *quant,
            Counterfactual::MaxPixels(pixels) => changed.max_pixels = *pixels,
            Counterfactual::Template(name) => changed.template.clone_from(name),
        }
        if changed.prune == 0.0 {
            changed.prune_positions = None;
        }
        changed
    }

    /// Whether it changes anything about a run.
    pub fn changes(&self, options: &RunOptions) -> bool {
        // Swapping leaves the options as they are, but for what every change settles.
        *self == Counterfactual::Swap || self.of(options) != Counterfactual::Swap.of(options)
    }
}

/// Rows of text, of prompt and answer, see nothing of the picture.
pub fn hidden(layers: Option<LayerBand>) -> Knockout {
    let rows = Group::ALL.into_iter().filter(|g| !g.is_medium());
    let from = rows.fold(GroupSet::EMPTY, GroupSet::with);
    Knockout { from, to: GroupSet::EMPTY.with(Group::Image), layers, heads: Vec::new() }
}

/// Whether a knockout is [`hidden`], in whatever layers.
pub fn hides_picture(knockout: &Knockout) -> bool {
    *knockout == hidden(knockout.layers)
}

/// A prompt that says something else than the picture shows, to begin with: a sentence to be
/// edited, before the question.
pub fn contradicted(prompt: &str) -> String {
    match claim_in(prompt) {
        // One that says something already says something else.
        Some((beginning, what, question)) => {
            let other = if what.ends_with("cat") { "a dog" } else { "a cat" };
            format!("{beginning}{other}. {question}")
        }
        None => format!("{}a dog. {prompt}", BEGINNINGS[0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> RunOptions {
        RunOptions {
            prompt: "What is it?".into(),
            prune: 0.75,
            prune_positions: Some(shared::PrunePositions::Kept),
            verify: true,
            ..RunOptions::default()
        }
    }

    #[test]
    fn a_change_changes_one_thing() {
        let before = options();
        let quiet = RunOptions { verify: false, ..before.clone() };
        let blank = Counterfactual::Picture(PictureUse::Blank).of(&before);
        assert_eq!(blank, RunOptions { picture: PictureUse::Blank, ..quiet.clone() });
        let said = Counterfactual::Say("Is it a dog?".into()).of(&before);
        assert_eq!(said, RunOptions { prompt: "Is it a dog?".into(), ..quiet.clone() });
        assert_eq!(Counterfactual::Swap.of(&before), quiet);
        let whole = Counterfactual::Prune(0.0).of(&before);
        assert_eq!((whole.prune, whole.prune_positions), (0.0, None));
    }

    #[test]
    fn every_change_passes_the_labs_own_check() {
        let band = Some(LayerBand { first: 2, last: 3 });
        for change in [
            Counterfactual::Picture(PictureUse::None),
            Counterfactual::Picture(PictureUse::Noise(NOISE_SEED)),
            Counterfactual::Hide(band),
            Counterfactual::Hide(None),
            Counterfactual::Replicate(5),
            Counterfactual::Quant(Quant::Q4k),
            Counterfactual::MaxPixels(Some(30_000)),
        ] {
            let after = change.of(&options());
            assert_eq!(after.check_ranges(), Ok(()), "{change:?}");
            assert!(change.changes(&options()) && !change.changes(&after), "{change:?}");
        }
        assert!(hides_picture(&hidden(band)) && hides_picture(&hidden(None)));
        let other = "text>image".parse().expect("a knockout");
        assert!(!hides_picture(&other), "the answer still looks");
    }

    #[test]
    fn contradicting_begins_with_a_sentence_and_keeps_the_question() {
        assert_eq!(contradicted("What is it?"), "The picture shows a dog. What is it?");
        assert_eq!(
            contradicted("The picture shows a dog. Which animal is it?"),
            "The picture shows a cat. Which animal is it?"
        );
        assert_eq!(
            contradicted("This is a photo of a cat. What is it?"),
            "This is a photo of a dog. What is it?"
        );
    }
}
