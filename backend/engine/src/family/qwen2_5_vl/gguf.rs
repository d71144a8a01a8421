//! Qwen2.5-VL in llama.cpp's files, and in Ollama's.

use shared::sentence::GgufModelFault;

use super::TOWER;
use crate::config::gguf::{
    CLIP, GgufText, architecture, blocks, decoder, eos, inner, joined, needed_size, number, special,
};
use crate::error::EngineError;
use crate::family::grid::{self, GridModel};
use crate::prepare::{FilmModel, FilmTime};
use crate::vision::{GridConfig, Windows};
use crate::weights::{Gguf, Metadata};

/// What Ollama calls a model with its vision tower in the same file.
pub(super) const WHOLE: &str = "qwen25vl";

/// llama.cpp's name for a tensor of the vision tower or the merger.
pub(super) fn name(name: &str) -> Option<String> {
    grid::name(
        name,
        &[("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down")],
    )
}

/// From a language model and its mmproj.
///
/// # Errors
/// A setting that is missing or not supported.
pub(super) fn model(text: &Gguf, mmproj: &Gguf) -> Result<GridModel, EngineError> {
    let arch = architecture(text)?;
    let sections = if arch == WHOLE { "mrope_section" } else { "dimension_sections" };
    let decoder =
        decoder(text, GgufText { arch, theta: 1e6, sections: Some(sections), head_norms: false })?;
    let clip = &mmproj.metadata;
    let prefix = vision_prefix(clip);
    let key = |name: &str| format!("{prefix}{name}");
    let size = |name: &str| needed_size(clip, &key(name));
    if clip.flag("clip.use_gelu") == Some(true) {
        let family = "Qwen2.5-VL".to_owned();
        return Err(clip.wrong("clip.use_gelu", GgufModelFault::Set { family }));
    }
    let layers = size("block_count")?;
    blocks(mmproj, "v.blk.", &key("block_count"), layers)?;
    let hidden = size("embedding_length")?;
    let windows = Windows {
        edge: clip.size(&key("window_size"))?.unwrap_or(112),
        full: full_blocks(clip, layers)?,
    };
    let config = GridConfig {
        kind: TOWER,
        hidden,
        // Some files say 0 here; the tensors know.
        intermediate: inner(mmproj, hidden, "ffn_gate")?,
        layers,
        heads: size("attention.head_count")?,
        patch: size("patch_size")?,
        merge: clip.size(&key("spatial_merge_size"))?.unwrap_or(2),
        windows: Some(windows),
        positions: None,
        deep: Vec::new(),
        out: decoder.hidden,
        // llama.cpp has no key for another; Ollama has.
        theta: number(clip, &key("rope.freq_base"), 1e4)?,
    };
    let window = config.windows.as_ref().map(|windows| config.window_tokens(windows));
    if !config.hidden.is_multiple_of(4 * config.heads) || window == Some(0) {
        return Err(clip.problem(GgufModelFault::TowerSizes));
    }
    joined((mmproj, text), decoder.hidden, &["mm.2.weight", "v.merger.mlp.2.weight"])?;
    let image_token = special(&text.metadata, "<|image_pad|>")?;
    // There is no key for how seconds are counted: as the published models do.
    let token = special(&text.metadata, "<|video_pad|>").ok();
    let film = token.map(|token| FilmModel { token, time: FilmTime::Seconds(2.0) });
    Ok(GridModel {
        film,
        image_processor: None,
        eos: eos(&text.metadata, special(&text.metadata, "<|im_end|>")?),
        text: decoder,
        vision: config,
        image_token,
    })
}

/// The blocks that attend to the whole picture: every n-th, counted from one, or a list.
fn full_blocks(clip: &Metadata, layers: usize) -> Result<Vec<usize>, EngineError> {
    if let Some(list) = clip.integers(&format!("{}fullatt_block_indexes", vision_prefix(clip))) {
        return Ok(list.into_iter().filter_map(|i| usize::try_from(i).ok()).collect());
    }
    if vision_prefix(clip) != CLIP {
        // What Ollama leaves out is as published.
        return Ok(vec![7, 15, 23, 31]);
    }
    let key = "clip.vision.n_wa_pattern";
    let every = clip.needed(key, clip.size(key)?)?;
    Ok((0..layers).filter(|i| (i + 1).is_multiple_of(every)).collect())
}

/// What begins a key of the vision tower's.
fn vision_prefix(meta: &Metadata) -> &'static str {
    let whole = meta.text("general.architecture") == Some(WHOLE);
    if whole { "qwen25vl.vision." } else { CLIP }
}
