//! Capture fidelity: does observing change what the model says, and how far is one model from
//! another on the same prompt?

use shared::report::Comparison;

use crate::error::EngineError;
use crate::model::{Model, Prepared};
use crate::observer::{Control, GeneratedToken, Observer, Wants};

/// A run's logits and tokens, with or without everything else observed.
struct Tape {
    wants: Wants,
    /// Logits in order of position, with the rows they came in.
    logits: Vec<f32>,
    ids: Vec<u32>,
}

impl Observer for Tape {
    fn wants(&self) -> Wants {
        self.wants
    }

    fn token(&mut self, token: GeneratedToken) -> Control {
        self.ids.push(token.id);
        Control::Continue(())
    }

    fn logits(&mut self, _: usize, _: usize, values: &[f32]) {
        self.logits.extend_from_slice(values);
    }
}

fn tape(model: &Model, prepared: &Prepared, observed: bool) -> Result<Tape, EngineError> {
    let wants = Wants { flows: observed, rows: observed, maps: observed, logits: true };
    let mut tape = Tape { wants, logits: Vec::new(), ids: Vec::new() };
    model.run(prepared, &mut tape)?;
    Ok(tape)
}

impl Model {
    /// Runs a prompt with everything observed and again with nothing observed, and compares.
    ///
    /// # Errors
    /// As [`Model::run`].
    pub fn verify(&self, prepared: &Prepared) -> Result<Comparison, EngineError> {
        let (a, b) = (tape(self, prepared, true)?, tape(self, prepared, false)?);
        Ok(compare(&a, &b, self.info().vocab as usize, prepared.prompt_tokens()))
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
        let (a, b) = (tape(self, prepared, false)?, tape(other, theirs, false)?);
        Ok(compare(&a, &b, self.info().vocab as usize, prepared.prompt_tokens()))
    }
}

fn compare(a: &Tape, b: &Tape, vocab: usize, prompt: usize) -> Comparison {
    let same = a.ids.iter().zip(&b.ids).take_while(|(x, y)| x == y).count();
    // Rows after the first different token answer different questions.
    let comparable = vocab * (prompt + same);
    let pairs = a.logits.iter().zip(&b.logits).take(comparable);
    let largest_logit_difference = pairs.fold(0f32, |m, (x, y)| m.max((x - y).abs()));
    Comparison {
        same_tokens: same as u32,
        tokens: a.ids.len().max(b.ids.len()) as u32,
        largest_logit_difference,
        largest_logit: b.logits.iter().fold(0f32, |m, x| m.max(x.abs())),
    }
}
