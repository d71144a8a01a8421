//! Sizes of published LLaVA-1.5 models, of the bench's peer and of the demo model.

use super::config::LlavaConfig;
use crate::decoder::{Biases, DecoderConfig};
use crate::rotary::RotaryConfig;
use crate::vision::{Activation, VitConfig};

/// Their names.
pub(super) const NAMES: [&str; 5] =
    ["llava-1.5-7b", "llava-1.5-13b", "llava-10m", "llava-100m", "demo-llava"];

/// The configuration of a shape. `llava-10m` is the model of 10.8 million parameters that
/// `tests/bench/peer.py` times in transformers.
pub(super) fn shape(name: &str) -> Option<LlavaConfig> {
    Some(match name {
        "llava-1.5-7b" => llava(vicuna(32_064, 4096, 11_008, 32, 32), VitConfig::CLIP_L),
        "llava-1.5-13b" => llava(vicuna(32_064, 5120, 13_824, 40, 40), VitConfig::CLIP_L),
        "llava-10m" => {
            // Room for the long prompts of the memory bench.
            let text = DecoderConfig { max_positions: 1 << 18, ..vicuna(2048, 256, 768, 8, 8) };
            let small = VitConfig {
                hidden: 192,
                intermediate: 768,
                layers: 6,
                heads: 6,
                image_size: 168,
                ..VitConfig::CLIP_L
            };
            llava(text, small)
        }
        // Large enough that weights outweigh the program, small enough to be made in a second.
        "llava-100m" => {
            let small = VitConfig { layers: 2, image_size: 168, ..VitConfig::CLIP_L };
            llava(vicuna(4096, 1024, 2816, 8, 8), small)
        }
        "demo-llava" => {
            let text = DecoderConfig { tied: true, ..vicuna(1536, 256, 512, 8, 8) };
            let vision = VitConfig {
                hidden: 192,
                intermediate: 640,
                layers: 6,
                heads: 6,
                image_size: 168,
                ..VitConfig::CLIP_L
            };
            llava(text, vision)
        }
        _ => return None,
    })
}

fn vicuna(
    vocab: usize,
    hidden: usize,
    intermediate: usize,
    layers: usize,
    heads: usize,
) -> DecoderConfig {
    DecoderConfig {
        hidden,
        intermediate,
        layers,
        heads,
        kv_heads: heads,
        head_dim: hidden / heads,
        vocab,
        norm_eps: 1e-5,
        rotary: RotaryConfig { theta: 1e4, factor: 1.0, sections: Vec::new(), interleaved: false },
        tied: false,
        // Published models read 4,096; a bench may ask how longer prompts would fare.
        max_positions: 1 << 18,
        biases: Biases::STORED,
        head_norms: false,
    }
}

fn llava(text: DecoderConfig, vision: VitConfig) -> LlavaConfig {
    LlavaConfig {
        image_token: text.vocab as u32 - 1,
        feature_blocks: vision.layers - 1,
        text,
        vision,
        eos: vec![2],
        image_processor: None,
        projector: Activation::Gelu,
        projector_bias: Some(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters of the published checkpoints, as their model cards and indexes count them.
    #[test]
    fn sizes_add_up_to_the_published_models() {
        for (name, published) in [
            // Vicuna's decoders with 64 more rows in both tables.
            ("llava-1.5-7b", 6_738_415_616 + 2 * 64 * 4096),
            ("llava-1.5-13b", 13_015_864_320 + 2 * 64 * 5120),
        ] {
            let c = shape(name).expect("a shape");
            assert_eq!(c.vision.grid() * c.vision.grid(), 576);
            assert_eq!(c.text.parameters(0), published, "{name}");
        }
    }
}
