//! An experiment's ends folded into an aggregate, a few at a time.

use shared::Definition;
use shared::experiment::Grid;
use shared::experiment::aggregate::{Aggregate, Choice};

use crate::experiments::{Book, End};
use crate::id::RunId;
use crate::store::StoreError;

/// Ends read from the book at once: some megabytes.
const AT_ONCE: u32 = 500;

/// What has been read of an experiment so far.
#[derive(Debug)]
pub struct Folded {
    /// The outcomes, under the choices around one definition.
    pub aggregate: Aggregate,
    /// Items that have ended.
    pub ended: u32,
    last: u64,
}

impl Folded {
    /// Nothing read yet; tables are to be around this definition.
    pub fn new(grid: Grid, around: Definition) -> Folded {
        let aggregate = Aggregate::new(grid, Choice::around(around));
        Folded { aggregate, ended: 0, last: 0 }
    }

    /// Reads what has come since.
    ///
    /// # Errors
    /// The book cannot be read; what was read before stays.
    pub fn advance(&mut self, book: &dyn Book, id: &RunId) -> Result<(), StoreError> {
        loop {
            let ends = book.ends(id, self.last, AT_ONCE)?;
            let all = ends.len() < AT_ONCE as usize;
            for ended in ends {
                let taken = match &ended.end {
                    End::Done(outcome) => self.aggregate.add(ended.item, outcome),
                    End::LeftOut(left_out) => self.aggregate.leave_out(ended.item, left_out),
                };
                if let Err(refused) = taken {
                    tracing::warn!(experiment = id.short(), %refused, "an outcome was not counted");
                }
                self.last = ended.seq;
                self.ended += 1;
            }
            if all {
                return Ok(());
            }
        }
    }

    /// The number of the choice that is this definition, if it is one of those held.
    pub fn choice(&self, definition: &Definition) -> Option<usize> {
        self.aggregate.choices().position(|choice| choice.definition == *definition)
    }
}
