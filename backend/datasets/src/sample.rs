//! What a dataset gives.

use shared::experiment::{DatasetInfo, SampleRef};

use crate::error::RowError;
use crate::expected::Expected;

/// A dataset: rows that are read one at a time, from any thread.
pub trait Dataset: Send + Sync {
    /// Its name, revision and number of rows.
    fn info(&self) -> &DatasetInfo;

    /// Reads the sample in a row, from 0. Any order will do; rising order is the cheap one.
    ///
    /// # Errors
    /// What is wrong with this row. Other rows can be read all the same.
    fn sample(&self, row: u64) -> Result<Sample, RowError>;
}

/// A picture or several, a prompt and what a right answer would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// The sample as tables name it, its prompt included.
    pub reference: SampleRef,
    /// The picture file's bytes as they are stored; never empty, not yet decoded.
    pub picture: Vec<u8>,
    /// The files of further pictures, in the row's order; empty of most datasets.
    pub more: Vec<Vec<u8>>,
    /// What answers are compared with; `None` where the row has no answer.
    pub expected: Option<Expected>,
}
