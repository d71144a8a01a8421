//! The Qwen2-Audio family: log-mel energies, Whisper's encoder with an average of two positions behind
//! it, one map, Qwen2.

mod config;
mod encoder;
mod mel;
mod prepare;
mod templates;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::{Description, Facts, Family, Layers, LayersOf, Notes, Numbering};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prompt::Prompting;
use config::AudioModel;
use encoder::AudioEncoder;
use prepare::Ears;

/// Qwen2-Audio.
pub(crate) struct Qwen2Audio;

static FACTS: Facts = Facts {
    name: "qwen2-audio",
    title: "Qwen2-Audio",
    model_types: &["qwen2_audio"],
    gguf: None,
    prompts: Prompting {
        item: "audio",
        templates: templates::templates,
        token: "<|AUDIO|>",
        around: ("<|audio_bos|>", "<|audio_eos|>"),
        marks: &[],
    },
    tokenizer: Some("Qwen2Tokenizer"),
    // The hub's; as transformers 5 holds them; as transformers 5.17 writes them.
    decoder: &["language_model.model.", "model.language_model.", "language_model.model.model."],
    numbering: Numbering::Sequence,
    one_size: true,
    shapes: &[],
    biased: &[],
};

impl Family for Qwen2Audio {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn folder(&self, folder: &Location, notes: &mut Notes) -> Result<Description, EngineError> {
        let AudioModel { text, audio, audio_token, eos } = config::load(folder, &mut notes.config)?;
        prepare::check(folder, &audio, &mut notes.pictures)?;
        let (key, probe) = ("encoder_layers", ".self_attn_layer_norm.weight");
        Ok(Description {
            image_token: audio_token,
            eos,
            pictures: Arc::new(Ears::of(&audio)),
            layers: vec![
                Layers::of_decoder(text.layers),
                Layers { of: LayersOf::Audio, key, probe, count: audio.layers },
            ],
            encoder: Box::new({
                let width = text.hidden;
                move |loader| Ok(Box::new(AudioEncoder::load(audio, width, loader)?))
            }),
            decoder: text,
            is_unused: Box::new(|name| name.contains("rotary_emb.inv_freq")),
        })
    }

    fn shape(&self, _: &str) -> Option<Description> {
        None
    }
}
