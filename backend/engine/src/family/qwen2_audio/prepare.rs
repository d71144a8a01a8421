//! How Qwen2-Audio prepares sounds, and that it sees no pictures.

use serde_json::Value;
use shared::picture::PictureTokens;
use shared::sentence::{EngineRefusal, ModelNote};
use shared::{ErrorCode, RunOptions};

use super::config::AudioConfig;
use super::mel::{self, HOP, WINDOW};
use crate::config::{Section, read_json};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::picture::Picture;
use crate::prepare::{HARMLESS, Mel, Pictures, Pixels, Plan, Sounds};
use crate::sound::SOUND_RATE;

/// Settings of WhisperFeatureExtractor that change no number: what follows from others, and what it
/// hands out beside.
const HARMLESS_EXTRACTOR: [&str; 4] =
    ["nb_max_frames", "padding_side", "return_attention_mask", "mel_filters"];

/// Frames of a clip for each of the encoder's positions: the second convolution takes every other one.
const FRAMES: usize = 2;
/// Positions that are averaged into a feature.
pub(super) const POOLED: usize = 2;

/// Holds the feature extractor's settings to what is done.
///
/// # Errors
/// A setting is another.
pub(super) fn check(
    folder: &Location,
    config: &AudioConfig,
    notes: &mut Vec<ModelNote>,
) -> Result<(), EngineError> {
    let (new, old) = ("processor_config.json", "preprocessor_config.json");
    let around = read_json(&folder.join(new))?.unwrap_or_default();
    let (json, at) = match around.get("feature_extractor") {
        Some(nested) => (nested.clone(), new),
        None => (read_json(&folder.join(old))?.unwrap_or_default(), old),
    };
    if json == Value::Null {
        let (old, new) = (old.to_owned(), new.to_owned());
        notes.push(ModelNote::NoFeatureExtractor { old, new });
    }
    let json = Section::file(&json, folder.join(at).display().to_string())?;
    let rate = SOUND_RATE as usize;
    let clip = Ears::of(config).most();
    let whole = [
        ("feature_size", config.bands),
        ("sampling_rate", rate),
        ("hop_length", HOP),
        ("n_fft", WINDOW),
        ("n_samples", clip),
    ];
    for (name, only) in whole {
        if json.size(name, only, 1 << 30)? != only {
            return Err(json.wrong_value(name, only));
        }
    }
    // Seconds of a clip; 30 where nobody says, which the published models' positions make, too.
    if json.size("chunk_length", 30, 1 << 20)? * rate != clip {
        return Err(json.wrong_value("chunk_length", clip as f64 / rate as f64));
    }
    for name in ["dither", "padding_value"] {
        if json.number(name, 0.0, f64::MIN..=f64::MAX)? != 0.0 {
            return Err(json.wrong_value(name, 0.0));
        }
    }
    if json.flag("do_normalize", false)? {
        return Err(json.wrong_value("do_normalize", false));
    }
    json.tell_unknown(&[&HARMLESS, &HARMLESS_EXTRACTOR], notes);
    Ok(())
}

/// What hears.
#[derive(Debug)]
pub(super) struct Ears {
    /// Samples of a clip.
    clip: usize,
    /// Mel bands.
    bands: usize,
}

impl Ears {
    pub(super) fn of(config: &AudioConfig) -> Self {
        Ears { clip: config.positions * FRAMES * HOP, bands: config.bands }
    }

    /// How many features a sound of so many samples has: of its frames every other, of these every pair.
    fn features(&self, samples: usize) -> usize {
        mel::heard(samples.min(self.clip)).div_ceil(FRAMES) / POOLED
    }
}

/// Positions of the encoder that so many heard frames reach.
pub(super) const fn positions(heard: usize) -> usize {
    heard.div_ceil(FRAMES)
}

impl Pictures for Ears {
    fn plan(&self, _: (u32, u32), _: &RunOptions) -> Result<Plan, EngineError> {
        Err(EngineError::new(ErrorCode::BadOption, EngineRefusal::SeesNoPictures))
    }

    fn prepare(&self, _: &Picture, _: &RunOptions) -> Result<Pixels, EngineError> {
        Err(EngineError::new(ErrorCode::BadOption, EngineRefusal::SeesNoPictures))
    }

    fn sounds(&self) -> Option<&dyn Sounds> {
        Some(self)
    }

    fn tokens(&self) -> PictureTokens {
        PictureTokens::One { tokens: self.features(self.clip) as u32 }
    }
}

impl Sounds for Ears {
    fn most(&self) -> usize {
        self.clip
    }

    fn plan(&self, samples: usize) -> Result<Plan, EngineError> {
        match self.features(samples) {
            0 => Err(EngineError::new(ErrorCode::BadOption, EngineRefusal::SoundTooShort)),
            features => Ok(Plan::whole(1, features)),
        }
    }

    fn prepare(&self, samples: &[f32]) -> Mel {
        let samples = &samples[..samples.len().min(self.clip)];
        let (values, frames) = mel::log_mel(samples, self.bands, self.clip);
        let in_ms = |samples: usize| (samples * 1000).div_ceil(SOUND_RATE as usize) as u32;
        Mel {
            values,
            frames,
            heard: mel::heard(samples.len()),
            length: in_ms(samples.len()),
            step: in_ms(HOP * FRAMES * POOLED),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of 30 seconds.
    const EARS: Ears = Ears { clip: 480_000, bands: 128 };

    /// transformers' own numbers of Qwen2-Audio's processor (its `_get_feat_extract_output_lengths`).
    #[test]
    fn sounds_have_as_many_features_as_in_transformers() {
        for (samples, features) in
            [(1, 0), (320, 0), (321, 1), (21_920, 34), (25_600, 40), (480_000, 750), (960_000, 750)]
        {
            assert_eq!(EARS.features(samples), features, "{samples}");
        }
        assert!(Sounds::plan(&EARS, 320).is_err());
        assert_eq!(EARS.tokens(), PictureTokens::One { tokens: 750 });
    }

    proptest! {
        /// The formula as transformers writes it, in whole numbers that may be negative.
        #[test]
        fn features_follow_the_formula(samples in 1usize..1_000_000) {
            let frames = (samples.min(480_000) as i64 - 1) / 160 + 1;
            let positions = (frames - 1) / 2 + 1;
            let features = (positions - 2).div_euclid(2) + 1;
            prop_assert_eq!(EARS.features(samples) as i64, features);
        }
    }
}
