//! LLaVA-1.5's configuration.

use std::path::Path;

use serde_json::Value;

use super::{Json, activation, both, eos, in_folder, rope};
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
        let (json, generation) = both(folder)?;
        Self::parse(&json, &generation).map_err(in_folder(folder))
    }

    fn parse(json: &Value, generation: &Value) -> Result<Self, EngineError> {
        let fail = |what: String| Err(EngineError::model(format!("config.json: {what}")));
        let text = llama(json)?;
        let vision = clip(json.member("vision_config"))?;
        let blocks = vision.layers as i64;
        let feature_blocks = match json.member("vision_feature_layer") {
            Value::Null => blocks - 1,
            v => match v.as_i64() {
                Some(n) if n < 0 => blocks + 1 + n,
                Some(n) => n,
                None => return fail(format!("vision_feature_layer {v} is not supported")),
            },
        };
        if !(0..=blocks).contains(&feature_blocks) {
            return fail(format!("vision_feature_layer leads outside the {blocks} vision layers"));
        }
        match json.member("vision_feature_select_strategy").as_str() {
            None | Some("default") => {}
            Some(other) => {
                return fail(format!("vision_feature_select_strategy '{other}' is not supported"));
            }
        }
        let image_token = ["image_token_id", "image_token_index"]
            .iter()
            .find_map(|name| json.member(name).as_u64())
            .unwrap_or(32_000) as u32;
        let text_json = json.member("text_config");
        let eos = eos(&[generation, json, text_json], 2);
        let projector = activation(json.member("projector_hidden_act").as_str().unwrap_or("gelu"))?;
        Ok(LlavaConfig {
            text,
            vision,
            feature_blocks: feature_blocks as usize,
            image_token,
            eos,
            projector,
        })
    }
}

/// Llama's settings, with the defaults of transformers' LlamaConfig.
fn llama(json: &Value) -> Result<DecoderConfig, EngineError> {
    let text = json.member("text_config");
    let fail = |what: String| Err(EngineError::model(format!("config.json: {what}")));
    match text.member("model_type").as_str() {
        None | Some("llama") => {}
        Some(other) => return fail(format!("text model_type '{other}' is not supported")),
    }
    if let Some(act) = text.member("hidden_act").as_str()
        && act != "silu"
    {
        return fail(format!("text activation '{act}' is not supported"));
    }
    let hidden = text.size("hidden_size", 4096)?;
    let heads = text.size("num_attention_heads", 32)?;
    let kv_heads = text.size("num_key_value_heads", heads)?;
    let head_dim = text.size("head_dim", hidden / heads)?;
    if !heads.is_multiple_of(kv_heads) || !head_dim.is_multiple_of(2) || head_dim == 0 {
        return fail(format!("{heads} heads of {head_dim} over {kv_heads} key heads do not fit"));
    }
    let rotary = rope(text, 1e4)?;
    // The flag may stand outside, in the text part, or in both: either one ties.
    let tied = json.flag("tie_word_embeddings", false) || text.flag("tie_word_embeddings", false);
    Ok(DecoderConfig {
        hidden,
        intermediate: text.size("intermediate_size", 11_008)?,
        layers: text.size("num_hidden_layers", 32)?,
        heads,
        kv_heads,
        head_dim,
        vocab: text.size("vocab_size", 32_000)?,
        norm_eps: text.number("rms_norm_eps", 1e-6)?,
        rotary,
        tied,
        max_positions: text.size("max_position_embeddings", 2048)?,
    })
}

/// CLIP's settings, with the defaults of transformers' CLIPVisionConfig.
fn clip(json: &Value) -> Result<ClipConfig, EngineError> {
    match json.member("model_type").as_str() {
        None | Some("clip_vision_model") => {}
        Some(other) => {
            return Err(EngineError::model(format!(
                "config.json: vision model_type '{other}' is not supported"
            )));
        }
    }
    let config = ClipConfig {
        hidden: json.size("hidden_size", 768)?,
        intermediate: json.size("intermediate_size", 3072)?,
        layers: json.size("num_hidden_layers", 12)?,
        heads: json.size("num_attention_heads", 12)?,
        image_size: json.size("image_size", 224)?,
        patch_size: json.size("patch_size", 32)?,
        norm_eps: json.number("layer_norm_eps", 1e-5)?,
        activation: activation(json.member("hidden_act").as_str().unwrap_or("quick_gelu"))?,
    };
    if !config.hidden.is_multiple_of(config.heads) || config.patch_size > config.image_size {
        return Err(EngineError::model(
            "config.json: the vision tower's sizes do not fit together",
        ));
    }
    Ok(config)
}
