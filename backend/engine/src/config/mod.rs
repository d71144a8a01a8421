//! Model configurations as transformers 4 and 5 write them.

mod clip;
pub(crate) mod gguf;
mod json;
pub(crate) mod known;
mod llama;
mod qwen;
mod rope;
mod siglip;
mod wishes;

pub(crate) use clip::clip;
pub(crate) use json::{Section, json_in, parse_json, read_json, text_in};
pub(crate) use llama::llama;
pub(crate) use qwen::{QwenText, qwen, qwen_text};
pub(crate) use rope::{RopeRules, rope};
pub(crate) use siglip::{SIGLIP, SO400M, SiglipQwen, SiglipUsual, feature_blocks, fits};
pub(crate) use wishes::wishes;

use serde_json::Value;
use shared::sentence::{ConfigFault, SettingNeed};

use crate::decoder::{Biases, DecoderConfig};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::rotary::RotaryConfig;
use crate::vision::Activation;

/// Sizes beyond these belong to no model of these families; products of them stay in range.
pub(crate) const MOST: Most =
    Most { width: 1 << 17, layers: 1024, heads: 4096, vocab: 1 << 24, positions: 1 << 24 };

/// The largest sizes that are believed.
pub(crate) struct Most {
    pub(crate) width: usize,
    pub(crate) layers: usize,
    pub(crate) heads: usize,
    pub(crate) vocab: usize,
    pub(crate) positions: usize,
}

/// What transformers takes of a decoder where its configuration leaves it out.
pub(crate) struct Usual {
    pub(crate) intermediate: usize,
    pub(crate) layers: usize,
    pub(crate) vocab: usize,
    pub(crate) norm_eps: f64,
    pub(crate) positions: usize,
}

/// A decoder of this width, its other sizes as the text part of the configuration says.
pub(crate) fn decoder(
    (model, text): (&Section, &Section),
    (hidden, heads): (usize, HeadSizes),
    (rotary, biases): (RotaryConfig, Biases),
    usual: &Usual,
) -> Result<DecoderConfig, EngineError> {
    let HeadSizes { heads, kv_heads, head_dim } = heads;
    Ok(DecoderConfig {
        hidden,
        intermediate: text.size("intermediate_size", usual.intermediate, MOST.width)?,
        layers: text.size("num_hidden_layers", usual.layers, MOST.layers)?,
        heads,
        kv_heads,
        head_dim,
        vocab: text.size("vocab_size", usual.vocab, MOST.vocab)?,
        norm_eps: text.number("rms_norm_eps", usual.norm_eps, 0.0..=0.1)?,
        rotary,
        tied: tied(model, text)?,
        max_positions: text.size("max_position_embeddings", usual.positions, MOST.positions)?,
        biases,
        head_norms: false,
    })
}

/// Refuses a part of the configuration that says it is another kind of model than one of these; the
/// last is what it is told to be.
pub(crate) fn model_type(section: &Section, known: &[&str]) -> Result<(), EngineError> {
    match section.text("model_type")? {
        Some(named) if !known.contains(&named) => {
            let told = known.last().map_or(&[][..], std::slice::from_ref);
            Err(section.wrong_word("model_type", told))
        }
        _ => Ok(()),
    }
}

/// Query heads, key heads and the width of one.
pub(crate) struct HeadSizes {
    pub(crate) heads: usize,
    pub(crate) kv_heads: usize,
    pub(crate) head_dim: usize,
}

/// How `hidden` values are split into heads. `kv_heads` is the number of key heads where the file
/// leaves it out; where it says null, there are as many as query heads. `width` is that of a head
/// where the file leaves it out; without one, heads must divide `hidden`.
pub(crate) fn heads(
    text: &Section,
    hidden: usize,
    (heads, kv_heads): (usize, Option<usize>),
    width: Option<usize>,
) -> Result<HeadSizes, EngineError> {
    let heads = text.size("num_attention_heads", heads, MOST.heads)?;
    let left_out = kv_heads.filter(|_| !text.has("num_key_value_heads")).unwrap_or(heads);
    let kv_heads = text.size("num_key_value_heads", left_out, MOST.heads)?;
    if width.is_none() && !hidden.is_multiple_of(heads) {
        let key = text.key("hidden_size");
        return Err(text.fail(ConfigFault::NotDivided { key, width: hidden, heads }));
    }
    let width = width.unwrap_or((hidden / heads).max(1));
    let head_dim = text.size("head_dim", width, MOST.width)?;
    if !heads.is_multiple_of(kv_heads) || !head_dim.is_multiple_of(2) {
        return Err(text.fail(ConfigFault::KeyHeads {
            heads,
            width: head_dim,
            kv_heads,
            heads_key: text.key("num_attention_heads"),
            kv_key: text.key("num_key_value_heads"),
        }));
    }
    Ok(HeadSizes { heads, kv_heads, head_dim })
}

/// Refuses settings of one layer or some layers, which transformers 5 knows and these decoders do
/// not: every layer is the same here.
pub(crate) fn same_layers(section: &Section) -> Result<(), EngineError> {
    match section.member("per_layer_config") {
        Value::Null => {}
        Value::Object(none) if none.is_empty() => {}
        _ => return Err(section.wrong("per_layer_config", SettingNeed::SameForEveryLayer)),
    }
    match section.member("layer_types") {
        Value::Null => Ok(()),
        Value::Array(list) if list.iter().all(|kind| kind == "full_attention") => Ok(()),
        _ => Err(section.wrong("layer_types", SettingNeed::FullAttention)),
    }
}

/// Whether the output head is the embedding table. The flag may stand outside, in the text part,
/// or in both: either one ties.
fn tied(model: &Section, text: &Section) -> Result<bool, EngineError> {
    Ok(model.flag("tie_word_embeddings", false)? | text.flag("tie_word_embeddings", false)?)
}

/// A gated MLP's activation must be SiLU.
pub(crate) fn silu(section: &Section) -> Result<(), EngineError> {
    match section.text("hidden_act")? {
        None | Some("silu") => Ok(()),
        Some(_) => Err(section.wrong_word("hidden_act", &["silu"])),
    }
}

/// The activation of a tower of SigLIP's kind: GELU's approximation with tanh, or the exact one.
pub(crate) fn gelu(section: &Section) -> Result<Activation, EngineError> {
    match section.text("hidden_act")? {
        None | Some("gelu_pytorch_tanh") => Ok(Activation::GeluTanh),
        Some("gelu") => Ok(Activation::Gelu),
        Some(_) => Err(section.wrong_word("hidden_act", &["gelu_pytorch_tanh", "gelu"])),
    }
}

/// An activation under this name.
pub(crate) fn activation(
    section: &Section,
    name: &str,
    default: Activation,
) -> Result<Activation, EngineError> {
    match section.text(name)? {
        None => Ok(default),
        Some("quick_gelu") => Ok(Activation::QuickGelu),
        Some("gelu") => Ok(Activation::Gelu),
        Some(_) => Err(section.wrong_word(name, &["gelu", "quick_gelu"])),
    }
}

/// The configuration's `model_type`, and all of it.
pub(crate) fn named(folder: &Location) -> Result<(String, Value), EngineError> {
    let path = folder.join("config.json");
    let json = model_json(folder)?;
    let section = Section::file(&json, path.display().to_string())?;
    match section.text("model_type")? {
        Some(name) => Ok((name.to_owned(), json.clone())),
        None => Err(section.fail(ConfigFault::NoModelType)),
    }
}

fn model_json(folder: &Location) -> Result<Value, EngineError> {
    read_json(&folder.join("config.json"))?
        .ok_or_else(|| EngineError::of_file(folder.display(), ConfigFault::NoConfig))
}

/// A model's `config.json` and, where it is there, `generation_config.json`.
pub(crate) struct Files {
    model: Value,
    generation: Value,
    model_at: String,
    generation_at: String,
}

impl Files {
    pub(crate) fn read(folder: &Location) -> Result<Self, EngineError> {
        let generation = folder.join("generation_config.json");
        Ok(Files {
            model: model_json(folder)?,
            model_at: folder.join("config.json").display().to_string(),
            generation: read_json(&generation)?.unwrap_or_default(),
            generation_at: generation.display().to_string(),
        })
    }

    pub(crate) fn model(&self) -> Result<Section<'_>, EngineError> {
        Section::file(&self.model, &*self.model_at)
    }

    pub(crate) fn generation(&self) -> Result<Section<'_>, EngineError> {
        Section::file(&self.generation, &*self.generation_at)
    }
}

/// Ids that end an answer: the generation config's, else the model's, else `default`.
pub(crate) fn eos(places: &[&Section], default: u32) -> Result<Vec<u32>, EngineError> {
    for place in places {
        let ids = place.whole("eos_token_id")?;
        if !ids.is_empty() {
            return Ok(ids);
        }
    }
    Ok(vec![default])
}

/// The id that stands for the picture, under one of its names.
pub(crate) fn image_token(
    model: &Section,
    names: &[&str],
    default: u32,
    vocab: usize,
) -> Result<u32, EngineError> {
    for name in names {
        match model.id(name)? {
            Some(id) if (id as usize) < vocab => return Ok(id),
            Some(_) => return Err(model.wrong(name, SettingNeed::TokenBelow { vocab })),
            None => {}
        }
    }
    Ok(default)
}
