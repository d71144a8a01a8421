//! LLaVA-Interleave in llama.cpp's files.

use shared::sentence::GgufModelFault;

use crate::config::gguf::{
    CLIP, GgufText, architecture, decoder, eos, inner, joined, needed_size, number,
};
use crate::config::{SO400M, SiglipQwen, fits};
use crate::error::EngineError;
use crate::family::llava::gguf::named_layer;
use crate::vision::{Activation, ProjectedConfig, VitConfig};
use crate::weights::Gguf;

/// From a language model and its mmproj.
///
/// # Errors
/// A setting that is missing or not supported.
pub(super) fn config(text: &Gguf, mmproj: &Gguf) -> Result<SiglipQwen, EngineError> {
    other_model(text, mmproj)?;
    let arch = architecture(text)?;
    let decoder = decoder(text, GgufText { arch, theta: 1e4, sections: None, head_norms: false })?;
    let clip = &mmproj.metadata;
    if clip.flag("clip.use_silu") == Some(true) {
        let family = "SigLIP".to_owned();
        return Err(clip.wrong("clip.use_silu", GgufModelFault::Set { family }));
    }
    let size = |name: &str| needed_size(clip, &format!("{CLIP}{name}"));
    let hidden = size("embedding_length")?;
    let vision = VitConfig {
        hidden,
        intermediate: inner(mmproj, hidden, "ffn_up")?,
        layers: size("block_count")?,
        heads: size("attention.head_count")?,
        image_size: size("image_size")?,
        patch_size: size("patch_size")?,
        norm_eps: number(clip, "clip.vision.attention.layer_norm_epsilon", 1e-6)?,
        ..SO400M
    };
    fits(&vision)
        .map_err(|what| clip.problem(GgufModelFault::NotTogetherFor { what: what.into() }))?;
    joined((mmproj, text), decoder.hidden, &["mm.2.weight"])?;
    let tokens = text.metadata.texts("tokenizer.ggml.tokens").unwrap_or_default();
    let image_token = tokens.iter().position(|t| t == "<image>").unwrap_or(decoder.vocab);
    // The features are the last block's output, where nobody names another: a file may count blocks that
    // it leaves out, or have more than it counts.
    let blocks = match named_layer(mmproj, vision.layers)? {
        Some(named) => named,
        None => vision.layers.min(mmproj.blocks("v.blk.")),
    };
    Ok(SiglipQwen {
        image_token: image_token as u32,
        eos: eos(&text.metadata, 151_645),
        encoder: ProjectedConfig {
            vision,
            blocks,
            activation: Activation::Gelu,
            bias: None,
            out: decoder.hidden,
        },
        text: decoder,
    })
}

/// Refuses files of other models with Qwen2 and such a projector.
fn other_model(text: &Gguf, mmproj: &Gguf) -> Result<(), EngineError> {
    let clip = &mmproj.metadata;
    if mmproj.tensor("v.class_embd").is_some() {
        return Err(mmproj.problem("v.class_embd", GgufModelFault::ClassToken));
    }
    let key = "clip.vision.image_grid_pinpoints";
    if clip.integers(key).is_some_and(|list| !list.is_empty()) {
        return Err(clip.wrong(key, GgufModelFault::OneVision));
    }
    if let Some(newline) = ["model.image_newline", "v.image_newline", "mm.image_newline"]
        .iter()
        .find(|name| mmproj.tensor(name).is_some())
    {
        return Err(mmproj.problem(newline, GgufModelFault::OneVision));
    }
    let is_onevision = |named: &str| {
        let letters: String = named.chars().filter(char::is_ascii_alphanumeric).collect();
        letters.to_ascii_lowercase().contains("onevision")
    };
    for (file, key) in [clip, &text.metadata]
        .into_iter()
        .flat_map(|file| ["general.name", "general.basename"].map(|key| (file, key)))
    {
        if file.text(key).is_some_and(is_onevision) {
            return Err(file.wrong(key, GgufModelFault::OneVision));
        }
    }
    Ok(())
}
