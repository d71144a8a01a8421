//! Qwen2-Audio's configuration.

use shared::sentence::{ModelNote, SettingNeed};

use crate::config::{
    Files, MOST, Section, activation, eos, image_token, known, model_type, qwen, same_layers,
};
use crate::decoder::DecoderConfig;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::vision::Activation;

/// Settings around the parts that follow from others.
const HARMLESS: [&str; 1] = ["vocab_size"];

/// Settings of the encoder that belong to training.
const HARMLESS_AUDIO: [&str; 3] = ["activation_dropout", "encoder_layerdrop", "init_std"];

/// A model besides its weights.
pub(super) struct AudioModel {
    pub(super) text: DecoderConfig,
    pub(super) audio: AudioConfig,
    pub(super) audio_token: u32,
    pub(super) eos: Vec<u32>,
}

/// Sizes of the encoder.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct AudioConfig {
    /// Mel bands.
    pub(super) bands: usize,
    pub(super) hidden: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) intermediate: usize,
    pub(super) activation: Activation,
    /// Positions behind the second convolution: half as many as a clip has frames.
    pub(super) positions: usize,
}

/// Reads the configuration of a model folder. Settings left out have the defaults of transformers'
/// Qwen2AudioConfig.
///
/// # Errors
/// A setting that is not supported.
pub(super) fn load(
    folder: &Location,
    notes: &mut Vec<ModelNote>,
) -> Result<AudioModel, EngineError> {
    let files = Files::read(folder)?;
    let (model, generation) = (files.model()?, files.generation()?);
    same_layers(&model)?;
    let text_part = model.section("text_config")?;
    if text_part.flag("use_mrope", false)? {
        return Err(text_part.wrong_value("use_mrope", false));
    }
    let text = qwen(&model, &text_part, notes)?;
    let audio = audio(&model.section("audio_config")?, notes)?;
    let names = ["audio_token_index", "audio_token_id"];
    let audio_token = image_token(&model, &names, 151_646, text.vocab)?;
    let eos = eos(&[&generation, &model, &text_part], 151_645)?;
    model.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS], notes);
    Ok(AudioModel { text, audio, audio_token, eos })
}

/// The encoder's settings, with the defaults of transformers' Qwen2AudioEncoderConfig.
fn audio(json: &Section, notes: &mut Vec<ModelNote>) -> Result<AudioConfig, EngineError> {
    model_type(json, &["qwen2_audio_encoder"])?;
    same_layers(json)?;
    if json.flag("scale_embedding", false)? {
        return Err(json.wrong_value("scale_embedding", false));
    }
    let config = AudioConfig {
        bands: json.size("num_mel_bins", 128, 1 << 10)?,
        hidden: json.size("d_model", 1280, MOST.width)?,
        layers: json.size("encoder_layers", 32, MOST.layers)?,
        heads: json.size("encoder_attention_heads", 20, MOST.heads)?,
        intermediate: json.size("encoder_ffn_dim", 5120, MOST.width)?,
        activation: activation(json, "activation_function", Activation::Gelu)?,
        positions: json.size("max_source_positions", 1500, 1 << 14)?,
    };
    // transformers keeps an older name of the same number, too.
    if json.size("num_hidden_layers", config.layers, MOST.layers)? != config.layers {
        return Err(json.wrong_value("num_hidden_layers", config.layers));
    }
    if !config.hidden.is_multiple_of(config.heads) {
        let needed = SettingNeed::WidthDivisor { width: config.hidden };
        return Err(json.wrong("encoder_attention_heads", needed));
    }
    json.tell_unknown(&[&known::EVERY, &known::GENERATION, &HARMLESS_AUDIO], notes);
    Ok(config)
}
