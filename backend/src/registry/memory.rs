//! What a model takes of the machine's memory, from how many values it holds.

use serde::Deserialize;
use shared::Quant;

/// Positions that an ordinary question takes: a picture, some words, a short answer.
const POSITIONS: u64 = 1_000;
/// The program itself and what one layer works with.
const WORKING: u64 = 256 << 20;

/// How many values are held how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// The decoder's matrices.
    pub matrices: u64,
    /// Embedding, vision tower, projector.
    pub half: u64,
    /// Norms, biases, patches, positions.
    pub full: u64,
    /// Keys and values of one position.
    pub kv: u64,
}

impl Weights {
    /// Bytes of the weights, held as `quant`; `None` for weights held as their files have them.
    pub fn held(&self, quant: Quant) -> Option<u64> {
        let sixteenths = sixteenths(quant)?;
        let half = if quant == Quant::F32 { 4 } else { 2 };
        Some(self.matrices * sixteenths / 128 + self.half * half + self.full * 4)
    }

    /// Bytes that answering a question of 1,000 positions takes: the weights; their second
    /// arrangement, which the fast kernels of x86-64 processors make of q4k, q6k and q8_0; keys
    /// and values in f32; and 256 MiB for the rest. Within about a tenth of what is measured for
    /// large models.
    pub fn needed(&self, quant: Quant) -> Option<u64> {
        let again = match quant {
            Quant::Q4k => self.matrices / 4 * 3,
            Quant::Q6k => self.matrices / 4 * 5,
            Quant::Q8_0 => self.matrices / 16 * 17,
            _ => 0,
        };
        Some(self.held(quant)? + again + self.kv * 4 * POSITIONS + WORKING)
    }
}

/// Sixteenths of a bit that a value takes, scales and offsets included.
fn sixteenths(quant: Quant) -> Option<u64> {
    Some(match quant {
        Quant::F32 => 512,
        Quant::F16 | Quant::Bf16 => 256,
        Quant::Q8_0 => 136,
        Quant::Q6k => 105,
        Quant::Q5k => 88,
        Quant::Q4k => 72,
        Quant::Stored => return None,
    })
}
