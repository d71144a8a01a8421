//! The real engine behind the lab's traits.

use std::path::Path;
use std::sync::Arc;

use engine::{
    DeviceChoice, EngineError, LoadOptions, Model, Observer, Picture, Prepared, WeightCache,
};
use shared::{ModelInfo, RunOptions, Summary};

use super::{Lab, LoadedModel, Precheck, PreparedRun};

/// Loads models with the engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineLab {
    /// Where its models run.
    pub device: DeviceChoice,
}

impl Lab for EngineLab {
    fn load(
        &self,
        folder: &Path,
        options: &LoadOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Box<dyn LoadedModel>, EngineError> {
        let options = LoadOptions { device: self.device, ..options.clone() };
        Ok(Box::new(Model::load(folder, &options, progress)?))
    }
}

/// Loads models with the engine, and keeps what large ones were converted to.
#[derive(Clone, Debug)]
pub struct KeepingLab {
    device: DeviceChoice,
    cache: WeightCache,
}

impl KeepingLab {
    /// Keeps converted weights in the data folder.
    pub fn in_data(device: DeviceChoice, data: &Path) -> Self {
        KeepingLab { device, cache: WeightCache::in_folder(data.join("cache")) }
    }
}

impl Lab for KeepingLab {
    fn load(
        &self,
        folder: &Path,
        options: &LoadOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Box<dyn LoadedModel>, EngineError> {
        let options = LoadOptions { device: self.device, ..options.clone() };
        Ok(Box::new(Model::load_cached(folder, &options, &self.cache, progress)?))
    }
}

impl LoadedModel for Model {
    fn info(&self) -> &ModelInfo {
        Model::info(self)
    }

    fn precheck(&self) -> Option<Precheck> {
        let check = self.check();
        Some(Arc::new(move |size, options| check.check(size, options)))
    }

    fn prepare<'m>(
        &'m self,
        picture: &Picture,
        options: &RunOptions,
    ) -> Result<Box<dyn PreparedRun + 'm>, EngineError> {
        let prepared = Model::prepare(self, picture, options)?;
        Ok(Box::new(EngineRun { model: self, prepared }))
    }
}

struct EngineRun<'m> {
    model: &'m Model,
    prepared: Prepared,
}

impl PreparedRun for EngineRun<'_> {
    fn prompt_tokens(&self) -> usize {
        self.prepared.prompt_tokens()
    }

    fn options(&self) -> &RunOptions {
        self.prepared.options()
    }

    fn picture_png(&self) -> Option<Vec<u8>> {
        self.prepared.picture_png()
    }

    fn run(&self, observer: &mut dyn Observer) -> Result<Option<Summary>, EngineError> {
        self.model.run(&self.prepared, observer)
    }
}
