//! The event log of one run: append-only, read from any place by any number of viewers.
//!
//! Viewers pull: the log tells how long it is, and each viewer takes what it has not seen at its
//! own pace. So a slow viewer costs the model nothing.

use std::sync::{Arc, Mutex, OnceLock};

use axum::body::Bytes;
use axum::extract::ws::Utf8Bytes;
use shared::api::ServerMessage;
use shared::masses::LayerMasses;
use shared::{Envelope, Event};
use tokio::sync::watch;

use crate::lock;
use crate::wire::{encode_json, encode_msgpack};

/// An event with its two encodings, each made when first needed and then shared by all viewers.
#[derive(Debug)]
pub struct LoggedEvent {
    /// The event.
    pub envelope: Arc<Envelope>,
    msgpack: OnceLock<Bytes>,
    json: OnceLock<Utf8Bytes>,
}

impl LoggedEvent {
    fn new(envelope: Envelope) -> Arc<Self> {
        Arc::new(LoggedEvent {
            envelope: Arc::new(envelope),
            msgpack: OnceLock::new(),
            json: OnceLock::new(),
        })
    }

    /// The websocket message in MessagePack.
    pub fn msgpack(&self) -> Bytes {
        let encode = || encode_msgpack(&ServerMessage::Event((*self.envelope).clone()));
        self.msgpack.get_or_init(encode).clone()
    }

    /// The websocket message in JSON.
    pub fn json(&self) -> Utf8Bytes {
        let encode = || encode_json(&ServerMessage::Event((*self.envelope).clone()));
        self.json.get_or_init(encode).clone()
    }
}

/// How far a log has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogProgress {
    /// Number of events.
    pub len: u64,
    /// Whether no event follows.
    pub ended: bool,
}

#[derive(Debug, Default)]
struct Entries {
    shown: Vec<Arc<LoggedEvent>>,
    /// The last event while the store does not have it yet; once set, nothing is added before it.
    sealed: Option<Arc<LoggedEvent>>,
}

/// The event log of one run.
#[derive(Debug)]
pub struct EventLog {
    entries: Mutex<Entries>,
    progress: watch::Sender<LogProgress>,
}

impl Default for EventLog {
    fn default() -> Self {
        EventLog { entries: Mutex::default(), progress: watch::Sender::new(LogProgress::default()) }
    }
}

impl EventLog {
    /// The log of a run that ended.
    pub fn ended(events: Vec<Envelope>) -> Self {
        let shown: Vec<_> = events.into_iter().map(LoggedEvent::new).collect();
        let progress = LogProgress { len: shown.len() as u64, ended: true };
        EventLog {
            entries: Mutex::new(Entries { shown, sealed: None }),
            progress: watch::Sender::new(progress),
        }
    }

    /// Adds an event; without effect once the log is sealed.
    pub fn append(&self, event: Event, at_ms: f64) {
        let mut entries = lock(&self.entries);
        if entries.sealed.is_some() || self.progress.borrow().ended {
            return;
        }
        let seq = entries.shown.len() as u64;
        entries.shown.push(LoggedEvent::new(Envelope { seq, at_ms, event }));
        self.progress.send_replace(LogProgress { len: seq + 1, ended: false });
    }

    /// Sets the last event without showing it; from now on nothing is added. Gives whether it was
    /// set: a log has one last event.
    pub fn seal(&self, event: Event, at_ms: f64) -> bool {
        let mut entries = lock(&self.entries);
        if entries.sealed.is_some() || self.progress.borrow().ended {
            return false;
        }
        let seq = entries.shown.len() as u64;
        entries.sealed = Some(LoggedEvent::new(Envelope { seq, at_ms, event }));
        true
    }

    /// The events from `from` on as they are to be kept: a sealed last event included.
    pub fn to_keep(&self, from: u64) -> Vec<Arc<Envelope>> {
        let entries = lock(&self.entries);
        let shown = entries.shown.get(from as usize..).unwrap_or_default();
        // A write asked for before the end may come after it, when the store has it all.
        let last = entries.sealed.iter().filter(|e| e.envelope.seq >= from);
        shown.iter().chain(last).map(|e| e.envelope.clone()).collect()
    }

    /// Shows the sealed last event, or `instead` in its place.
    pub fn reveal(&self, instead: Option<Event>) {
        let mut entries = lock(&self.entries);
        let Some(mut last) = entries.sealed.take() else { return };
        if let Some(event) = instead {
            let Envelope { seq, at_ms, .. } = *last.envelope;
            last = LoggedEvent::new(Envelope { seq, at_ms, event });
        }
        entries.shown.push(last);
        self.progress.send_replace(LogProgress { len: entries.shown.len() as u64, ended: true });
    }

    /// How far the log has come.
    pub fn progress(&self) -> LogProgress {
        *self.progress.borrow()
    }

    /// Follows the log.
    pub fn watch(&self) -> watch::Receiver<LogProgress> {
        self.progress.subscribe()
    }

    /// The event of that number, once it is there.
    pub fn get(&self, seq: u64) -> Option<Arc<LoggedEvent>> {
        lock(&self.entries).shown.get(usize::try_from(seq).ok()?).cloned()
    }

    /// The events from `from` on.
    pub fn since(&self, from: u64) -> Vec<Arc<LoggedEvent>> {
        lock(&self.entries).shown.get(from as usize..).unwrap_or_default().to_vec()
    }

    /// About how many bytes the events take in memory.
    pub fn bytes(&self) -> usize {
        let numbers = |event: &Event| match event {
            Event::PrefillLayer { flow, .. } => flow.mass.0.len() + flow.last.0.len(),
            Event::Token { flow, .. } => flow.mass.0.len() + flow.rows.0.len(),
            // A token of the prompt is some words' worth of memory.
            Event::Layout { layout, .. } => 32 * layout.tokens.len(),
            // Its masses are doubles.
            Event::Sampled(one) => {
                let of_layer = |l: &LayerMasses| 2 * l.last.len() * (l.last.len() + 2);
                one.masses.layers.iter().flatten().map(of_layer).sum()
            }
            _ => 0,
        };
        let entries = lock(&self.entries);
        let events = entries.shown.iter().map(|e| numbers(&e.envelope.event));
        events.map(|numbers| size_of::<LoggedEvent>() + size_of::<f32>() * numbers).sum()
    }

    /// All events.
    pub fn all(&self) -> Vec<Arc<LoggedEvent>> {
        self.since(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_event_is_shown_only_when_revealed_and_nothing_slips_in() {
        let log = EventLog::default();
        log.append(Event::Queued { position: 0 }, 0.0);
        assert!(log.seal(Event::Cancelled, 1.0));
        assert_eq!(log.to_keep(0).len(), 2);
        assert_eq!(log.to_keep(1).len(), 1);
        assert!(log.to_keep(2).is_empty(), "what is written is not written again");
        log.append(Event::Queued { position: 9 }, 2.0);
        assert_eq!(log.progress(), LogProgress { len: 1, ended: false });
        assert!(!log.seal(Event::Cancelled, 3.0));
        log.reveal(None);
        assert_eq!(log.progress(), LogProgress { len: 2, ended: true });
        assert_eq!(log.get(1).expect("there").envelope.event, Event::Cancelled);
        log.append(Event::Queued { position: 9 }, 4.0);
        assert!(!log.seal(Event::Cancelled, 5.0));
        assert_eq!(log.all().len(), 2);
        assert!(log.get(u64::MAX).is_none());
        assert!(log.since(u64::MAX).is_empty());
    }
}
