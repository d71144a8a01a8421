//! The Hugging Face hub: repositories found in the cache that Python programs use too, and pulled
//! into it.
//!
//! The crate `hf-hub` knows the hub's addresses, its listings and the cache's layout; what it
//! leaves open is done here: only the files that are needed, a cut transfer continued, every
//! file checked before it gets its name, a pull that can be stopped, and words for what goes wrong.

mod cache;
mod dataset;
mod error;
mod fetch;
mod listing;
mod meter;
mod needed;
mod pull;
mod repository;
mod shards;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use dataset::published;
pub use error::{HubError, size};
pub use meter::Meter;
pub use pull::{Progress, Pulled, Step};
pub use repository::{Kind, Repository, Wanted};

/// Where the hub is unless `HF_ENDPOINT` says otherwise.
const ENDPOINT: &str = "https://huggingface.co";

/// A hub and the cache its files are kept in, as the environment says.
#[derive(Clone)]
pub struct Hub {
    endpoint: String,
    token: Option<String>,
    cache: PathBuf,
    offline: bool,
    /// First wait before a cut transfer is continued; later waits double.
    patience: Duration,
    /// Nothing coming for this long is a cut.
    stalled: Duration,
    /// Bytes that a folder's disk has left.
    free: fn(&Path) -> std::io::Result<u64>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        // Never the token.
        f.debug_struct("Hub")
            .field("endpoint", &self.endpoint)
            .field("token", &self.token.is_some())
            .field("cache", &self.cache)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

impl Hub {
    /// The hub that the environment names, as it does for Python's `huggingface_hub`:
    /// `HF_ENDPOINT`, `HF_HUB_CACHE` or `HF_HOME`, `HF_TOKEN`, `HF_HUB_OFFLINE`.
    pub fn from_env() -> Hub {
        Self::from_lookup(&|name| std::env::var(name).ok().filter(|v| !v.trim().is_empty()))
    }

    /// As [`Hub::from_env`], from any source of variables.
    pub fn from_lookup(variable: &dyn Fn(&str) -> Option<String>) -> Hub {
        let home = variable("HOME").or_else(|| variable("USERPROFILE")).map(PathBuf::from);
        let path = |name: &str| {
            let value = variable(name)?;
            match (value.strip_prefix("~/"), &home) {
                (Some(rest), Some(home)) => Some(home.join(rest)),
                _ => Some(PathBuf::from(value)),
            }
        };
        let hf_home = path("HF_HOME").unwrap_or_else(|| {
            let caches = path("XDG_CACHE_HOME");
            caches
                .or(home.as_ref().map(|h| h.join(".cache")))
                .unwrap_or_default()
                .join("huggingface")
        });
        let cache = path("HF_HUB_CACHE")
            .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
            .unwrap_or_else(|| hf_home.join("hub"));
        let is_on = |name: &str| {
            variable(name).is_some_and(|v| {
                ["1", "on", "yes", "true"].contains(&v.trim().to_lowercase().as_str())
            })
        };
        let token_file = path("HF_TOKEN_PATH").unwrap_or_else(|| hf_home.join("token"));
        let token = variable("HF_TOKEN").or_else(|| variable("HUGGING_FACE_HUB_TOKEN"));
        let stored = || match is_on("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            true => None,
            false => std::fs::read_to_string(token_file).ok(),
        };
        let token = token.or_else(stored).map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| ENDPOINT.to_owned());
        Hub {
            endpoint: endpoint.trim().trim_end_matches('/').to_owned(),
            token,
            cache,
            offline: is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE"),
            patience: Duration::from_millis(500),
            stalled: Duration::from_secs(20),
            free: |folder| fs4::available_space(folder),
        }
    }

    /// The cache's folder.
    pub fn cache(&self) -> &Path {
        &self.cache
    }

    /// The hub's address.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The same hub with shorter waits, for tests.
    #[must_use]
    pub fn impatient(mut self, patience: Duration, stalled: Duration) -> Hub {
        (self.patience, self.stalled) = (patience, stalled);
        self
    }

    /// The same hub on a disk with that much room, for tests.
    #[must_use]
    pub fn with_free_space(mut self, free: fn(&Path) -> std::io::Result<u64>) -> Hub {
        self.free = free;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(variables: &[(&str, &str)]) -> Hub {
        Hub::from_lookup(&|name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned())
        })
    }

    #[test]
    fn the_environment_says_where_as_it_does_for_python() {
        let cache = |variables: &[(&str, &str)]| hub(variables).cache.display().to_string();
        let home = ("HOME", "/home/ada");
        assert_eq!(cache(&[home]), "/home/ada/.cache/huggingface/hub");
        assert_eq!(cache(&[home, ("XDG_CACHE_HOME", "/x")]), "/x/huggingface/hub");
        assert_eq!(cache(&[home, ("HF_HOME", "/hf"), ("XDG_CACHE_HOME", "/x")]), "/hf/hub");
        assert_eq!(cache(&[home, ("HF_HOME", "~/hf")]), "/home/ada/hf/hub");
        assert_eq!(cache(&[home, ("HF_HOME", "/hf"), ("HF_HUB_CACHE", "/c")]), "/c");
        let plain = hub(&[home]);
        assert_eq!((plain.endpoint.as_str(), plain.offline), (ENDPOINT, false));
        assert_eq!(plain.token, None);
        let set = hub(&[
            home,
            ("HF_ENDPOINT", "https://mirror.example/"),
            ("HF_TOKEN", " hf_secret\n"),
            ("HF_HUB_OFFLINE", "YES"),
        ]);
        assert_eq!(set.endpoint, "https://mirror.example");
        assert_eq!(set.token.as_deref(), Some("hf_secret"));
        assert!(set.offline);
        assert!(!format!("{set:?}").contains("hf_secret"), "a token is never logged");
        assert!(!hub(&[home, ("HF_HUB_OFFLINE", "0")]).offline);
    }

    #[test]
    fn the_token_that_a_login_stored_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().to_str().expect("text");
        std::fs::write(folder.path().join("token"), "hf_stored\n").expect("written");
        assert_eq!(hub(&[("HF_HOME", path)]).token.as_deref(), Some("hf_stored"));
        let both = hub(&[("HF_HOME", path), ("HF_TOKEN", "hf_given")]);
        assert_eq!(both.token.as_deref(), Some("hf_given"));
        let off = hub(&[("HF_HOME", path), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]);
        assert_eq!(off.token, None);
    }
}
