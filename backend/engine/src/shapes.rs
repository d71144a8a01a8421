//! Sizes of published models, and of the bench's peer, for runs on random weights.

use crate::config::{LlavaConfig, QwenConfig};
use crate::decoder::{Biases, DecoderConfig};
use crate::error::EngineError;
use crate::rotary::RotaryConfig;
use crate::vision::{Activation, ClipConfig, QwenVisionConfig};
use shared::ErrorCode;

/// Names that [`crate::Model::random`] knows.
pub const NAMES: [&str; 9] = [
    "llava-1.5-7b",
    "llava-1.5-13b",
    "qwen2.5-vl-3b",
    "qwen2.5-vl-7b",
    "llava-10m",
    "llava-100m",
    "qwen-100m",
    "demo-llava",
    "demo-qwen",
];

/// A model's configuration.
pub(crate) enum Shape {
    Llava(LlavaConfig),
    Qwen(QwenConfig),
}

/// The configuration of a shape. `llava-10m` is the model of 10.8 million parameters that
/// `tests/bench/peer.py` times in transformers.
pub(crate) fn find(name: &str) -> Result<Shape, EngineError> {
    Ok(match name {
        "llava-1.5-7b" => llava(vicuna(32_064, 4096, 11_008, 32, 32), CLIP_L),
        "llava-1.5-13b" => llava(vicuna(32_064, 5120, 13_824, 40, 40), CLIP_L),
        "llava-10m" => {
            // Room for the long prompts of the memory bench.
            let text = DecoderConfig { max_positions: 1 << 18, ..vicuna(2048, 256, 768, 8, 8) };
            let small = ClipConfig {
                hidden: 192,
                intermediate: 768,
                layers: 6,
                heads: 6,
                image_size: 168,
                ..CLIP_L
            };
            llava(text, small)
        }
        // Large enough that weights outweigh the program, small enough to be made in a second.
        "llava-100m" => {
            let small = ClipConfig { layers: 2, image_size: 168, ..CLIP_L };
            llava(vicuna(4096, 1024, 2816, 8, 8), small)
        }
        "qwen-100m" => {
            let text = DecoderConfig { tied: true, ..qwen_text(8192, 1024, 3072, 8, (8, 2)) };
            qwen(text, QwenVisionConfig { layers: 2, full: vec![1], ..vit(1024) })
        }
        "demo-llava" => {
            let text = DecoderConfig { tied: true, ..vicuna(1536, 256, 512, 8, 8) };
            let vision = ClipConfig {
                hidden: 192,
                intermediate: 640,
                layers: 6,
                heads: 6,
                image_size: 168,
                ..CLIP_L
            };
            llava(text, vision)
        }
        "demo-qwen" => {
            let text = qwen_text(1408, 256, 512, 8, (8, 2));
            let sections = vec![4, 6, 6];
            let rotary = RotaryConfig { sections, ..text.rotary };
            let vision = QwenVisionConfig {
                hidden: 192,
                intermediate: 480,
                layers: 6,
                heads: 6,
                patch: 12,
                window: 96,
                full: vec![2, 5],
                ..vit(256)
            };
            qwen(DecoderConfig { tied: true, rotary, ..text }, vision)
        }
        "qwen2.5-vl-3b" => {
            let text = qwen_text(151_936, 2048, 11_008, 36, (16, 2));
            qwen(DecoderConfig { tied: true, ..text }, vit(2048))
        }
        "qwen2.5-vl-7b" => qwen(qwen_text(152_064, 3584, 18_944, 28, (28, 4)), vit(3584)),
        other => {
            return Err(EngineError::new(
                ErrorCode::UnknownModel,
                format!("There is no shape '{other}'; there are {}.", NAMES.join(", ")),
            ));
        }
    })
}

/// CLIP ViT-L/14 at 336 pixels.
const CLIP_L: ClipConfig = ClipConfig {
    hidden: 1024,
    intermediate: 4096,
    layers: 24,
    heads: 16,
    image_size: 336,
    patch_size: 14,
    norm_eps: 1e-5,
    activation: Activation::QuickGelu,
};

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
        rotary: RotaryConfig { theta: 1e4, factor: 1.0, sections: Vec::new() },
        tied: false,
        // Published models read 4,096; a bench may ask how longer prompts would fare.
        max_positions: 1 << 18,
        biases: Biases::STORED,
    }
}

fn llava(text: DecoderConfig, vision: ClipConfig) -> Shape {
    Shape::Llava(LlavaConfig {
        image_token: text.vocab as u32 - 1,
        feature_blocks: vision.layers - 1,
        text,
        vision,
        eos: vec![2],
        image_processor: None,
        projector: Activation::Gelu,
        projector_bias: Some(true),
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
        rotary: RotaryConfig { theta: 1e6, factor: 1.0, sections: vec![16, 24, 24] },
        tied: false,
        max_positions: 128_000,
        biases: Biases::STORED,
    }
}

/// Qwen2.5-VL's vision tower, with features of this width.
fn vit(out: usize) -> QwenVisionConfig {
    QwenVisionConfig {
        hidden: 1280,
        intermediate: 3420,
        layers: 32,
        heads: 16,
        patch: 14,
        merge: 2,
        window: 112,
        full: vec![7, 15, 23, 31],
        out,
        theta: 1e4,
    }
}

fn qwen(text: DecoderConfig, vision: QwenVisionConfig) -> Shape {
    Shape::Qwen(QwenConfig {
        text,
        vision,
        image_token: 151_655,
        eos: vec![151_645],
        image_processor: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters of the published checkpoints, as their model cards and indexes count them.
    #[test]
    fn sizes_add_up_to_the_published_models() {
        let decoder = |c: &DecoderConfig, bias: usize| {
            let kv = c.kv_heads * c.head_dim;
            let attention =
                2 * c.hidden * c.hidden + 2 * c.hidden * kv + bias * (c.hidden + 2 * kv);
            let layer = attention + 3 * c.hidden * c.intermediate + 2 * c.hidden;
            let tables = if c.tied { 1 } else { 2 };
            c.layers * layer + tables * c.vocab * c.hidden + c.hidden
        };
        let tower = |c: &QwenVisionConfig| {
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
            let Ok(Shape::Qwen(c)) = find(name) else { panic!("{name} is Qwen's") };
            assert_eq!(c.text.head_dim / 2, c.text.rotary.sections.iter().sum::<usize>());
            assert_eq!(decoder(&c.text, 1) + tower(&c.vision), published, "{name}");
        }
        for (name, published) in [
            // Vicuna's decoders with 64 more rows in both tables.
            ("llava-1.5-7b", 6_738_415_616 + 2 * 64 * 4096),
            ("llava-1.5-13b", 13_015_864_320 + 2 * 64 * 5120),
        ] {
            let Ok(Shape::Llava(c)) = find(name) else { panic!("{name} is LLaVA's") };
            assert_eq!(c.vision.grid() * c.vision.grid(), 576);
            assert_eq!(decoder(&c.text, 0), published, "{name}");
        }
        assert!(find("gpt-5").is_err());
    }
}
