//! Sizes of published SmolVLM models.

use super::config::{SIGLIP, SmolConfig};
use crate::decoder::{Biases, DecoderConfig};
use crate::rotary::RotaryConfig;
use crate::vision::VitConfig;

/// Their names.
pub(super) const NAMES: [&str; 3] = ["smolvlm-256m", "smolvlm-500m", "smolvlm-2.2b"];

/// The configuration of a shape: of SmolVLM and SmolVLM2, which have the same sizes.
pub(super) fn shape(name: &str) -> Option<SmolConfig> {
    Some(match name {
        "smolvlm-256m" => smol(smollm((576, 1536), 30, (9, 3), 1e5), SIGLIP, 4),
        "smolvlm-500m" => smol(smollm((960, 2560), 32, (15, 5), 1e5), SIGLIP, 4),
        "smolvlm-2.2b" => {
            let large = VitConfig {
                hidden: 1152,
                intermediate: 4304,
                layers: 27,
                heads: 16,
                image_size: 384,
                patch_size: 14,
                ..SIGLIP
            };
            smol(smollm((2048, 8192), 24, (32, 32), 130_000.0), large, 3)
        }
        _ => return None,
    })
}

/// SmolLM2's decoder; the published models have an output head of their own.
fn smollm(
    (hidden, intermediate): (usize, usize),
    layers: usize,
    (heads, kv_heads): (usize, usize),
    theta: f64,
) -> DecoderConfig {
    DecoderConfig {
        hidden,
        intermediate,
        layers,
        heads,
        kv_heads,
        head_dim: 64,
        vocab: 49_280,
        norm_eps: 1e-5,
        rotary: RotaryConfig { theta, factor: 1.0, sections: Vec::new(), interleaved: false },
        tied: false,
        max_positions: 8192,
        biases: Biases::STORED,
        head_norms: false,
    }
}

fn smol(text: DecoderConfig, vision: VitConfig, scale: usize) -> SmolConfig {
    SmolConfig { image_token: text.vocab as u32 - 1, text, vision, scale, eos: vec![2] }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters of the published checkpoints, all of them.
    #[test]
    fn sizes_add_up_to_the_published_models() {
        for (name, published, tokens) in [
            ("smolvlm-256m", 256_484_928, 64),
            ("smolvlm-500m", 507_482_304, 64),
            ("smolvlm-2.2b", 2_246_784_880, 81),
        ] {
            let c = shape(name).expect("a shape");
            let v = &c.vision;
            let (d, patches) = (v.hidden, v.grid() * v.grid());
            let block = 4 * (d * d + d) + 2 * d * v.intermediate + v.intermediate + d + 4 * d;
            let patch = 3 * v.patch_size * v.patch_size * d + d;
            let tower = patch + patches * d + v.layers * block + 2 * d;
            let connector = c.scale * c.scale * d * c.text.hidden;
            let all = c.text.parameters(0) + tower + connector;
            assert_eq!((all, c.grid() * c.grid()), (published, tokens), "{name}");
        }
    }
}
