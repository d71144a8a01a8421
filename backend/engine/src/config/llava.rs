//! LLaVA-1.5's configuration.

use std::path::Path;

use super::{Files, HeadSizes, MOST, Section, activation, eos, heads, image_token, rope, silu};
use crate::decoder::DecoderConfig;
use crate::error::EngineError;
use crate::vision::{Activation, ClipConfig};

/// Everything LLaVA-1.5 needs from `config.json` and `generation_config.json`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LlavaConfig {
    pub(crate) text: DecoderConfig,
    pub(crate) vision: ClipConfig,
    /// Vision blocks to run: the feature layer's hidden state is the last one's output.
    pub(crate) feature_blocks: usize,
    pub(crate) image_token: u32,
    pub(crate) eos: Vec<u32>,
    pub(crate) projector: Activation,
}

impl LlavaConfig {
    /// Reads the configuration of a model folder. Settings left out have transformers' defaults.
    ///
    /// # Errors
    /// The folder holds another family, or a setting that is not supported.
    pub(crate) fn load(folder: &Path) -> Result<Self, EngineError> {
        let files = Files::read(folder)?;
        Self::parse(&files.model()?, &files.generation()?)
    }

    fn parse(model: &Section, generation: &Section) -> Result<Self, EngineError> {
        let text_part = model.section("text_config")?;
        let text = llama(model, &text_part)?;
        let vision = clip(&model.section("vision_config")?)?;
        let feature_blocks = feature_blocks(model, vision.layers)?;
        match model.text("vision_feature_select_strategy")? {
            None | Some("default") => {}
            Some(_) => return Err(model.wrong("vision_feature_select_strategy", "\"default\"")),
        }
        let names = ["image_token_id", "image_token_index"];
        Ok(LlavaConfig {
            image_token: image_token(model, &names, 32_000, text.vocab)?,
            eos: eos(&[generation, model, &text_part], 2)?,
            projector: activation(model, "projector_hidden_act", Activation::Gelu)?,
            text,
            vision,
            feature_blocks,
        })
    }
}

/// How many vision blocks lead to the feature layer. Hidden state 0 is the embedding's; from the
/// end they count as Python's lists do.
fn feature_blocks(model: &Section, layers: usize) -> Result<usize, EngineError> {
    let name = "vision_feature_layer";
    let most = layers as i64;
    let blocks = match model.member(name) {
        serde_json::Value::Null => Some(most - 1),
        v => v.as_i64().and_then(|n| if n < 0 { n.checked_add(most + 1) } else { Some(n) }),
    };
    blocks.filter(|n| (0..=most).contains(n)).map(|n| n as usize).ok_or_else(|| {
        model.wrong(name, &format!("one of the {layers} vision layers, counted from either end,"))
    })
}

/// Llama's settings, with the defaults of transformers' LlamaConfig.
fn llama(model: &Section, text: &Section) -> Result<DecoderConfig, EngineError> {
    match text.text("model_type")? {
        None | Some("llama") => {}
        Some(_) => return Err(text.wrong("model_type", "\"llama\"")),
    }
    silu(text)?;
    let hidden = text.size("hidden_size", 4096, MOST.width)?;
    let HeadSizes { heads, kv_heads, head_dim } = heads(text, hidden, 32, None)?;
    Ok(DecoderConfig {
        hidden,
        intermediate: text.size("intermediate_size", 11_008, MOST.width)?,
        layers: text.size("num_hidden_layers", 32, MOST.layers)?,
        heads,
        kv_heads,
        head_dim,
        vocab: text.size("vocab_size", 32_000, MOST.vocab)?,
        norm_eps: text.number("rms_norm_eps", 1e-6, 0.0..=0.1)?,
        rotary: rope(text, 1e4)?,
        // The flag may stand outside, in the text part, or in both: either one ties.
        tied: model.flag("tie_word_embeddings", false)?
            | text.flag("tie_word_embeddings", false)?,
        max_positions: text.size("max_position_embeddings", 2048, MOST.positions)?,
    })
}

/// CLIP's settings, with the defaults of transformers' CLIPVisionConfig.
fn clip(json: &Section) -> Result<ClipConfig, EngineError> {
    match json.text("model_type")? {
        None | Some("clip_vision_model") => {}
        Some(_) => return Err(json.wrong("model_type", "\"clip_vision_model\"")),
    }
    json.size("num_channels", 3, 3)
        .and_then(|n| if n == 3 { Ok(()) } else { Err(json.wrong("num_channels", "3")) })?;
    let config = ClipConfig {
        hidden: json.size("hidden_size", 768, MOST.width)?,
        intermediate: json.size("intermediate_size", 3072, MOST.width)?,
        layers: json.size("num_hidden_layers", 12, MOST.layers)?,
        heads: json.size("num_attention_heads", 12, MOST.heads)?,
        image_size: json.size("image_size", 224, 1 << 14)?,
        patch_size: json.size("patch_size", 32, 1 << 14)?,
        norm_eps: json.number("layer_norm_eps", 1e-5, 0.0..=0.1)?,
        activation: activation(json, "hidden_act", Activation::QuickGelu)?,
    };
    if !config.hidden.is_multiple_of(config.heads) {
        return Err(json.fail(&format!(
            "'{}' {} and {} heads do not fit together",
            json.key("hidden_size"),
            config.hidden,
            config.heads
        )));
    }
    if config.patch_size > config.image_size {
        return Err(json.fail(&format!(
            "'{}' {} and '{}' {} do not fit together",
            json.key("patch_size"),
            config.patch_size,
            json.key("image_size"),
            config.image_size
        )));
    }
    Ok(config)
}
