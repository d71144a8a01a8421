//! Whether the numbers are those of the model: an observed run against one that nobody observed,
//! and, where it fits, a quantized model against the f32 one it was made from.

use engine::{Against, Control, EngineError, LoadOptions, Picture, Tape};
use shared::report::{Comparison, Fidelity};
use shared::{ModelInfo, Quant, RunOptions};

use crate::catalog::Source;
use crate::lab::{Lab, PreparedRun};

/// Most parameters of a model that is also loaded in f32: 2 GiB of weights.
const MOST_PARAMETERS: u64 = 1 << 29;

/// An observed run to be verified.
pub(crate) struct Observed<'a> {
    /// Its logits and tokens.
    pub(crate) tape: &'a Tape,
    /// What was run.
    pub(crate) prepared: &'a dyn PreparedRun,
    /// The model that ran.
    pub(crate) model: &'a ModelInfo,
    /// Where that model comes from.
    pub(crate) source: &'a Source,
    /// The picture it was asked about.
    pub(crate) picture: &'a Picture,
    /// What it was asked.
    pub(crate) options: &'a RunOptions,
}

impl Observed<'_> {
    /// Runs the same prompt again, unobserved, and in f32 where that fits, and compares. `None`
    /// when `go_on` said stop.
    ///
    /// # Errors
    /// As a run of its own.
    pub(crate) fn fidelity(
        &self,
        lab: &dyn Lab,
        go_on: impl Fn() -> Control,
    ) -> Result<Option<Fidelity>, EngineError> {
        let Some(observed) = self.compared(self.prepared, &go_on)? else { return Ok(None) };
        let quantized = if self.model.quant == Quant::F32 || self.model.parameters > MOST_PARAMETERS
        {
            None
        } else {
            let exact = LoadOptions {
                name: self.source.name.clone(),
                quant: Quant::F32,
                ..LoadOptions::default()
            };
            let exact = lab.load(&self.source.folder, &exact, &mut |_, _| {})?;
            let prepared = exact.prepare(self.picture, self.options)?;
            match self.compared(&*prepared, &go_on)? {
                Some(comparison) => Some(comparison),
                None => return Ok(None),
            }
        };
        Ok(Some(Fidelity { observed, quantized }))
    }

    fn compared(
        &self,
        other: &dyn PreparedRun,
        go_on: &impl Fn() -> Control,
    ) -> Result<Option<Comparison>, EngineError> {
        let mut against = Against::new(self.tape, go_on);
        Ok(other.run(&mut against)?.map(|_| against.comparison()))
    }
}
