//! Sizes of published Qwen2.5-VL models, of a small one and of the demo model.

use super::TOWER;
use crate::decoder::{Biases, DecoderConfig};
use crate::family::grid::GridModel;
use crate::prepare::{FilmModel, FilmTime};
use crate::rotary::RotaryConfig;
use crate::vision::{GridConfig, Windows};

/// Their names.
pub(super) const NAMES: [&str; 4] = ["qwen2.5-vl-3b", "qwen2.5-vl-7b", "qwen-100m", "demo-qwen"];

/// The configuration of a shape.
pub(super) fn shape(name: &str) -> Option<GridModel> {
    Some(match name {
        "qwen-100m" => {
            let text = DecoderConfig { tied: true, ..qwen_text(8192, 1024, 3072, 8, (8, 2)) };
            qwen(text, GridConfig { layers: 2, windows: windows(112, &[1]), ..vit(1024) })
        }
        "demo-qwen" => {
            let text = qwen_text(1408, 256, 512, 8, (8, 2));
            let sections = vec![4, 6, 6];
            let rotary = RotaryConfig { sections, ..text.rotary };
            let vision = GridConfig {
                hidden: 192,
                intermediate: 480,
                layers: 6,
                heads: 6,
                patch: 12,
                windows: windows(96, &[2, 5]),
                ..vit(256)
            };
            qwen(DecoderConfig { tied: true, rotary, ..text }, vision)
        }
        "qwen2.5-vl-3b" => {
            let text = qwen_text(151_936, 2048, 11_008, 36, (16, 2));
            qwen(DecoderConfig { tied: true, ..text }, vit(2048))
        }
        "qwen2.5-vl-7b" => qwen(qwen_text(152_064, 3584, 18_944, 28, (28, 4)), vit(3584)),
        _ => return None,
    })
}

fn qwen_text(
    vocab: usize,
    hidden: usize,
    intermediate: usize,
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
        rotary: RotaryConfig {
            theta: 1e6,
            factor: 1.0,
            sections: vec![16, 24, 24],
            interleaved: false,
        },
        tied: false,
        max_positions: 128_000,
        biases: Biases::STORED,
        head_norms: false,
    }
}

fn windows(edge: usize, full: &[usize]) -> Option<Windows> {
    Some(Windows { edge, full: full.to_vec() })
}

/// Qwen2.5-VL's vision tower, with features of this width.
fn vit(out: usize) -> GridConfig {
    GridConfig {
        kind: TOWER,
        hidden: 1280,
        intermediate: 3420,
        layers: 32,
        heads: 16,
        patch: 14,
        merge: 2,
        windows: windows(112, &[7, 15, 23, 31]),
        positions: None,
        deep: Vec::new(),
        out,
        theta: 1e4,
    }
}

fn qwen(text: DecoderConfig, vision: GridConfig) -> GridModel {
    let (image_token, eos) = (151_655, vec![151_645]);
    let film = Some(FilmModel { token: 151_656, time: FilmTime::Seconds(2.0) });
    GridModel { text, vision, image_token, eos, image_processor: None, film }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters of the published checkpoints, as their model cards and indexes count them.
    #[test]
    fn sizes_add_up_to_the_published_models() {
        let tower = |c: &GridConfig| {
            let (h, i) = (c.hidden, c.intermediate);
            let block = 4 * h * h + 4 * h + 3 * h * i + 2 * i + h + 2 * h;
            let (wide, patch) = (4 * h, 3 * 2 * 14 * 14 * h);
            patch + c.layers * block + h + wide * wide + wide + wide * c.out + c.out
        };
        for (name, published) in [
            // Qwen/Qwen2.5-VL-*: 8,292,166,656 and 3,754,622,976 (the latter tied).
            ("qwen2.5-vl-7b", 8_292_166_656),
            ("qwen2.5-vl-3b", 3_754_622_976),
        ] {
            let c = shape(name).expect("a shape");
            assert_eq!(c.text.head_dim / 2, c.text.rotary.sections.iter().sum::<usize>());
            assert_eq!(c.text.parameters(1) + tower(&c.vision), published, "{name}");
        }
    }
}
