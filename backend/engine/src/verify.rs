//! Capture fidelity: does observing change what the model says, and how far is one model from
//! another on the same prompt?
//!
//! One run is kept ([`Taped`]); what it is compared with is not ([`Against`]): its logits are
//! compared as they come and forgotten.

use shared::report::Comparison;
use shared::{LayerFlow, Layout};

use crate::error::EngineError;
use crate::model::{Model, Prepared};
use crate::observer::{Control, GeneratedToken, Observer, Wants};

/// Most logits kept of a prompt (256 MiB); of a longer one, those of its last positions.
const MOST_LOGITS: usize = 1 << 26;

/// The logits and tokens of a run, as many as fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tape {
    /// Position of the first row kept.
    first: usize,
    /// `[rows, vocab]`.
    logits: Vec<f32>,
    ids: Vec<u32>,
}

impl Tape {
    fn row(&self, at: usize, vocab: usize) -> Option<&[f32]> {
        let row = at.checked_sub(self.first)?;
        self.logits.get(row * vocab..(row + 1) * vocab)
    }

    /// Adds rows; of the first ones, the prompt's, no more than `most` logits.
    fn add(&mut self, first_row: usize, rows: usize, values: &[f32], most: usize) {
        if rows == 0 {
            return;
        }
        let vocab = values.len() / rows;
        if self.logits.is_empty() {
            let skipped = rows.saturating_sub((most / vocab.max(1)).max(1));
            self.first = first_row + skipped;
            self.logits.extend_from_slice(&values[skipped * vocab..]);
        } else {
            self.logits.extend_from_slice(values);
        }
    }
}

/// An observer that passes everything on and keeps the logits.
pub struct Taped<'o> {
    inner: &'o mut dyn Observer,
    tape: Tape,
}

impl<'o> Taped<'o> {
    /// Keeps the logits of a run that `inner` observes.
    pub fn new(inner: &'o mut dyn Observer) -> Self {
        Taped { inner, tape: Tape::default() }
    }

    /// What was kept.
    pub fn into_tape(self) -> Tape {
        self.tape
    }
}

impl Observer for Taped<'_> {
    fn wants(&self) -> Wants {
        Wants { logits: true, ..self.inner.wants() }
    }

    fn layout(&mut self, layout: &Layout) -> Control {
        self.inner.layout(layout)
    }

    fn prefill_layer(&mut self, layer: u32, flow: LayerFlow) -> Control {
        self.inner.prefill_layer(layer, flow)
    }

    fn token(&mut self, token: GeneratedToken) -> Control {
        self.tape.ids.push(token.id);
        self.inner.token(token)
    }

    fn map(&mut self, layer: u32, first_row: usize, rows: usize, keys: usize, values: &[f32]) {
        self.inner.map(layer, first_row, rows, keys, values);
    }

    fn logits(&mut self, first_row: usize, rows: usize, values: &[f32]) {
        self.tape.add(first_row, rows, values, MOST_LOGITS);
        if self.inner.wants().logits {
            self.inner.logits(first_row, rows, values);
        }
    }

    fn poll(&mut self) -> Control {
        self.inner.poll()
    }
}

/// Compares a run with a tape while it runs, and looks at nothing else of it.
pub struct Against<'t, P> {
    tape: &'t Tape,
    poll: P,
    tokens: u32,
    found: Comparison,
}

impl<'t, P: FnMut() -> Control> Against<'t, P> {
    /// Compares with `tape`; asks `poll` between layers whether to stop.
    pub fn new(tape: &'t Tape, poll: P) -> Self {
        let found = Comparison {
            same_tokens: 0,
            tokens: 0,
            largest_logit_difference: 0.0,
            largest_logit: 0.0,
            rows: 0,
        };
        Against { tape, poll, tokens: 0, found }
    }

    /// How the two runs compare.
    pub fn comparison(&self) -> Comparison {
        Comparison { tokens: self.tokens.max(self.tape.ids.len() as u32), ..self.found }
    }
}

impl<P: FnMut() -> Control> Observer for Against<'_, P> {
    fn wants(&self) -> Wants {
        Wants { logits: true, ..Wants::default() }
    }

    fn token(&mut self, token: GeneratedToken) -> Control {
        let theirs = self.tape.ids.get(self.tokens as usize);
        if self.found.same_tokens == self.tokens && theirs == Some(&token.id) {
            self.found.same_tokens += 1;
        }
        self.tokens += 1;
        Control::Continue(())
    }

    fn logits(&mut self, first_row: usize, rows: usize, values: &[f32]) {
        // Rows after the first different token answer different questions.
        if rows == 0 || self.found.same_tokens < self.tokens {
            return;
        }
        let vocab = values.len() / rows;
        for (i, ours) in values.chunks(vocab.max(1)).enumerate() {
            let Some(theirs) = self.tape.row(first_row + i, vocab) else { continue };
            self.found.rows += 1;
            for (x, y) in ours.iter().zip(theirs) {
                let off = (x - y).abs();
                // A number that is none must not pass for equal; JSON knows no infinity.
                let off = if off.is_finite() { off } else { f32::MAX };
                self.found.largest_logit_difference = self.found.largest_logit_difference.max(off);
                self.found.largest_logit = self.found.largest_logit.max(x.abs().min(f32::MAX));
            }
        }
    }

    fn poll(&mut self) -> Control {
        (self.poll)()
    }
}

/// Everything that can be observed, looked at and dropped.
struct Everything;

impl Observer for Everything {
    fn wants(&self) -> Wants {
        Wants {
            flows: true,
            rows: true,
            head_rows: u64::MAX,
            alternatives: true,
            maps: true,
            logits: false,
        }
    }
}

impl Model {
    /// Runs a prompt with everything observed and again with nothing observed, and compares.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn verify(&self, prepared: &Prepared) -> Result<Comparison, EngineError> {
        let mut everything = Everything;
        let mut taped = Taped::new(&mut everything);
        self.run(prepared, &mut taped)?;
        self.against(prepared, &taped.into_tape())
    }

    /// Compares this model with another on the same prompt, such as a quantized one with the f32
    /// one it was made from. `theirs` is the prompt prepared by the other model.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn compare(
        &self,
        prepared: &Prepared,
        other: &Model,
        theirs: &Prepared,
    ) -> Result<Comparison, EngineError> {
        let mut nobody = crate::observer::NoObserver;
        let mut taped = Taped::new(&mut nobody);
        self.run(prepared, &mut taped)?;
        other.against(theirs, &taped.into_tape())
    }

    fn against(&self, prepared: &Prepared, tape: &Tape) -> Result<Comparison, EngineError> {
        let mut against = Against::new(tape, || Control::Continue(()));
        self.run(prepared, &mut against)?;
        Ok(against.comparison())
    }
}

#[cfg(test)]
mod tests {
    use shared::TokenHeads;

    use super::*;

    const VOCAB: usize = 4;

    fn token(id: u32) -> GeneratedToken {
        let flow = shared::TokenFlow::default();
        let (text, alternatives) = (String::new(), Vec::new());
        let by_head = TokenHeads::default();
        GeneratedToken {
            index: 0,
            id,
            text,
            bytes: None,
            logprob: 0.0,
            alternatives,
            flow,
            by_head,
        }
    }

    /// A run of two prompt rows that writes `ids`; row k's logits are all `logit(k)`.
    fn play(observer: &mut dyn Observer, ids: &[u32], logit: impl Fn(usize) -> f32) {
        let row = |k: usize| vec![logit(k); VOCAB];
        observer.logits(0, 2, &[row(0), row(1)].concat());
        for (i, id) in ids.iter().enumerate() {
            if i > 0 {
                observer.logits(1 + i, 1, &row(1 + i));
            }
            let _ = observer.token(token(*id));
        }
    }

    fn compare(ours: (&[u32], fn(usize) -> f32), theirs: (&[u32], fn(usize) -> f32)) -> Comparison {
        let mut nobody = crate::observer::NoObserver;
        let mut taped = Taped::new(&mut nobody);
        play(&mut taped, theirs.0, theirs.1);
        let tape = taped.into_tape();
        let mut against = Against::new(&tape, || Control::Continue(()));
        play(&mut against, ours.0, ours.1);
        against.comparison()
    }

    #[test]
    fn equal_runs_are_equal() {
        let c = compare((&[7, 8, 9], |k| k as f32), (&[7, 8, 9], |k| k as f32));
        assert!(c.agrees());
        assert_eq!((c.same_tokens, c.tokens, c.rows), (3, 3, 4));
        assert_eq!((c.largest_logit_difference, c.largest_logit), (0.0, 3.0));
    }

    #[test]
    fn rows_after_a_different_token_are_not_compared() {
        // Rows 0..=2 led to the first two tokens and are compared; row 3 follows another token.
        let c = compare((&[7, 8, 9], |k| k as f32), (&[7, 5, 9], |k| k as f32 * 1.5));
        assert_eq!((c.same_tokens, c.tokens, c.rows), (1, 3, 3));
        assert_eq!((c.largest_logit_difference, c.largest_logit), (1.0, 2.0));
        assert!(!c.agrees());
        let shorter = compare((&[7], |_| 0.0), (&[7, 5], |_| 0.0));
        assert_eq!((shorter.same_tokens, shorter.tokens), (1, 2));
    }

    #[test]
    fn what_is_no_number_is_not_equal() {
        let c = compare((&[7], |_| f32::NAN), (&[7], |_| f32::NAN));
        assert_eq!(c.largest_logit_difference, f32::MAX);
    }

    #[test]
    fn of_a_prompt_too_long_to_keep_the_last_rows_count() {
        let mut tape = Tape::default();
        tape.add(0, 3, &[1.0; 3 * VOCAB], 2 * VOCAB);
        assert_eq!(tape.first, 1);
        assert!(tape.row(0, VOCAB).is_none() && tape.row(2, VOCAB).is_some());
        tape.add(3, 1, &[1.0; VOCAB], 2 * VOCAB);
        assert!(tape.row(3, VOCAB).is_some() && tape.row(4, VOCAB).is_none());
    }
}
