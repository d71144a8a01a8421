//! The Qwen2.5-VL family: window-attention tower with its merger, Qwen2.5, M-RoPE.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use shared::{PreparedPicture, Quant, RunOptions};

use super::{Family, Loaded};
use crate::check::Grid;
use crate::config::QwenConfig;
use crate::decoder::Decoder;
use crate::error::EngineError;
use crate::picture::Picture;
use crate::prepare::{Pixels, QwenPrepare};
use crate::prompt::{PromptTokenizer, QWEN, Template};
use crate::rotary::Position;
use crate::vision::{Features, QwenTower};
use crate::weights::{Loader, Random, Source, WeightCache, WeightFiles};

/// A Qwen2.5-VL model.
pub(crate) struct Qwen {
    config: QwenConfig,
    decoder: Decoder,
    tokenizer: Arc<PromptTokenizer>,
    prepare: QwenPrepare,
    tower: QwenTower,
}

impl Qwen {
    /// Reads a folder in Hugging Face layout.
    pub(crate) fn load(
        folder: &Path,
        quant: Quant,
        device: &Device,
        cache: Option<&WeightCache>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> std::result::Result<Loaded, EngineError> {
        let config = QwenConfig::load(folder)?;
        let tokenizer = PromptTokenizer::load(folder)?;
        if let Some(token) =
            QWEN[0].specials().into_iter().find(|token| tokenizer.special(token).is_none())
        {
            let at = folder.join("tokenizer.json");
            let what =
                format!("{}: has no token '{token}', which every prompt needs", at.display());
            return Err(EngineError::model(what));
        }
        tokenizer.check(folder, config.text.vocab, ("<|image_pad|>", config.image_token))?;
        let prepare = QwenPrepare::load(folder, config.vision.patch, config.vision.merge)?;
        let files = WeightFiles::open(folder)?;
        let (text, vision) = (config.text.layers, config.vision.layers);
        let key = "num_hidden_layers";
        files.check_layers(folder, ("decoder", key), ".input_layernorm.weight", text)?;
        files.check_layers(folder, ("vision", "depth"), ".norm1.weight", vision)?;
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
        config: QwenConfig,
        quant: Quant,
        device: &Device,
    ) -> std::result::Result<Loaded, EngineError> {
        let prepare = QwenPrepare::standard(config.vision.patch, config.vision.merge);
        let progress = &mut |_, _| {};
        let mut loader = Loader::new(&Random::QWEN, quant, device, progress);
        let tokenizer = PromptTokenizer::characters(&QWEN[0].specials())?;
        Self::assemble(config, tokenizer, prepare, &mut loader, "random".to_owned())
    }

    /// Reads all weights.
    pub(super) fn assemble(
        config: QwenConfig,
        tokenizer: PromptTokenizer,
        prepare: QwenPrepare,
        loader: &mut Loader,
        hash: String,
    ) -> std::result::Result<Loaded, EngineError> {
        let tower_at = loader.prefix(&["model.visual.", "visual."], "patch_embed.proj.weight");
        let tower = QwenTower::load(loader, config.vision.clone(), tower_at)?;
        let model_at = loader.prefix(
            &["model.language_model.", "language_model.model.", "model."],
            "embed_tokens.weight",
        );
        let head_at = loader.prefix(&["lm_head.", "language_model.lm_head."], "weight");
        let head = format!("{head_at}weight");
        let decoder = Decoder::load(loader, config.text.clone(), model_at, &head)?;
        let (parameters, footprint) = (loader.parameters, loader.footprint);
        let fallbacks = std::mem::take(&mut loader.fallbacks);
        let held = std::mem::take(&mut loader.held);
        let tokenizer = Arc::new(tokenizer);
        let family = Box::new(Qwen { config, decoder, tokenizer, prepare, tower });
        Ok(Loaded { family, parameters, footprint, fallbacks, held, hash })
    }
}

impl Family for Qwen {
    fn name(&self) -> &'static str {
        "qwen2.5-vl"
    }

    fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    fn tokenizer(&self) -> Arc<PromptTokenizer> {
        self.tokenizer.clone()
    }

    fn grid(&self) -> Grid {
        Grid::Any(self.prepare.clone())
    }

    fn eos(&self) -> &[u32] {
        &self.config.eos
    }

    fn image_token(&self) -> u32 {
        self.config.image_token
    }

    fn templates(&self) -> &'static [Template] {
        QWEN
    }

    fn pixels(
        &self,
        picture: &Picture,
        options: &RunOptions,
    ) -> std::result::Result<Pixels, EngineError> {
        self.prepare.prepare(picture, options)
    }

    fn prune_score(&self) -> Option<&'static str> {
        let c = &self.config.vision;
        c.full.iter().any(|i| *i < c.layers).then_some("attention-received-in-last-full-block")
    }

    fn features(
        &self,
        pixels: &[f32],
        geometry: &PreparedPicture,
        scores: bool,
    ) -> Result<Features> {
        let grid = (usize::from(geometry.rows), usize::from(geometry.cols));
        let c = &self.config.vision;
        let patches = grid.0 * grid.1 * c.merge * c.merge;
        let width = 3 * 2 * c.patch * c.patch;
        let pixels = Tensor::from_slice(pixels, (patches, width), &self.decoder.device())?;
        self.tower.forward(&pixels, grid, scores)
    }

    fn image_positions(
        &self,
        start: u32,
        kept: &[u32],
        geometry: &PreparedPicture,
    ) -> (Vec<Position>, u32) {
        positions(start, kept, geometry)
    }
}

/// All tokens of a picture share one time; rows and columns count up from it. Text goes on after
/// the longer edge, whether or not tokens were pruned.
pub(super) fn positions(
    start: u32,
    kept: &[u32],
    geometry: &PreparedPicture,
) -> (Vec<Position>, u32) {
    let cols = u32::from(geometry.cols);
    let position = |at: &u32| [start, start + at / cols, start + at % cols];
    let longer = u32::from(geometry.rows.max(geometry.cols));
    (kept.iter().map(position).collect(), start + longer)
}
