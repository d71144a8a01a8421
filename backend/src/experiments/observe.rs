//! One item run, observed for masses only.

use std::ops::ControlFlow;

use engine::{Control, EngineError, GeneratedToken, Observer, Picture, Wants};
use shared::{ErrorCode, Event, LayerFlow, Layout, ModelInfo, Observation, RunOptions};

use crate::error::INTERNAL;
use crate::store::StoreError;
use crate::workers::lab::LoadedModel;

/// Why an item has no outcome.
pub(super) enum Failure {
    /// It is this sample's fault.
    Sample(ErrorCode, String),
    /// The model is not here.
    NoModel(String),
    /// The model cannot be used here as it is held; it may be later.
    Model {
        /// What is wrong, in a sentence.
        problem: String,
        /// Whether it is worth trying again without being told to.
        may_come: bool,
    },
    /// There is too little memory free for this condition now.
    Memory(String),
    /// The queue cannot be written.
    Store(StoreError),
}

impl Failure {
    pub(super) fn of(error: EngineError) -> Failure {
        if error.code == ErrorCode::Internal {
            tracing::error!(%error, "an item failed inside");
            return Failure::Sample(ErrorCode::Internal, INTERNAL.to_owned());
        }
        Failure::Sample(error.code, error.message)
    }
}

/// Runs one prompt with every layer and head observed; `None` where it was stopped. A question
/// that only finds too little memory free now is no sample's fault.
pub(super) fn observe(
    model: &dyn LoadedModel,
    picture: &Picture,
    options: &RunOptions,
    stop: &dyn Fn() -> bool,
) -> Result<Option<(shared::Summary, Observation)>, Failure> {
    let prepared = model.prepare(picture, options).map_err(Failure::of)?;
    let mut folding = Folding { info: model.info(), observation: Observation::default(), stop };
    let wants = folding.wants();
    let summary = prepared.run(&mut folding).map_err(|error| match error.code {
        ErrorCode::OutOfMemory if prepared.could_fit(wants) => Failure::Memory(error.message),
        _ => Failure::of(error),
    })?;
    Ok(summary.map(|summary| (summary, folding.observation)))
}

/// Folds what is observed together, masses only: rows over all keys are not asked for.
struct Folding<'a> {
    info: &'a ModelInfo,
    observation: Observation,
    stop: &'a dyn Fn() -> bool,
}

impl Observer for Folding<'_> {
    fn wants(&self) -> Wants {
        Wants { flows: true, ..Wants::default() }
    }

    fn layout(&mut self, layout: &Layout) -> Control {
        self.observation = Observation {
            layout: Some(layout.clone()),
            prefill: vec![None; self.info.layers as usize],
            tokens: Vec::new(),
        };
        self.poll()
    }

    fn prefill_layer(&mut self, layer: u32, flow: LayerFlow) -> Control {
        self.observation.apply(&Event::PrefillLayer { layer, flow });
        Control::Continue(())
    }

    fn token(&mut self, token: GeneratedToken) -> Control {
        self.observation.apply(&token.into());
        Control::Continue(())
    }

    fn poll(&mut self) -> Control {
        if (self.stop)() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
