//! The Qwen2.5-VL family: window-attention tower with its merger, Qwen2.5, M-RoPE.

use std::path::Path;
use std::sync::Arc;

use candle_core::{Result, Tensor};
use shared::{PreparedPicture, RunOptions};

use super::{Common, Family, Loaded, Numbering, Reading};
use crate::check::Grid;
use crate::config::QwenConfig;
use crate::error::EngineError;
use crate::picture::Picture;
use crate::prepare::{Pixels, QwenPrepare};
use crate::prompt::{self, Found, Kind, PromptTokenizer, Templates, check_settings};
use crate::vision::{Features, QwenTower};
use crate::weights::{Loader, Random, WeightFiles};

/// A Qwen2.5-VL model.
pub(crate) struct Qwen {
    config: QwenConfig,
    common: Common,
    prepare: QwenPrepare,
    tower: QwenTower,
}

impl Qwen {
    /// Reads a folder in Hugging Face layout.
    pub(crate) fn load(
        folder: &Path,
        reading: Reading,
    ) -> std::result::Result<Loaded, EngineError> {
        let mut notes = Vec::new();
        let config = QwenConfig::load(folder, &mut notes)?;
        let tokenizer = PromptTokenizer::load(folder)?;
        if let Some(token) =
            Kind::Qwen.specials().into_iter().find(|t| tokenizer.special(t).is_none())
        {
            let at = folder.join("tokenizer.json");
            let what =
                format!("{}: has no token '{token}', which every prompt needs", at.display());
            return Err(EngineError::model(what));
        }
        check_settings(folder, &tokenizer, Some("Qwen2Tokenizer"), &mut notes)?;
        tokenizer.check(folder, config.text.vocab, ("<|image_pad|>", config.image_token))?;
        let prepare = QwenPrepare::of_model(folder, &config, &mut notes)?;
        let chat = prompt::in_folder(folder);
        let files = WeightFiles::open(folder)?;
        let (text, vision) = (config.text.layers, config.vision.layers);
        let key = "num_hidden_layers";
        files.check_layers(folder, ("decoder", key), ".input_layernorm.weight", text)?;
        files.check_layers(folder, ("vision", "depth"), ".norm1.weight", vision)?;
        reading.files(&files, |loader, hash| {
            Self::assemble(config, (tokenizer, chat), prepare, notes, loader, hash)
        })
    }

    /// A model of random weights.
    pub(crate) fn random(
        config: QwenConfig,
        reading: Reading,
    ) -> std::result::Result<Loaded, EngineError> {
        let prepare = QwenPrepare::standard(config.vision.patch, config.vision.merge);
        let mut loader = reading.loader(&Random::QWEN);
        let tokenizer = PromptTokenizer::characters(&Kind::Qwen.specials())?;
        let (tokenizer, notes) = ((tokenizer, Ok(None)), Vec::new());
        Self::assemble(config, tokenizer, prepare, notes, &mut loader, "random".to_owned())
    }

    /// Reads all weights.
    pub(super) fn assemble(
        config: QwenConfig,
        (tokenizer, chat): (PromptTokenizer, Found),
        prepare: QwenPrepare,
        notes: Vec<String>,
        loader: &mut Loader,
        hash: String,
    ) -> std::result::Result<Loaded, EngineError> {
        let tower_at = loader.prefix(&["model.visual.", "visual."], "patch_embed.proj.weight");
        let tower = QwenTower::load(loader, config.vision.clone(), tower_at)?;
        let prefixes = ["model.language_model.", "language_model.model.", "model."];
        let decoder = super::decoder(loader, &config.text, &prefixes)?;
        loader.tell_unused(|name| name.contains("rotary_emb.inv_freq"));
        let (eos, image_token) = (config.eos.clone(), config.image_token);
        let templates = Templates::of(Kind::Qwen, chat, &tokenizer, image_token);
        let (tokenizer, templates) = (Arc::new(tokenizer), Arc::new(templates));
        let common = Common { decoder, tokenizer, templates, eos, image_token };
        Ok(Loaded::of(Qwen { config, common, prepare, tower }, notes, loader, hash))
    }
}

impl Family for Qwen {
    fn tower_working(&self, tokens: usize) -> usize {
        self.config.vision.working(tokens)
    }

    fn name(&self) -> &'static str {
        "qwen2.5-vl"
    }

    fn common(&self) -> &Common {
        &self.common
    }

    fn grid(&self) -> Grid {
        Grid::Any(self.prepare.clone())
    }

    fn numbering(&self) -> Numbering {
        Numbering::Grid
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
        let pixels = Tensor::from_slice(pixels, (patches, width), &self.common.decoder.device())?;
        self.tower.forward(&pixels, grid, scores)
    }
}
