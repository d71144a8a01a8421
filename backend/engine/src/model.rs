//! A model: loaded once, run many times.

use std::path::Path;

use shared::{Layout, ModelInfo, Quant, RunOptions, Summary};

use crate::error::EngineError;
use crate::observer::Observer;
use crate::picture::Picture;

/// How to load a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Name to report in [`ModelInfo`].
    pub name: String,
    /// How to hold the decoder's weights.
    pub quant: Quant,
}

/// A loaded model. Lives on one thread; no tensor leaves it.
pub struct Model {}

/// A prompt ready to run.
pub struct Prepared {}

impl Prepared {
    /// The sequence as groups.
    pub fn layout(&self) -> &Layout {
        unimplemented!()
    }

    /// The picture as the model sees it, as a PNG file.
    pub fn picture_png(&self) -> Vec<u8> {
        unimplemented!()
    }
}

impl Model {
    /// Loads a model from a folder in Hugging Face layout. `progress(bytes_done, bytes_total)` is
    /// called as weights are read.
    ///
    /// # Errors
    /// [`shared::ErrorCode::ModelUnusable`] naming the file and what is wrong with it.
    pub fn load(
        _folder: &Path,
        _options: &LoadOptions,
        _progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Model, EngineError> {
        unimplemented!()
    }

    /// What the model is.
    pub fn info(&self) -> &ModelInfo {
        unimplemented!()
    }

    /// Prepares a picture and a prompt.
    ///
    /// # Errors
    /// Codes for an empty or too long prompt, or an option out of range.
    pub fn prepare(&self, _: &Picture, _: &RunOptions) -> Result<Prepared, EngineError> {
        unimplemented!()
    }

    /// Runs the model and generates greedily. An observer that asks to stop ends the run with
    /// `Ok(None)`.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn run(
        &self,
        _prepared: &Prepared,
        _observer: &mut dyn Observer,
    ) -> Result<Option<Summary>, EngineError> {
        unimplemented!()
    }
}
