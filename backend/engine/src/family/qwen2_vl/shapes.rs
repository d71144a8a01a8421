//! Sizes of published Qwen2-VL models.

use super::TOWER;
use crate::decoder::{Biases, DecoderConfig};
use crate::family::grid::GridModel;
use crate::prepare::{FilmModel, FilmTime};
use crate::rotary::RotaryConfig;
use crate::vision::GridConfig;

/// Their names.
pub(super) const NAMES: [&str; 2] = ["qwen2-vl-2b", "qwen2-vl-7b"];

/// The configuration of a shape.
pub(super) fn shape(name: &str) -> Option<GridModel> {
    Some(match name {
        "qwen2-vl-2b" => {
            let text = text((1536, 8960), (12, 2), 151_936);
            qwen2(DecoderConfig { tied: true, ..text })
        }
        "qwen2-vl-7b" => qwen2(text((3584, 18_944), (28, 4), 152_064)),
        _ => return None,
    })
}

fn text(
    (hidden, intermediate): (usize, usize),
    (heads, kv_heads): (usize, usize),
    vocab: usize,
) -> DecoderConfig {
    DecoderConfig {
        hidden,
        intermediate,
        layers: 28,
        heads,
        kv_heads,
        head_dim: 128,
        vocab,
        norm_eps: 1e-6,
        rotary: RotaryConfig {
            theta: 1e6,
            factor: 1.0,
            sections: vec![16, 24, 24],
            interleaved: false,
        },
        tied: false,
        max_positions: 32_768,
        biases: Biases::STORED,
        head_norms: false,
    }
}

fn qwen2(text: DecoderConfig) -> GridModel {
    let vision = GridConfig {
        kind: TOWER,
        hidden: 1280,
        intermediate: 5120,
        layers: 32,
        heads: 16,
        patch: 14,
        merge: 2,
        windows: None,
        positions: None,
        deep: Vec::new(),
        out: text.hidden,
        theta: 1e4,
    };
    let (image_token, eos) = (151_655, vec![151_645]);
    let film = Some(FilmModel { token: 151_656, time: FilmTime::Steps });
    GridModel { text, vision, image_token, eos, image_processor: None, film }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters of the published checkpoints, all of them: 2,208,985,600 and 8,291,375,616 are what
    /// their indexes' bytes come to at two a parameter.
    #[test]
    fn sizes_add_up_to_the_published_models() {
        for (name, published) in [("qwen2-vl-2b", 2_208_985_600), ("qwen2-vl-7b", 8_291_375_616)] {
            let GridModel { text, vision: v, .. } = shape(name).expect("a shape");
            assert_eq!(text.head_dim / 2, text.rotary.sections.iter().sum::<usize>());
            let (h, i) = (v.hidden, v.intermediate);
            let block = 4 * h * h + 4 * h + 2 * h * i + i + h + 4 * h;
            let wide = v.merge * v.merge * h;
            let merger = 2 * h + wide * wide + wide + wide * v.out + v.out;
            let tower = 3 * 2 * v.patch * v.patch * h + v.layers * block + merger;
            assert_eq!(text.parameters(1) + tower, published, "{name}");
        }
    }
}
