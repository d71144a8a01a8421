//! The models in memory: few, the ones used last.

use engine::{EngineError, LoadOptions};
use shared::Quant;

use crate::models::catalog::{Look, Source};
use crate::workers::lab::{Lab, LoadedModel};
use crate::workers::memory;

/// What tells one loaded model from another.
pub type Key = (String, Quant);

/// Models by name and quantization, the one used last at the end.
pub struct Cache {
    models: Vec<CachedModel>,
    capacity: usize,
}

struct CachedModel {
    key: Key,
    /// What its files looked like when it was loaded.
    look: Look,
    model: Box<dyn LoadedModel>,
}

impl CachedModel {
    fn is(&self, source: &Source, quant: Quant) -> bool {
        self.key.0 == source.name && self.key.1 == quant
    }
}

impl Cache {
    /// An empty cache of at most so many models.
    pub fn new(capacity: usize) -> Self {
        Cache { models: Vec::new(), capacity: capacity.max(1) }
    }

    /// The models in memory.
    pub fn keys(&self) -> Vec<Key> {
        self.models.iter().map(|held| held.key.clone()).collect()
    }

    /// Whether the model is in memory as its files are now.
    pub(super) fn has(&self, source: &Source, quant: Quant) -> bool {
        let held = self.models.iter().find(|held| held.is(source, quant));
        held.is_some_and(|held| held.look == Look::at(&source.folder))
    }

    /// The model, loaded if it is not in memory, or if its settings have changed since it was.
    ///
    /// Makes room once the loader reports progress: by then it has checked what can be checked
    /// without the weights, so a model that is no model costs no other its place, and memory still
    /// never holds one model more than it may.
    ///
    /// # Errors
    /// What is wrong with the model's files.
    pub fn get(
        &mut self,
        lab: &dyn Lab,
        source: &Source,
        quant: Quant,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<&dyn LoadedModel, EngineError> {
        let look = Look::at(&source.folder);
        let before = self.models.iter().position(|held| held.is(source, quant));
        let before = match before.map(|at| self.models.remove(at)) {
            Some(old) if old.look != look => {
                drop(old);
                memory::give_back();
                None
            }
            before => before,
        };
        let held = match before {
            Some(held) => held,
            None => {
                let options =
                    LoadOptions { name: source.name.clone(), quant, ..LoadOptions::default() };
                self.give_up_for(lab, source, &options)?;
                let mut room = |bytes: u64, total: u64| {
                    self.make_room();
                    progress(bytes, total);
                };
                let model = lab.load(&source.folder, &options, &mut room)?;
                self.make_room();
                CachedModel { key: (source.name.clone(), quant), look, model }
            }
        };
        self.models.push(held);
        let last = self.models.len() - 1;
        Ok(&*self.models[last].model)
    }

    fn make_room(&mut self) {
        while self.models.len() >= self.capacity {
            self.give_up_oldest();
        }
    }

    fn give_up_oldest(&mut self) {
        let CachedModel { key: (name, quant), model, .. } = self.models.remove(0);
        drop(model);
        memory::give_back();
        tracing::info!(model = name, quant = quant.name(), "model unloaded");
    }

    /// Gives models up until another fits the memory that is free; none where it would not fit
    /// without them all.
    fn give_up_for(
        &mut self,
        lab: &dyn Lab,
        source: &Source,
        options: &LoadOptions,
    ) -> Result<(), EngineError> {
        let folder = &source.folder;
        let Some(room) = lab.room() else { return Ok(()) };
        let Some(need) = lab.need(folder, options)? else { return Ok(()) };
        let back = self.models.iter().map(|held| held.model.held()).sum();
        if !room.holds(need, back) {
            return Err(memory::refusal(folder, options, need, room, back));
        }
        loop {
            match lab.room() {
                Some(room) if !room.holds(need, 0) && self.models.is_empty() => {
                    // What was given up did not come back: something else took it.
                    return Err(memory::refusal(folder, options, need, room, 0));
                }
                Some(room) if !room.holds(need, 0) => self.give_up_oldest(),
                _ => return Ok(()),
            }
        }
    }

    /// Forgets every model: after a panic what they hold cannot be trusted.
    pub fn clear(&mut self) {
        self.models.clear();
    }

    /// Forgets a model whose last run panicked: what it left behind cannot be trusted.
    pub(super) fn forget(&mut self, source: &Source, quant: Quant) {
        self.models.retain(|held| !held.is(source, quant));
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use shared::ErrorCode;

    use super::*;
    use crate::workers::lab::ScriptedLab;

    /// Refuses what is named `broken` as the engine does: before any progress.
    struct Picky;

    impl Lab for Picky {
        fn load(
            &self,
            folder: &Path,
            options: &LoadOptions,
            progress: &mut dyn FnMut(u64, u64),
        ) -> Result<Box<dyn LoadedModel>, EngineError> {
            if options.name == "broken" {
                return Err(
                    shared::ErrorBody::new(ErrorCode::ModelUnusable, "It is broken.").into()
                );
            }
            ScriptedLab::default().load(folder, options, progress)
        }
    }

    /// A model is loaded anew once its settings' files have changed, and only then: its options are
    /// resolved on the files as they are.
    #[test]
    fn a_model_whose_files_changed_is_loaded_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |text: &str| {
            std::fs::write(folder.path().join("chat_template.jinja"), text).expect("written");
        };
        write("one");
        let source = Source::folder("one".to_owned(), folder.path().to_owned());
        let mut cache = Cache::new(2);
        let mut loads = || {
            let mut loads = 0;
            let had = cache.has(&source, Quant::F32);
            let mut told = |_, _| loads += 1;
            cache.get(&ScriptedLab::default(), &source, Quant::F32, &mut told).expect("it loads");
            assert_eq!(cache.keys().len(), 1);
            (had, loads > 0)
        };
        assert_eq!(loads(), (false, true));
        assert_eq!(loads(), (true, false));
        write("another");
        assert_eq!(loads(), (false, true));
        assert_eq!(loads(), (true, false));
    }

    /// Models that hold 64 MiB in pieces too small to be mapped each by itself.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    struct Heavy;

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    impl Lab for Heavy {
        fn load(
            &self,
            folder: &Path,
            options: &LoadOptions,
            progress: &mut dyn FnMut(u64, u64),
        ) -> Result<Box<dyn LoadedModel>, EngineError> {
            if options.name == "light" {
                return ScriptedLab::default().load(folder, options, progress);
            }
            let model = ScriptedLab::default().load(folder, options, progress)?;
            let weights = (0..1024).map(|_| vec![1_u8; 64 << 10]).collect();
            // What lives on behind them keeps the allocator from giving the end of its heap back.
            Box::leak(Box::new([1_u8; 1024]));
            Ok(Box::new(Weighty { model, _weights: weights }))
        }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    struct Weighty {
        model: Box<dyn LoadedModel>,
        _weights: Vec<Vec<u8>>,
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    impl LoadedModel for Weighty {
        fn info(&self) -> &shared::ModelInfo {
            self.model.info()
        }

        fn prepare<'m>(
            &'m self,
            media: &engine::Media<'_>,
            options: &shared::RunOptions,
        ) -> Result<Box<dyn crate::workers::lab::PreparedRun + 'm>, EngineError> {
            self.model.prepare(media, options)
        }
    }

    /// A model that was given up is gone from the process when the memory that is free is read anew.
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn what_a_model_held_goes_back_to_the_system() {
        let resident = || {
            let status = std::fs::read_to_string("/proc/self/status").expect("this process");
            let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("its memory");
            line.split_whitespace().nth(1).expect("a number").parse::<u64>().expect("of KiB") >> 10
        };
        let mut cache = Cache::new(1);
        let mut get = |name: &str| {
            let source = Source::folder(name.into(), name.into());
            cache.get(&Heavy, &source, Quant::F32, &mut |_, _| {}).map(|_| ()).expect("it loads");
            resident()
        };
        let before = get("light");
        let with = get("heavy");
        assert!(with >= before + 60, "{before} MiB, {with} MiB with the model");
        let after = get("light");
        assert!(after <= before + 16, "{before} MiB, {with} with the model, {after} without");
    }

    #[test]
    fn a_model_that_is_none_costs_no_other_its_place() {
        let mut cache = Cache::new(1);
        let source = |name: &str| Source::folder(name.into(), name.into());
        let mut get = |name: &str| {
            let loaded = cache.get(&Picky, &source(name), Quant::F32, &mut |_, _| {}).is_ok();
            let names: Vec<String> = cache.keys().into_iter().map(|(name, _)| name).collect();
            (loaded, names)
        };
        assert_eq!(get("one"), (true, vec!["one".to_owned()]));
        assert_eq!(get("broken"), (false, vec!["one".to_owned()]));
        assert_eq!(get("two"), (true, vec!["two".to_owned()]));
    }
}
