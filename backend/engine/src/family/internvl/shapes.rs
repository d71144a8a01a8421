//! Sizes of published InternVL3 and InternVL3.5 models.

use super::config::InternConfig;
use super::tower::InternVitConfig;
use crate::decoder::{Biases, DecoderConfig};
use crate::rotary::RotaryConfig;
use crate::vision::Activation;

/// Their names.
pub(super) const NAMES: [&str; 6] = [
    "internvl3-1b",
    "internvl3-2b",
    "internvl3-8b",
    "internvl3.5-1b",
    "internvl3.5-2b",
    "internvl3.5-8b",
];

/// The configuration of a shape. All have an output head of their own.
pub(super) fn shape(name: &str) -> Option<InternConfig> {
    Some(intern(match name {
        "internvl3-1b" => qwen2((896, 4864), 24, (14, 2)),
        "internvl3-2b" => qwen2((1536, 8960), 28, (12, 2)),
        "internvl3-8b" => qwen2((3584, 18_944), 28, (28, 4)),
        "internvl3.5-1b" => qwen3((1024, 3072), 28, 16),
        "internvl3.5-2b" => qwen3((2048, 6144), 28, 16),
        "internvl3.5-8b" => qwen3((4096, 12_288), 36, 32),
        _ => return None,
    }))
}

/// Qwen2.5 with a vocabulary of its own.
fn qwen2(
    (hidden, intermediate): (usize, usize),
    layers: usize,
    (heads, kv_heads): (usize, usize),
) -> DecoderConfig {
    DecoderConfig {
        hidden,
        intermediate,
        layers,
        heads,
        kv_heads,
        head_dim: hidden / heads,
        vocab: 151_674,
        norm_eps: 1e-6,
        rotary: RotaryConfig { theta: 1e6, factor: 1.0, sections: Vec::new(), interleaved: false },
        tied: false,
        max_positions: 32_768,
        biases: Biases::STORED,
        head_norms: false,
    }
}

/// Qwen3.
fn qwen3((hidden, intermediate): (usize, usize), layers: usize, heads: usize) -> DecoderConfig {
    DecoderConfig {
        kv_heads: 8,
        head_dim: 128,
        vocab: 151_936,
        max_positions: 40_960,
        head_norms: true,
        ..qwen2((hidden, intermediate), layers, (heads, 8))
    }
}

fn intern(text: DecoderConfig) -> InternConfig {
    let vision = InternVitConfig {
        hidden: 1024,
        intermediate: 4096,
        layers: 24,
        heads: 16,
        image_size: 448,
        patch_size: 14,
        norm_eps: 1e-6,
        activation: Activation::Gelu,
        rms: false,
        qk_norm: false,
        qkv_bias: None,
    };
    let (image_token, eos) = (151_667, vec![151_645]);
    InternConfig { text, vision, scale: 2, projector: Activation::Gelu, image_token, eos }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters of the published checkpoints: in hundredths of billions as their cards say, and
    /// those of InternVL3.5-1B as its file has them.
    #[test]
    fn sizes_add_up_to_the_published_models() {
        for (name, published, biased) in [
            ("internvl3-1b", 94, 1),
            ("internvl3-2b", 209, 1),
            ("internvl3-8b", 794, 1),
            ("internvl3.5-1b", 106, 0),
            ("internvl3.5-2b", 235, 0),
            ("internvl3.5-8b", 853, 0),
        ] {
            let InternConfig { text, vision: v, scale, .. } = shape(name).expect("a shape");
            let (h, i, patches) = (v.hidden, v.intermediate, v.grid() * v.grid());
            let block = 4 * h * h + 4 * h + 2 * h * i + i + h + 4 * h + 2 * h;
            let patch = 3 * v.patch_size * v.patch_size * h + h;
            let tower = h + (1 + patches) * h + patch + v.layers * block;
            let wide = scale * scale * h;
            let projector = 2 * wide + wide * text.hidden + text.hidden.pow(2) + 2 * text.hidden;
            let language = text.parameters(biased);
            if name == "internvl3.5-1b" {
                let published = (304_012_288, 5_253_120, 751_632_384);
                assert_eq!((tower, projector, language), published);
            }
            let all = tower + projector + language;
            assert_eq!((all + 5_000_000) / 10_000_000, published, "{name}: {all}");
            assert_eq!(patches / (scale * scale), 256);
        }
    }
}
