//! One item on the bench: its run, and what becomes of it where there is no outcome.

use std::ops::Range;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use datasets::Sample;
use engine::EngineError;
use shared::experiment::{Condition, LeftOut, MadeWith, Outcome};
use shared::sentence::{self, Problem};
use shared::{AskedOptions, ErrorCode, Message};

use super::Bench;
use crate::experiments::book::End;
use crate::experiments::feeder::{Ready, SampleOrder, Trouble};
use crate::experiments::items::{Claim, Noted};
use crate::experiments::lacking::{differs, items_of, not_here};
use crate::store::StoreError;
use crate::workers::lab::Decoded;
use crate::workers::{MeasureError, Measurement, ModelChoice, Stop, Worker, WorkerRefused};

/// Why an item has no outcome.
enum ItemFailure {
    /// It is this sample's fault.
    Sample(ErrorCode, Message),
    /// The model is not here.
    NoModel(Message),
    /// The model cannot be used here as it is held; it may be later.
    Model {
        /// What is wrong, in a sentence.
        problem: Message,
        /// Whether it is worth trying again without being told to.
        may_come: bool,
    },
    /// There is too little memory free for this condition now.
    Memory(Message),
    /// What hands items out cannot be reached, or the device's worker.
    Broken(StoreError),
}

impl ItemFailure {
    fn of(error: EngineError) -> ItemFailure {
        if error.code == ErrorCode::Internal {
            tracing::error!(%error, "an item failed inside");
            return ItemFailure::Sample(ErrorCode::Internal, sentence::LabError::Internal.into());
        }
        ItemFailure::Sample(error.code, error.into_message())
    }

    /// Something panicked; the panic's own message is in the log, from the panic hook.
    fn panicked() -> ItemFailure {
        tracing::error!("an item panicked");
        ItemFailure::Sample(ErrorCode::Internal, sentence::LabError::Internal.into())
    }

    /// The model cannot be loaded on this device.
    fn not_loaded(model: &str, error: EngineError) -> ItemFailure {
        let may_come = error.code == ErrorCode::OutOfMemory;
        let (name, why) = (model.to_owned(), error.into_message());
        ItemFailure::Model { problem: Problem::ModelNotLoaded { name, why }.into(), may_come }
    }

    /// The device's worker did not take it, or did not live to answer.
    fn refused(refused: WorkerRefused) -> ItemFailure {
        ItemFailure::Broken(StoreError::Broken(refused.to_string()))
    }
}

impl Bench {
    /// Runs an item whose sample was read, or notes why it cannot be.
    pub(super) fn take(
        &mut self,
        ready: Ready,
        worker: &Worker,
        stop: &Stop,
    ) -> Result<(), StoreError> {
        let Ready { order: SampleOrder { claim, experiment }, sample } = ready;
        let grid = &experiment.start.grid;
        let (sample, media) = match sample {
            Ok(sample) => sample,
            Err(Trouble::Sample(left_out)) => {
                self.untold.push((claim, End::LeftOut(*left_out)));
                return Ok(());
            }
            Err(Trouble::Memory(problem)) => {
                let this = claim.item..claim.item + 1;
                return self.lack(&claim, vec![this], &problem, true);
            }
            Err(Trouble::Dataset(problem)) => {
                let all = std::iter::once(0..grid.items()).collect();
                return self.lack(&claim, all, &problem, true);
            }
        };
        if stop() || !self.means.items.wanted(&claim.experiment)? {
            return self.means.items.release(&*self.seat, &[claim]);
        }
        let Some((condition, _)) = grid.item(claim.item) else {
            return self.pause(&claim, &Problem::GridDamaged.into());
        };
        let asked = experiment.start.asked(condition, &sample.reference);
        // The worker guards its own thread; what is done here reads a model's files, and a panic in that
        // must not take the device's other items with it.
        let run = AssertUnwindSafe(|| self.run(worker, &claim, &asked, &sample, media, stop));
        let ended = std::panic::catch_unwind(run).unwrap_or_else(|_| Err(ItemFailure::panicked()));
        let same_model = |c: &Condition| c.model == condition.model;
        match ended {
            Ok(Some(outcome)) => {
                let kind = (claim.experiment.clone(), condition.model.clone(), condition.quant);
                self.begun.insert(kind);
                self.untold.push((claim, End::Done(Box::new(outcome))));
                Ok(())
            }
            Ok(None) => self.means.items.release(&*self.seat, &[claim]),
            Err(ItemFailure::Sample(code, message)) => {
                let left_out = LeftOut::new(sample.reference, code, message);
                self.untold.push((claim, End::LeftOut(left_out)));
                Ok(())
            }
            Err(ItemFailure::NoModel(problem)) => {
                self.lack(&claim, items_of(grid, same_model), &problem, true)
            }
            Err(ItemFailure::Model { problem, may_come }) => {
                let same = |c: &Condition| same_model(c) && c.quant == condition.quant;
                self.lack(&claim, items_of(grid, same), &problem, may_come)
            }
            Err(ItemFailure::Memory(problem)) => {
                let same = |c: &Condition| c.index == condition.index;
                self.lack(&claim, items_of(grid, same), &problem, true)
            }
            Err(ItemFailure::Broken(error)) => Err(error),
        }
    }

    /// Says that this worker cannot run some items of an experiment; others may.
    fn lack(
        &mut self,
        claim: &Claim,
        items: Vec<Range<u32>>,
        problem: &Message,
        may_come: bool,
    ) -> Result<(), StoreError> {
        tracing::warn!(experiment = claim.experiment.short(), %problem, "not to be run here");
        self.means.items.lack(&*self.seat, &claim.experiment, &items, problem)?;
        for item in &mut self.out {
            let same = item.claim.experiment == claim.experiment;
            item.given_back |= same && items.iter().any(|range| range.contains(&item.claim.item));
        }
        if may_come {
            self.lacked = Some(Instant::now());
        }
        Ok(())
    }

    /// Pauses an experiment none of whose items can run, and says why.
    fn pause(&mut self, claim: &Claim, problem: &Message) -> Result<(), StoreError> {
        let items = &self.means.items;
        tracing::warn!(experiment = claim.experiment.short(), %problem, "experiment paused");
        items.pause(&claim.experiment, problem)?;
        items.release(&*self.seat, std::slice::from_ref(claim))
    }

    fn run(
        &mut self,
        worker: &Worker,
        claim: &Claim,
        asked: &AskedOptions,
        sample: &Sample,
        media: Vec<Decoded>,
        stop: &Stop,
    ) -> Result<Option<Outcome>, ItemFailure> {
        self.means.catalog.look_again();
        let source = self.means.catalog.resolve(&asked.model);
        let source =
            source.map_err(|error| ItemFailure::NoModel(not_here(&asked.model, &error)))?;
        let name = source.name.clone();
        // What is wrong beside the prompt is wrong for every sample: the model's files changed since
        // the experiment was planned.
        let settings = self.means.catalog.settings(&source, asked);
        settings.map_err(|e| {
            let (name, why) = (name.clone(), e.0.into_message());
            let problem = Problem::ModelNoLongerRuns { name, why }.into();
            ItemFailure::Model { problem, may_come: false }
        })?;
        let options = self.means.catalog.resolved(&source, asked);
        let options = options.map_err(|e| ItemFailure::Sample(e.0.code, e.0.into_message()))?;
        let model = ModelChoice { source, quant: options.quant };
        let loaded = worker.load(model.clone(), Box::new(())).map_err(ItemFailure::refused)?;
        let info = loaded.map_err(|error| ItemFailure::not_loaded(&name, error))?.info;
        let noted = (claim.experiment.clone(), info);
        if !self.noted.contains(&noted) {
            let told = self.means.items.note_model(&noted.0, &noted.1);
            if let Noted::Differs(hash) = told.map_err(ItemFailure::Broken)? {
                let problem = differs(&name, &noted.1.hash, &hash);
                return Err(ItemFailure::Model { problem, may_come: false });
            }
            self.noted.push(noted);
        }
        tracing::debug!("item begun");
        let measurement = Measurement { model, media, options, stop: stop.clone() };
        let measured = worker.measure(measurement).map_err(ItemFailure::refused)?;
        let measured = measured.map_err(|error| match error {
            MeasureError::Model(error) => ItemFailure::not_loaded(&name, error),
            MeasureError::Question(error) => ItemFailure::of(error),
            MeasureError::Memory(message) => ItemFailure::Memory(message),
            MeasureError::Panicked => ItemFailure::panicked(),
        })?;
        let Some(measured) = measured else { return Ok(None) };
        let summary = measured.summary;
        Ok(Some(Outcome {
            sample: sample.reference.clone(),
            verdict: sample.expected.as_ref().map(|expected| expected.judge(&summary.answer)),
            answer: summary.answer,
            tokens: summary.tokens,
            masses: measured.observation.masses().unwrap_or_default(),
            model_ms: summary.timing.total_ms,
            made_with: Some(MadeWith {
                device: measured.info.device,
                model_hash: measured.info.hash,
                lab: env!("CARGO_PKG_VERSION").to_owned(),
            }),
        }))
    }
}
