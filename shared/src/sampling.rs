//! How the next token of an answer is chosen.

use std::fmt;
use std::ops::RangeInclusive;

use crate::experiment::stats::SplitMix64;
use crate::sentence::{Message, OptionError};
use serde::{Deserialize, Serialize};

/// How the next token is chosen: the most probable one unless something is asked. In transformers'
/// order: penalty, temperature, top-p; there is no top-k.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct Sampling {
    /// What the logits of tokens that stand in the prompt or the answer are divided by where they
    /// are positive, and multiplied by where they are negative (Keskar et al., 2019, as in
    /// transformers); 1 for none, 0.1 to 10.
    pub repetition_penalty: f64,
    /// What logits are divided by before a token is drawn; 0 for the most probable token, or 0.01
    /// to 10.
    pub temperature: f64,
    /// Tokens are drawn from the most probable ones that together have this probability (Holtzman et
    /// al., 2019); 1 for all, above 0.
    pub top_p: f64,
    /// What the draws follow from: the same seed, model and prompt give the same answer.
    pub seed: u32,
}

impl Default for Sampling {
    fn default() -> Self {
        Sampling { repetition_penalty: 1.0, temperature: 0.0, top_p: 1.0, seed: 0 }
    }
}

impl Sampling {
    /// Repetition penalties that can be asked for.
    pub const PENALTIES: RangeInclusive<f64> = 0.1..=10.0;
    /// Temperatures that tokens can be drawn at.
    pub const TEMPERATURES: RangeInclusive<f64> = 0.01..=10.0;

    /// The same at a temperature, 0 for the most probable token, where top-p and seed have no effect
    /// and go.
    #[must_use]
    pub fn at_temperature(self, temperature: f64) -> Self {
        let Sampling { top_p, seed, .. } = Sampling::default();
        match temperature > 0.0 {
            true => Sampling { temperature, ..self },
            false => Sampling { temperature: 0.0, top_p, seed, ..self },
        }
    }

    /// How the answer of this number, from 0, is drawn where a question is asked several times: the first
    /// from the seed itself, as it is where the question is asked once, the others from the upper halves of
    /// what SplitMix64 makes of it, without those that were taken. At temperature 0 nothing is drawn.
    #[must_use]
    pub fn nth(self, index: u32) -> Self {
        if self.temperature == 0.0 {
            return self;
        }
        let mut bits = SplitMix64::new(self.seed.into());
        let mut taken = vec![self.seed];
        while taken.len() <= index as usize {
            let seed = (bits.next_u64() >> 32) as u32;
            if !taken.contains(&seed) {
                taken.push(seed);
            }
        }
        Sampling { seed: taken[index as usize], ..self }
    }

    /// Whether it is the most probable token that is chosen, by the model's own logits.
    pub fn is_greedy(&self) -> bool {
        self.temperature == 0.0 && self.repetition_penalty == 1.0
    }

    /// Checks the ranges.
    ///
    /// # Errors
    /// A sentence about the first value that is out of its range or has no effect.
    pub fn check(&self) -> Result<(), Message> {
        let Sampling { repetition_penalty, temperature, top_p, seed } = self;
        if !Self::PENALTIES.contains(repetition_penalty) {
            let value = repetition_penalty.to_string();
            return Err(OptionError::PenaltyRange { value }.into());
        }
        if *temperature != 0.0 && !Self::TEMPERATURES.contains(temperature) {
            let value = temperature.to_string();
            return Err(OptionError::TemperatureRange { value }.into());
        }
        if !(*top_p > 0.0 && *top_p <= 1.0) {
            return Err(OptionError::TopPRange { value: top_p.to_string() }.into());
        }
        if *temperature == 0.0 && (*top_p < 1.0 || *seed != 0) {
            return Err(OptionError::NothingDrawn.into());
        }
        Ok(())
    }
}

impl fmt::Display for Sampling {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Sampling { repetition_penalty, temperature, top_p, seed } = self;
        let mut parts = Vec::new();
        if *temperature > 0.0 {
            parts.push(format!("drawn at temperature {temperature}, top-p {top_p}, seed {seed}"));
        } else {
            parts.push("most probable token".to_owned());
        }
        if *repetition_penalty != 1.0 {
            parts.push(format!("repetition penalty {repetition_penalty}"));
        }
        f.write_str(&parts.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_effect_or_no_meaning_is_refused() {
        let fine = Sampling::default();
        assert!(fine.check().is_ok() && fine.is_greedy());
        let drawn = Sampling { temperature: 0.7, top_p: 0.9, seed: 3, ..fine };
        assert!(drawn.check().is_ok() && !drawn.is_greedy());
        assert_eq!(drawn.to_string(), "drawn at temperature 0.7, top-p 0.9, seed 3");
        let penalised = Sampling { repetition_penalty: 1.05, ..fine };
        assert!(penalised.check().is_ok() && !penalised.is_greedy());
        assert_eq!(penalised.to_string(), "most probable token, repetition penalty 1.05");
        assert_eq!(drawn.at_temperature(0.0), fine, "what has no effect goes");
        assert_eq!(drawn.at_temperature(1.5), Sampling { temperature: 1.5, ..drawn });
        for (wrong, word) in [
            (Sampling { repetition_penalty: 0.0, ..fine }, "repetition_penalty"),
            (Sampling { repetition_penalty: f64::NAN, ..fine }, "repetition_penalty"),
            (Sampling { temperature: -1.0, ..fine }, "temperature"),
            (Sampling { temperature: 1e-9, ..fine }, "temperature"),
            (Sampling { temperature: f64::INFINITY, ..fine }, "temperature"),
            (Sampling { top_p: 0.0, ..drawn }, "top_p"),
            (Sampling { top_p: 1.1, ..drawn }, "top_p"),
            (Sampling { top_p: 0.9, ..fine }, "temperature 0"),
            (Sampling { seed: 1, ..fine }, "temperature 0"),
        ] {
            let said = wrong.check().expect_err("refused").text;
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        let read: Sampling = serde_json::from_str(r#"{"temperature":0.7}"#).expect("options");
        assert_eq!(read, Sampling { temperature: 0.7, ..Sampling::default() });
        assert!(serde_json::from_str::<Sampling>(r#"{"top_k":5}"#).is_err());
    }
}
