//! What tables are made from, as JSON lines: first what the experiment is, then every item.
//!
//! From these lines alone every table can be made again, under these choices or others.

use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};
use shared::ErrorBody;
use shared::experiment::aggregate::{Aggregate, Choice, Refused};
use shared::experiment::{ExperimentStatus, LeftOut, Outcome};

/// The version of the form.
pub const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The version of the form, [`VERSION`].
    pub version: u32,
    /// The experiment.
    pub experiment: ExperimentStatus,
    /// The choices its tables are read under.
    pub choices: Vec<Choice>,
}

/// Every other line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// The item's number.
    pub item: u32,
    /// What it left behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why it has no outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// The last line of a file that ends before its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Why nothing follows.
    pub error: ErrorBody,
}

/// What is wrong with lines that were read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// They could not be read.
    #[error("the lines cannot be read: {0}")]
    Io(#[from] io::Error),
    /// There is none.
    #[error("the file is empty; its first line says what the experiment is")]
    Empty,
    /// A line is not what it should be.
    #[error("line {line} cannot be read: {why}")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        why: serde_json::Error,
    },
    /// The file ends before its end.
    #[error("line {line} says that the file is not whole: {why}")]
    Cut {
        /// Its number, from 1.
        line: usize,
        /// Why nothing follows.
        why: ErrorBody,
    },
    /// The form is newer than this lab.
    #[error("the lines are of version {0}, and this lab reads version {VERSION}")]
    Version(u32),
    /// An item does not belong to the experiment.
    #[error("line {line}: {why}")]
    Item {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        why: Refused,
    },
}

/// The first line, with its end. The experiment's own name, which is all it takes to open it, and
/// what changes while it runs are left out.
pub fn header(experiment: &ExperimentStatus, choices: &[Choice]) -> String {
    let experiment = ExperimentStatus {
        id: String::new(),
        running: 0,
        rate: None,
        seconds_left: None,
        workers: 0,
        ..experiment.clone()
    };
    line(&Header { version: VERSION, experiment, choices: choices.to_vec() })
}

/// An item's line, with its end.
pub fn item(item: u32, end: Result<&Outcome, &LeftOut>) -> String {
    line(&Line { item, outcome: end.ok().cloned(), left_out: end.err().cloned() })
}

/// The last line of a file that could not be written to its end, with its end.
pub fn cut(error: &ErrorBody) -> String {
    let message = format!("This file is not whole: nothing follows. {}", error.message);
    line(&Cut { error: ErrorBody::new(error.code, message) })
}

fn line(value: &impl Serialize) -> String {
    // Masses that are not finite become null and are refused when read; the engine lets none out.
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

/// Reads lines and folds them in, one at a time.
///
/// # Errors
/// [`ReadError`], with the number of the line.
pub fn read(lines: impl BufRead) -> Result<(Aggregate, ExperimentStatus), ReadError> {
    let mut lines = lines.lines().enumerate();
    let (_, first) = lines.next().ok_or(ReadError::Empty)?;
    let header: Header =
        serde_json::from_str(&first?).map_err(|why| ReadError::Line { line: 1, why })?;
    if header.version != VERSION {
        return Err(ReadError::Version(header.version));
    }
    let experiment = header.experiment;
    let mut aggregate = Aggregate::new(experiment.grid.clone(), header.choices);
    for (number, text) in lines {
        let (text, line) = (text?, number + 1);
        if text.trim().is_empty() {
            continue;
        }
        if let Ok(Cut { error: why }) = serde_json::from_str(&text) {
            return Err(ReadError::Cut { line, why });
        }
        let read: Line =
            serde_json::from_str(&text).map_err(|why| ReadError::Line { line, why })?;
        let refused = |why| ReadError::Item { line, why };
        if let Some(outcome) = &read.outcome {
            aggregate.add(read.item, outcome).map_err(refused)?;
        }
        if let Some(left_out) = &read.left_out {
            aggregate.leave_out(read.item, left_out).map_err(refused)?;
        }
    }
    Ok((aggregate, experiment))
}
