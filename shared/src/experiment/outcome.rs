//! What an item leaves behind.

use serde::{Deserialize, Serialize};

use crate::error::ErrorCode;
use crate::masses::Masses;
use crate::sentence::{Message, Sentence};

/// A sample, as every table and list names it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SampleRef {
    /// Its row in the dataset, from 0.
    pub row: u64,
    /// The dataset's own name for it, or the row.
    pub id: String,
    /// The prompt as the model was given it.
    pub prompt: String,
    /// What a right answer would be, for people; empty where the dataset has none.
    pub expected: String,
    /// What kind of question it is (a subject, a task), where the dataset says.
    #[serde(default)]
    pub kind: String,
}

/// How an answer compares with what the dataset expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is one of the expected answers.
    Right,
    /// It is what the prompt's false claim says: words overruled the picture.
    Claimed,
    /// It is something else.
    Wrong,
    /// No option can be read out of it.
    Unreadable,
}

/// A text as answers are compared: lower case, single spaces, without one last full stop.
pub fn as_compared(text: &str) -> String {
    let lower = text.to_lowercase();
    let mut out = lower.split_whitespace().collect::<Vec<_>>().join(" ");
    if out.ends_with('.') {
        out.pop();
    }
    out
}

/// What an item that ran left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The sample.
    pub sample: SampleRef,
    /// What the model wrote.
    pub answer: String,
    /// How many tokens that was, the end-of-sequence token included.
    pub tokens: u32,
    /// How it compares; `None` where the dataset has no answers.
    pub verdict: Option<Verdict>,
    /// Attention masses, averaged over heads.
    pub masses: Masses,
    /// Milliseconds the model took, vision tower and answer included.
    pub model_ms: f64,
    /// What it was made with; nothing in what an earlier version of the lab wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_with: Option<MadeWith>,
}

/// What an item was made with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MadeWith {
    /// What the model ran on, with the processor's name.
    pub device: String,
    /// SHA-256 of the model's files.
    pub model_hash: String,
    /// Version of the lab that ran it.
    pub lab: String,
}

/// Why an item has no outcome. Kept and counted, never averaged as zero.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeftOut {
    /// The sample, as far as it could be read.
    pub sample: SampleRef,
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong, for people, in English.
    pub message: String,
    /// The same as a sentence; nothing in what an earlier version of the lab wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<Sentence>,
}

impl LeftOut {
    /// A sample and what went wrong with it.
    pub fn new(sample: SampleRef, code: ErrorCode, message: impl Into<Message>) -> Self {
        let Message { text, sentence } = message.into();
        LeftOut { sample, code, message: text, sentence }
    }
}
