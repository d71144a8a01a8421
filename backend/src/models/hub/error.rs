//! What can go wrong with a pull, in words for people.

use shared::ErrorCode;

use super::Kind;

/// Why a pull came to nothing. The text says nothing about this machine; [`HubError::detail`] does,
/// for the command line and the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// The name is none.
    #[error(
        "\"{0}\" is no repository; name one as ORGANISATION/NAME or ORGANISATION/NAME@REVISION"
    )]
    BadName(String),
    /// `HF_ENDPOINT` is no web address.
    #[error("HF_ENDPOINT is not a web address; it should look like https://huggingface.co")]
    BadEndpoint(String),
    /// Told to stay offline.
    #[error(
        "{wanted} is not on this machine, and HF_HUB_OFFLINE says not to ask the hub; unset it to \
         pull"
    )]
    Offline {
        /// The repository, or what is wanted of it.
        wanted: String,
    },
    /// No connection.
    #[error("the hub cannot be reached; check the network, the proxy settings and HF_ENDPOINT")]
    Unreachable {
        /// Its address.
        endpoint: String,
        /// What the network says.
        cause: String,
    },
    /// Something else answers.
    #[error(
        "what answers at HF_ENDPOINT is no Hugging Face hub; it should look like \
         https://huggingface.co, without a path"
    )]
    NotAHub {
        /// Its address.
        endpoint: String,
        /// What it answered.
        cause: String,
    },
    /// The repository's owner asks for an agreement.
    #[error("{repo} is gated: accept its terms on its page on the hub, then {}", token_advice(*.has_token))]
    Gated {
        /// The repository.
        repo: String,
        /// Whether a token was sent.
        has_token: bool,
    },
    /// The hub refuses the token, or wants one.
    #[error("the hub refuses access to {repo}: {}", access_advice(*.has_token))]
    Denied {
        /// The repository.
        repo: String,
        /// Whether a token was sent.
        has_token: bool,
    },
    /// No such repository.
    #[error("the hub has no {} repository {repo}{}", .kind.name(), private_advice(*.has_token))]
    NoRepository {
        /// What it should hold.
        kind: Kind,
        /// The repository.
        repo: String,
        /// Whether a token was sent.
        has_token: bool,
    },
    /// No such revision.
    #[error("{repo} has no revision \"{revision}\"; the usual one is main")]
    NoRevision {
        /// The repository.
        repo: String,
        /// The revision.
        revision: String,
    },
    /// No such file.
    #[error("{repo} has no file {file}")]
    NoFile {
        /// The repository.
        repo: String,
        /// The file.
        file: String,
    },
    /// The repository is not what the lab can load.
    #[error("{repo} cannot be used here: {what}")]
    NotAModel {
        /// The repository.
        repo: String,
        /// Why.
        what: String,
    },
    /// The hub has trouble of its own, or too many requests.
    #[error("the hub answers with status {status}; try again later")]
    Busy {
        /// The HTTP status.
        status: u16,
    },
    /// Not enough room.
    #[error(
        "there is not enough room for it: {} more are needed, the disk has {} left; make room, or \
         set HF_HOME to a folder on another disk",
        size(*.needed),
        size(*.free)
    )]
    NoSpace {
        /// Bytes still to come.
        needed: u64,
        /// Bytes left.
        free: u64,
    },
    /// The disk filled up on the way.
    #[error(
        "the disk that holds the cache of the hub's files is full; make room and pull again: it \
         goes on where it stopped"
    )]
    Full,
    /// The transfer was cut again and again.
    #[error(
        "the transfer of {file} was cut at {} of {}, and again each time it was continued; what came \
         is kept: pull again to continue there",
        size(*.at),
        size(*.total)
    )]
    Cut {
        /// The file.
        file: String,
        /// Bytes that came.
        at: u64,
        /// Bytes there are.
        total: u64,
        /// What the network says.
        cause: String,
    },
    /// What came is not what the hub announced.
    #[error("{file} came damaged: {what}; it was thrown away: pull again to fetch it anew")]
    Damaged {
        /// The file.
        file: String,
        /// How it differs.
        what: String,
    },
    /// What is about to come is not what the hub announced.
    #[error(
        "the server does not send {file} as the hub announced it: {what}; does a proxy or a login \
         page stand in between? What came before is kept"
    )]
    Mismatch {
        /// The file.
        file: String,
        /// How it differs.
        what: String,
    },
    /// Another program holds the file.
    #[error("another program is fetching {file} at the moment; wait for it, then pull again")]
    Locked {
        /// The file.
        file: String,
    },
    /// The cache cannot be read or written.
    #[error("the cache of the hub's files cannot be used: {cause}")]
    Cache {
        /// Which file or folder.
        path: std::path::PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// Stopped on request.
    #[error("stopped; what came is kept, pull again to continue there")]
    Cancelled,
}

impl HubError {
    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        match self {
            HubError::BadName(_) => ErrorCode::BadRequest,
            HubError::Gated { .. } | HubError::Denied { .. } => ErrorCode::HubDenied,
            HubError::NoRepository { .. }
            | HubError::NoRevision { .. }
            | HubError::NoFile { .. } => ErrorCode::HubMissing,
            HubError::NotAModel { .. } => ErrorCode::ModelUnusable,
            HubError::NoSpace { .. } | HubError::Full => ErrorCode::StorageFull,
            HubError::Damaged { .. } | HubError::Mismatch { .. } => ErrorCode::HubDamaged,
            HubError::BadEndpoint(_)
            | HubError::Offline { .. }
            | HubError::Unreachable { .. }
            | HubError::NotAHub { .. }
            | HubError::Busy { .. }
            | HubError::Cut { .. } => ErrorCode::HubUnreachable,
            HubError::Locked { .. } => ErrorCode::PullBusy,
            HubError::Cache { .. } | HubError::Cancelled => ErrorCode::Internal,
        }
    }

    /// What only those may read who sit at this machine.
    pub fn detail(&self) -> Option<String> {
        Some(match self {
            HubError::BadEndpoint(endpoint) => format!("HF_ENDPOINT is \"{endpoint}\""),
            HubError::Unreachable { endpoint, cause } | HubError::NotAHub { endpoint, cause } => {
                format!("{endpoint}: {cause}")
            }
            HubError::Cut { cause, .. } => cause.clone(),
            HubError::Cache { path, .. } => path.display().to_string(),
            _ => return None,
        })
    }

    /// The whole of it, for the command line.
    pub fn in_full(&self) -> String {
        match self.detail() {
            Some(detail) => format!("{self} ({detail})"),
            None => self.to_string(),
        }
    }

    /// Whether the hub itself could not be asked: what lies in the cache may do instead.
    pub fn is_out_of_reach(&self) -> bool {
        matches!(self, HubError::Unreachable { .. } | HubError::Busy { .. })
    }
}

fn token_advice(has_token: bool) -> &'static str {
    match has_token {
        true => {
            "wait until its owner lets you in (the token in HF_TOKEN was sent, and is not enough)"
        }
        false => "set HF_TOKEN to a token of your account and pull again",
    }
}

fn access_advice(has_token: bool) -> &'static str {
    match has_token {
        true => "the token in HF_TOKEN is wrong, has expired or may not read it",
        false => "it is private or does not exist; if it is yours, set HF_TOKEN",
    }
}

fn private_advice(has_token: bool) -> &'static str {
    match has_token {
        true => "; check the spelling",
        false => "; check the spelling, or set HF_TOKEN if it is a private one",
    }
}

/// A size for people, in powers of ten as disks and hubs count.
pub fn size(bytes: u64) -> String {
    let b = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.0} kB", b / 1e3),
        1_000_000..1_000_000_000 => format!("{:.0} MB", b / 1e6),
        _ => format!("{:.1} GB", b / 1e9),
    }
}
