//! SmolVLM in llama.cpp's files.

use shared::sentence::GgufModelFault;

use super::config::{SIGLIP, SmolConfig, check, fits};
use crate::config::gguf::{
    CLIP, GgufText, architecture, blocks, decoder, eos, inner, joined, needed_size, number, special,
};
use crate::error::EngineError;
use crate::vision::{Activation, VitConfig};
use crate::weights::Gguf;
use crate::weights::gguf::names::{renamed, vit};

/// llama.cpp's name for a tensor of the vision tower or the connector.
pub(super) fn name(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("model.connector.modality_projection.") {
        return renamed(rest, "mm.model.", &[("proj", "fc")]);
    }
    vit(name, "model.vision_model.")
}

/// The longer edge that pictures are given before they are cut. Files that do not say are of
/// published models, whose edge is four tiles.
pub(super) fn longest(mmproj: &Gguf, config: &SmolConfig) -> Result<u32, EngineError> {
    let key = "clip.vision.preproc_image_size";
    let longest = mmproj.metadata.size(key)?.unwrap_or(4 * config.vision.image_size);
    let most = super::prepare::LONGEST;
    match u32::try_from(longest) {
        Ok(edge) if edge <= most => Ok(edge),
        _ => Err(mmproj.metadata.wrong(key, GgufModelFault::AtMost { found: longest, most })),
    }
}

impl SmolConfig {
    /// From a language model and its mmproj.
    ///
    /// # Errors
    /// A setting that is missing or not supported.
    pub(super) fn from_gguf(text: &Gguf, mmproj: &Gguf) -> Result<Self, EngineError> {
        let arch = architecture(text)?;
        let decoder =
            decoder(text, GgufText { arch, theta: 1e4, sections: None, head_norms: false })?;
        let clip = &mmproj.metadata;
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
            activation: Activation::GeluTanh,
            ..SIGLIP
        };
        blocks(mmproj, "v.blk.", &format!("{CLIP}block_count"), vision.layers)?;
        check(&vision).map_err(|(name, needed)| {
            let (name, needed) = (name.to_owned(), needed.into());
            clip.problem(GgufModelFault::TowerPart { name, needed })
        })?;
        let key = "clip.vision.projector.scale_factor";
        let scale = needed_size(clip, key)?;
        fits(&vision, scale).map_err(|needed| {
            clip.wrong(key, GgufModelFault::MustBe { found: scale, needed: needed.into() })
        })?;
        joined((mmproj, text), decoder.hidden, &["mm.model.fc.weight"])?;
        let meta = &text.metadata;
        Ok(SmolConfig {
            image_token: special(meta, "<image>")?,
            // The token that ends a turn, as transformers has it; llama.cpp would stop at others, too.
            eos: match special(meta, "<end_of_utterance>") {
                Ok(end) => vec![end],
                Err(_) => eos(meta, 2),
            },
            text: decoder,
            vision,
            scale,
        })
    }
}
