//! What a repository holds, as the hub lists it.

use hf_hub::api::sync::{Api, ApiBuilder, ApiError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use ureq::http::{HeaderMap, Uri};

use super::repository::is_commit;
use super::{Hub, HubError, Repository, needed};

/// What is escaped in a file's address: all that Python's `quote` escapes.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A listing larger than this is none: the largest repositories have some thousand files.
const MOST: u64 = 16 << 20;

/// A repository at one commit.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) commit: String,
    pub(super) files: Vec<Listed>,
}

/// One of its files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) name: String,
    /// Bytes and what they are called in the cache; some mirrors leave them out of the listing.
    pub(super) blob: Option<Blob>,
}

/// A file's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) size: u64,
    /// SHA-256 of a large file, git's name of a small one.
    pub(super) etag: String,
}

#[derive(Deserialize)]
struct Info {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    #[serde(rename = "rfilename")]
    name: String,
    size: Option<u64>,
    blob_id: Option<String>,
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    sha256: Option<String>,
    size: Option<u64>,
}

impl Listing {
    pub(super) fn file(&self, name: &str) -> Option<&Listed> {
        self.files.iter().find(|f| f.name == name)
    }
}

impl Hub {
    /// The hub's interface, as `hf-hub` has it.
    pub(super) fn api(&self) -> Result<Api, HubError> {
        let bad = || HubError::BadEndpoint(self.endpoint.clone());
        let uri: Uri = self.endpoint.parse().map_err(|_| bad())?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err(bad());
        }
        ApiBuilder::from_cache(hf_hub::Cache::new(self.cache.clone()))
            .with_endpoint(self.endpoint.clone())
            .with_token(self.token.clone())
            .with_progress(false)
            .with_user_agent("langoverrule", env!("CARGO_PKG_VERSION"))
            .build()
            .map_err(|e| self.unreachable(&e))
    }

    /// Asks what a repository holds.
    pub(super) fn list(&self, repository: &Repository) -> Result<Listing, HubError> {
        let repo = self.place(repository).repo();
        let request = self.api()?.repo(repo).info_request().query("blobs", "true");
        let request = request
            .config()
            .http_status_as_error(false)
            .timeout_connect(Some(self.stalled))
            .timeout_recv_response(Some(self.stalled * 2))
            .timeout_per_read(Some(self.stalled))
            .build();
        let response = request.call().map_err(|e| self.unreachable(&e))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(self.refused(status, response.headers(), repository, None));
        }
        let no_hub = |cause: String| HubError::NotAHub { endpoint: self.endpoint.clone(), cause };
        let info: Info = response
            .into_body()
            .into_with_config()
            .limit(MOST)
            .read_json()
            .map_err(|e| no_hub(format!("its listing cannot be read: {e}")))?;
        if !is_commit(&info.sha) {
            return Err(no_hub("its listing names no commit".to_owned()));
        }
        let listed = info.siblings.into_iter().filter(|s| needed::is_inside(&s.name));
        let files = listed
            .map(|s| {
                let (sha256, lfs_size) = s.lfs.map_or((None, None), |l| (l.sha256, l.size));
                let blob = match (lfs_size.or(s.size), sha256.or(s.blob_id)) {
                    (Some(size), Some(etag)) if is_etag(&etag) => Some(Blob { size, etag }),
                    _ => None,
                };
                Listed { name: s.name, blob }
            })
            .collect();
        Ok(Listing { commit: info.sha, files })
    }

    /// Where a file is at a commit. `hf-hub` puts names into addresses as they are; those of
    /// folders with spaces and parentheses need their signs escaped.
    pub(super) fn address(
        &self,
        repository: &Repository,
        commit: &str,
        name: &str,
    ) -> Result<String, HubError> {
        let name = utf8_percent_encode(name, ESCAPED).to_string();
        Ok(self.api()?.repo(self.place(&repository.at(commit)).repo()).url(&name))
    }

    /// A file's size and name in the cache, asked for one by one where the listing has none.
    pub(super) fn blob(
        &self,
        repository: &Repository,
        commit: &str,
        listed: &Listed,
    ) -> Result<Blob, HubError> {
        if let Some(blob) = &listed.blob {
            return Ok(blob.clone());
        }
        let api = self.api()?;
        let url = self.address(repository, commit, &listed.name)?;
        let metadata = api.metadata(&url).map_err(|error| match error {
            ApiError::RequestError(error) => match *error {
                ureq::Error::StatusCode(status) => {
                    self.refused(status, &HeaderMap::new(), repository, Some(&listed.name))
                }
                error => self.unreachable(&error),
            },
            error => {
                HubError::NotAHub { endpoint: self.endpoint.clone(), cause: error.to_string() }
            }
        })?;
        let etag = metadata.etag().trim_start_matches("W/").to_owned();
        if !is_etag(&etag) {
            let cause = format!("the entity tag of {} cannot be used", listed.name);
            return Err(HubError::NotAHub { endpoint: self.endpoint.clone(), cause });
        }
        Ok(Blob { size: metadata.size() as u64, etag })
    }

    pub(super) fn unreachable(&self, cause: &dyn std::fmt::Display) -> HubError {
        HubError::Unreachable { endpoint: self.endpoint.clone(), cause: cause.to_string() }
    }

    /// What a status other than success means: the hub says more in a header of its own.
    pub(super) fn refused(
        &self,
        status: u16,
        headers: &HeaderMap,
        repository: &Repository,
        file: Option<&str>,
    ) -> HubError {
        let (kind, repo) = (repository.kind, repository.id.clone());
        let has_token = self.token.is_some();
        let code = headers.get("x-error-code").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let revision = repository.revision.clone();
        match (code, status, file) {
            ("GatedRepo", ..) => HubError::Gated { repo, has_token },
            ("RevisionNotFound", ..) => HubError::NoRevision { repo, revision },
            ("EntryNotFound", _, Some(file)) => HubError::NoFile { repo, file: file.to_owned() },
            ("RepoNotFound", ..) => HubError::NoRepository { kind, repo, has_token },
            // Whether a repository exists is not told to strangers.
            (_, 401, None) if !has_token => HubError::NoRepository { kind, repo, has_token },
            (_, 401 | 403, _) => HubError::Denied { repo, has_token },
            (_, 404, Some(file)) => HubError::NoFile { repo, file: file.to_owned() },
            (_, 404, None) => HubError::NoRepository { kind, repo, has_token },
            (_, 408 | 429 | 500..=599, _) => HubError::Busy { status },
            _ => HubError::NotAHub {
                endpoint: self.endpoint.clone(),
                cause: format!("it answered with status {status}"),
            },
        }
    }
}

/// Whether an entity tag can be a file's name: it comes from outside.
fn is_etag(etag: &str) -> bool {
    (8..=128).contains(&etag.len())
        && etag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}
