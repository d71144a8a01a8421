//! InternVL in llama.cpp's files.

use shared::sentence::{GgufModelFault, SettingNeed};

use super::config::{InternConfig, check};
use super::tower::InternVitConfig;
use crate::config::gguf::{
    CLIP, GgufText, architecture, blocks, decoder, eos, inner, joined, needed_size, number, special,
};
use crate::error::EngineError;
use crate::vision::Activation;
use crate::weights::Gguf;
use crate::weights::gguf::names::{layer, renamed};

/// The most tiles of published models, whose files do not say how many.
const TILES: usize = 12;

/// llama.cpp's name for a tensor of the vision tower or the projector.
pub(super) fn name(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("model.multi_modal_projector.") {
        let parts = [("layer_norm", "0"), ("linear_1", "1"), ("linear_2", "3")];
        return renamed(rest, "mm.model.mlp.", &parts);
    }
    let name = name.strip_prefix("model.vision_tower.")?;
    let Some((i, rest)) = layer(name, "encoder.layer.") else {
        return match name {
            "embeddings.cls_token" => Some("v.class_embd".to_owned()),
            "embeddings.position_embeddings" => Some("v.position_embd.weight".to_owned()),
            _ => renamed(name, "v.", &[("embeddings.patch_embeddings.projection", "patch_embd")]),
        };
    };
    match rest {
        "lambda_1" => Some(format!("v.blk.{i}.ls1.weight")),
        "lambda_2" => Some(format!("v.blk.{i}.ls2.weight")),
        _ => renamed(
            rest,
            &format!("v.blk.{i}."),
            &[
                ("layernorm_before", "ln1"),
                ("attention.q_proj", "attn_q"),
                ("attention.k_proj", "attn_k"),
                ("attention.v_proj", "attn_v"),
                ("attention.q_norm", "attn_q_norm"),
                ("attention.k_norm", "attn_k_norm"),
                ("attention.projection_layer", "attn_out"),
                ("layernorm_after", "ln2"),
                ("mlp.fc1", "ffn_up"),
                ("mlp.fc2", "ffn_down"),
            ],
        ),
    }
}

/// The most tiles that a picture is cut into.
pub(super) fn tiles(mmproj: &Gguf) -> Result<u32, EngineError> {
    let clip = &mmproj.metadata;
    if clip.size("clip.vision.preproc_min_tiles")?.is_some_and(|least| least > 1) {
        return Err(clip.wrong("clip.vision.preproc_min_tiles", GgufModelFault::MoreThanOne));
    }
    let key = "clip.vision.preproc_max_tiles";
    match clip.size(key)?.unwrap_or(TILES) {
        most if (1..=super::prepare::MOST_TILES).contains(&most) => Ok(most as u32),
        found => {
            let most = super::prepare::MOST_TILES;
            Err(clip.wrong(key, GgufModelFault::FromOneTo { found, most }))
        }
    }
}

impl InternConfig {
    /// From a language model and its mmproj.
    ///
    /// # Errors
    /// A setting that is missing or not supported.
    pub(super) fn from_gguf(text: &Gguf, mmproj: &Gguf) -> Result<Self, EngineError> {
        let arch = architecture(text)?;
        let head_norms = arch == "qwen3";
        let decoder = decoder(text, GgufText { arch, theta: 1e6, sections: None, head_norms })?;
        let clip = &mmproj.metadata;
        let size = |name: &str| needed_size(clip, &format!("{CLIP}{name}"));
        if clip.flag("clip.use_silu") == Some(true) {
            let family = "InternVL".to_owned();
            return Err(clip.wrong("clip.use_silu", GgufModelFault::Set { family }));
        }
        let hidden = size("embedding_length")?;
        let there = |name: &str| mmproj.tensor(name).is_some();
        let vision = InternVitConfig {
            hidden,
            intermediate: inner(mmproj, hidden, "ffn_up")?,
            layers: size("block_count")?,
            heads: size("attention.head_count")?,
            image_size: size("image_size")?,
            patch_size: size("patch_size")?,
            norm_eps: number(clip, "clip.vision.attention.layer_norm_epsilon", 1e-6)?,
            activation: Activation::Gelu,
            // No key says which norms there are; the tensors do.
            rms: !there("v.blk.0.ln1.bias"),
            qk_norm: there("v.blk.0.attn_q_norm.weight"),
            qkv_bias: None,
        };
        blocks(mmproj, "v.blk.", &format!("{CLIP}block_count"), vision.layers)?;
        check(&vision).map_err(|(name, needed)| {
            let (name, needed) = (name.to_owned(), needed.into());
            clip.problem(GgufModelFault::TowerPart { name, needed })
        })?;
        let key = "clip.vision.projector.scale_factor";
        let scale = clip.size(key)?.unwrap_or(2);
        let grid = vision.grid();
        if !grid.is_multiple_of(scale) {
            let needed = SettingNeed::GridDivisor { grid }.into();
            return Err(clip.wrong(key, GgufModelFault::MustBe { found: scale, needed }));
        }
        joined((mmproj, text), decoder.hidden, &["mm.model.mlp.3.weight"])?;
        let meta = &text.metadata;
        Ok(InternConfig {
            image_token: special(meta, "<IMG_CONTEXT>")?,
            eos: eos(meta, special(meta, "<|im_end|>")?),
            text: decoder,
            vision,
            scale,
            projector: Activation::Gelu,
        })
    }
}
