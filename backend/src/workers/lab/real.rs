//! The real engine behind the lab's traits.

use std::path::Path;
use std::sync::Arc;

use engine::{
    DeviceChoice, EngineError, LoadOptions, Media, Model, Observer, Prepared, Wants, WeightCache,
};
use shared::{ModelInfo, RunOptions, Summary};

use super::{Lab, LoadedModel, Precheck, PreparedRun};
use crate::caches::{self, Cached};
use crate::workers::memory::{self, Machine, MemoryRoom};

/// Loads models with the engine.
#[derive(Clone, Debug, Default)]
pub struct EngineLab {
    /// Where its models run.
    pub device: DeviceChoice,
    /// Where it is read how much memory there is.
    pub machine: Machine,
}

impl Lab for EngineLab {
    fn load(
        &self,
        folder: &Path,
        options: &LoadOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Box<dyn LoadedModel>, EngineError> {
        let options = LoadOptions { device: self.device, ..options.clone() };
        let model = Model::load(folder, &options, progress)?;
        Ok(Box::new(Fitted { model, machine: self.machine.clone() }))
    }

    fn need(&self, folder: &Path, options: &LoadOptions) -> Result<Option<u64>, EngineError> {
        need_on(self.device, folder, options)
    }

    fn room(&self) -> Option<MemoryRoom> {
        self.machine.room()
    }
}

/// Loads models with the engine, and keeps what large ones were converted to.
#[derive(Clone, Debug)]
pub struct KeepingLab {
    device: DeviceChoice,
    cache: WeightCache,
    machine: Machine,
}

impl KeepingLab {
    /// Keeps converted weights where [`caches::folder`] says for this data folder.
    pub fn in_data(device: DeviceChoice, data: &Path) -> Self {
        let cache = WeightCache::in_folder(caches::folder(Cached::Weights, data));
        KeepingLab { device, cache, machine: Machine::default() }
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
        let model = Model::load_cached(folder, &options, &self.cache, progress)?;
        Ok(Box::new(Fitted { model, machine: self.machine.clone() }))
    }

    fn need(&self, folder: &Path, options: &LoadOptions) -> Result<Option<u64>, EngineError> {
        need_on(self.device, folder, options)
    }

    fn room(&self) -> Option<MemoryRoom> {
        self.machine.room()
    }
}

/// What a model needs of the machine's memory; `None` on a GPU, which is asked when it is there.
fn need_on(
    device: DeviceChoice,
    folder: &Path,
    options: &LoadOptions,
) -> Result<Option<u64>, EngineError> {
    if device.gpu_memory().is_some() {
        return Ok(None);
    }
    memory::need(folder, options.quant).map(Some)
}

/// A model whose runs are measured against the memory that is free.
struct Fitted {
    model: Model,
    machine: Machine,
}

impl LoadedModel for Fitted {
    fn info(&self) -> &ModelInfo {
        self.model.info()
    }

    fn held(&self) -> u64 {
        self.model.held()
    }

    fn precheck(&self) -> Option<Precheck> {
        let check = self.model.check();
        Some(Arc::new(move |media, options| check.check(media, options)))
    }

    fn prepare<'m>(
        &'m self,
        media: &Media<'_>,
        options: &RunOptions,
    ) -> Result<Box<dyn PreparedRun + 'm>, EngineError> {
        let prepared = self.model.prepare(media.clone(), options)?;
        Ok(Box::new(EngineRun { fitted: self, prepared }))
    }
}

struct EngineRun<'m> {
    fitted: &'m Fitted,
    prepared: Prepared,
}

impl PreparedRun for EngineRun<'_> {
    fn prompt_tokens(&self) -> usize {
        self.prepared.prompt_tokens()
    }

    fn options(&self) -> &RunOptions {
        self.prepared.options()
    }

    fn picture_png(&self, medium: usize) -> Option<Vec<u8>> {
        self.prepared.picture_png_of(medium)
    }

    fn could_fit(&self, wants: Wants) -> bool {
        let Fitted { model, machine } = self.fitted;
        machine.room().is_none_or(|room| {
            let most = room.most.saturating_sub(model.held());
            model.fits_in(&self.prepared, wants, most).is_ok()
        })
    }

    fn run(&self, observer: &mut dyn Observer) -> Result<Option<Summary>, EngineError> {
        let Fitted { model, machine } = self.fitted;
        if let Some(room) = machine.room() {
            model.fits_in(&self.prepared, observer.wants(), room.free)?;
        }
        model.run(&self.prepared, observer)
    }
}
