//! Where a run stands, read off its events.

use shared::api::RunState;
use shared::sentence::LabError;
use shared::{Envelope, ErrorCode, Event};

/// The event that ends a run cut off after `events`.
pub fn interrupted(events: &[Envelope]) -> Envelope {
    Envelope {
        seq: events.len() as u64,
        at_ms: events.last().map_or(0.0, |e| e.at_ms),
        event: Event::failed(ErrorCode::Interrupted, LabError::Restarted),
    }
}

/// Where a run with these events stands.
pub fn state_of(events: &[Envelope]) -> RunState {
    events.last().map_or(RunState::Queued, |e| state_after(&e.event))
}

/// Where a run stands after an event.
pub fn state_after(event: &Event) -> RunState {
    match event {
        Event::Queued { .. } => RunState::Queued,
        Event::Done { .. } => RunState::Done,
        Event::Failed { .. } => RunState::Failed,
        Event::Cancelled => RunState::Cancelled,
        _ => RunState::Running,
    }
}
