//! Rows by head of a run: in memory until the store has them.
//!
//! They are no part of the events, which many viewers follow while the model is at work: whoever
//! looks at one head asks for that head's rows.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use shared::TokenHeads;

use crate::lock;

/// The rows by head that the store does not have yet.
#[derive(Debug, Default)]
pub struct HeadLog {
    tail: Mutex<Tail>,
    /// Bytes of all rows that were added.
    added: AtomicUsize,
}

/// The last tokens' rows, and how many tokens came before them.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    /// Tokens whose rows the store has.
    pub stored: u32,
    /// The rows of the tokens after those.
    pub rows: Vec<Arc<TokenHeads>>,
}

impl HeadLog {
    /// The log of a run whose first `stored` tokens' rows are in the store, or nowhere.
    pub fn stored(stored: u32) -> Self {
        HeadLog { tail: Mutex::new(Tail { stored, rows: Vec::new() }), added: AtomicUsize::new(0) }
    }

    /// Adds the next token's rows.
    pub fn push(&self, rows: TokenHeads) {
        self.added.fetch_add(rows.bytes(), Ordering::Relaxed);
        lock(&self.tail).rows.push(Arc::new(rows));
    }

    /// What is not in the store. Taken before the store is read, it and the store's first
    /// `stored` tokens are all there is.
    pub fn tail(&self) -> Tail {
        lock(&self.tail).clone()
    }

    /// Lets go of what the store has: the first `stored` tokens' rows.
    pub(super) fn forget(&self, stored: u32) {
        let mut tail = lock(&self.tail);
        let count = (stored.saturating_sub(tail.stored) as usize).min(tail.rows.len());
        tail.rows.drain(..count);
        tail.stored += count as u32;
    }

    /// Bytes of all rows that were added since the run began here, in the store or not.
    pub fn all_bytes(&self) -> usize {
        self.added.load(Ordering::Relaxed)
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> usize {
        lock(&self.tail).rows.iter().map(|rows| rows.bytes()).sum()
    }
}
