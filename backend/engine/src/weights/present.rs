//! Which tensors a model's files have: under what names, which of them the settings leave out, and
//! which nobody asked for.

use std::collections::HashSet;

use shared::sentence::{ModelNote, WeightFault};

use super::Loader;
use crate::error::EngineError;

impl Loader<'_> {
    /// The first of `candidates` under which `probe` exists; the first when none does, so that
    /// the error names the usual place.
    pub(crate) fn prefix(&self, candidates: &[&'static str], probe: &str) -> &'static str {
        self.prefix_of_any(candidates, &[probe])
    }

    /// As [`Loader::prefix`], with several tensors any of which tells.
    pub(crate) fn prefix_of_any(
        &self,
        candidates: &[&'static str],
        probes: &[&str],
    ) -> &'static str {
        let of = |p: &&&'static str| probes.iter().any(|n| self.files.has(&format!("{p}{n}")));
        candidates.iter().find(of).copied().unwrap_or(candidates[0])
    }

    /// Whether there is a tensor of that name that the model uses.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.files.has(name) && !self.left_out.contains(name)
    }

    /// Holds biases to what the settings say: those that must be there are, those that must not be
    /// are left out, and noted. transformers 5 lets missing ones begin at zero, as for training, and
    /// only logs it: a file that promises biases and has none was not written whole, so it is refused.
    ///
    /// # Errors
    /// One is missing.
    pub(crate) fn settle_biases(
        &mut self,
        names: Vec<String>,
        biased: Option<bool>,
    ) -> Result<(), EngineError> {
        match biased {
            None => Ok(()),
            Some(true) => match names.iter().find(|name| !self.has(name)) {
                Some(name) => Err(self.files.missing(name)),
                None => Ok(()),
            },
            Some(false) => {
                let there: Vec<String> = names.into_iter().filter(|name| self.has(name)).collect();
                match there.as_slice() {
                    [] => {}
                    [alone] => {
                        self.notes.push(ModelNote::BiasLeftOut { name: format!("'{alone}'") });
                    }
                    [first, ..] => self.notes.push(ModelNote::BiasesLeftOut {
                        n: there.len() as u64,
                        name: format!("'{first}'"),
                    }),
                }
                self.left_out.extend(there);
                Ok(())
            }
        }
    }

    /// Whether a head is stored that is not the embedding table `table`, though the settings tie
    /// the two.
    pub(crate) fn has_own_head(&mut self, table: &str, head: &str) -> Result<bool, EngineError> {
        if self.files.shape(head).is_none() {
            return Ok(false);
        }
        // A head of its own weighs what a tied one does.
        if self.weighing {
            return Ok(true);
        }
        if self.files.same(table, head)? {
            self.used.insert(head.to_owned());
            return Ok(false);
        }
        self.notes.push(ModelNote::OwnHead);
        Ok(true)
    }

    /// Notes tensors that are there and were not read, but for those that `harmless` knows by their
    /// names in their file.
    pub(crate) fn tell_unused(&mut self, harmless: impl Fn(&str) -> bool) {
        let known: HashSet<&str> =
            self.used.iter().chain(&self.left_out).map(String::as_str).collect();
        let mut names = self.files.unread(&known);
        names.retain(|name| !harmless(name));
        names.sort_unstable();
        if let Some(first) = names.first() {
            let first: String = first.chars().take(120).collect();
            let name = format!("'{first}'");
            self.notes.push(match names.len() {
                1 => ModelNote::NoPlaceFor { name },
                n => ModelNote::NoPlaceForSeveral { n: n as u64, name },
            });
        }
    }

    /// Refuses tensors of which some are there and some are not: a map without its bias is
    /// another map.
    pub(crate) fn together(&self, names: &[String]) -> Result<(), EngineError> {
        match names.iter().find(|name| !self.has(name)) {
            Some(missing) if names.iter().any(|name| self.has(name)) => {
                Err(self.files.fault(missing, WeightFault::OthersAreThere.into()))
            }
            _ => Ok(()),
        }
    }
}

/// The name of the first layer's tensor like this one.
pub(super) fn first_layer(name: &str) -> String {
    let part = |part: &str| if part.parse::<u32>().is_ok() { "0".to_owned() } else { part.into() };
    name.split('.').map(part).collect::<Vec<String>>().join(".")
}
