//! A run as a numbered list of events; everything on the page is drawn from these alone.

use serde::{Deserialize, Serialize};

use crate::error::ErrorCode;
use crate::flow::{LayerFlow, TokenFlow};
use crate::layout::Layout;
use crate::options::{ModelInfo, RunOptions};
use crate::repeat::Sampled;
use crate::report::Fidelity;
use crate::sentence::{Message, Sentence};

/// Version of the event format. Raised when a change would make old runs unreadable, or runs of today
/// unreadable to earlier labs. Version 1 knew seven groups and one picture; its runs open as runs of
/// one picture, whose bins are those groups. Version 2 knew runs that are asked once, and those are still
/// written as such ([`RunOptions::event_version`]).
pub const EVENT_VERSION: u32 = 3;
/// The version that runs are written in which are asked once.
pub const ONCE_VERSION: u32 = 2;

/// One event with its place in the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Envelope {
    /// Number of the event in its run, from 0, without gaps.
    pub seq: u64,
    /// Milliseconds since the run was submitted.
    pub at_ms: f64,
    /// What happened.
    pub event: Event,
}

/// Most alternatives that a token comes with.
pub const ALTERNATIVES: usize = 5;

/// A token that was not chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Alternative {
    /// Vocabulary id.
    pub id: u32,
    /// The token's text as a person would read it; leading spaces kept.
    pub text: String,
    /// Natural logarithm of its probability.
    pub logprob: f32,
}

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "events are moved rarely and matched often")]
pub enum Event {
    /// Waiting for the model; `position` runs are ahead.
    Queued {
        /// Runs ahead of this one.
        position: u32,
    },
    /// The model is being loaded.
    Loading {
        /// Bytes read so far.
        bytes: u64,
        /// Bytes to read.
        total: u64,
    },
    /// The prompt as the model receives it; comes before any layer.
    Layout {
        /// Every prompt position, and the picture's geometry.
        layout: Layout,
        /// Number of decoder layers.
        layers: u32,
        /// Number of attention heads.
        heads: u32,
        /// The model.
        model: ModelInfo,
        /// The options as they were understood, defaults filled in.
        options: RunOptions,
    },
    /// A decoder layer finished the prefill.
    PrefillLayer {
        /// The layer, from 0.
        layer: u32,
        /// What it looked at.
        flow: LayerFlow,
    },
    /// A token was generated.
    Token {
        /// Number of the token, from 0.
        index: u32,
        /// Vocabulary id.
        id: u32,
        /// Its text, so that the texts concatenated are the answer: a character that several tokens
        /// share comes with the last of them.
        text: String,
        /// Its own bytes, where its text is not they: of a token that shares a character with its
        /// neighbours, or that waits for them. How it reads follows ([`crate::Observation::shown`]).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        bytes: Option<Vec<u8>>,
        /// Natural logarithm of its probability.
        logprob: f32,
        /// The most probable other tokens, the most probable first, up to [`ALTERNATIVES`]: what
        /// nearly was said.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        alternatives: Vec<Alternative>,
        /// Where the row that predicted it looked.
        flow: TokenFlow,
    },
    /// One of the answers of a run that is asked several times is complete, the first among them.
    Sampled(Sampled),
    /// The answer is complete and is being compared with the one nobody observed.
    Verifying,
    /// How the observed run compares with one that nobody observed.
    Verified {
        /// The comparison.
        fidelity: Fidelity,
    },
    /// The run is complete.
    Done {
        /// What came out.
        summary: Summary,
    },
    /// The run ended with an error.
    Failed {
        /// What went wrong, for programs.
        code: ErrorCode,
        /// What went wrong, for people, in English.
        message: String,
        /// The same as a sentence; nothing in what an earlier version of the lab recorded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sentence: Option<Sentence>,
    },
    /// The run was stopped on request.
    Cancelled,
}

impl Event {
    /// The end of a run that failed.
    pub fn failed(code: ErrorCode, message: impl Into<Message>) -> Self {
        let Message { text, sentence } = message.into();
        Event::Failed { code, message: text, sentence }
    }

    /// Whether no event follows this one.
    pub const fn is_last(&self) -> bool {
        matches!(self, Event::Done { .. } | Event::Failed { .. } | Event::Cancelled)
    }
}

/// Why generation stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stop {
    /// The model ended its answer.
    EndOfSequence,
    /// The requested number of tokens was reached.
    Length,
    /// The model's longest sequence was reached.
    Context,
}

/// Where the time went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Timing {
    /// Decoding and preparing the picture, tokenizing.
    pub prepare_ms: f64,
    /// Vision tower and projector.
    pub vision_ms: f64,
    /// Decoder over the prompt.
    pub prefill_ms: f64,
    /// Decoder, token by token.
    pub decode_ms: f64,
    /// From picture to last token.
    pub total_ms: f64,
}

/// What came out of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Summary {
    /// The answer, without the end-of-sequence token.
    pub answer: String,
    /// Generated tokens, the end-of-sequence token included.
    pub tokens: u32,
    /// Why generation stopped.
    pub stop: Stop,
    /// Where the time went.
    pub timing: Timing,
}
