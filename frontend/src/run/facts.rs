//! What is known of a run: its events, folded, and what the lab keeps beside them.

use leptos::prelude::*;
use plots::map::Tops;
use shared::api::RunRecord;
use shared::{
    Envelope, Event, Label, ModelInfo, Observation, RunOptions, Sampled, Summary, report::Fidelity,
};

use super::kept::forget_gone;
use super::phase::Phase;
use crate::source::Source;
use crate::source::log::{Arrival, Cursor};

/// What is known of a run.
#[derive(Clone, Copy)]
pub struct Facts {
    /// Where it is made and kept.
    pub source: Source,
    /// The run's name; `None` before there is one.
    pub id: RwSignal<Option<String>>,
    /// Where it stands.
    pub phase: RwSignal<Phase>,
    /// What its owner calls it.
    pub label: RwSignal<Label>,
    /// When it was submitted, RFC 3339; empty until the lab said so.
    pub created: RwSignal<String>,
    /// What was asked.
    pub options: RwSignal<RunOptions>,
    /// What answered.
    pub model: RwSignal<Option<ModelInfo>>,
    /// What was observed.
    pub observation: RwSignal<Observation>,
    /// What came out.
    pub summary: RwSignal<Option<Summary>>,
    /// The answers so far, of a run that is asked several times.
    pub sampled: RwSignal<Vec<Sampled>>,
    /// How the run compares with one that nobody observed, where that was asked.
    pub fidelity: RwSignal<Option<Fidelity>>,
    /// Whether the connection to a live run is lost at the moment.
    pub lost: RwSignal<bool>,
    /// Where absolute scales of maps of the mean of heads end, gathered while events are folded.
    pub(super) tops: StoredValue<Tops>,
    turn: StoredValue<u32>,
}

impl Facts {
    /// Nothing is known yet.
    pub fn new(source: Source) -> Self {
        Facts {
            source,
            id: RwSignal::new(None),
            // The page always begins by opening a run: the one in its address, or the shipped one.
            phase: RwSignal::new(Phase::Opening),
            label: RwSignal::new(Label::default()),
            created: RwSignal::new(String::new()),
            options: RwSignal::new(RunOptions::default()),
            model: RwSignal::new(None),
            observation: RwSignal::new(Observation::default()),
            summary: RwSignal::new(None),
            sampled: RwSignal::new(Vec::new()),
            fidelity: RwSignal::new(None),
            lost: RwSignal::new(false),
            tops: StoredValue::new(Tops::default()),
            turn: StoredValue::new(0),
        }
    }

    /// The run as plots see it.
    pub fn plotted<T>(&self, look: impl FnOnce(&plots::run::Run<'_>) -> T) -> T {
        let (label, status) = (self.label.get(), self.phase.with(Phase::name));
        let model = self.model.get().unwrap_or_default();
        let sampled = &*self.sampled.read();
        self.observation.with(|observation| {
            self.options.with(|options| {
                let (label, model) = (&label, &model);
                look(&plots::run::Run { observation, model, options, label, status, sampled })
            })
        })
    }

    /// Changes whenever another run takes this one's place, or the same one comes again: an answer
    /// that was asked for at another turn is nobody's.
    pub fn turn(&self) -> u32 {
        self.turn.get_value()
    }

    /// Forgets everything, for another run.
    pub(super) fn reset(&self, id: Option<String>, phase: Phase) {
        self.turn.update_value(|turn| *turn = turn.wrapping_add(1));
        self.id.set(id);
        self.phase.set(phase);
        self.label.set(Label::default());
        self.created.set(String::new());
        self.model.set(None);
        self.tops.set_value(Tops::default());
        self.observation.set(Observation::default());
        self.summary.set(None);
        self.sampled.set(Vec::new());
        self.fidelity.set(None);
        self.lost.set(false);
    }

    /// Takes the readers of the run that was there off every signal that its tokens read.
    pub(super) fn forget_gone(&self) {
        forget_gone(self.observation);
        forget_gone(self.options);
        forget_gone(self.model);
        forget_gone(self.phase);
    }

    /// Takes in what the lab keeps of the run; gives how far it was read.
    pub fn take(&self, record: RunRecord) -> Cursor {
        let mut cursor = Cursor::default();
        self.options.set(record.options);
        self.label.set(record.label);
        self.created.set(record.created);
        self.phase.set(Phase::Queued(0));
        let next = |e: &Envelope| cursor.arrive(e) == Arrival::Next;
        let events: Vec<_> = record.events.into_iter().filter(next).collect();
        self.fold(&events);
        cursor
    }

    /// Folds events in, which must be the next ones in order; one change of the page for all.
    pub fn fold(&self, envelopes: &[Envelope]) {
        if envelopes.is_empty() {
            return;
        }
        let mut phase = self.phase.get_untracked();
        for Envelope { event, .. } in envelopes {
            if let Event::Layout { model, options, .. } = event {
                self.model.set(Some(model.clone()));
                self.options.set(options.clone());
            }
            if let Event::Done { summary } = event {
                self.summary.set(Some(summary.clone()));
            }
            if let Event::Verified { fidelity } = event {
                self.fidelity.set(Some(fidelity.clone()));
            }
            phase = self.options.with_untracked(|o| phase.after(event, o));
        }
        let several = envelopes.iter().filter_map(|e| match &e.event {
            Event::Sampled(one) => Some(one.clone()),
            _ => None,
        });
        let several: Vec<Sampled> = several.collect();
        if !several.is_empty() {
            self.sampled.update(|all| all.extend(several));
        }
        let observed = |e: &&Envelope| {
            matches!(
                e.event,
                Event::Layout { .. } | Event::PrefillLayer { .. } | Event::Token { .. }
            )
        };
        if envelopes.iter().any(|e| observed(&e)) {
            self.observation.update(|o| {
                envelopes.iter().for_each(|e| o.apply(&e.event));
                self.tops.update_value(|tops| tops.take(o, o.mean_rows()));
            });
        }
        self.phase.set(phase);
    }
}
