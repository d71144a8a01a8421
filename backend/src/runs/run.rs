//! A run as the async side sees it: who asked for what, the event log, and the wish to stop.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use axum::body::Bytes;
use shared::api::{RunRecord, RunState};
use shared::sentence::LabError;
use shared::{Envelope, ErrorCode, Event, Label, RunOptions};

use super::heads::HeadLog;
use super::held::HeldRoom;
use super::log::EventLog;
use crate::id::{OwnerHash, RunId};
use crate::lock;
use crate::store::{KeptRows, RunEnd, RunRows, interrupted, state_of};

/// Why a run is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Its owner wants it.
    Cancelled,
    /// The lab is going down.
    ShuttingDown,
}

const GO_ON: u8 = 0;

/// One run: live, or read back from the store.
#[derive(Debug)]
pub struct Run {
    /// Its name.
    pub id: RunId,
    /// When it was submitted, RFC 3339.
    pub created: String,
    /// What was asked for, defaults filled in.
    pub options: RunOptions,
    /// Who may cancel and delete it; nobody for the shipped run.
    pub owner: Option<OwnerHash>,
    /// What happened so far.
    pub log: EventLog,
    /// Where the heads of its answer's rows looked, until the store has it.
    pub heads: HeadLog,
    pub(super) version: u32,
    submitted: Instant,
    stop: AtomicU8,
    prepared: OnceLock<Vec<Bytes>>,
    saved: AtomicU64,
    deleted: AtomicBool,
    label: Mutex<Label>,
    /// The room that it takes, of one that was read back from the store.
    held: OnceLock<HeldRoom>,
}

impl Run {
    /// A run just submitted.
    pub fn new(id: RunId, created: String, options: RunOptions, owner: OwnerHash) -> Self {
        Run {
            id,
            created,
            version: options.event_version(),
            options,
            owner: Some(owner),
            log: EventLog::default(),
            heads: HeadLog::default(),
            submitted: Instant::now(),
            stop: AtomicU8::new(GO_ON),
            prepared: OnceLock::new(),
            saved: AtomicU64::new(0),
            deleted: AtomicBool::new(false),
            label: Mutex::default(),
            held: OnceLock::new(),
        }
    }

    /// A run that ended earlier.
    ///
    /// One without a last event was cut off by a stop that could not even note that; it gets the
    /// event here, so that whoever reads it learns of its end.
    pub fn ended(mut record: RunRecord, id: RunId, owner: Option<OwnerHash>) -> Self {
        if !record.events.last().is_some_and(|e| e.event.is_last()) {
            record.events.push(interrupted(&record.events));
        }
        Run {
            id,
            created: record.created,
            options: record.options,
            owner,
            heads: HeadLog::stored(answered(&record.events)),
            log: EventLog::ended(record.events),
            version: record.version,
            submitted: Instant::now(),
            stop: AtomicU8::new(GO_ON),
            prepared: OnceLock::new(),
            saved: AtomicU64::new(0),
            deleted: AtomicBool::new(false),
            label: Mutex::new(record.label),
            held: OnceLock::new(),
        }
    }

    /// Keeps the room that it takes until it is dropped.
    pub(crate) fn hold(&self, held: HeldRoom) {
        let _ = self.held.set(held);
    }

    /// Milliseconds since it was submitted, in whole microseconds.
    pub fn age_ms(&self) -> f64 {
        self.submitted.elapsed().as_micros() as f64 / 1e3
    }

    /// Adds an event that is not the last.
    pub fn publish(&self, event: Event) {
        self.log.append(event, self.age_ms());
    }

    /// Asks it to stop. The first reason stays.
    pub fn request_stop(&self, reason: StopReason) {
        let code = match reason {
            StopReason::Cancelled => 1,
            StopReason::ShuttingDown => 2,
        };
        let _ = self.stop.compare_exchange(GO_ON, code, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether and why it is to stop.
    pub fn stop_requested(&self) -> Option<StopReason> {
        match self.stop.load(Ordering::Relaxed) {
            GO_ON => None,
            1 => Some(StopReason::Cancelled),
            _ => Some(StopReason::ShuttingDown),
        }
    }

    /// The event that ends it once it was told to stop.
    pub(super) fn stopped(&self) -> Event {
        match self.stop_requested() {
            Some(StopReason::ShuttingDown) => {
                Event::failed(ErrorCode::ShuttingDown, LabError::StoppedBeforeEnd)
            }
            Some(StopReason::Cancelled) | None => Event::Cancelled,
        }
    }

    /// Keeps the pictures as the model sees them.
    pub fn set_prepared(&self, pngs: Vec<Bytes>) {
        let _ = self.prepared.set(pngs);
    }

    /// A picture as the model sees it, by its number from 0, as a PNG file; `None` until the model
    /// prepared it, and for a run read back from the store, which has it.
    pub fn prepared(&self, medium: u8) -> Option<Bytes> {
        self.prepared.get()?.get(usize::from(medium)).cloned()
    }

    /// The rows that the store does not have yet, and how the run ended, where it did. Called on the
    /// store's thread, one at a time: what is asked for twice is not written twice.
    pub(super) fn rows(&self, ended: Option<RunState>) -> RunRows {
        let events = self.saved.load(Ordering::Relaxed);
        let tail = self.heads.tail();
        RunRows {
            id: self.id.clone(),
            kept: KeptRows { events, heads: tail.stored },
            events: self.log.to_keep(events),
            heads: tail.rows,
            end: ended.map(|state| RunEnd {
                state,
                prepared: self.prepared.get().cloned().unwrap_or_default(),
            }),
        }
    }

    /// Notes how much of it the store has.
    pub(super) fn kept(&self, kept: KeptRows) {
        self.saved.store(kept.events, Ordering::Relaxed);
        self.heads.forget(kept.heads);
    }

    /// Whether it was deleted: what still holds it must not bring it back.
    pub fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// Notes that it was deleted.
    pub(crate) fn set_deleted(&self) {
        self.deleted.store(true, Ordering::Release);
    }

    /// What its owner calls it.
    pub fn label(&self) -> Label {
        lock(&self.label).clone()
    }

    /// Notes what its owner calls it from now on; the store has it already.
    pub(crate) fn set_label(&self, label: Label) {
        *lock(&self.label) = label;
    }

    /// Whether `token` is the owner's.
    pub fn is_owner(&self, token: &str) -> bool {
        self.owner.is_some_and(|hash| hash.matches(token))
    }

    /// The run with all its events so far.
    pub fn record(&self) -> RunRecord {
        let entries = self.log.all();
        let events: Vec<Envelope> = entries.iter().map(|e| (*e.envelope).clone()).collect();
        RunRecord {
            id: self.id.to_string(),
            version: self.version,
            created: self.created.clone(),
            state: state_of(&events),
            options: self.options.clone(),
            label: self.label(),
            events,
        }
    }
}

/// How many tokens an answer has so far.
fn answered(events: &[Envelope]) -> u32 {
    events.iter().filter(|e| matches!(e.event, Event::Token { .. })).count() as u32
}
