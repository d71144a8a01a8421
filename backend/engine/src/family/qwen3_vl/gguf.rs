//! Qwen3-VL in llama.cpp's files.

use shared::sentence::GgufModelFault;

use super::TOWER;
use crate::config::gguf::{
    CLIP, GgufText, architecture, blocks, decoder, eos, inner, joined, needed_size, special,
};
use crate::error::EngineError;
use crate::family::grid::GridModel;
use crate::vision::GridConfig;
use crate::weights::Gguf;
use crate::weights::gguf::line;
use crate::weights::gguf::names::{layer, renamed};

/// What begins the names of mergers on the way, before the number of the block that they follow.
pub(super) const DEEP: &str = "v.deepstack.";

/// llama.cpp's name for a tensor of the vision tower or its mergers.
pub(super) fn name(name: &str) -> Option<String> {
    let name = name.strip_prefix("model.visual.")?;
    if let Some((i, rest)) = layer(name, "blocks.") {
        return renamed(
            rest,
            &format!("v.blk.{i}."),
            &[
                ("norm1", "ln1"),
                ("attn.qkv", "attn_qkv"),
                ("attn.proj", "attn_out"),
                ("norm2", "ln2"),
                ("mlp.linear_fc1", "ffn_up"),
                ("mlp.linear_fc2", "ffn_down"),
            ],
        );
    }
    if let Some((i, rest)) = layer(name, "deepstack_merger_list.") {
        let parts = [("norm", "norm"), ("linear_fc1", "fc1"), ("linear_fc2", "fc2")];
        return renamed(rest, &format!("{DEEP}{i}."), &parts);
    }
    renamed(
        name,
        "",
        &[
            ("patch_embed.proj", "v.patch_embd"),
            ("pos_embed", "v.position_embd"),
            ("merger.norm", "v.post_ln"),
            ("merger.linear_fc1", "mm.0"),
            ("merger.linear_fc2", "mm.2"),
        ],
    )
}

/// From a language model and its mmproj.
///
/// # Errors
/// A setting that is missing or not supported.
pub(super) fn model(text: &Gguf, mmproj: &Gguf) -> Result<GridModel, EngineError> {
    let arch = architecture(text)?;
    let sections = Some("dimension_sections");
    let mut decoder = decoder(text, GgufText { arch, theta: 5e6, sections, head_norms: true })?;
    decoder.rotary.interleaved = true;
    let clip = &mmproj.metadata;
    let key = |name: &str| format!("{CLIP}{name}");
    let size = |name: &str| needed_size(clip, &key(name));
    if clip.flag("clip.use_silu") == Some(true) {
        let family = "Qwen3-VL".to_owned();
        return Err(clip.wrong("clip.use_silu", GgufModelFault::Set { family }));
    }
    let layers = size("block_count")?;
    blocks(mmproj, "v.blk.", &key("block_count"), layers)?;
    let hidden = size("embedding_length")?;
    let config = GridConfig {
        kind: TOWER,
        hidden,
        intermediate: inner(mmproj, hidden, "ffn_up")?,
        layers,
        heads: size("attention.head_count")?,
        patch: size("patch_size")?,
        merge: clip.size(&key("spatial_merge_size"))?.unwrap_or(2),
        windows: None,
        positions: Some(positions(mmproj)?),
        deep: deep(text, mmproj, layers)?,
        out: decoder.hidden,
        // There is no key for another.
        theta: 1e4,
    };
    if !config.hidden.is_multiple_of(4 * config.heads) {
        return Err(clip.problem(GgufModelFault::TowerSizes));
    }
    joined((mmproj, text), decoder.hidden, &["mm.2.weight"])?;
    let meta = &text.metadata;
    Ok(GridModel {
        film: None,
        image_processor: None,
        image_token: special(meta, "<|image_pad|>")?,
        eos: eos(meta, special(meta, "<|im_end|>")?),
        text: decoder,
        vision: config,
    })
}

/// Rows of the table of learned positions.
fn positions(mmproj: &Gguf) -> Result<usize, EngineError> {
    let name = "v.position_embd.weight";
    match mmproj.tensor(name).map(|entry| entry.shape.as_slice()) {
        Some([rows, _]) => Ok(*rows),
        _ => Err(mmproj.problem(name, GgufModelFault::NoTable)),
    }
}

/// Blocks whose patches are merged on the way: those that have such tensors. Both files say how many
/// there are, too.
fn deep(text: &Gguf, mmproj: &Gguf, layers: usize) -> Result<Vec<usize>, EngineError> {
    let there: Vec<usize> = mmproj.numbers(DEEP).into_iter().collect();
    if let Some(beyond) = there.iter().find(|block| **block >= layers) {
        let name = format!("{DEEP}{beyond}.norm.weight");
        return Err(mmproj.problem(&name, GgufModelFault::FollowsNoBlock { layers }));
    }
    let key = "clip.vision.is_deepstack_layers";
    if let Some(flags) = mmproj.metadata.integers(key) {
        let said = flags.iter().enumerate().filter(|(_, flag)| **flag != 0).map(|(block, _)| block);
        if said.collect::<Vec<usize>>() != there {
            let blocks = line(&format!("{there:?}"));
            return Err(mmproj.metadata.wrong(key, GgufModelFault::OtherMergers { blocks }));
        }
    }
    let key = format!("{}.n_deepstack_layers", architecture(text)?);
    if let Some(said) = text.metadata.number(&key)?
        && said != there.len() as f64
    {
        let (said, mmproj) = (said.to_string(), mmproj.path().display().to_string());
        let fault = GgufModelFault::MergerCount { said, mmproj, there: there.len() };
        return Err(text.metadata.wrong(&key, fault));
    }
    Ok(there)
}
