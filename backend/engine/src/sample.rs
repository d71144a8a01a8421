//! The next token: the most probable one, or as [`Sampling`] says.

use candle_core::{Device, Tensor};
use candle_transformers::generation::LogitsProcessor;
use candle_transformers::utils::apply_repeat_penalty;
use shared::Sampling;

use crate::error::EngineError;
use crate::ops;

/// Chooses the tokens of one answer.
///
/// In transformers' order: the repetition penalty over all tokens of prompt and answer, the
/// picture's among them, then temperature, then top-p. Probabilities that are reported stay the
/// model's own.
pub(crate) struct Chooser {
    sampling: Sampling,
    processor: LogitsProcessor,
    /// Tokens so far, each once or more.
    seen: Vec<u32>,
}

impl Chooser {
    /// Begins an answer to a prompt of these tokens.
    pub(crate) fn new(sampling: Sampling, prompt: impl IntoIterator<Item = u32>) -> Self {
        let Sampling { temperature, top_p, seed, .. } = sampling;
        let temperature = Some(temperature).filter(|t| *t > 0.0);
        let processor = LogitsProcessor::new(u64::from(seed), temperature, Some(top_p));
        let seen = if sampling.repetition_penalty == 1.0 {
            Vec::new()
        } else {
            prompt.into_iter().collect()
        };
        Chooser { sampling, processor, seen }
    }

    /// The next token by its logits `[1, vocab]`, and the natural logarithm of the probability that
    /// the model gave it. What is most probable is found where the logits lie; anything else is
    /// chosen on the processor, so that a seed means the same on every device.
    ///
    /// # Errors
    /// A logit is not finite.
    pub(crate) fn choose(&mut self, logits: &Tensor) -> Result<(u32, f32), EngineError> {
        if self.sampling.is_greedy() {
            return ops::choose(logits);
        }
        let row: Vec<f32> = logits.flatten_all()?.to_vec1()?;
        if row.iter().any(|logit| !logit.is_finite()) {
            return Err(ops::not_finite());
        }
        let mut scores = Tensor::from_slice(&row, row.len(), &Device::Cpu)?;
        if self.sampling.repetition_penalty != 1.0 {
            let penalty = self.sampling.repetition_penalty as f32;
            scores = apply_repeat_penalty(&scores, penalty, &self.seen)?;
        }
        let id = self.processor.sample(&scores)?;
        if self.sampling.repetition_penalty != 1.0 {
            self.seen.push(id);
        }
        let most = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = row.iter().map(|l| f64::from(l - most).exp()).sum();
        let chosen = row.get(id as usize).copied().unwrap_or(most);
        Ok((id, (f64::from(chosen - most) - sum.ln()) as f32))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use safetensors::SafeTensors;
    use serde_json::Value;

    use super::*;

    fn goldens(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens").join(name)
    }

    /// The logits of a checkpoint's last prompt row.
    fn last_row(name: &str, vocab: usize) -> Vec<f32> {
        let bytes = std::fs::read(goldens(name).join("golden.safetensors")).expect("goldens");
        let file = SafeTensors::deserialize(&bytes).expect("goldens");
        let logits = file.tensor("logits_prefill").expect("a tensor").data().as_chunks().0;
        logits[logits.len() - vocab..].iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    /// Drawn tokens come as often as transformers' warpers make them probable
    /// (tests/goldens/make_sampling.py).
    #[test]
    fn draws_follow_transformers_probabilities() {
        let text = std::fs::read_to_string(goldens("sampling.json")).expect("goldens");
        let cases: Value = serde_json::from_str(&text).expect("goldens");
        for (name, case) in cases.as_object().expect("checkpoints") {
            for drawn in case["drawn"].as_array().expect("cases") {
                let number = |key: &str| drawn[key].as_f64().expect("a number");
                let (temperature, top_p) = (number("temperature"), number("top_p"));
                let want: Vec<f64> =
                    serde_json::from_value(drawn["probabilities"].clone()).expect("numbers");
                let row = last_row(name, want.len());
                let logits = Tensor::from_slice(&row, (1, row.len()), &Device::Cpu).expect("row");
                let sampling = Sampling { temperature, top_p, seed: 1, ..Sampling::default() };
                let draw = |sampling| -> Vec<u32> {
                    let mut chooser = Chooser::new(sampling, []);
                    (0..4000).map(|_| chooser.choose(&logits).expect("a token").0).collect()
                };
                let ids = draw(sampling);
                assert_eq!(ids, draw(sampling), "the same seed draws the same");
                let other = draw(Sampling { seed: 2, ..sampling });
                assert!(ids != other || want.iter().any(|p| *p > 0.999), "{name}");
                let mut counts = vec![0_u32; want.len()];
                ids.iter().for_each(|id| counts[*id as usize] += 1);
                for (id, (count, p)) in counts.iter().zip(&want).enumerate() {
                    // Five standard deviations; what is left out is never drawn.
                    let (mean, sd) = (4000.0 * p, (4000.0 * p * (1.0 - p)).sqrt());
                    let off = (f64::from(*count) - mean).abs();
                    assert!(off <= 5.0 * sd + 2.0 && (*p > 0.0 || *count == 0), "{name}: {id}");
                }
            }
        }
    }

    /// A penalty changes which token is chosen and not what is said of its probability.
    #[test]
    fn a_penalty_is_for_choosing_only() {
        let logits = Tensor::new(&[[3.0f32, 2.9, -1.0, -1.05]], &Device::Cpu).expect("a row");
        let sum: f64 = [3.0f64, 2.9, -1.0, -1.05].iter().map(|l| l.exp()).sum();
        let sampling = Sampling { repetition_penalty: 1.2, ..Sampling::default() };
        let mut chooser = Chooser::new(sampling, [0, 0, 2]);
        let (id, logprob) = chooser.choose(&logits).expect("a token");
        assert_eq!(id, 1);
        assert!((f64::from(logprob) - (2.9 - sum.ln())).abs() < 1e-6);
        // Now both stand in the answer or the prompt.
        assert_eq!(chooser.choose(&logits).expect("a token").0, 0);
        let broken = Tensor::new(&[[0.0f32, f32::NAN]], &Device::Cpu).expect("a row");
        assert!(chooser.choose(&broken).is_err());
    }
}
