//! A run's record as JSON, in pieces: whoever reads it slowly holds one piece, not the whole.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use futures_util::stream;
use serde::Serialize;
use shared::api::RunState;
use shared::{Label, RunOptions};

use super::{LoggedEvent, Run};
use crate::store::state_after;

/// About how large a piece is. An event is never split, so a piece can be larger by one event.
const PIECE: usize = 128 << 10;

/// [`shared::api::RunRecord`] up to its events, in the same order (a test compares them).
#[derive(Serialize)]
struct Head<'a> {
    id: &'a str,
    version: u32,
    created: &'a str,
    state: RunState,
    options: &'a RunOptions,
    #[serde(skip_serializing_if = "Label::is_empty")]
    label: Label,
}

/// What is left to be written.
struct Rest {
    run: Arc<Run>,
    /// As many events as there were when it was asked for.
    entries: Vec<Arc<LoggedEvent>>,
    next: usize,
}

impl Rest {
    /// The next piece; `None` after the last.
    fn piece(&mut self) -> Option<Vec<u8>> {
        if self.next > self.entries.len() {
            return None;
        }
        let mut piece = Vec::with_capacity(PIECE + PIECE / 4);
        if self.next == 0 {
            self.head(&mut piece);
        }
        while piece.len() < PIECE {
            let Some(entry) = self.entries.get(self.next) else {
                piece.extend_from_slice(b"]}");
                self.next += 1;
                break;
            };
            if self.next > 0 {
                piece.push(b',');
            }
            // Plain data: it always has a JSON form.
            let _ = serde_json::to_writer(&mut piece, &*entry.envelope);
            self.next += 1;
        }
        Some(piece)
    }

    fn head(&self, piece: &mut Vec<u8>) {
        let run = &self.run;
        let last = self.entries.last();
        let head = Head {
            id: run.id.as_str(),
            version: run.version,
            created: &run.created,
            state: last.map_or(RunState::Queued, |e| state_after(&e.envelope.event)),
            options: &run.options,
            label: run.label(),
        };
        // As above.
        let _ = serde_json::to_writer(&mut *piece, &head);
        // The events follow inside of the same object.
        piece.pop();
        piece.extend_from_slice(b",\"events\":[");
    }
}

/// The whole of it, for what is small.
pub fn whole(run: Arc<Run>) -> Bytes {
    let mut rest = Rest { entries: run.log.all(), run, next: 0 };
    let mut all = Vec::new();
    while let Some(piece) = rest.piece() {
        all.extend_from_slice(&piece);
    }
    all.into()
}

/// All of it, written piece by piece as it is read, off the async threads; no thread waits for the
/// reader.
pub fn body(run: Arc<Run>) -> Body {
    let rest = Rest { entries: run.log.all(), run, next: 0 };
    let pieces = stream::unfold(rest, async |mut rest| {
        let made =
            tokio::task::spawn_blocking(move || rest.piece().map(|piece| (piece, rest))).await;
        // A piece that cannot be made ends the body early, which its reader takes for cut JSON.
        let (piece, rest) = made.ok().flatten()?;
        Some((Ok::<_, Infallible>(Bytes::from(piece)), rest))
    });
    Body::from_stream(pieces)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use http_body_util::BodyExt;
    use shared::Event;
    use shared::api::RunRecord;

    use super::*;
    use crate::id::{OwnerToken, RunId};

    fn run(events: u32) -> Arc<Run> {
        let id = RunId::random().expect("randomness");
        let owner = OwnerToken::random().expect("randomness").hash();
        let run = Run::new(id, "2026-01-01T00:00:00Z".into(), RunOptions::default(), owner);
        for position in 0..events {
            run.publish(Event::Queued { position });
        }
        Arc::new(run)
    }

    #[tokio::test]
    async fn the_pieces_are_the_record() {
        for events in [0, 1, 2, 20_000] {
            let run = run(events);
            let expected = serde_json::to_string(&run.record()).expect("JSON");
            let pieces = to_bytes(body(run.clone()), usize::MAX).await.expect("a body");
            assert!(pieces == expected.as_bytes(), "{events} events");
            assert_eq!(whole(run), pieces);
            let read: RunRecord = serde_json::from_slice(&pieces).expect("a record");
            assert_eq!(read.events.len(), events as usize);
        }
    }

    #[tokio::test]
    async fn a_reader_holds_one_piece() {
        let mut body = body(run(20_000));
        let mut pieces = 0;
        while let Some(frame) = body.frame().await {
            let piece = frame.expect("a frame").into_data().expect("data");
            assert!(piece.len() <= PIECE + 1024, "{}", piece.len());
            pieces += 1;
        }
        assert!(pieces >= 8, "{pieces}");
    }
}
