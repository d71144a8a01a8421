//! Sizes of published models, and of the bench's peer, for runs on random weights.

use crate::config::LlavaConfig;
use crate::decoder::DecoderConfig;
use crate::error::EngineError;
use crate::rotary::RotaryConfig;
use crate::vision::{Activation, ClipConfig};
use shared::ErrorCode;

/// Names that [`crate::Model::random`] knows.
pub const NAMES: [&str; 3] = ["llava-1.5-7b", "llava-1.5-13b", "llava-10m"];

/// The configuration of a shape. `llava-10m` is the model of 10.8 million parameters that
/// `tests/bench/peer.py` times in transformers.
pub(crate) fn llava(name: &str) -> Result<LlavaConfig, EngineError> {
    let clip_l = ClipConfig {
        hidden: 1024,
        intermediate: 4096,
        layers: 24,
        heads: 16,
        image_size: 336,
        patch_size: 14,
        norm_eps: 1e-5,
        activation: Activation::QuickGelu,
    };
    let vicuna = |hidden, intermediate, layers, heads| DecoderConfig {
        hidden,
        intermediate,
        layers,
        heads,
        kv_heads: heads,
        head_dim: hidden / heads,
        vocab: 32_064,
        norm_eps: 1e-5,
        rotary: RotaryConfig { theta: 1e4, factor: 1.0, sections: Vec::new() },
        tied: false,
        max_positions: 4096,
    };
    let (text, vision) = match name {
        "llava-1.5-7b" => (vicuna(4096, 11_008, 32, 32), clip_l),
        "llava-1.5-13b" => (vicuna(5120, 13_824, 40, 40), clip_l),
        "llava-10m" => {
            let text = DecoderConfig { vocab: 2048, ..vicuna(256, 768, 8, 8) };
            let vision = ClipConfig {
                hidden: 192,
                intermediate: 768,
                layers: 6,
                heads: 6,
                image_size: 168,
                ..clip_l
            };
            // Room for the long prompts of the memory bench.
            (DecoderConfig { max_positions: 1 << 18, ..text }, vision)
        }
        other => {
            return Err(EngineError::new(
                ErrorCode::UnknownModel,
                format!("There is no shape '{other}'; there are {}.", NAMES.join(", ")),
            ));
        }
    };
    let image_token = text.vocab as u32 - 1;
    Ok(LlavaConfig {
        feature_blocks: vision.layers - 1,
        text,
        vision,
        image_token,
        eos: vec![2],
        projector: Activation::Gelu,
    })
}
