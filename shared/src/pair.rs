//! Two runs side by side: whether the answer is the same, where the two part, and how probable one
//! run's answer was in the other.

use crate::observation::{Generated, Observation, shown_of};

/// How two answers compare.
#[derive(Clone, Debug, PartialEq)]
pub struct Parting {
    /// Tokens that are the same from the beginning on.
    pub same: usize,
    /// The first answer's next token; `None` where it ends.
    pub first: Option<String>,
    /// The second answer's next token; `None` where it ends.
    pub second: Option<String>,
}

impl Parting {
    /// Whether the answers are the same from their first to their last token.
    pub fn is_none(&self) -> bool {
        self.first.is_none() && self.second.is_none()
    }
}

/// Where two answers part. Tokens are compared by their texts, so that answers of models with
/// different vocabularies can be compared; the end of the answer, which has no text, counts.
pub fn parting(first: &[Generated], second: &[Generated]) -> Parting {
    let is_same = |a: &Generated, b: &Generated| (&a.text, &a.bytes) == (&b.text, &b.bytes);
    let same = first.iter().zip(second).take_while(|(a, b)| is_same(a, b)).count();
    let next = |tokens: &[Generated]| shown_of(tokens, same).map(|shown| shown.text);
    Parting { same, first: next(first), second: next(second) }
}

/// The logarithm of the probability of an answer, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likelihood {
    /// Sum of the natural logarithms over the tokens that are known.
    pub logprob: f64,
    /// How many of the answer's tokens that are, from the beginning on.
    pub known: usize,
    /// Tokens of the answer.
    pub tokens: usize,
}

/// How probable a run found `answer`, token by token, for as long as it wrote the same: there, and
/// at the token where it went its own way if that one was among its alternatives, its
/// probabilities are those of the same words before. After that they are not, and nothing is said.
/// `None` where not even the first token is known.
pub fn likelihood(answer: &[Generated], run: &Observation) -> Option<Likelihood> {
    let mut found = Likelihood { logprob: 0.0, known: 0, tokens: answer.len() };
    for (wanted, written) in answer.iter().zip(&run.tokens) {
        let same = wanted.id == written.id;
        let other = || written.alternatives.iter().find(|a| a.id == wanted.id).map(|a| a.logprob);
        let Some(logprob) = same.then_some(written.logprob).or_else(other) else { break };
        found.logprob += f64::from(logprob);
        found.known += 1;
        if !same {
            break;
        }
    }
    (found.known > 0).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Alternative;
    use crate::flow::TokenFlow;

    fn token(id: u32, text: &str, logprob: f32, others: &[(u32, f32)]) -> Generated {
        let alternative = |(id, logprob): &(u32, f32)| Alternative {
            id: *id,
            text: String::new(),
            logprob: *logprob,
        };
        Generated {
            id,
            text: text.into(),
            bytes: None,
            logprob,
            alternatives: others.iter().map(alternative).collect(),
            flow: TokenFlow::default(),
        }
    }

    fn dog() -> Vec<Generated> {
        vec![token(1, "a", -0.5, &[]), token(2, " dog", -0.25, &[]), token(9, "", -0.125, &[])]
    }

    #[test]
    fn answers_part_at_their_first_difference() {
        let cat = vec![dog()[0].clone(), token(3, " cat", -1.0, &[]), dog()[2].clone()];
        let parted = parting(&dog(), &cat);
        assert_eq!(
            parted,
            Parting { same: 1, first: Some(" dog".into()), second: Some(" cat".into()) }
        );
        assert!(!parted.is_none() && parting(&dog(), &dog()).is_none());
        let short = parting(&dog(), &dog()[..2]);
        assert_eq!((short.same, short.second), (2, None));
        assert_eq!(short.first.as_deref(), Some(""), "the end is a token");
    }

    #[test]
    fn an_answer_is_as_probable_as_its_known_tokens() {
        let of = |tokens: Vec<Generated>| {
            let run = Observation { tokens, ..Observation::default() };
            likelihood(&dog(), &run)
        };
        let whole = Likelihood { logprob: -0.875, known: 3, tokens: 3 };
        assert_eq!(of(dog()), Some(whole));
        // Another word was written, and this one was among those nearly written.
        let cat = token(3, " cat", -0.125, &[(7, -3.0), (2, -2.5)]);
        let parted = of(vec![dog()[0].clone(), cat, token(9, "", -0.5, &[])]);
        assert_eq!(parted, Some(Likelihood { logprob: -3.0, known: 2, tokens: 3 }));
        // Nor was it among those: what is known ends before it.
        let bird = of(vec![dog()[0].clone(), token(4, " bird", -0.125, &[(7, -3.0)])]);
        assert_eq!(bird, Some(Likelihood { logprob: -0.5, known: 1, tokens: 3 }));
        assert_eq!(of(vec![token(5, "no", -0.1, &[])]), None);
        assert_eq!(of(vec![]), None);
    }
}
