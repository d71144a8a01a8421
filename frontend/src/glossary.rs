//! Plain words for every term of the page, each in at most two sentences.

use crate::language::t;

/// A term that the page uses and explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Term {
    /// What the page measures.
    Attention,
    /// A piece of the sequence.
    Token,
    /// A piece of the picture.
    Patch,
    /// A step of the model.
    Layer,
    /// One of a layer's attention patterns.
    Head,
    /// The number.
    Mdi,
    /// The number's other form.
    Aei,
    /// The check on both.
    Identity,
    /// What the number depends on.
    Definition,
    /// Which rows look.
    Queries,
    /// Which tokens count as text.
    TextKeys,
    /// The first position.
    Sink,
    /// What stands around the question.
    Template,
    /// Delimiters.
    Marker,
    /// Early, middle, late.
    Stage,
    /// How several values become one.
    MeanOfRatios,
    /// Attention without preference.
    Even,
    /// Between groups of tokens.
    Flow,
    /// Picture tokens dropped.
    Prune,
    /// Picture tokens repeated.
    Replicate,
    /// Attention forbidden.
    Knockout,
    /// Another picture in its place.
    Counterfactual,
    /// Weights in fewer bits.
    Quantization,
    /// How sure the model was.
    LogProbability,
    /// The score before probabilities.
    Logit,
    /// How far from the most probable token draws may go.
    Temperature,
    /// How sure a mean is.
    Interval,
}

impl Term {
    /// All terms, in the order in which a newcomer meets them.
    pub const ALL: [Term; 27] = [
        Term::Attention,
        Term::Token,
        Term::Patch,
        Term::Layer,
        Term::Head,
        Term::Mdi,
        Term::Aei,
        Term::Identity,
        Term::Definition,
        Term::Queries,
        Term::TextKeys,
        Term::Sink,
        Term::Template,
        Term::Marker,
        Term::Stage,
        Term::MeanOfRatios,
        Term::Even,
        Term::Flow,
        Term::Prune,
        Term::Replicate,
        Term::Knockout,
        Term::Counterfactual,
        Term::Quantization,
        Term::LogProbability,
        Term::Logit,
        Term::Temperature,
        Term::Interval,
    ];

    /// Its name as the list of terms gives it.
    pub fn name(self) -> &'static str {
        match self {
            Term::Attention => t("Attention"),
            Term::Token => t("Token"),
            Term::Patch => t("Patch"),
            Term::Layer => t("Layer"),
            Term::Head => t("Head"),
            Term::Mdi => t("MDI (modality dominance index)"),
            Term::Aei => t("AEI (attention efficiency index)"),
            Term::Identity => t("Identity"),
            Term::Definition => t("Definition"),
            Term::Queries => t("Queries"),
            Term::TextKeys => t("Text keys"),
            Term::Sink => t("Sink"),
            Term::Template => t("Template"),
            Term::Marker => t("Marker"),
            Term::Stage => t("Stage"),
            Term::MeanOfRatios => t("Mean of ratios"),
            Term::Even => t("Even attention"),
            Term::Flow => t("Flow"),
            Term::Prune => t("Prune"),
            Term::Replicate => t("Replicate"),
            Term::Knockout => t("Knockout"),
            Term::Counterfactual => t("Counterfactual"),
            Term::Quantization => t("Quantization"),
            Term::LogProbability => t("Log-probability"),
            Term::Logit => t("Logit"),
            Term::Temperature => t("Temperature"),
            Term::Interval => t("95 % interval"),
        }
    }

    /// What it means, for whoever never met it.
    pub fn meaning(self) -> &'static str {
        match self {
            Term::Attention => t(
                "How a model weighs what it has read: every token spreads 100 % of its attention \
                 over itself and the tokens before it.",
            ),
            Term::Token => {
                t("A piece of text, often a word or a part of one, or a piece of the picture. The \
                 model reads and writes one token after the other.")
            }
            Term::Patch => {
                t("A small square of the picture. Each patch becomes one picture token.")
            }
            Term::Layer => t(
                "One step of the model: every token looks at the tokens before it and is changed \
                 by what it sees. A model has many layers, one after the other.",
            ),
            Term::Head => {
                t("One of the ways in which a layer looks. A layer has several heads at once, and \
                 each spreads its attention differently.")
            }
            Term::Mdi => t(
                "The attention on one text token over the attention on one picture token. Above 1 \
                 words draw more per token, below 1 the picture does.",
            ),
            Term::Aei => {
                t("A side’s share of the attention over its share of the tokens. Above 1 it draws \
                 more than its size.")
            }
            Term::Identity => t(
                "A check of the numbers: the two AEI, weighted by their shares of the tokens, add \
                 up to 1. Shown is how far they are from it.",
            ),
            Term::Definition => {
                t("What counts as text, which rows look, and how values are averaged. The number \
                 depends on it, so it stands beside every number.")
            }
            Term::Queries => {
                t("The tokens that look: whose attention is summed up. Usually those that predict \
                 the answer.")
            }
            Term::TextKeys => t("The tokens that count as text when they are looked at."),
            Term::Sink => {
                t("The first position of the sequence. Models park attention there that they need \
                 nowhere else, whatever it holds.")
            }
            Term::Template => t(
                "The words that a model wants around every question, such as USER and ASSISTANT. \
                 Nobody typed them.",
            ),
            Term::Marker => {
                t("A special token that says where something begins or ends, such as the picture.")
            }
            Term::Stage => {
                t("A part of the layers: early, middle or late. The paper’s tables speak of the \
                 first two, the middle two and the last two.")
            }
            Term::MeanOfRatios => t(
                "Each layer’s value first, then their mean. A ratio of means adds the attention up \
                 first and divides once.",
            ),
            Term::Even => t(
                "What the number would be if every token drew as much attention as any other. It \
                 shows what comes from the counts alone.",
            ),
            Term::Flow => {
                t("Which part of their attention the tokens of one kind give to those of another.")
            }
            Term::Prune => t(
                "Drops picture tokens before the model reads them, those first that seem to matter \
                 least.",
            ),
            Term::Replicate => t("Puts the picture’s tokens into the sequence several times."),
            Term::Knockout => {
                t("Attention that is forbidden: some tokens may not look at others. If the answer \
                 stays the same, it did not need that look.")
            }
            Term::Counterfactual => t(
                "The same question with another picture, or none. If the answer stays the same, it \
                 did not come from the picture.",
            ),
            Term::Quantization => {
                t("Weights held in fewer bits, so that a model takes less memory. q8_0 is nearly \
                 exact, q4k is smaller and rougher.")
            }
            Term::LogProbability => {
                t("How sure the model was of a token: the logarithm of its probability. 0 is \
                 certain, and the lower the less likely.")
            }
            Term::Logit => {
                t("The score that the model gives each possible next token, before scores become \
                 probabilities.")
            }
            Term::Temperature => t(
                "What the logits are divided by before a token is drawn by its probability: the higher, \
                 the more often less probable tokens come. At 0 the most probable one is taken.",
            ),
            Term::Interval => t(
                "Made so that it holds the true mean in 95 of 100 draws of samples, which a test \
                 measures. The fewer the samples the wider it is, and below five there is none.",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_term_is_explained_in_at_most_two_sentences() {
        for term in Term::ALL {
            let meaning = term.meaning();
            let sentences = meaning.matches(". ").count() + 1;
            assert!(sentences <= 2, "{term:?}: {meaning}");
            assert!(meaning.ends_with('.') && meaning.len() <= 200, "{term:?}: {meaning}");
        }
    }

    #[test]
    fn no_term_is_listed_twice() {
        for (at, term) in Term::ALL.iter().enumerate() {
            assert!(!Term::ALL[..at].contains(term), "{term:?}");
            assert!(Term::ALL[..at].iter().all(|t| t.name() != term.name()), "{term:?}");
        }
    }
}
