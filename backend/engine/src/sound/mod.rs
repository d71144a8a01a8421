//! Sounds: from a person's file to samples of one channel, 16,000 a second.

mod resample;
mod wav;

use shared::ErrorCode;
use shared::sentence::EngineRefusal;

use crate::error::EngineError;

/// Samples a second that models hear.
pub const SOUND_RATE: u32 = 16_000;

/// What a sound file may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoundLimits {
    /// Most seconds.
    pub seconds: u32,
    /// Most channels, which are mixed into one.
    pub channels: u16,
}

impl Default for SoundLimits {
    fn default() -> Self {
        SoundLimits { seconds: 600, channels: 16 }
    }
}

/// A sound as models hear it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sound {
    /// One channel, [`SOUND_RATE`] samples a second, full scale at −1 and 1.
    pub samples: Vec<f32>,
    /// Samples a second of the file that it was read from.
    pub rate: u32,
}

impl Sound {
    /// Reads a WAV file: PCM of 8, 16, 24 or 32 bits, or floating point of 32 or 64. Several
    /// channels are averaged. Whole numbers are divided by what full scale is, 32,768 of 16 bits.
    /// Another rate than [`SOUND_RATE`] is resampled; transformers leaves that to whoever calls it, so
    /// that only files of this rate can be held to it number by number.
    ///
    /// # Errors
    /// The file is empty, of another kind, damaged, too long, or of a rate that is not read.
    pub fn decode(bytes: &[u8], limits: &SoundLimits) -> Result<Sound, EngineError> {
        if bytes.is_empty() {
            return Err(EngineError::new(ErrorCode::BadRequest, EngineRefusal::SoundEmpty));
        }
        wav::decode(bytes, limits)
    }

    /// How long it is.
    pub fn seconds(&self) -> f64 {
        self.samples.len() as f64 / f64::from(SOUND_RATE)
    }
}
