//! A question measured: observed for masses only.

use std::ops::ControlFlow;

use engine::{Control, GeneratedToken, Media, Observer, Wants};
use shared::{ErrorCode, Event, LayerFlow, Layout, ModelInfo, Observation, RunOptions};

use super::command::{MeasureError, Measured, Stop};
use super::lab::LoadedModel;

/// Runs one prompt with every layer and head observed; `None` where it was stopped. A question
/// that only finds too little memory free now is no question's fault.
pub(crate) fn measure(
    model: &dyn LoadedModel,
    media: &Media<'_>,
    options: &RunOptions,
    stop: &Stop,
) -> Result<Option<Measured>, MeasureError> {
    let prepared = model.prepare(media, options).map_err(MeasureError::Question)?;
    let info = model.info();
    let mut folding = Folding { info, observation: Observation::default(), stop };
    let wants = folding.wants();
    let summary = prepared.run(&mut folding).map_err(|error| match error.code {
        ErrorCode::OutOfMemory if prepared.could_fit(wants) => {
            MeasureError::Memory(error.into_message())
        }
        _ => MeasureError::Question(error),
    })?;
    let observation = folding.observation;
    Ok(summary.map(|summary| Measured { info: info.clone(), summary, observation }))
}

/// Folds what is observed together, masses only: rows over all keys are not asked for.
struct Folding<'a> {
    info: &'a ModelInfo,
    observation: Observation,
    stop: &'a Stop,
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
