//! The LLaVA-1.5 family: CLIP tower, two-layer projector, Llama.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Result, Tensor};
use shared::{ImageFit, PreparedPicture, RunOptions};

use super::{Common, Family, Loaded, Numbering, Reading};
use crate::check::Grid;
use crate::config::LlavaConfig;
use crate::error::EngineError;
use crate::picture::Picture;
use crate::prepare::{ClipPrepare, Pixels};
use crate::prompt::{self, Found, Kind, PromptTokenizer, Templates, check_settings};
use crate::vision::{Activation, ClipTower, Features};
use crate::weights::{Linear, Loader, Random, WeightFiles};

/// A LLaVA-1.5 model.
pub(crate) struct Llava {
    config: LlavaConfig,
    common: Common,
    prepare: ClipPrepare,
    tower: ClipTower,
    projector: (Linear, Activation, Linear),
}

impl Llava {
    /// Reads a folder in Hugging Face layout.
    pub(crate) fn load(
        folder: &Path,
        reading: Reading,
    ) -> std::result::Result<Loaded, EngineError> {
        let mut notes = Vec::new();
        let config = LlavaConfig::load(folder, &mut notes)?;
        let tokenizer = PromptTokenizer::load(folder)?;
        check_settings(folder, &tokenizer, None, &mut notes)?;
        tokenizer.check(folder, config.text.vocab, ("<image>", config.image_token))?;
        let prepare = ClipPrepare::of_model(folder, &config, &mut notes)?;
        let chat = prompt::in_folder(folder);
        let files = WeightFiles::open(folder)?;
        let layers = "num_hidden_layers";
        let (text, vision) = (config.text.layers, config.vision.layers);
        files.check_layers(folder, ("decoder", layers), ".input_layernorm.weight", text)?;
        files.check_layers(folder, ("vision", layers), ".layer_norm1.weight", vision)?;
        reading.files(&files, |loader, hash| {
            Self::assemble(config, (tokenizer, chat), prepare, notes, loader, hash)
        })
    }

    /// A model of random weights.
    pub(crate) fn random(
        config: LlavaConfig,
        reading: Reading,
    ) -> std::result::Result<Loaded, EngineError> {
        let prepare = ClipPrepare::standard(config.vision.image_size as u32);
        let mut loader = reading.loader(&Random::LLAVA);
        let tokenizer = PromptTokenizer::characters(&[])?;
        let (tokenizer, notes) = ((tokenizer, Ok(None)), Vec::new());
        Self::assemble(config, tokenizer, prepare, notes, &mut loader, "random".to_owned())
    }

    /// Reads all weights.
    pub(super) fn assemble(
        config: LlavaConfig,
        (tokenizer, chat): (PromptTokenizer, Found),
        prepare: ClipPrepare,
        notes: Vec<String>,
        loader: &mut Loader,
        hash: String,
    ) -> std::result::Result<Loaded, EngineError> {
        // Any one of them: where another is missing the error names that one.
        let embeddings = [
            "embeddings.patch_embedding.weight",
            "embeddings.class_embedding",
            "pre_layrnorm.weight",
        ];
        let tower_at = loader.prefix_of_any(
            &[
                "model.vision_tower.vision_model.",
                "vision_tower.vision_model.",
                "model.vision_tower.",
                "vision_tower.",
            ],
            &embeddings,
        );
        let tower =
            ClipTower::load(loader, config.vision.clone(), config.feature_blocks, tower_at)?;
        let at = loader
            .prefix(&["model.multi_modal_projector.", "multi_modal_projector."], "linear_1.weight");
        let (vision, hidden) = (config.vision.hidden, config.text.hidden);
        // The projector's inner width is the decoder's in every published model; a file may differ.
        let name = |n: &str| format!("{at}{n}");
        let biases = [name("linear_1.bias"), name("linear_2.bias")];
        loader.settle_biases(biases.to_vec(), config.projector_bias)?;
        loader.together(&biases)?;
        let inner = loader
            .shape(&name("linear_1.weight"))
            .and_then(|s| s.first().copied())
            .unwrap_or(hidden);
        let projector = (
            loader.dense_linear(&[(name("linear_1"), inner)], vision)?,
            config.projector,
            loader.dense_linear(&[(name("linear_2"), hidden)], inner)?,
        );
        let prefixes = ["model.language_model.", "language_model.model.", "language_model."];
        let decoder = super::decoder(loader, &config.text, &prefixes)?;
        loader.tell_unused(|name| is_unused(name, config.feature_blocks));
        let (eos, image_token) = (config.eos.clone(), config.image_token);
        let templates = Templates::of(Kind::Llava, chat, &tokenizer, image_token);
        let (tokenizer, templates) = (Arc::new(tokenizer), Arc::new(templates));
        let common = Common { decoder, tokenizer, templates, eos, image_token };
        Ok(Loaded::of(Llava { config, common, prepare, tower, projector }, notes, loader, hash))
    }
}

/// Whether a tensor is one that LLaVA leaves out, or a table that follows from the settings; names
/// are Hugging Face's or llama.cpp's.
fn is_unused(name: &str, feature_blocks: usize) -> bool {
    let tower = name.split_once("vision_tower");
    let block = tower.and_then(|(_, tail)| Some(tail.split_once("encoder.layers.")?.1));
    let block = block.or(name.strip_prefix("v.blk.")).and_then(|tail| tail.split('.').next());
    block.and_then(|n| n.parse::<usize>().ok()).is_some_and(|n| n >= feature_blocks)
        || name.starts_with("v.post_ln.")
        || ["rotary_emb.inv_freq", "position_ids", ".post_layernorm."]
            .iter()
            .any(|part| name.contains(part))
}

impl Family for Llava {
    fn tower_working(&self, _: usize) -> usize {
        self.config.vision.working()
    }

    fn name(&self) -> &'static str {
        "llava-1.5"
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn grid(&self) -> Grid {
        Grid::Fixed { edge: self.config.vision.grid() }
    }

    fn fit(&self) -> ImageFit {
        self.prepare.fit()
    }

    fn numbering(&self) -> Numbering {
        Numbering::Sequence
    }

    fn pixels(
        &self,
        picture: &Picture,
        options: &RunOptions,
    ) -> std::result::Result<Pixels, EngineError> {
        let mut pixels = self.prepare.prepare(picture, options)?;
        let grid = self.config.vision.grid() as u16;
        (pixels.geometry.rows, pixels.geometry.cols) = (grid, grid);
        Ok(pixels)
    }

    fn prune_score(&self) -> Option<&'static str> {
        // Without a single block there is no attention to rank by.
        (self.config.feature_blocks > 0).then_some("cls-attention")
    }

    fn features(&self, pixels: &[f32], _: &PreparedPicture, scores: bool) -> Result<Features> {
        let size = self.config.vision.image_size;
        let pixels = Tensor::from_slice(pixels, (3, size, size), &self.common.decoder.device())?;
        let Features { rows, scores } = self.tower.forward(&pixels, scores)?;
        let (first, activation, second) = &self.projector;
        let rows =
            second.forward(&activation.apply(&first.forward(&rows, DType::F32)?)?, DType::F32)?;
        Ok(Features { rows, scores })
    }
}
