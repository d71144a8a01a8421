//! Error codes: stable names for programs; messages are for people only.

use serde::{Deserialize, Serialize};

use crate::sentence::{Message, Sentence};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal;)*) => {
        /// What went wrong. The names never change; new ones may be added.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[serde(rename_all = "snake_case")]
        pub enum ErrorCode {
            $($(#[$doc])* $name,)*
        }

        impl ErrorCode {
            /// All codes.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$name),*];

            /// The stable name.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorCode::$name => $text,)* }
            }

            /// The HTTP status that fits.
            pub const fn http_status(self) -> u16 {
                match self { $(ErrorCode::$name => $status,)* }
            }
        }
    };
}

codes! {
    /// The request carried no picture where one is needed.
    PictureMissing = "picture_missing", 400;
    /// The picture file is empty.
    PictureEmpty = "picture_empty", 400;
    /// The file is not a picture of a supported format.
    PictureUnreadable = "picture_unreadable", 415;
    /// The picture file ends early or is damaged.
    PictureDamaged = "picture_damaged", 400;
    /// The file is larger than the upload limit.
    PictureTooLarge = "picture_too_large", 413;
    /// The picture has more pixels than the limit.
    PictureTooManyPixels = "picture_too_many_pixels", 413;
    /// The picture is longer for its width, or wider for its height, than is read.
    PictureTooNarrow = "picture_too_narrow", 422;
    /// The prompt is empty.
    PromptEmpty = "prompt_empty", 400;
    /// The prompt does not fit the model's longest sequence.
    PromptTooLong = "prompt_too_long", 400;
    /// No model of that name.
    UnknownModel = "unknown_model", 404;
    /// An option does not exist or has a value outside its range.
    BadOption = "bad_option", 400;
    /// The request is malformed.
    BadRequest = "bad_request", 400;
    /// The request's address and headers are larger than the lab reads.
    HeadTooLarge = "head_too_large", 431;
    /// What was sent beside pictures is larger than the lab takes.
    BodyTooLarge = "body_too_large", 413;
    /// What was sent is of a kind, or packed in a way, that is not read at this address.
    WrongContentType = "wrong_content_type", 415;
    /// The request asks for a host that is not this lab's.
    UnknownHost = "unknown_host", 421;
    /// Another website's page asks for what only the lab's own may.
    ForeignPage = "foreign_page", 403;
    /// What was sent came too slowly.
    TooSlow = "too_slow", 408;
    /// Too many connections of one client are open.
    TooManyConnections = "too_many_connections", 429;
    /// As many connections are open as the lab serves at once.
    ConnectionsFull = "connections_full", 503;
    /// Nothing at this address.
    NotFound = "not_found", 404;
    /// The method is not offered at this address.
    MethodNotAllowed = "method_not_allowed", 405;
    /// The owner token is missing or wrong.
    NotOwner = "not_owner", 403;
    /// Too many runs are waiting.
    QueueFull = "queue_full", 503;
    /// One address asks for more than its part.
    TooManyRequests = "too_many_requests", 429;
    /// A message on the websocket was malformed.
    BadMessage = "bad_message", 400;
    /// Too many classes are held, or too many people are in one.
    ClassroomFull = "classroom_full", 503;
    /// Guesses of this question are closed.
    GuessClosed = "guess_closed", 409;
    /// The model is known but not on the lab's machine.
    ModelNotPulled = "model_not_pulled", 409;
    /// The lab carries the model inside and cannot unpack it now.
    ModelNotUnpacked = "model_not_unpacked", 503;
    /// This lab pulls no models on request.
    PullNotAllowed = "pull_not_allowed", 403;
    /// Another model is being pulled.
    PullBusy = "pull_busy", 409;
    /// The hub lets nobody in without an agreement or a token.
    HubDenied = "hub_denied", 403;
    /// The hub has no such repository, revision or file.
    HubMissing = "hub_missing", 404;
    /// The hub cannot be reached, or the transfer was cut.
    HubUnreachable = "hub_unreachable", 502;
    /// What the hub sent is not what it announced.
    HubDamaged = "hub_damaged", 502;
    /// The model's files cannot be read or do not fit together.
    ModelUnusable = "model_unusable", 422;
    /// No dataset of that name.
    UnknownDataset = "unknown_dataset", 404;
    /// A dataset cannot be read.
    DatasetUnusable = "dataset_unusable", 422;
    /// A row of a dataset is no sample that can be run.
    SampleUnusable = "sample_unusable", 422;
    /// The model produced numbers that are not finite.
    NotFinite = "not_finite", 500;
    /// An attention dump or map would exceed its memory budget.
    OverBudget = "over_budget", 413;
    /// The machine or its GPU has not enough memory for a model or a run.
    OutOfMemory = "out_of_memory", 507;
    /// The data folder has no space left.
    StorageFull = "storage_full", 507;
    /// What the data folder holds of this is not what was written.
    StorageDamaged = "storage_damaged", 500;
    /// A later version of the lab recorded the run, in a form that this one cannot read.
    NewerVersion = "newer_version", 409;
    /// The run was interrupted by a restart.
    Interrupted = "interrupted", 500;
    /// The server is shutting down.
    ShuttingDown = "shutting_down", 503;
    /// Something that should not happen; details are in the server's log.
    Internal = "internal", 500;
}

impl std::fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The envelope of every error response.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[error("{message}")]
pub struct ErrorBody {
    /// What went wrong, for programs.
    pub code: ErrorCode,
    /// What went wrong and what to do, for people, in English.
    pub message: String,
    /// The same as a sentence with its parameters, where it is one that the lab has in every language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<Sentence>,
    /// Seconds after which asking again may help, where that is known; `Retry-After` says the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

impl ErrorBody {
    /// An error with its sentence.
    pub fn new(code: ErrorCode, message: impl Into<Message>) -> Self {
        let Message { text, sentence } = message.into();
        ErrorBody { code, message: text, sentence, retry_after: None }
    }

    /// Its sentence.
    pub fn into_message(self) -> Message {
        Message { text: self.message, sentence: self.sentence }
    }
}
