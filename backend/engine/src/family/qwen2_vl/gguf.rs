//! Qwen2-VL in llama.cpp's files.

use shared::sentence::GgufModelFault;

use super::TOWER;
use crate::config::gguf::{
    CLIP, GgufText, architecture, blocks, decoder, eos, inner, joined, needed_size, special,
};
use crate::error::EngineError;
use crate::family::grid::{self, GridModel};
use crate::prepare::{FilmModel, FilmTime};
use crate::vision::{Activation, GridConfig, GridKind, GridMlp};
use crate::weights::Gguf;

/// llama.cpp's name for a tensor of the vision tower or the merger.
pub(super) fn name(name: &str) -> Option<String> {
    grid::name(name, &[("mlp.fc1", "ffn_up"), ("mlp.fc2", "ffn_down")])
}

/// From a language model and its mmproj.
///
/// # Errors
/// A setting that is missing or not supported.
pub(super) fn model(text: &Gguf, mmproj: &Gguf) -> Result<GridModel, EngineError> {
    let arch = architecture(text)?;
    let sections = Some("dimension_sections");
    let decoder = decoder(text, GgufText { arch, theta: 1e6, sections, head_norms: false })?;
    let clip = &mmproj.metadata;
    let key = |name: &str| format!("{CLIP}{name}");
    let size = |name: &str| needed_size(clip, &key(name));
    if clip.flag("clip.use_silu") == Some(true) {
        let family = "Qwen2-VL".to_owned();
        return Err(clip.wrong("clip.use_silu", GgufModelFault::Set { family }));
    }
    // llama.cpp takes the quick one where the file names neither.
    let exact = clip.flag("clip.use_gelu") == Some(true);
    let activation = if exact { Activation::Gelu } else { Activation::QuickGelu };
    let layers = size("block_count")?;
    blocks(mmproj, "v.blk.", &key("block_count"), layers)?;
    let hidden = size("embedding_length")?;
    let config = GridConfig {
        kind: GridKind { mlp: GridMlp::Plain(activation), ..TOWER },
        hidden,
        // The files say 0 here, or the language model's width; the tensors know.
        intermediate: inner(mmproj, hidden, "ffn_up")?,
        layers,
        heads: size("attention.head_count")?,
        patch: size("patch_size")?,
        merge: clip.size(&key("spatial_merge_size"))?.unwrap_or(2),
        windows: None,
        positions: None,
        deep: Vec::new(),
        out: decoder.hidden,
        // There is no key for another.
        theta: 1e4,
    };
    if !config.hidden.is_multiple_of(4 * config.heads) {
        return Err(clip.problem(GgufModelFault::TowerSizes));
    }
    joined((mmproj, text), decoder.hidden, &["mm.2.weight"])?;
    let meta = &text.metadata;
    let token = special(&text.metadata, "<|video_pad|>").ok();
    let film = token.map(|token| FilmModel { token, time: FilmTime::Steps });
    Ok(GridModel {
        film,
        image_processor: None,
        image_token: special(meta, "<|image_pad|>")?,
        eos: eos(meta, special(meta, "<|im_end|>")?),
        text: decoder,
        vision: config,
    })
}
