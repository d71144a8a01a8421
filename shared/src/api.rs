//! Bodies of the HTTP interface.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::event::Envelope;
use crate::label::Label;
use crate::options::{ImageFit, Quant, Resizing, RunOptions};
use crate::picture::{PictureTokens, Speed};
use crate::sentence::{Message, Sentence};

/// Answer to a submitted run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunCreated {
    /// The run's unguessable name.
    pub id: String,
    /// Secret that lets its holder cancel and delete the run.
    pub owner_token: String,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Waiting for the model.
    Queued,
    /// At work.
    Running,
    /// Complete.
    Done,
    /// Ended with an error.
    Failed,
    /// Stopped on request.
    Cancelled,
}

impl RunState {
    /// The name in JSON and in exports.
    pub const fn name(self) -> &'static str {
        match self {
            RunState::Queued => "queued",
            RunState::Running => "running",
            RunState::Done => "done",
            RunState::Failed => "failed",
            RunState::Cancelled => "cancelled",
        }
    }
}

/// A run with all its events.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RunRecord {
    /// The run's name.
    pub id: String,
    /// Version of the event format, [`crate::event::EVENT_VERSION`].
    pub version: u32,
    /// When it was submitted, RFC 3339.
    pub created: String,
    /// Where it stands.
    pub state: RunState,
    /// What was asked for.
    pub options: RunOptions,
    /// What its owner calls it.
    #[serde(default, skip_serializing_if = "Label::is_empty")]
    pub label: Label,
    /// Every event so far, in order.
    pub events: Vec<Envelope>,
}

/// A model the lab can run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ModelEntry {
    /// Name to ask for.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The title and the note of its terms in Korean, where the registry says.
    #[serde(default, skip_serializing_if = "InKorean::is_empty")]
    pub ko: InKorean,
    /// Whether it is what runs when no model is named.
    pub default: bool,
    /// Whether it is in memory now.
    pub loaded: bool,
    /// Whether it is one that ships with the lab: it learned drawings and English questions about them.
    #[serde(default)]
    pub demo: bool,
    /// Quantizations on offer.
    pub quants: Vec<Quant>,
    /// Quantization used when none is named.
    pub default_quant: Quant,
    /// Whether it sees every picture at one size, as far as is known before it is loaded.
    #[serde(default)]
    pub one_size: bool,
    /// The least pixels of its pictures, where it reads any size and that is known.
    #[serde(default)]
    pub least_pixels: Option<u32>,
    /// The most, likewise.
    #[serde(default)]
    pub most_pixels: Option<u32>,
    /// How many tokens it makes of a picture, where that is known.
    #[serde(default)]
    pub picture_tokens: Option<PictureTokens>,
    /// How fast it read its last prompt with a picture since the lab was started, by quantization;
    /// empty before the first.
    #[serde(default)]
    pub speeds: Vec<Speed>,
    /// Its prompt templates, its own first; empty where they are not known before it is loaded.
    #[serde(default)]
    pub templates: Vec<String>,
    /// Why its own template cannot be used, so that one of the others must be named: a sentence.
    #[serde(default)]
    pub template_refused: Option<String>,
    /// The same as a sentence with its parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_sentence: Option<Sentence>,
    /// How pictures that are not square are made to fit where nobody asks; `null` where that is not
    /// known before it is loaded.
    #[serde(default)]
    pub fit: Option<ImageFit>,
    /// Whose arithmetic resizes its pictures where nobody asks, likewise.
    #[serde(default)]
    pub resize: Option<Resizing>,
    /// Whether it can run now.
    #[serde(default)]
    pub state: ModelState,
    /// Why it is not on the lab's machine, where the lab carries it and cannot unpack it now.
    #[serde(default)]
    pub unavailable: Option<Message>,
    /// Its terms, where the registry says.
    #[serde(default)]
    pub licence: Option<Licence>,
    /// What it needs of memory, where the registry says.
    #[serde(default)]
    pub memory: Vec<MemoryNeed>,
    /// Bytes to fetch, where the registry says.
    #[serde(default)]
    pub download: Option<u64>,
    /// Milliseconds from question to answer as they were measured on two cores, in its own quantization:
    /// a picture, about 100 tokens in and 20 out.
    #[serde(default)]
    pub answer_ms: Option<u32>,
    /// Whether this lab pulls it when asked.
    #[serde(default)]
    pub may_pull: bool,
    /// Its last pull since the lab was started.
    #[serde(default)]
    pub pull: Option<Pull>,
}

impl ModelEntry {
    /// Why its own template cannot be used, where that is so.
    pub fn refusal(&self) -> Option<Message> {
        let text = self.template_refused.clone()?;
        Some(Message { text, sentence: self.template_sentence.clone() })
    }

    /// Whether it is known to read pictures of any size, so that their size can be limited.
    pub fn reads_any_size(&self) -> bool {
        // Templates are known where the family is.
        !self.one_size && !self.templates.is_empty()
    }
}

/// What a registry or a list of samples says of one of its entries in Korean, as the entry itself does in
/// English; empty where it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct InKorean {
    /// The title.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// The note: of a sample, or of a model's terms.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

impl InKorean {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == InKorean::default()
    }
}

/// Whether a model can run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ModelState {
    /// Its files are on the lab's machine.
    #[default]
    Ready,
    /// It can be pulled from the hub, or unpacked once [`ModelEntry::unavailable`] no longer says why not.
    Absent,
    /// It is being pulled.
    Pulling,
}

/// A model's terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// Its name.
    pub name: String,
    /// Where it can be read.
    pub url: String,
    /// What to know before using the model.
    #[serde(default)]
    pub note: String,
}

/// Memory a model needs to answer a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MemoryNeed {
    /// How its weights are held.
    pub quant: Quant,
    /// Bytes.
    pub bytes: u64,
    /// Whether that was measured; computed otherwise.
    pub measured: bool,
}

/// How far a pull is, or how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Pull {
    /// Where it stands.
    pub state: PullState,
    /// Bytes on the lab's machine.
    pub bytes: u64,
    /// Bytes in all; 0 until the hub has said.
    pub total: u64,
    /// Bytes a second, while they come.
    pub speed: Option<u64>,
    /// What went wrong.
    pub error: Option<crate::error::ErrorBody>,
}

/// Where a pull stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PullState {
    /// At work.
    Pulling,
    /// Complete.
    Done,
    /// Ended with an error; what came is kept.
    Failed,
    /// Stopped on request; what came is kept.
    Cancelled,
}

/// A sample picture that ships with the lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Sample {
    /// File name under `/api/samples/`.
    pub file: String,
    /// Short title.
    pub title: String,
    /// A prompt that goes with it.
    pub prompt: String,
    /// What to look for.
    #[serde(default)]
    pub note: String,
    /// What words may claim of it that it does not show, such as `a dog`; empty where nothing is
    /// prepared.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub claim: String,
    /// What it shows in that place, such as `a cat`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub shows: String,
    /// Title and note in Korean.
    #[serde(default, skip_serializing_if = "InKorean::is_empty")]
    pub ko: InKorean,
}

/// What a viewer may send over a run's websocket. Events come the other way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ViewerMessage {
    /// Stop the run; needs the owner's token.
    Cancel {
        /// The token from [`RunCreated`].
        owner_token: String,
    },
}

/// Somebody at a websocket is told something at least this often, for pages see no pings: whoever
/// hears nothing for twice as long holds a connection that only looks alive.
pub const BEAT: Duration = Duration::from_secs(20);

/// What the server sends over a run's websocket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "nearly every message is an event")]
pub enum ServerMessage {
    /// One event of the run.
    Event(Envelope),
    /// The viewer fell behind: events from `from` up to but not including `to` follow later or
    /// can be read again with `?from=`.
    Gap {
        /// First event not sent.
        from: u64,
        /// Next event that will be sent.
        to: u64,
    },
    /// Nothing new; it says that the connection lives (see [`BEAT`]).
    Alive,
    /// The viewer's message was refused, or the server has to close.
    Error(crate::error::ErrorBody),
}
