//! Sizes of published LLaVA-OneVision models.

use shared::picture::{AnyRes, Shapes};

use super::config::{ALONG, MOST, OneVisionConfig};
use crate::config::{SO400M, SiglipQwen};
use crate::decoder::{Biases, DecoderConfig};
use crate::rotary::RotaryConfig;
use crate::vision::{Activation, ProjectedConfig};

/// Their names.
pub(super) const NAMES: [&str; 2] = ["llava-onevision-0.5b", "llava-onevision-7b"];

/// The configuration of a shape.
pub(super) fn shape(name: &str) -> Option<OneVisionConfig> {
    let text = match name {
        "llava-onevision-0.5b" => {
            let text = qwen2(152_000, (896, 4864), 24, (14, 2));
            DecoderConfig { tied: true, ..text }
        }
        "llava-onevision-7b" => qwen2(152_128, (3584, 18_944), 28, (28, 4)),
        _ => return None,
    };
    let encoder = ProjectedConfig {
        vision: SO400M,
        blocks: SO400M.layers,
        activation: Activation::Gelu,
        bias: Some(true),
        out: text.hidden,
    };
    let tiles = AnyRes {
        edge: SO400M.image_size as u32,
        grid: SO400M.grid() as u32,
        most: MOST,
        shapes: Shapes::square(ALONG),
    };
    let parts = SiglipQwen { text, encoder, image_token: 151_646, eos: vec![151_645] };
    Some(OneVisionConfig { parts, tiles })
}

fn qwen2(
    vocab: usize,
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
        vocab,
        norm_eps: 1e-6,
        rotary: RotaryConfig { theta: 1e6, factor: 1.0, sections: Vec::new(), interleaved: false },
        tied: false,
        max_positions: 32_768,
        biases: Biases::STORED,
        head_norms: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters of lmms-lab's 7B checkpoint, whose tables have 64 rows fewer than the conversion's; and
    /// of Qwen2-0.5B, with a table of 151,936 rows.
    #[test]
    fn sizes_add_up_to_the_published_models() {
        let all = |name: &str| {
            let c = shape(name).expect("a shape").parts;
            let v = &c.encoder.vision;
            let (d, patches) = (v.hidden, v.grid() * v.grid());
            let block = 4 * (d * d + d) + 2 * d * v.intermediate + v.intermediate + d + 4 * d;
            let patch = 3 * v.patch_size * v.patch_size * d + d;
            let tower = patch + patches * d + v.layers * block + 2 * d;
            let (out, text) = (c.text.hidden, c.text.parameters(1));
            let projector = d * out + out + out * out + out;
            (text, text + tower + projector + out)
        };
        let (_, large) = all("llava-onevision-7b");
        assert_eq!(large, 8_030_348_832 + 2 * 64 * 3584);
        let (text, small) = all("llava-onevision-0.5b");
        assert_eq!((text, small), (494_032_768 + 64 * 896, 893_675_552));
    }
}
