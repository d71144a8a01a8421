//! Sizes of published Qwen3-VL models, and of a small one.

use super::TOWER;
use crate::decoder::{Biases, DecoderConfig};
use crate::family::grid::GridModel;
use crate::rotary::RotaryConfig;
use crate::vision::GridConfig;

/// Their names.
pub(super) const NAMES: [&str; 4] = ["qwen3-vl-2b", "qwen3-vl-4b", "qwen3-vl-8b", "qwen3-vl-100m"];

/// The configuration of a shape.
pub(super) fn shape(name: &str) -> Option<GridModel> {
    Some(match name {
        "qwen3-vl-2b" => qwen3(text((2048, 6144), 28, 16), small_tower(2048)),
        "qwen3-vl-4b" => qwen3(text((2560, 9728), 36, 32), small_tower(2560)),
        "qwen3-vl-8b" => {
            let text = DecoderConfig { tied: false, ..text((4096, 12_288), 36, 32) };
            let vision = GridConfig {
                hidden: 1152,
                intermediate: 4304,
                layers: 27,
                deep: vec![8, 16, 24],
                ..small_tower(4096)
            };
            qwen3(text, vision)
        }
        "qwen3-vl-100m" => {
            let text = DecoderConfig { vocab: 8192, kv_heads: 2, ..text((1024, 3072), 8, 8) };
            qwen3(text, GridConfig { layers: 3, deep: vec![0, 1, 2], ..small_tower(1024) })
        }
        _ => return None,
    })
}

fn text((hidden, intermediate): (usize, usize), layers: usize, heads: usize) -> DecoderConfig {
    DecoderConfig {
        hidden,
        intermediate,
        layers,
        heads,
        kv_heads: 8,
        head_dim: 128,
        vocab: 151_936,
        norm_eps: 1e-6,
        rotary: RotaryConfig {
            theta: 5e6,
            factor: 1.0,
            sections: vec![24, 20, 20],
            interleaved: true,
        },
        tied: true,
        max_positions: 262_144,
        biases: Biases::STORED,
        head_norms: true,
    }
}

/// The tower of the two smaller models, with features of this width.
fn small_tower(out: usize) -> GridConfig {
    GridConfig {
        kind: TOWER,
        hidden: 1024,
        intermediate: 4096,
        layers: 24,
        heads: 16,
        patch: 16,
        merge: 2,
        windows: None,
        positions: Some(48 * 48),
        deep: vec![5, 11, 17],
        out,
        theta: 1e4,
    }
}

fn qwen3(text: DecoderConfig, vision: GridConfig) -> GridModel {
    let (image_token, eos) = (151_655, vec![151_645]);
    GridModel { text, vision, image_token, eos, image_processor: None, film: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters of the published checkpoints, all of them.
    #[test]
    fn sizes_add_up_to_the_published_models() {
        for (name, published) in [
            ("qwen3-vl-2b", 2_127_532_032),
            ("qwen3-vl-4b", 4_437_815_808),
            ("qwen3-vl-8b", 8_767_123_696),
        ] {
            let GridModel { text, vision: v, .. } = shape(name).expect("a shape");
            assert_eq!(text.head_dim / 2, text.rotary.sections.iter().sum::<usize>());
            let (h, i) = (v.hidden, v.intermediate);
            let block = 4 * h * h + 4 * h + 2 * h * i + i + h + 4 * h;
            let wide = v.merge * v.merge * h;
            let merger = |normed: usize| 2 * normed + wide * wide + wide + wide * v.out + v.out;
            let patch = 3 * 2 * v.patch * v.patch * h + h;
            let tower = patch + 48 * 48 * h + v.layers * block + merger(h) + 3 * merger(wide);
            assert_eq!(text.parameters(0) + tower, published, "{name}");
        }
    }
}
