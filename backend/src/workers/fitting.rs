//! Whether the lab's models can run in the memory that it may take: told before anybody asks for a run.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Mutex;

use engine::{LoadOptions, amount};
use shared::Quant;
use shared::sentence::{LabError, Message};

use super::lab::Lab;
use crate::lock;
use crate::models::catalog::{Catalog, Look, Source};

/// How weights can be held, those that take least first.
const SMALLER: [Quant; 5] = [Quant::Q4k, Quant::Q5k, Quant::Q6k, Quant::Q8_0, Quant::F16];

/// What models need, by place and quantization, as it was read from files that looked so.
#[derive(Debug, Default)]
pub struct Fitting {
    needs: Mutex<HashMap<(PathBuf, Quant), (Look, Need)>>,
}

/// What a model needs of the machine's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Bytes(u64),
    /// It does not matter, or its files do not say: what is wrong with them is told when it is loaded.
    Unknown,
}

/// How it stands with the models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelsState {
    /// Whether any model can run.
    pub any: bool,
    /// What keeps models from running, a sentence each.
    pub problems: Vec<Message>,
}

/// A model that is too large, and how large it is.
struct TooLarge<'c> {
    source: &'c Source,
    quant: Quant,
    need: u64,
}

impl Fitting {
    /// Looks at the models there are, as far as it takes to find one that fits. Reads their files where
    /// those changed: not for async threads.
    pub fn look(&self, lab: &dyn Lab, catalog: &Catalog) -> ModelsState {
        let mut problems = catalog.all_missing();
        let most = lab.room().map_or(u64::MAX, |room| room.most);
        let default = catalog.default_model();
        if let Some(source) = default.filter(|source| catalog.missing(&source.name).is_none()) {
            let quant = source.default_quant();
            match self.need(lab, source, quant) {
                Need::Bytes(need) if need > most => {
                    problems.push(TooLarge { source, quant, need }.as_default(most));
                }
                _ => return ModelsState { any: true, problems },
            }
        }
        let known = catalog.known();
        let here: Vec<&Source> = known.iter().filter_map(|known| known.source.as_ref()).collect();
        let mut least: Option<TooLarge> = None;
        for source in here {
            let own = source.default_quant();
            for quant in std::iter::once(own).chain(SMALLER.into_iter().filter(|q| *q != own)) {
                match self.need(lab, source, quant) {
                    Need::Bytes(need) if need > most => {
                        if least.as_ref().is_none_or(|least| need < least.need) {
                            least = Some(TooLarge { source, quant, need });
                        }
                    }
                    // In another quantization than its own it may be none that can be asked for.
                    Need::Unknown if quant != own => {}
                    _ => return ModelsState { any: true, problems },
                }
            }
        }
        match least {
            // It says all that is to be said of the default one.
            Some(least) => {
                problems = catalog.all_missing();
                problems.push(least.as_smallest(most));
            }
            None if problems.is_empty() => problems.push(LabError::NoModelHere.into()),
            None => {}
        }
        ModelsState { any: false, problems }
    }

    fn need(&self, lab: &dyn Lab, source: &Source, quant: Quant) -> Need {
        let (place, look) = ((source.folder.clone(), quant), Look::at(&source.folder));
        if let Some((then, need)) = lock(&self.needs).get(&place)
            && *then == look
        {
            return *need;
        }
        let load = LoadOptions { name: source.name.clone(), quant, ..LoadOptions::default() };
        let need = match lab.need(&source.folder, &load) {
            Ok(Some(bytes)) => Need::Bytes(bytes),
            Ok(None) | Err(_) => Need::Unknown,
        };
        lock(&self.needs).insert(place, (look, need));
        need
    }
}

impl TooLarge<'_> {
    fn as_default(&self, most: u64) -> Message {
        let (name, quant, need, most) = self.words(most);
        LabError::DefaultModelTooLarge { name, quant, need, most }.into()
    }

    fn as_smallest(&self, most: u64) -> Message {
        let (name, quant, need, most) = self.words(most);
        LabError::NoModelFits { name, quant, need, most }.into()
    }

    fn words(&self, most: u64) -> (String, String, String, String) {
        let quant = self.quant.name().to_owned();
        (self.source.name.clone(), quant, amount(self.need), amount(most))
    }
}
