//! Observing a run from the command line: events as a server would record them, and maps.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use engine::{Control, EventObserver, GeneratedToken, Observer, Tape, Taped, Wants};
use shared::api::RunRecord;
use shared::{Envelope, Event, LayerFlow, Layout, ModelInfo, RunOptions, Summary, TokenHeads};

use super::dump::Maps;
use crate::id::RunId;
use crate::lock;
use crate::store::state_of;
use crate::workers::lab::PreparedRun;

/// Runs that were recorded: their events, in order.
#[derive(Debug)]
pub(super) struct Recording {
    started: Instant,
    events: Vec<Envelope>,
}

impl Recording {
    /// A recording that begins now, as a run that was submitted now and had nobody before it.
    pub(super) fn start() -> Self {
        let mut recording = Recording { started: Instant::now(), events: Vec::new() };
        recording.push(Event::Queued { position: 0 });
        recording
    }

    /// Adds an event.
    pub(super) fn push(&mut self, event: Event) {
        let at_ms = self.started.elapsed().as_micros() as f64 / 1e3;
        self.events.push(Envelope { seq: self.events.len() as u64, at_ms, event });
    }

    /// Runs the model to its end, recording what is observed, and its logits where the run is to
    /// be verified. The event that ends it is the caller's to add.
    pub(super) fn run(
        &mut self,
        prepared: &dyn PreparedRun,
        model: ModelInfo,
        maps: Option<&mut Maps>,
        heads: Option<Heads>,
    ) -> Result<(Summary, Option<Tape>), engine::EngineError> {
        let verify = prepared.options().verify;
        let mut events = EventObserver::new(
            model,
            prepared.options().clone(),
            |event| {
                self.push(event);
                Control::Continue(())
            },
            || Control::Continue(()),
        );
        if let Some(heads) = heads {
            events = events.keeping_heads(move |rows| lock(&heads.0).push(rows));
        }
        let mut observer = WithMaps { events, maps };
        let (summary, tape) = if verify {
            let mut taped = Taped::new(&mut observer);
            (prepared.run(&mut taped)?, Some(taped.into_tape()))
        } else {
            (prepared.run(&mut observer)?, None)
        };
        let summary = summary
            .ok_or_else(|| engine::EngineError::internal("the run stopped though nobody asked"))?;
        Ok((summary, tape))
    }

    /// What happened.
    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter().map(|e| &e.event)
    }

    /// The run as the API gives one.
    pub(super) fn record(self, id: &RunId, created: String, options: RunOptions) -> RunRecord {
        RunRecord {
            id: id.to_string(),
            version: options.event_version(),
            created,
            state: state_of(&self.events),
            label: shared::Label::default(),
            options,
            events: self.events,
        }
    }
}

/// Rows by head of an answer, by token, as they come.
#[derive(Clone, Debug, Default)]
pub(super) struct Heads(Arc<Mutex<Vec<TokenHeads>>>);

impl Heads {
    /// What came.
    pub(super) fn take(&self) -> Vec<TokenHeads> {
        std::mem::take(&mut *lock(&self.0))
    }
}

/// An observer of events that keeps attention maps too, where asked to.
struct WithMaps<'m, O> {
    events: O,
    maps: Option<&'m mut Maps>,
}

impl<O: Observer> Observer for WithMaps<'_, O> {
    fn wants(&self) -> Wants {
        Wants { maps: self.maps.is_some(), ..self.events.wants() }
    }

    fn layout(&mut self, layout: &Layout) -> Control {
        self.events.layout(layout)
    }

    fn prefill_layer(&mut self, layer: u32, flow: LayerFlow) -> Control {
        self.events.prefill_layer(layer, flow)
    }

    fn token(&mut self, token: GeneratedToken) -> Control {
        self.events.token(token)
    }

    fn map(&mut self, layer: u32, first_row: usize, rows: usize, keys: usize, values: &[f32]) {
        if let Some(maps) = &mut self.maps {
            maps.add(layer as usize, first_row, rows, keys, values);
        }
    }

    fn poll(&mut self) -> Control {
        self.events.poll()
    }
}
