//! Whether the numbers are those of the model: an observed run against one that nobody observed,
//! and, where it fits, a quantized model against the f32 one it was made from.

use engine::{
    Against, Control, EngineError, GeneratedToken, LoadOptions, Observer, Picture, Tape, Wants,
};
use shared::report::{Comparison, Fidelity};
use shared::{
    Definition, ErrorCode, Event, LayerFlow, Layout, ModelInfo, Moved, Observation, Quant,
    RunOptions,
};

use crate::catalog::Source;
use crate::lab::{Lab, PreparedRun};
use crate::memory;

/// Most parameters of a model that is also loaded in f32: 2 GiB of weights.
const MOST_PARAMETERS: u64 = 1 << 29;

/// An observed run to be verified.
pub(crate) struct Observed<'a> {
    /// Its logits and tokens.
    pub(crate) tape: &'a Tape,
    /// What was observed.
    pub(crate) seen: &'a Observation,
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
        let mut against = Against::new(self.tape, &go_on);
        let Some(_) = self.prepared.run(&mut against)? else { return Ok(None) };
        let observed = against.comparison();
        if self.model.quant == Quant::F32 || self.model.parameters > MOST_PARAMETERS {
            return Ok(Some(Fidelity { observed, quantized: None, moved: None }));
        }
        match self.exactly(lab, &go_on) {
            Ok(Some((quantized, moved))) => {
                let (quantized, moved) = (Some(quantized), Some(moved));
                Ok(Some(Fidelity { observed, quantized, moved }))
            }
            Ok(None) => Ok(None),
            // Where f32 does not fit beside it, the rest of the comparison stands.
            Err(error) if error.code == ErrorCode::OutOfMemory => {
                tracing::info!(%error, "not compared with f32");
                Ok(Some(Fidelity { observed, quantized: None, moved: None }))
            }
            Err(error) => Err(error),
        }
    }

    /// The same prompt on f32 weights: how its logits compare, and how far the numbers moved.
    fn exactly(
        &self,
        lab: &dyn Lab,
        go_on: &impl Fn() -> Control,
    ) -> Result<Option<(Comparison, Moved)>, EngineError> {
        let folder = &self.source.folder;
        let name = self.source.name.clone();
        let exact = LoadOptions { name, quant: Quant::F32, ..LoadOptions::default() };
        memory::fits(lab, folder, &exact, 0)?;
        let exact = lab.load(folder, &exact, &mut |_, _| {})?;
        let prepared = exact.prepare(self.picture, self.options)?;
        let mut watching = Watching {
            against: Against::new(self.tape, go_on),
            layers: exact.info().layers,
            seen: Observation::default(),
        };
        if prepared.run(&mut watching)?.is_none() {
            return Ok(None);
        }
        let moved = Moved::between(self.seen, &watching.seen, &Definition::default());
        Ok(Some((watching.against.comparison(), moved)))
    }
}

/// Compares logits with a tape, and keeps what is observed of the run itself.
struct Watching<'t, P> {
    against: Against<'t, P>,
    layers: u32,
    seen: Observation,
}

impl<P: FnMut() -> Control> Observer for Watching<'_, P> {
    fn wants(&self) -> Wants {
        Wants { flows: true, ..self.against.wants() }
    }

    fn layout(&mut self, layout: &Layout) -> Control {
        self.seen = Observation {
            layout: Some(layout.clone()),
            prefill: vec![None; self.layers as usize],
            tokens: Vec::new(),
        };
        Control::Continue(())
    }

    fn prefill_layer(&mut self, layer: u32, flow: LayerFlow) -> Control {
        self.seen.apply(&Event::PrefillLayer { layer, flow });
        Control::Continue(())
    }

    fn token(&mut self, token: GeneratedToken) -> Control {
        self.seen.apply(&token.clone().into());
        self.against.token(token)
    }

    fn logits(&mut self, first_row: usize, rows: usize, values: &[f32]) {
        self.against.logits(first_row, rows, values);
    }

    fn poll(&mut self) -> Control {
        self.against.poll()
    }
}
