//! A run that is asked several times: after each answer it goes back into the line, so that each is a turn
//! of its client's as a run is, and others come between.
//!
//! The first answer is watched whole, as every run is. The others are observed for masses only, as an
//! experiment's are, with the next seed ([`shared::Sampling::nth`]); the model reads the prompt anew for each.

use std::sync::Arc;

use engine::EngineError;
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode, Event, Observation, RunOptions, Sampled, Summary};

use super::Run;
use super::dispatch::gone;
use crate::workers::lab::Decoded;
use crate::workers::{MeasureError, Measurement, ModelChoice, Worker};

/// How far a run is that is asked several times.
#[derive(Clone, Debug, PartialEq)]
pub struct Again {
    /// How many answers there are.
    answered: u32,
    /// What came of the first.
    first: Summary,
}

impl Again {
    /// After the first answer, which it tells of by what the run's log has seen.
    pub(super) fn first(run: &Run, summary: Summary) -> Self {
        let mut seen = Observation::default();
        run.log.all().iter().for_each(|entry| seen.apply(&entry.envelope.event));
        run.publish(Event::Sampled(sampled(&run.options, 0, &summary, &seen)));
        Again { answered: 1, first: summary }
    }

    /// After so many answers.
    #[cfg(test)]
    pub(super) fn after(answered: u32) -> Self {
        let (tokens, stop) = (0, shared::event::Stop::Length);
        let timing = shared::Timing::default();
        Again { answered, first: Summary { answer: String::new(), tokens, stop, timing } }
    }

    /// Asks for the next answer, and tells of it; `None` where it was stopped.
    pub(super) fn measured(
        self,
        worker: &Worker,
        model: ModelChoice,
        media: Vec<Decoded>,
        run: &Arc<Run>,
    ) -> Result<Option<Self>, EngineError> {
        let asked = run.clone();
        let stop = Arc::new(move || asked.stop_requested().is_some());
        let options = nth(&run.options, self.answered);
        let measurement = Measurement { model, media, options, stop };
        let measured = worker.measure(measurement).map_err(gone)?.map_err(|error| match error {
            MeasureError::Model(error) | MeasureError::Question(error) => error,
            MeasureError::Memory(why) => ErrorBody::new(ErrorCode::OutOfMemory, why).into(),
            MeasureError::Panicked => EngineError::new(ErrorCode::Internal, LabError::Internal),
        })?;
        Ok(measured.map(|measured| {
            let seen = &measured.observation;
            let one = sampled(&run.options, self.answered, &measured.summary, seen);
            run.publish(Event::Sampled(one));
            Again { answered: self.answered + 1, ..self }
        }))
    }

    /// Whether all answers are there.
    pub(super) fn is_whole(&self, run: &Run) -> bool {
        run.options.repeat.as_ref().is_none_or(|repeat| self.answered >= repeat.times)
    }

    /// What came of the first answer, which the run ends with.
    pub(super) fn into_summary(self) -> Summary {
        self.first
    }
}

/// What the answer of a number is asked with: its seed is its own, and the first alone is verified.
pub(crate) fn nth(options: &RunOptions, index: u32) -> RunOptions {
    RunOptions { sampling: options.sampling.nth(index), verify: false, ..options.clone() }
}

/// An answer of a run that is asked several times.
pub(crate) fn sampled(
    options: &RunOptions,
    index: u32,
    summary: &Summary,
    seen: &Observation,
) -> Sampled {
    Sampled {
        index,
        seed: options.sampling.nth(index).seed,
        answer: summary.answer.clone(),
        tokens: summary.tokens,
        masses: seen.masses().unwrap_or_default(),
    }
}
