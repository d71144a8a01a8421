//! What is worth seeing first in a run: where along the layers words and picture draw most, and
//! whether a word of the answer was looked up in the question.

use crate::group::Group;
use crate::measure::Measure;
use crate::observation::Observation;

/// The layers in which one text token drew most and least over one picture token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extremes {
    /// Layer and MDI where words draw most per token.
    pub most: (usize, f64),
    /// Layer and MDI where they draw least.
    pub least: (usize, f64),
    /// The words' share of the attention, `P_T`: the smallest and the largest of the layers that have
    /// an MDI. One token may draw much while all of its side draw little.
    pub shares: (f64, f64),
    /// Layers that have an MDI.
    pub defined: usize,
    /// Layers that have none: what is said of all layers is not said of them.
    pub undefined: usize,
}

impl Extremes {
    /// The extremes of measures by layer; of equals, the first layer. `None` with fewer than two
    /// layers that have a value: then nothing is most or least.
    pub fn of(measures: &[Measure]) -> Option<Extremes> {
        let all = || measures.iter().enumerate().filter_map(|(l, m)| Some((l, m.mdi.ok()?)));
        let first = all().next().filter(|_| all().nth(1).is_some())?;
        let shares = measures.iter().filter(|m| m.mdi.is_ok()).filter_map(|m| m.share_text.ok());
        let defined = all().count();
        Some(Extremes {
            most: all().fold(first, |a, b| if b.1 > a.1 { b } else { a }),
            least: all().fold(first, |a, b| if b.1 < a.1 { b } else { a }),
            shares: shares.fold((1.0, 0.0), |(low, high), p| (p.min(low), p.max(high))),
            defined,
            undefined: measures.len() - defined,
        })
    }
}

/// A word of the answer that stands in the question, too, and how much the row that wrote it
/// looked at it there.
#[derive(Clone, Debug, PartialEq)]
pub struct Echo {
    /// Positions of that word among what the person typed.
    pub positions: Vec<u32>,
    /// By layer: the part of the row's attention on those positions, averaged over heads.
    pub shares: Vec<f64>,
    /// The layer with the largest part; of equals, the first.
    pub layer: usize,
}

impl Echo {
    /// The largest part.
    pub fn share(&self) -> f64 {
        self.shares.get(self.layer).copied().unwrap_or_default()
    }
}

/// A token's text as a word: without the blank before it and in one case. `None` for what is too
/// short to be a word that anybody looks up, such as punctuation and articles.
fn word(text: &str) -> Option<String> {
    let word = text.replace('\u{2581}', " ").trim().to_lowercase();
    let letters = word.chars().filter(|c| c.is_alphanumeric()).count();
    (letters >= 3 || (letters > 0 && !word.is_ascii())).then_some(word)
}

impl Observation {
    /// Positions of generated token `index` among what the person typed; none where it does not stand
    /// there.
    pub(crate) fn echoed(&self, index: usize) -> Vec<u32> {
        let Some((token, layout)) = self.tokens.get(index).zip(self.layout.as_ref()) else {
            return Vec::new();
        };
        // A part of a character is no word.
        let Some(wanted) = word(&token.text).filter(|_| token.bytes.is_none()) else {
            return Vec::new();
        };
        let typed = layout.tokens.iter().filter(|t| t.group == Group::Instruction);
        let typed = typed.filter(|t| t.parts.is_empty());
        typed.filter(|t| word(&t.text).as_ref() == Some(&wanted)).map(|t| t.index).collect()
    }

    /// Where generated token `index` stands among what the person typed, and how much its
    /// predicting row looked there; `None` where it does not stand there.
    pub fn echo(&self, index: usize) -> Option<Echo> {
        let token = self.tokens.get(index)?;
        let positions = self.echoed(index);
        let mut shares = Vec::new();
        for layer in 0..self.layers() {
            let row = token.flow.row(layer)?;
            let on = |at: &u32| row.get(*at as usize).map(|share| f64::from(*share));
            shares.push(positions.iter().map(on).sum::<Option<f64>>()?);
        }
        let most = |best: usize, (layer, share): (usize, &f64)| {
            if *share > shares[best] { layer } else { best }
        };
        let layer = shares.iter().enumerate().fold(0, most);
        (!positions.is_empty() && !shares.is_empty()).then_some(Echo { positions, shares, layer })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bins::FEW_BINS;
    use crate::flow::{F32s, TokenFlow};
    use crate::layout::{Layout, Token};
    use crate::measure::{Attention, Undefined};
    use crate::observation::Generated;

    fn measure(mdi: f64) -> Measure {
        Attention { text: mdi, image: 1.0, text_tokens: 1, image_tokens: 1 }.measure()
    }

    #[test]
    fn extremes_are_layers_that_have_values() {
        let none = Measure::undefined(Undefined::NotObserved);
        let found = Extremes::of(&[none, measure(1.5), measure(0.5), measure(4.0), measure(4.0)]);
        let wanted = Extremes {
            most: (3, 4.0),
            least: (2, 0.5),
            shares: (1.0 / 3.0, 0.8),
            defined: 4,
            undefined: 1,
        };
        assert_eq!(found, Some(wanted), "a layer without a value is counted");
        assert_eq!(Extremes::of(&[none, measure(1.5)]), None, "one layer is neither");
        assert_eq!(Extremes::of(&[]), None);
    }

    fn observation(answer: &str) -> Observation {
        let typed = [
            ("<s>", Group::Begin),
            ("\u{2581}dog", Group::Template),
            ("A", Group::Instruction),
            (" Dog", Group::Instruction),
            (" dog", Group::Instruction),
        ];
        let tokens = typed
            .into_iter()
            .enumerate()
            .map(|(i, (text, group))| Token::text(i as u32, 1, text, group));
        // Two layers of one head: the second looks at the word, the first past it.
        let rows = vec![0.5, 0.2, 0.1, 0.125, 0.0, 0.1, 0.1, 0.05, 0.25, 0.5];
        let flow = TokenFlow {
            layers: 2,
            heads: 1,
            mass: F32s(vec![0.0; 2 * FEW_BINS]),
            rows: F32s(rows),
        };
        let (text, alternatives) = (answer.to_owned(), Vec::new());
        Observation {
            layout: Some(Layout::new(tokens.collect(), Vec::new())),
            prefill: vec![None; 2],
            tokens: vec![Generated { id: 1, text, bytes: None, logprob: 0.0, alternatives, flow }],
        }
    }

    #[test]
    fn a_word_is_found_in_what_was_typed() {
        let echo = observation("\u{2581}dog").echo(0);
        // The template's word is nobody's question.
        let wanted = Echo { positions: vec![3, 4], shares: vec![0.125, 0.75], layer: 1 };
        assert_eq!(echo.as_ref(), Some(&wanted));
        assert_eq!(wanted.share(), 0.75);
        assert_eq!(observation(" cat").echo(0), None);
        assert_eq!(observation(" a").echo(0), None, "too short to be looked up");
        assert_eq!(observation(" dog").echo(1), None, "there is no such token");
    }
}
