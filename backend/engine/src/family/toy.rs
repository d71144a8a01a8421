//! A family that nobody published, in one file: tiles of a picture with marks between them, a whole
//! view with line ends, features after early layers, norms of heads, interleaved M-RoPE. It goes
//! through every door that the engine has (`toy_tests.rs`).

use std::sync::Arc;

use candle_core::{DType, Result, Tensor};
use shared::picture::PictureTokens;
use shared::{Group, PreparedPicture, RunOptions};

use super::{Description, Encoder, Facts, Family, Layers, Notes, Numbering};
use crate::config::{Files, eos, image_token, known};
use crate::decoder::{Biases, DecoderConfig};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::picture::Picture;
use crate::prepare::{
    Filter, Normalise, Pictures, Pixels, Plan, PlanPart, Run, crop, replaced, resize,
};
use crate::prompt::{Part, Prompting, Template};
use crate::rotary::RotaryConfig;
use crate::vision::{Activation, Features, VitConfig, VitTower};
use crate::weights::{Linear, Loader};

#[path = "toy_tests.rs"]
mod tests;

/// The family.
pub(crate) struct Toy;

static FACTS: Facts = Facts {
    name: "toy",
    title: "Toy",
    model_types: &["toy"],
    gguf: None,
    prompts: Prompting {
        item: "image",
        templates,
        token: "<image>",
        around: ("", ""),
        marks: &["<tile>", "<whole>"],
    },
    tokenizer: None,
    decoder: &["text."],
    numbering: Numbering::Grid,
    one_size: false,
    shapes: &["toy"],
    biased: &["tower.", "deep."],
};

/// Edge of a tile in pixels.
const SIDE: u32 = 8;
/// Width of the decoder.
const HIDDEN: usize = 24;

fn templates() -> Vec<Template> {
    let picture = Part::Picture(vec![Part::text(Group::Template, "<"), Part::Image]);
    let part = |text| Part::text(Group::Template, text);
    vec![Template::built_in("toy", vec![part("Q:"), picture, Part::Prompt, part("\nA:")])]
}

fn tower() -> VitConfig {
    VitConfig {
        hidden: 12,
        intermediate: 20,
        layers: 2,
        heads: 3,
        image_size: SIDE as usize,
        patch_size: 4,
        norm_eps: 1e-6,
        activation: Activation::GeluTanh,
        class_token: false,
        pre_norm: false,
        post_norm: true,
        patch_bias: true,
    }
}

/// Four heads of eight values, which are more than the width of 24.
fn decoder(layers: usize) -> DecoderConfig {
    DecoderConfig {
        hidden: HIDDEN,
        intermediate: 40,
        layers,
        heads: 4,
        kv_heads: 2,
        head_dim: 8,
        vocab: 300,
        norm_eps: 1e-6,
        rotary: RotaryConfig {
            theta: 1e4,
            factor: 1.0,
            sections: vec![2, 1, 1],
            interleaved: true,
        },
        tied: false,
        max_positions: 512,
        biases: Biases::STORED,
        head_norms: true,
    }
}

impl Family for Toy {
    fn facts(&self) -> &'static Facts {
        &FACTS
    }

    fn folder(
        &self,
        folder: &Location,
        notes: &mut Notes,
    ) -> std::result::Result<Description, EngineError> {
        let files = Files::read(folder)?;
        let (model, generation) = (files.model()?, files.generation()?);
        let config = decoder(model.size("num_hidden_layers", 3, 8)?);
        let image = image_token(&model, &["image_token_id"], 299, config.vocab)?;
        let eos = eos(&[&generation, &model], 2)?;
        model.tell_unknown(&[&known::EVERY], &mut notes.config);
        Ok(describe(config, image, eos))
    }

    fn shape(&self, name: &str) -> Option<Description> {
        (name == "toy").then(|| describe(decoder(3), 299, vec![2]))
    }
}

fn describe(decoder: DecoderConfig, image_token: u32, eos: Vec<u32>) -> Description {
    Description {
        layers: vec![Layers::of_decoder(decoder.layers)],
        decoder,
        image_token,
        eos,
        pictures: Arc::new(Tiles),
        encoder: Box::new(|loader| Ok(Box::new(ToyEncoder::load(loader)?))),
        is_unused: Box::new(|_| false),
    }
}

/// Tiles beside each other, as many as the picture is wide, then the whole picture.
#[derive(Debug)]
struct Tiles;

impl Tiles {
    fn count((width, height): (u32, u32)) -> u32 {
        (width / height.max(1)).clamp(1, 3)
    }
}

impl Pictures for Tiles {
    fn plan(&self, size: (u32, u32), _: &RunOptions) -> std::result::Result<Plan, EngineError> {
        let run = Run { rows: 2, cols: 2, ..Run::default() };
        let mut parts = Vec::new();
        let tiles = Self::count(size) as u16;
        for tile in 0..tiles {
            parts.push(PlanPart::Marks(format!("<tile>{}", tile + 1).into()));
            parts.push(PlanPart::Run(Run { tile, ..run }));
        }
        parts.push(PlanPart::Marks("\n\n<whole>".into()));
        parts.push(PlanPart::Run(Run { tile: tiles, newlines: true, ..run }));
        parts.push(PlanPart::Marks("<tile>.".into()));
        Ok(Plan { parts })
    }

    fn prepare(
        &self,
        picture: &Picture,
        options: &RunOptions,
    ) -> std::result::Result<Pixels, EngineError> {
        let size = (picture.width, picture.height);
        let tiles = Self::count(size);
        let width = tiles * SIDE;
        let resized = resize(picture, (width, SIDE), Filter::Bicubic, options.resize);
        let (shown, _) = replaced(resized, &Normalise::CLIP, options.picture, options.resize);
        let whole = resize(&shown, (SIDE, SIDE), Filter::Bicubic, options.resize);
        let cut = |tile: u32| crop(&shown, (i64::from(tile * SIDE), 0), (SIDE, SIDE));
        let seen: Vec<Picture> = (0..tiles).map(cut).chain([whole]).collect();
        let step = picture.width as f32 / tiles as f32;
        let view = |tile: u32| PreparedPicture {
            width: SIDE,
            height: SIDE,
            source_width: picture.width,
            source_height: picture.height,
            covers: match tile == tiles {
                true => [0.0, 0.0, picture.width as f32, picture.height as f32],
                false => [tile as f32 * step, 0.0, step, picture.height as f32],
            },
            rows: 2,
            cols: 2,
        };
        let planes = |tile: &Picture| Normalise::CLIP.planes(tile, options.resize);
        let values = seen.iter().flat_map(planes).collect();
        Ok(Pixels { values, picture: shown, views: (0..=tiles).map(view).collect() })
    }

    fn tokens(&self) -> PictureTokens {
        PictureTokens::Any { edge: 4, least: 64, most: 192 }
    }
}

/// A tower, a map to the decoder's width, line ends, and maps for its first two layers.
struct ToyEncoder {
    tower: VitTower,
    connector: Linear,
    newline: Tensor,
    deep: Vec<Linear>,
}

impl ToyEncoder {
    fn load(loader: &mut Loader) -> std::result::Result<Self, EngineError> {
        let c = tower();
        let tower = VitTower::load(loader, c.clone(), c.layers, "tower.")?;
        let mut map = |name: &str| loader.dense_linear(&[(name.to_owned(), HIDDEN)], c.hidden);
        let (connector, deep) = (map("connector")?, vec![map("deep.0")?, map("deep.1")?]);
        let newline = loader.tensor("newline.weight", &[HIDDEN])?;
        Ok(ToyEncoder { tower, connector, newline, deep })
    }
}

/// Rows `[4, width]` of two by two cells with a row at the end of each line.
fn with_line_ends(rows: &Tensor, end: &Tensor) -> Result<Tensor> {
    let end = end.unsqueeze(0)?;
    Tensor::cat(&[&rows.narrow(0, 0, 2)?, &end, &rows.narrow(0, 2, 2)?, &end], 0)
}

impl Encoder for ToyEncoder {
    fn features(
        &self,
        pixels: &[f32],
        views: &[PreparedPicture],
        scored: bool,
    ) -> Result<Features> {
        let side = SIDE as usize;
        let (mut rows, mut scores) = (Vec::new(), Vec::new());
        let mut deep = vec![Vec::new(); self.deep.len()];
        for (tile, pixels) in pixels.chunks(3 * side * side).enumerate() {
            let pixels = Tensor::from_slice(pixels, (3, side, side), &self.tower.device())?;
            let seen = self.tower.forward(&pixels, scored)?;
            let is_whole = tile + 1 == views.len();
            let place = |of: &Tensor, end: &Tensor| match is_whole {
                true => with_line_ends(of, end),
                false => Ok(of.clone()),
            };
            rows.push(place(&self.connector.forward(&seen.rows, DType::F32)?, &self.newline)?);
            let nothing = self.newline.zeros_like()?;
            for (level, map) in deep.iter_mut().zip(&self.deep) {
                level.push(place(&map.forward(&seen.rows, DType::F32)?, &nothing)?);
            }
            match (is_whole, seen.scores.as_slice()) {
                (true, [a, b, c, d]) => scores.extend([*a, *b, 0.0, *c, *d, 0.0]),
                (_, of_tile) => scores.extend_from_slice(of_tile),
            }
        }
        let deep = deep.iter().map(|level| Tensor::cat(level, 0)).collect::<Result<_>>()?;
        Ok(Features { rows: Tensor::cat(&rows, 0)?, deep, scores })
    }

    fn prune_score(&self) -> Option<&'static str> {
        self.tower.score()
    }

    fn deep(&self) -> usize {
        self.deep.len()
    }

    fn working(&self, _: usize) -> usize {
        tower().working()
    }
}
