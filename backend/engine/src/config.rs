//! Model configurations as transformers 4 and 5 write them.

use std::path::Path;

use serde_json::Value;

use crate::clip::{Activation, ClipConfig};
use crate::decoder::DecoderConfig;
use crate::error::EngineError;

/// Reads a JSON file; `None` when there is no such file.
pub(crate) fn read_json(path: &Path) -> Result<Option<Value>, EngineError> {
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|e| EngineError::model(format!("{}: {e}", path.display()))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(EngineError::model(format!("{}: cannot be read: {e}", path.display()))),
    }
}

/// Reading settings with defaults and clear errors.
pub(crate) trait Json {
    /// A member, or null.
    fn member(&self, name: &str) -> &Value;
    /// A whole number, or the default where it is left out or null.
    fn size(&self, name: &str, default: usize) -> Result<usize, EngineError>;
    /// A number, or the default.
    fn number(&self, name: &str, default: f64) -> Result<f64, EngineError>;
    /// A yes or no, or the default.
    fn flag(&self, name: &str, default: bool) -> bool;
}

impl Json for Value {
    fn member(&self, name: &str) -> &Value {
        self.get(name).unwrap_or(&Value::Null)
    }

    fn size(&self, name: &str, default: usize) -> Result<usize, EngineError> {
        match self.member(name) {
            Value::Null => Ok(default),
            v => v.as_u64().map(|n| n as usize).filter(|n| (1..1 << 24).contains(n)).ok_or_else(
                || EngineError::model(format!("config.json: '{name}' is {v}, not a usable size")),
            ),
        }
    }

    fn number(&self, name: &str, default: f64) -> Result<f64, EngineError> {
        match self.member(name) {
            Value::Null => Ok(default),
            v => v.as_f64().ok_or_else(|| {
                EngineError::model(format!("config.json: '{name}' is {v}, not a number"))
            }),
        }
    }

    fn flag(&self, name: &str, default: bool) -> bool {
        self.member(name).as_bool().unwrap_or(default)
    }
}

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
        let path = folder.join("config.json");
        let json = read_json(&path)?.ok_or_else(|| {
            EngineError::model(format!(
                "{}: there is no config.json; a model folder in Hugging Face layout is needed",
                folder.display()
            ))
        })?;
        let family = json.member("model_type").as_str().unwrap_or("none");
        if family != "llava" {
            return Err(EngineError::model(format!(
                "{}: model_type '{family}' is not supported; 'llava' is",
                path.display()
            )));
        }
        let named = |e: EngineError| {
            EngineError::model(e.message.replace("config.json", &path.display().to_string()))
        };
        Self::parse(&json, read_json(&folder.join("generation_config.json"))?.as_ref())
            .map_err(named)
    }

    fn parse(json: &Value, generation: Option<&Value>) -> Result<Self, EngineError> {
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
        let eos = [generation.unwrap_or(&Value::Null), json, text_json]
            .iter()
            .map(|j| ids(j.member("eos_token_id")))
            .find(|ids| !ids.is_empty())
            .unwrap_or_else(|| vec![2]);
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

fn ids(value: &Value) -> Vec<u32> {
    match value {
        Value::Array(list) => list.iter().filter_map(Value::as_u64).map(|n| n as u32).collect(),
        other => other.as_u64().map(|n| n as u32).into_iter().collect(),
    }
}

fn activation(name: &str) -> Result<Activation, EngineError> {
    match name {
        "quick_gelu" => Ok(Activation::QuickGelu),
        "gelu" => Ok(Activation::Gelu),
        other => {
            Err(EngineError::model(format!("config.json: activation '{other}' is not supported")))
        }
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
    let (rope_theta, rope_factor) = rope(text)?;
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
        rope_theta,
        rope_factor,
        tied,
        max_positions: text.size("max_position_embeddings", 2048)?,
    })
}

/// Base and linear scaling factor, from transformers 5's `rope_parameters` or 4's `rope_theta` and
/// `rope_scaling`.
fn rope(text: &Value) -> Result<(f64, f64), EngineError> {
    let (parameters, theta) = match text.member("rope_parameters") {
        Value::Null => (text.member("rope_scaling"), text.number("rope_theta", 10_000.0)?),
        parameters => (parameters, parameters.number("rope_theta", 10_000.0)?),
    };
    let kind = ["rope_type", "type"].iter().find_map(|n| parameters.member(n).as_str());
    let factor = match kind {
        None | Some("default") => 1.0,
        Some("linear") => parameters.number("factor", 1.0)?,
        Some(other) => {
            return Err(EngineError::model(format!(
                "config.json: rotary scaling '{other}' is not supported"
            )));
        }
    };
    let partial = parameters.number("partial_rotary_factor", 1.0)?;
    if !(theta > 0.0 && factor > 0.0) || partial != 1.0 {
        return Err(EngineError::model("config.json: rotary settings out of range"));
    }
    Ok((theta, factor))
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
