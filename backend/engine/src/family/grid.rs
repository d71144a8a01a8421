//! What Qwen's families share: a tower that sees pictures of any size, a merger, and a decoder whose positions
//! have three axes. Each family's folder reads its own settings and names into [`GridModel`].

use std::sync::Arc;

use shared::Group;
use shared::sentence::ModelNote;

use super::{Description, Layers, LayersOf};
use crate::config::gguf::pixels;
use crate::decoder::DecoderConfig;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prepare::{AnySize, FilmModel, Normalise};
use crate::prompt::{Part, Prompting, Template};
use crate::vision::{GridConfig, GridTower};
use crate::weights::Metadata;
use crate::weights::gguf::names::{layer, renamed};

/// Everything such a model needs from `config.json` and `generation_config.json`, or from llama.cpp's files.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GridModel {
    pub(super) text: DecoderConfig,
    pub(super) vision: GridConfig,
    pub(super) image_token: u32,
    pub(super) eos: Vec<u32>,
    /// The image processor that `config.json` names, if it names one.
    pub(super) image_processor: Option<String>,
    /// What it says of films, where it sees some.
    pub(super) film: Option<FilmModel>,
}

/// How a family's published models prepare pictures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Published {
    /// The least and the most pixels of a picture.
    pub(super) pixels: (u64, u64),
    pub(super) normalise: Normalise,
}

impl GridModel {
    /// Patches along a token's edge, and their edge in pixels.
    fn sizes(&self) -> (usize, usize) {
        (self.vision.patch, self.vision.merge)
    }

    /// Pictures as the published models prepare them.
    pub(super) fn published(&self, published: Published) -> AnySize {
        let prepare = AnySize::of(published.pixels, self.sizes(), published.normalise);
        self.usual_films(prepare)
    }

    fn usual_films(&self, prepare: AnySize) -> AnySize {
        match self.film {
            Some(film) => prepare.with_usual_films(film),
            None => prepare,
        }
    }

    /// Pictures as a model folder says.
    ///
    /// # Errors
    /// A setting that describes another preparation.
    pub(super) fn of_folder(
        &self,
        folder: &Location,
        published: Published,
        notes: &mut Vec<ModelNote>,
    ) -> Result<AnySize, EngineError> {
        let named = self.image_processor.as_deref();
        let prepare = AnySize::load(folder, self.published(published), named, notes)?;
        match self.film {
            Some(film) => prepare.with_films(folder, film, notes),
            None => Ok(prepare),
        }
    }

    /// Pictures as an mmproj file says, with levels normalised so.
    ///
    /// # Errors
    /// A size that cannot be.
    pub(super) fn of_clip(
        &self,
        clip: &Metadata,
        published: Published,
        normalise: Normalise,
    ) -> Result<AnySize, EngineError> {
        let prepare = AnySize::of(pixels(clip, published.pixels)?, self.sizes(), normalise);
        Ok(self.usual_films(prepare))
    }

    /// What is known of the model without its weights.
    pub(super) fn describe(self, prepare: AnySize) -> Description {
        let GridModel { text, vision, image_token, eos, .. } = self;
        let (key, probe) = ("depth", ".norm1.weight");
        Description {
            pictures: Arc::new(prepare),
            layers: vec![
                Layers::of_decoder(text.layers),
                Layers { of: LayersOf::Vision, key, probe, count: vision.layers },
            ],
            decoder: text,
            image_token,
            eos,
            encoder: Box::new(|loader| {
                let at = loader.prefix(&["model.visual.", "visual."], "patch_embed.proj.weight");
                Ok(Box::new(GridTower::load(loader, vision, at)?))
            }),
            is_unused: Box::new(|name| name.contains("rotary_emb.inv_freq")),
        }
    }
}

/// How these families' prompts name pictures.
pub(super) const fn prompts(templates: fn() -> Vec<Template>) -> Prompting {
    Prompting {
        item: "image",
        templates,
        token: "<|image_pad|>",
        around: ("<|vision_start|>", "<|vision_end|>"),
        marks: &[],
    }
}

/// The published chat template of Qwen2-VL and Qwen2.5-VL, which adds a system turn where a person gives none.
pub(super) fn chat(name: &'static str) -> Template {
    let picture =
        vec![Part::special("<|vision_start|>"), Part::Image, Part::special("<|vision_end|>")];
    chat_with(name, picture)
}

/// The same with other parts for each medium.
pub(super) fn chat_with(name: &'static str, medium: Vec<Part>) -> Template {
    let parts = vec![
        Part::special("<|im_start|>"),
        Part::text(Group::Template, "system\n"),
        Part::text(Group::System, "You are a helpful assistant."),
        Part::special("<|im_end|>"),
        Part::text(Group::Template, "\n"),
        Part::special("<|im_start|>"),
        Part::text(Group::Template, "user\n"),
        Part::Picture(medium),
        Part::Prompt,
        Part::special("<|im_end|>"),
        Part::text(Group::Template, "\n"),
        Part::special("<|im_start|>"),
        Part::text(Group::Template, "assistant\n"),
    ];
    Template::built_in(name, parts)
}

/// llama.cpp's name for a tensor of a tower whose merger is named as Qwen2-VL's and Qwen2.5-VL's are; `mlp`
/// names the maps inside its blocks.
pub(super) fn name(name: &str, mlp: &[(&str, &str)]) -> Option<String> {
    let name = name.strip_prefix("model.visual.")?;
    let Some((i, rest)) = layer(name, "blocks.") else {
        let ends = [
            ("patch_embed.proj", "v.patch_embd"),
            ("merger.ln_q", "v.post_ln"),
            ("merger.mlp.0", "mm.0"),
            ("merger.mlp.2", "mm.2"),
        ];
        return renamed(name, "", &ends);
    };
    let attention =
        [("norm1", "ln1"), ("attn.qkv", "attn_qkv"), ("attn.proj", "attn_out"), ("norm2", "ln2")];
    let block = format!("v.blk.{i}.");
    renamed(rest, &block, &attention).or_else(|| renamed(rest, &block, mlp))
}
