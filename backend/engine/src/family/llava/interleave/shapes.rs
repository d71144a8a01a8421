//! The size of the published LLaVA-Interleave model.

use crate::config::{SO400M, SiglipQwen};
use crate::decoder::{Biases, DecoderConfig};
use crate::rotary::RotaryConfig;
use crate::vision::{Activation, ProjectedConfig};

/// Its name.
pub(super) const NAMES: [&str; 1] = ["llava-interleave-0.5b"];

/// The configuration of a shape: Qwen1.5 0.5B behind SigLIP So400m.
pub(super) fn shape(name: &str) -> Option<SiglipQwen> {
    if name != NAMES[0] {
        return None;
    }
    let text = DecoderConfig {
        hidden: 1024,
        intermediate: 2816,
        layers: 24,
        heads: 16,
        kv_heads: 16,
        head_dim: 64,
        vocab: 152_000,
        norm_eps: 1e-6,
        rotary: RotaryConfig { theta: 1e6, factor: 1.0, sections: Vec::new(), interleaved: false },
        tied: true,
        max_positions: 32_768,
        biases: Biases::STORED,
        head_norms: false,
    };
    let encoder = ProjectedConfig {
        vision: SO400M,
        blocks: SO400M.layers,
        activation: Activation::Gelu,
        bias: Some(true),
        out: text.hidden,
    };
    Some(SiglipQwen { text, encoder, image_token: 151_646, eos: vec![151_645] })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The decoder's parameters are those of Qwen/Qwen1.5-0.5B with a table of 151,936 rows.
    #[test]
    fn sizes_add_up_to_the_published_decoder() {
        let c = shape(NAMES[0]).expect("a shape");
        assert_eq!(c.encoder.vision.grid(), 27);
        assert_eq!(c.text.parameters(1), 463_987_712 + (152_000 - 151_936) * 1024);
    }
}
