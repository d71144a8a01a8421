//! What can go wrong with a pull, in words for people.

use shared::ErrorCode;
use shared::sentence::{HubFault, Localized, Message};

use super::Kind;

/// Why a pull came to nothing. The text says nothing about this machine; [`HubError::detail`] does,
/// for the command line and the log.
#[derive(Debug)]
#[non_exhaustive]
pub enum HubError {
    /// The name is none.
    BadName(String),
    /// `HF_ENDPOINT` is no web address.
    BadEndpoint(String),
    /// Told to stay offline.
    Offline {
        /// The repository, or what is wanted of it.
        wanted: Message,
    },
    /// No connection.
    Unreachable {
        /// Its address.
        endpoint: String,
        /// What the network says.
        cause: String,
    },
    /// Something else answers.
    NotAHub {
        /// Its address.
        endpoint: String,
        /// What it answered.
        cause: String,
    },
    /// The repository's owner asks for an agreement.
    Gated {
        /// The repository.
        repo: String,
        /// Whether a token was sent.
        has_token: bool,
    },
    /// The hub refuses the token, or wants one.
    Denied {
        /// The repository.
        repo: String,
        /// Whether a token was sent.
        has_token: bool,
    },
    /// No such repository.
    NoRepository {
        /// What it should hold.
        kind: Kind,
        /// The repository.
        repo: String,
        /// Whether a token was sent.
        has_token: bool,
    },
    /// No such revision.
    NoRevision {
        /// The repository.
        repo: String,
        /// The revision.
        revision: String,
    },
    /// No such file.
    NoFile {
        /// The repository.
        repo: String,
        /// The file.
        file: String,
    },
    /// The repository is not what the lab can load.
    NotAModel {
        /// The repository.
        repo: String,
        /// Why.
        what: Localized,
    },
    /// The hub has trouble of its own, or too many requests.
    Busy {
        /// The HTTP status.
        status: u16,
    },
    /// Not enough room.
    NoSpace {
        /// Bytes still to come.
        needed: u64,
        /// Bytes left.
        free: u64,
    },
    /// The disk filled up on the way.
    Full,
    /// The transfer was cut again and again.
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
    Damaged {
        /// The file.
        file: String,
        /// How it differs.
        what: Localized,
    },
    /// What is about to come is not what the hub announced.
    Mismatch {
        /// The file.
        file: String,
        /// How it differs.
        what: Localized,
    },
    /// Another program holds the file.
    Locked {
        /// The file.
        file: String,
    },
    /// The cache cannot be read or written.
    Cache {
        /// Which file or folder.
        path: std::path::PathBuf,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// Stopped on request.
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

    /// Its sentence, as it stands in others.
    pub fn said(&self) -> HubFault {
        match self {
            HubError::BadName(name) => HubFault::BadName { name: name.clone() },
            HubError::BadEndpoint(_) => HubFault::BadEndpoint,
            HubError::Offline { wanted } => HubFault::Offline { wanted: wanted.clone() },
            HubError::Unreachable { .. } => HubFault::Unreachable,
            HubError::NotAHub { .. } => HubFault::NotAHub,
            HubError::Gated { repo, has_token } => {
                let advice = if *has_token { HubFault::WaitForOwner } else { HubFault::SetToken };
                HubFault::Gated { repo: repo.clone(), advice: advice.into() }
            }
            HubError::Denied { repo, has_token } => {
                let advice =
                    if *has_token { HubFault::TokenRefused } else { HubFault::PrivateOrNone };
                HubFault::Denied { repo: repo.clone(), advice: advice.into() }
            }
            HubError::NoRepository { kind, repo, has_token } => {
                let advice = match *has_token {
                    true => HubFault::CheckSpelling,
                    false => HubFault::CheckSpellingOrToken,
                };
                let (kind, advice) = ((*kind).into(), advice.into());
                HubFault::NoRepository { kind, repo: repo.clone(), advice }
            }
            HubError::NoRevision { repo, revision } => {
                HubFault::NoRevision { repo: repo.clone(), revision: revision.clone() }
            }
            HubError::NoFile { repo, file } => {
                HubFault::NoFile { repo: repo.clone(), file: file.clone() }
            }
            HubError::NotAModel { repo, what } => {
                HubFault::Unusable { repo: repo.clone(), what: what.clone() }
            }
            HubError::Busy { status } => HubFault::Busy { status: (*status).into() },
            HubError::NoSpace { needed, free } => {
                HubFault::NoSpace { needed: size(*needed), free: size(*free) }
            }
            HubError::Full => HubFault::Full,
            HubError::Cut { file, at, total, .. } => {
                HubFault::Cut { file: file.clone(), at: size(*at), total: size(*total) }
            }
            HubError::Damaged { file, what } => {
                HubFault::Damaged { file: file.clone(), what: what.clone() }
            }
            HubError::Mismatch { file, what } => {
                HubFault::Mismatch { file: file.clone(), what: what.clone() }
            }
            HubError::Locked { file } => HubFault::Locked { file: file.clone() },
            HubError::Cache { cause, .. } => HubFault::Cache { cause: cause.to_string() },
            HubError::Cancelled => HubFault::Cancelled,
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

impl std::fmt::Display for HubError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        Message::from(self.said()).fmt(f)
    }
}

impl std::error::Error for HubError {}

/// A size for people, in powers of two as the page says it.
pub fn size(bytes: u64) -> String {
    let b = bytes as f64;
    match bytes {
        0..0x400 => format!("{bytes} bytes"),
        0x400..0x10_0000 => format!("{:.0} KiB", b / 1024.0),
        0x10_0000..0x4000_0000 => format!("{:.1} MiB", b / 1024f64.powi(2)),
        _ => format!("{:.2} GiB", b / 1024f64.powi(3)),
    }
}
