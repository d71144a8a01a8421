//! LLaVA-1.5 in llama.cpp's files.

use shared::sentence::GgufModelFault;

use super::config::LlavaConfig;
use crate::config::gguf::{
    CLIP, GgufText, architecture, decoder, eos, inner, joined, needed_size, number,
};
use crate::error::EngineError;
use crate::vision::{Activation, VitConfig};
use crate::weights::Gguf;
use crate::weights::gguf::names::{renamed, vit};

/// llama.cpp's name for a tensor of the vision tower or the projector.
pub(super) fn name(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("model.multi_modal_projector.") {
        return renamed(rest, "mm.", &[("linear_1", "0"), ("linear_2", "2")]);
    }
    vit(name, "model.vision_tower.vision_model.")
}

impl LlavaConfig {
    /// From a language model and its mmproj.
    ///
    /// # Errors
    /// A setting that is missing or not supported.
    pub(crate) fn from_gguf(text: &Gguf, mmproj: &Gguf) -> Result<Self, EngineError> {
        let arch = architecture(text)?;
        let decoder =
            decoder(text, GgufText { arch, theta: 1e4, sections: None, head_norms: false })?;
        let clip = &mmproj.metadata;
        if clip.integers("clip.vision.image_grid_pinpoints").is_some_and(|list| !list.is_empty()) {
            let fault = GgufModelFault::Llava16;
            return Err(clip.wrong("clip.vision.image_grid_pinpoints", fault));
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
            norm_eps: number(clip, "clip.vision.attention.layer_norm_epsilon", 1e-5)?,
            // Neither key set is the older converter's way to say quick GELU.
            activation: match (clip.flag("clip.use_gelu"), clip.flag("clip.use_silu")) {
                (_, Some(true)) => {
                    let family = "CLIP".to_owned();
                    return Err(clip.wrong("clip.use_silu", GgufModelFault::Set { family }));
                }
                (Some(true), _) => Activation::Gelu,
                _ => Activation::QuickGelu,
            },
            ..VitConfig::CLIP_L
        };
        if !vision.hidden.is_multiple_of(vision.heads) || vision.patch_size > vision.image_size {
            return Err(clip.problem(GgufModelFault::TowerSizes));
        }
        joined((mmproj, text), decoder.hidden, &["mm.2.weight"])?;
        // Files of the original LLaVA have no token of their own for pictures: an id beyond the
        // vocabulary, which no text can have.
        let tokens = text.metadata.texts("tokenizer.ggml.tokens").unwrap_or_default();
        let image_token = tokens.iter().position(|t| t == "<image>").unwrap_or(decoder.vocab);
        Ok(LlavaConfig {
            image_processor: None,
            feature_blocks: feature_blocks(mmproj, &vision)?,
            text: decoder,
            vision,
            image_token: image_token as u32,
            eos: eos(&text.metadata, 2),
            projector: Activation::Gelu,
            projector_bias: None,
        })
    }
}

/// How many blocks lie before the feature layer of a tower that is said to have so many, where the file
/// names the layer.
pub(super) fn named_layer(mmproj: &Gguf, said: usize) -> Result<Option<usize>, EngineError> {
    let (clip, there) = (&mmproj.metadata, mmproj.blocks("v.blk."));
    let key = "clip.vision.feature_layer";
    let Some(list) = clip.integers(key).filter(|list| !list.is_empty()) else { return Ok(None) };
    match *list {
        [layer] if layer >= 0 && layer as usize <= there => Ok(Some(layer as usize)),
        [layer] if layer < 0 && (0..=there as i64).contains(&(said as i64 + 1 + layer)) => {
            Ok(Some((said as i64 + 1 + layer) as usize))
        }
        [layer] => {
            let layer = layer.to_string();
            Err(clip.wrong(key, GgufModelFault::FeatureLayer { layer, there }))
        }
        _ => Err(clip.wrong(key, GgufModelFault::SeveralLayers)),
    }
}

/// How many blocks of a CLIP tower lie before the feature layer. LLaVA-1.5 takes the penultimate
/// hidden state. Files name the layer, or hold the whole tower, or leave its last block out, and
/// `block_count` counts it in some of those and not in others.
fn feature_blocks(mmproj: &Gguf, vision: &VitConfig) -> Result<usize, EngineError> {
    let (there, said) = (mmproj.blocks("v.blk."), vision.layers);
    if let Some(named) = named_layer(mmproj, said)? {
        return Ok(named);
    }
    // CLIP ViT-L, which every published LLaVA-1.5 has: 24 blocks of width 1024, the last unused.
    if vision.hidden == 1024 && there.min(said) >= 23 && there.max(said) <= 24 {
        return Ok(23);
    }
    Ok(match there.cmp(&said) {
        // The count leaves the unused block out, or the file does.
        std::cmp::Ordering::Greater => said,
        std::cmp::Ordering::Less => there,
        // The converter that drops the last block drops the norm after it as well.
        _ if mmproj.tensor("v.post_ln.weight").is_some() => said.saturating_sub(1),
        _ => said,
    })
}
