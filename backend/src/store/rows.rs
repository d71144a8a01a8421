//! What the store is given of a run: rows, made by whoever holds the run. The store knows no live run.

use std::sync::Arc;

use axum::body::Bytes;
use shared::api::RunState;
use shared::{Envelope, TokenHeads};

use crate::id::RunId;

/// What a run left since it was written last.
#[derive(Clone, Debug)]
pub struct RunRows {
    /// The run.
    pub id: RunId,
    /// How much of it the store has: these rows follow.
    pub kept: KeptRows,
    /// Events, in order.
    pub events: Vec<Arc<Envelope>>,
    /// Rows by head, a token each.
    pub heads: Vec<Arc<TokenHeads>>,
    /// How the run ended; `None` of one that goes on.
    pub end: Option<RunEnd>,
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// Where it stands for good.
    pub state: RunState,
    /// The picture as the model saw it, where it saw one.
    pub prepared: Vec<Bytes>,
}

/// How much of a run the store has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeptRows {
    /// Events.
    pub events: u64,
    /// Tokens whose rows by head it has.
    pub heads: u32,
}

impl RunRows {
    /// How much of the run the store has once it has these.
    pub fn kept(&self) -> KeptRows {
        KeptRows {
            events: self.kept.events + self.events.len() as u64,
            heads: self.kept.heads + self.heads.len() as u32,
        }
    }
}
