//! Model configurations as transformers 4 and 5 write them.

mod gguf;
mod json;
mod llava;
mod qwen;
mod wishes;

pub(crate) use gguf::{GgufFamily, architecture, family as gguf_family};
pub(crate) use json::{Section, parse_json, read_json, read_text};
pub(crate) use llava::LlavaConfig;
pub(crate) use qwen::QwenConfig;
pub(crate) use wishes::wishes;

use std::path::Path;

use serde_json::Value;

use crate::error::EngineError;
use crate::rotary::RotaryConfig;
use crate::vision::Activation;

/// Sizes beyond these belong to no model of these families; products of them stay in range.
const MOST: Most =
    Most { width: 1 << 17, layers: 1024, heads: 4096, vocab: 1 << 24, positions: 1 << 24 };

struct Most {
    width: usize,
    layers: usize,
    heads: usize,
    vocab: usize,
    positions: usize,
}

/// Query heads, key heads and the width of one.
struct HeadSizes {
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
}

/// How `hidden` values are split into heads.
fn heads(
    text: &Section,
    hidden: usize,
    heads: usize,
    kv_heads: Option<usize>,
) -> Result<HeadSizes, EngineError> {
    let heads = text.size("num_attention_heads", heads, MOST.heads)?;
    let kv_heads = text.size("num_key_value_heads", kv_heads.unwrap_or(heads), MOST.heads)?;
    if text.member("head_dim").is_null() && !hidden.is_multiple_of(heads) {
        return Err(text.fail(&format!(
            "'{}' {hidden} does not divide into {heads} heads",
            text.key("hidden_size")
        )));
    }
    let head_dim = text.size("head_dim", (hidden / heads).max(1), MOST.width)?;
    if !heads.is_multiple_of(kv_heads) || !head_dim.is_multiple_of(2) {
        return Err(text.fail(&format!(
            "{heads} heads of {head_dim} values over {kv_heads} key heads do not fit: '{}' must \
             be a multiple of '{}', and a head's width even",
            text.key("num_attention_heads"),
            text.key("num_key_value_heads")
        )));
    }
    Ok(HeadSizes { heads, kv_heads, head_dim })
}

/// A gated MLP's activation must be SiLU.
fn silu(section: &Section) -> Result<(), EngineError> {
    match section.text("hidden_act")? {
        None | Some("silu") => Ok(()),
        Some(_) => Err(section.wrong("hidden_act", "\"silu\"")),
    }
}

fn activation(
    section: &Section,
    name: &str,
    default: Activation,
) -> Result<Activation, EngineError> {
    match section.text(name)? {
        None => Ok(default),
        Some("quick_gelu") => Ok(Activation::QuickGelu),
        Some("gelu") => Ok(Activation::Gelu),
        Some(_) => Err(section.wrong(name, "\"gelu\" or \"quick_gelu\"")),
    }
}

/// Rotary settings, from transformers 5's `rope_parameters` or 4's `rope_theta` and `rope_scaling`.
fn rope(text: &Section, default_theta: f64) -> Result<RotaryConfig, EngineError> {
    let range = 1.0..=1e12;
    let (old, new) = (text.section("rope_scaling")?, text.section("rope_parameters")?);
    if new.is_missing() {
        let theta = text.number("rope_theta", default_theta, range)?;
        let (factor, sections) = scaling(&old)?;
        return Ok(RotaryConfig { theta, factor, sections });
    }
    let theta = new.number("rope_theta", default_theta, range)?;
    let (factor, sections) = scaling(&new)?;
    // transformers takes the old form where both are there; which of two was meant is not ours
    // to guess.
    if !old.is_missing() && scaling(&old)? != (factor, sections.clone()) {
        return Err(text.wrong("rope_scaling", "what 'rope_parameters' says, or left out"));
    }
    Ok(RotaryConfig { theta, factor, sections })
}

/// How positions are scaled, and the axes' shares of the frequencies.
fn scaling(rope: &Section) -> Result<(f64, Vec<usize>), EngineError> {
    let name = if rope.member("rope_type").is_null() { "type" } else { "rope_type" };
    let factor = match rope.text(name)? {
        None | Some("default" | "mrope") => 1.0,
        Some("linear") => rope.number("factor", 1.0, 1e-3..=1e6)?,
        Some(_) => return Err(rope.wrong(name, "\"default\", \"linear\" or \"mrope\"")),
    };
    rope.number("partial_rotary_factor", 1.0, 1.0..=1.0)?;
    let sections = rope.whole("mrope_section")?.into_iter().map(|n| n as usize).collect();
    Ok((factor, sections))
}

/// The configuration's `model_type`.
pub(crate) fn family(folder: &Path) -> Result<String, EngineError> {
    let path = folder.join("config.json");
    let json = model_json(folder)?;
    let section = Section::file(&json, path.display().to_string())?;
    match section.text("model_type")? {
        Some(name) => Ok(name.to_owned()),
        None => Err(section.fail("has no 'model_type': it does not say what model this is")),
    }
}

fn model_json(folder: &Path) -> Result<Value, EngineError> {
    read_json(&folder.join("config.json"))?.ok_or_else(|| {
        EngineError::model(format!(
            "{}: there is no config.json; a model folder in Hugging Face layout is needed",
            folder.display()
        ))
    })
}

/// A model's `config.json` and, where it is there, `generation_config.json`.
struct Files {
    model: Value,
    generation: Value,
    model_at: String,
    generation_at: String,
}

impl Files {
    fn read(folder: &Path) -> Result<Self, EngineError> {
        let generation = folder.join("generation_config.json");
        Ok(Files {
            model: model_json(folder)?,
            model_at: folder.join("config.json").display().to_string(),
            generation: read_json(&generation)?.unwrap_or_default(),
            generation_at: generation.display().to_string(),
        })
    }

    fn model(&self) -> Result<Section<'_>, EngineError> {
        Section::file(&self.model, &*self.model_at)
    }

    fn generation(&self) -> Result<Section<'_>, EngineError> {
        Section::file(&self.generation, &*self.generation_at)
    }
}

/// Ids that end an answer: the generation config's, else the model's, else `default`.
fn eos(places: &[&Section], default: u32) -> Result<Vec<u32>, EngineError> {
    for place in places {
        let ids = place.whole("eos_token_id")?;
        if !ids.is_empty() {
            return Ok(ids);
        }
    }
    Ok(vec![default])
}

/// The id that stands for the picture, under one of its names.
fn image_token(
    model: &Section,
    names: &[&str],
    default: u32,
    vocab: usize,
) -> Result<u32, EngineError> {
    for name in names {
        match model.id(name)? {
            Some(id) if (id as usize) < vocab => return Ok(id),
            Some(_) => return Err(model.wrong(name, &format!("a token below {vocab}"))),
            None => {}
        }
    }
    Ok(default)
}
