//! The LLaVA-1.5 family: CLIP tower, two-layer projector, Llama.

use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};
use shared::{PreparedPicture, Quant, RunOptions};

use super::{Family, Loaded};
use crate::check::Grid;
use crate::config::LlavaConfig;
use crate::decoder::Decoder;
use crate::error::EngineError;
use crate::picture::Picture;
use crate::prepare::{ClipPrepare, Pixels};
use crate::prompt::{LLAVA, PromptTokenizer, Template};
use crate::rotary::Position;
use crate::vision::{Activation, ClipTower, Features};
use crate::weights::{Linear, Loader, Random, Source, WeightCache, WeightFiles};

/// A LLaVA-1.5 model.
pub(crate) struct Llava {
    config: LlavaConfig,
    decoder: Decoder,
    tokenizer: Arc<PromptTokenizer>,
    prepare: ClipPrepare,
    tower: ClipTower,
    projector: (Linear, Activation, Linear),
}

impl Llava {
    /// Reads a folder in Hugging Face layout.
    pub(crate) fn load(
        folder: &Path,
        quant: Quant,
        device: &Device,
        cache: Option<&WeightCache>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> std::result::Result<Loaded, EngineError> {
        let config = LlavaConfig::load(folder)?;
        let tokenizer = PromptTokenizer::load(folder)?;
        tokenizer.check(folder, config.text.vocab, ("<image>", config.image_token))?;
        let prepare = ClipPrepare::load(folder, config.vision.image_size as u32)?;
        let files = WeightFiles::open(folder)?;
        let layers = "num_hidden_layers";
        let (text, vision) = (config.text.layers, config.vision.layers);
        files.check_layers(folder, ("decoder", layers), ".input_layernorm.weight", text)?;
        files.check_layers(folder, ("vision", layers), ".layer_norm1.weight", vision)?;
        // A device of another kind arranges weights its own way.
        let cache = cache.filter(|_| device.is_cpu());
        let hash = cache.map_or_else(|| files.hash(), |cache| cache.hash(&files))?;
        let tape = cache.and_then(|cache| cache.tape(&hash, quant, files.bytes()));
        let mut loader = Loader::new(&files, quant, device, progress).with_tape(tape);
        let loaded = Self::assemble(config, tokenizer, prepare, &mut loader, hash)?;
        loader.finish();
        Ok(loaded)
    }

    /// A model of random weights.
    pub(crate) fn random(
        config: LlavaConfig,
        quant: Quant,
        device: &Device,
    ) -> std::result::Result<Loaded, EngineError> {
        let prepare = ClipPrepare::standard(config.vision.image_size as u32);
        let progress = &mut |_, _| {};
        let mut loader = Loader::new(&Random::LLAVA, quant, device, progress);
        let tokenizer = PromptTokenizer::characters(&[])?;
        Self::assemble(config, tokenizer, prepare, &mut loader, "random".to_owned())
    }

    /// Reads all weights.
    pub(super) fn assemble(
        config: LlavaConfig,
        tokenizer: PromptTokenizer,
        prepare: ClipPrepare,
        loader: &mut Loader,
        hash: String,
    ) -> std::result::Result<Loaded, EngineError> {
        let tower_at = loader.prefix(
            &[
                "model.vision_tower.vision_model.",
                "vision_tower.vision_model.",
                "model.vision_tower.",
                "vision_tower.",
            ],
            "embeddings.class_embedding",
        );
        let tower =
            ClipTower::load(loader, config.vision.clone(), config.feature_blocks, tower_at)?;
        let at = loader
            .prefix(&["model.multi_modal_projector.", "multi_modal_projector."], "linear_1.weight");
        let (vision, hidden) = (config.vision.hidden, config.text.hidden);
        // The projector's inner width is the decoder's in every published model; a file may differ.
        let name = |n: &str| format!("{at}{n}");
        loader.together(&[name("linear_1.bias"), name("linear_2.bias")])?;
        let inner = loader
            .shape(&name("linear_1.weight"))
            .and_then(|s| s.first().copied())
            .unwrap_or(hidden);
        let projector = (
            loader.dense_linear(&[(name("linear_1"), inner)], vision)?,
            config.projector,
            loader.dense_linear(&[(name("linear_2"), hidden)], inner)?,
        );
        let model_at = loader.prefix(
            &["model.language_model.", "language_model.model.", "language_model."],
            "embed_tokens.weight",
        );
        let head_at = loader.prefix(&["lm_head.", "language_model.lm_head."], "weight");
        let head = format!("{head_at}weight");
        let decoder = Decoder::load(loader, config.text.clone(), model_at, &head)?;
        let (parameters, footprint) = (loader.parameters, loader.footprint);
        let fallbacks = std::mem::take(&mut loader.fallbacks);
        let held = std::mem::take(&mut loader.held);
        let tokenizer = Arc::new(tokenizer);
        let family = Box::new(Llava { config, decoder, tokenizer, prepare, tower, projector });
        Ok(Loaded { family, parameters, footprint, fallbacks, held, hash })
    }
}

impl Family for Llava {
    fn name(&self) -> &'static str {
        "llava-1.5"
    }

    fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    fn tokenizer(&self) -> Arc<PromptTokenizer> {
        self.tokenizer.clone()
    }

    fn grid(&self) -> Grid {
        let (side, grid) = (self.config.vision.image_size, self.config.vision.grid());
        Grid::Fixed { side, tokens: grid * grid }
    }

    fn eos(&self) -> &[u32] {
        &self.config.eos
    }

    fn image_token(&self) -> u32 {
        self.config.image_token
    }

    fn templates(&self) -> &'static [Template] {
        LLAVA
    }

    fn pixels(
        &self,
        picture: &Picture,
        options: &RunOptions,
    ) -> std::result::Result<Pixels, EngineError> {
        let mut pixels = self.prepare.prepare(picture, options.fit)?;
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
        let pixels = Tensor::from_slice(pixels, (3, size, size), &self.decoder.device())?;
        let Features { rows, scores } = self.tower.forward(&pixels, scores)?;
        let (first, activation, second) = &self.projector;
        let rows =
            second.forward(&activation.apply(&first.forward(&rows, DType::F32)?)?, DType::F32)?;
        Ok(Features { rows, scores })
    }

    /// Image tokens count on like text; after pruning they are packed anew.
    fn image_positions(
        &self,
        start: u32,
        kept: &[u32],
        _: &PreparedPicture,
    ) -> (Vec<Position>, u32) {
        let end = start + kept.len() as u32;
        ((start..end).map(|p| [p; 3]).collect(), end)
    }
}
