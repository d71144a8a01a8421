//! The cache that Python's `huggingface_hub` keeps, read and written in its own layout:
//! `models--org--name/{blobs/ETAG, refs/BRANCH, snapshots/COMMIT/FILE → blob}`, and
//! `datasets--org--name` likewise.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::needed::{self, INDEX, VITAL};
use super::repository::is_commit;
use super::{Hub, HubError, Kind, Repository, Wanted, shards};

impl Hub {
    /// The paths of one repository.
    pub(super) fn place(&self, repository: &Repository) -> Place {
        let repo = hf_hub::Repo::with_revision(
            repository.id.clone(),
            match repository.kind {
                Kind::Model => hf_hub::RepoType::Model,
                Kind::Dataset => hf_hub::RepoType::Dataset,
            },
            repository.revision.clone(),
        );
        Place { cache: hf_hub::Cache::new(self.cache.clone()), repo }
    }

    /// The folder of a repository that is on this machine with everything that is wanted of it,
    /// whoever fetched it; nothing is asked of the network.
    pub fn local(&self, repository: &Repository, wanted: &Wanted) -> Option<PathBuf> {
        let place = self.place(repository);
        let commit = match repository.is_pinned() {
            true => repository.revision.clone(),
            false => {
                let path = place.folder().join("refs").join(&repository.revision);
                std::fs::read_to_string(path).ok()?.trim().to_owned()
            }
        };
        let folder = place.snapshot(&commit);
        (is_commit(&commit) && is_whole(&folder, wanted)).then_some(folder)
    }
}

/// Whether a snapshot has all that is wanted of it: a pull or a `snapshot_download` that was
/// stopped leaves some of it.
fn is_whole(folder: &Path, wanted: &Wanted) -> bool {
    match wanted {
        Wanted::Files(names) => names.iter().all(|name| folder.join(name).is_file()),
        Wanted::Model => {
            let Ok(entries) = std::fs::read_dir(folder) else { return false };
            // A link whose blob is gone is no file.
            let there = entries.flatten().filter(|e| e.path().is_file());
            let names: Vec<String> =
                there.filter_map(|e| e.file_name().into_string().ok()).collect();
            let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            let index = std::fs::read_to_string(folder.join(INDEX)).ok();
            VITAL.iter().all(|name| names.contains(name))
                && needed::weights(&names, index.as_deref()).is_ok()
        }
        Wanted::Folder { folder: inside, extension } => {
            shards::are_whole(&shards::here(folder, inside, extension))
        }
    }
}

/// Where a repository lies.
pub(super) struct Place {
    cache: hf_hub::Cache,
    repo: hf_hub::Repo,
}

impl Place {
    fn of(&self) -> hf_hub::CacheRepo {
        self.cache.repo(self.repo.clone())
    }

    pub(super) fn repo(&self) -> hf_hub::Repo {
        self.repo.clone()
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.cache.path().join(self.repo.folder_name())
    }

    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.of().blob_path(etag)
    }

    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.of().pointer_path(commit)
    }

    /// What is held while a blob is written: the file that Python locks too.
    pub(super) fn lock(&self, etag: &str) -> PathBuf {
        self.cache.path().join(".locks").join(self.repo.folder_name()).join(format!("{etag}.lock"))
    }

    /// Lets the branch or tag point at a commit.
    pub(super) fn set_ref(&self, commit: &str) -> Result<(), HubError> {
        if self.repo.revision() == commit {
            return Ok(());
        }
        let path = self.folder().join("refs").join(self.repo.revision());
        self.of().create_ref(commit).map_err(|cause| HubError::Cache { path, cause })
    }

    /// Gives a blob its name in a snapshot: a relative link, or where the disk knows none another
    /// name for the same file, or a copy.
    pub(super) fn link(&self, commit: &str, name: &str, etag: &str) -> Result<(), HubError> {
        let (pointer, blob) = (self.snapshot(commit).join(name), self.blob(etag));
        let failed = |cause| HubError::Cache { path: pointer.clone(), cause };
        if let Some(parent) = pointer.parent() {
            std::fs::create_dir_all(parent).map_err(failed)?;
        }
        match std::fs::remove_file(&pointer) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(failed(error));
            }
            _ => {}
        }
        #[cfg(unix)]
        {
            let ups = "../".repeat(2 + name.matches('/').count());
            let target = format!("{ups}blobs/{etag}");
            if std::os::unix::fs::symlink(target, &pointer).is_ok() {
                return Ok(());
            }
        }
        if std::fs::hard_link(&blob, &pointer).is_ok() {
            return Ok(());
        }
        std::fs::copy(&blob, &pointer).map(|_| ()).map_err(failed)
    }
}
