//! A whole model, or what else is wanted of a repository, from the hub into the cache.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use shared::sentence::{HubFault, Localized};

use super::cache::Place;
use super::fetch::{Task, has_size, part_of};
use super::listing::{Blob, Listed, Listing};
use super::needed::{self, INDEX, VITAL};
use super::{Hub, HubError, Repository, Wanted, shards};

/// Left alone on the disk, for what else the machine does.
const SPARE: u64 = 64 << 20;

/// How far a pull is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The file at work; empty while the hub is asked.
    pub file: String,
    /// Bytes on this machine, what lay there before included.
    pub done: u64,
    /// Bytes in all; 0 until the hub has said.
    pub total: u64,
}

/// Whether a pull goes on.
pub type Step = ControlFlow<()>;

/// What a pull brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The folder of the repository's files.
    pub folder: PathBuf,
    /// Bytes that came over the network.
    pub fetched: u64,
    /// Why the hub was not asked and what lay in the cache had to do.
    pub unasked: Option<String>,
}

impl Hub {
    /// Brings what is wanted of a repository into the cache. `told` hears how far it is and may
    /// say stop.
    ///
    /// # Errors
    /// A sentence for whatever stands in the way; what came is kept.
    pub fn pull(
        &self,
        repository: &Repository,
        wanted: &Wanted,
        told: &mut dyn FnMut(&Progress) -> Step,
    ) -> Result<Pulled, HubError> {
        let here = self.local(repository, wanted);
        let as_it_is = |folder, why: String| Pulled { folder, fetched: 0, unasked: Some(why) };
        if self.offline {
            return match here {
                Some(folder) => Ok(as_it_is(folder, "HF_HUB_OFFLINE says not to".to_owned())),
                None => Err(HubError::Offline { wanted: wanted.of(repository) }),
            };
        }
        let listing = match (self.list(repository), here) {
            (Ok(listing), _) => listing,
            (Err(error), Some(folder)) if error.is_out_of_reach() => {
                return Ok(as_it_is(folder, error.in_full()));
            }
            (Err(error), _) => return Err(error),
        };
        let place = self.place(repository);
        let mut pull = Pull {
            hub: self,
            repository,
            listing: &listing,
            place,
            told,
            progress: Progress::default(),
            fetched: 0,
        };
        pull.tell(0)?;
        match wanted {
            Wanted::Model => pull.model()?,
            Wanted::Files(names) => pull.files(names)?,
            Wanted::Folder { folder, extension } => pull.folder(folder, extension)?,
        }
        pull.place.set_ref(&listing.commit)?;
        let folder = pull.place.snapshot(&listing.commit);
        Ok(Pulled { folder, fetched: pull.fetched, unasked: None })
    }
}

/// A pull at work.
struct Pull<'a> {
    hub: &'a Hub,
    repository: &'a Repository,
    listing: &'a Listing,
    place: Place,
    told: &'a mut dyn FnMut(&Progress) -> Step,
    progress: Progress,
    fetched: u64,
}

impl Pull<'_> {
    /// A model in Hugging Face layout: the small files first, because they tell which others are
    /// needed and whether they are worth fetching.
    fn model(&mut self) -> Result<(), HubError> {
        let no_model = |repo: &Repository, what: Localized| HubError::NotAModel {
            repo: repo.id.clone(),
            what,
        };
        let listing = self.listing;
        let names: Vec<&str> = listing.files.iter().map(|f| f.name.as_str()).collect();
        if let Some(what) = engine::variant(&names, &serde_json::Value::Null) {
            return Err(no_model(self.repository, what.into()));
        }
        if let Some(gone) = VITAL.iter().find(|name| listing.file(name).is_none()) {
            let file = (*gone).to_owned();
            return Err(no_model(self.repository, HubFault::Lacks { file }.into()));
        }
        let small: Vec<&Listed> =
            listing.files.iter().filter(|f| needed::is_small(&f.name)).collect();
        let small = self.sized(&small)?;
        self.fetch(&small)?;
        let read = |name: &str| {
            let path = self.place.snapshot(&listing.commit).join(name);
            let text = std::fs::read_to_string(&path);
            text.map_err(|cause| HubError::Cache { path, cause })
        };
        if let Some(what) = needed::unsupported(&names, &read("config.json")?) {
            return Err(no_model(self.repository, what));
        }
        let index = listing.file(INDEX).map(|_| read(INDEX)).transpose()?;
        let names: BTreeSet<&str> = listing.files.iter().map(|f| f.name.as_str()).collect();
        let weights = needed::weights(&names, index.as_deref())
            .map_err(|what| no_model(self.repository, what))?;
        let weights: Vec<&Listed> = weights.iter().filter_map(|n| listing.file(n)).collect();
        let weights = self.sized(&weights)?;
        self.fetch(&weights)
    }

    fn files(&mut self, names: &[String]) -> Result<(), HubError> {
        let listing = self.listing;
        let gone = |name: &String| HubError::NoFile {
            repo: self.repository.id.clone(),
            file: name.clone(),
        };
        let files: Vec<&Listed> = names
            .iter()
            .map(|name| listing.file(name).ok_or_else(|| gone(name)))
            .collect::<Result<_, _>>()?;
        let files = self.sized(&files)?;
        self.fetch(&files)
    }

    /// A folder's files. Where the branch has moved since an earlier pull, what that brought and
    /// the new commit holds unchanged belongs to the new one too: else one folder's pull would
    /// hide another's files.
    fn folder(&mut self, folder: &str, extension: &str) -> Result<(), HubError> {
        let listing = self.listing;
        let (files, others): (Vec<&Listed>, Vec<&Listed>) =
            listing.files.iter().partition(|f| shards::is_in(&f.name, folder, extension));
        if files.is_empty() {
            let (repo, file) = (self.repository.id.clone(), format!("{folder}/*.{extension}"));
            return Err(HubError::NoFile { repo, file });
        }
        let files = self.sized(&files)?;
        self.fetch(&files)?;
        for (name, blob) in others.iter().filter_map(|f| Some((&f.name, f.blob.as_ref()?))) {
            let named = self.place.snapshot(&listing.commit).join(name).is_file();
            if !named && has_size(&self.place.blob(&blob.etag), blob.size) {
                self.place.link(&listing.commit, name, &blob.etag)?;
            }
        }
        Ok(())
    }

    fn sized<'f>(&self, files: &[&'f Listed]) -> Result<Vec<(&'f str, Blob)>, HubError> {
        let blob = |f: &Listed| self.hub.blob(self.repository, &self.listing.commit, f);
        files.iter().map(|f| Ok((f.name.as_str(), blob(f)?))).collect()
    }

    /// Fetches files of which the sizes are known, if there is room for them.
    fn fetch(&mut self, files: &[(&str, Blob)]) -> Result<(), HubError> {
        let mut missing = 0;
        let mut rests = Vec::with_capacity(files.len());
        for (_, blob) in files {
            let path = self.place.blob(&blob.etag);
            let there = match has_size(&path, blob.size) {
                true => blob.size,
                false => part_of(&path).metadata().map_or(0, |m| m.len().min(blob.size)),
            };
            self.progress.done += there;
            self.progress.total += blob.size;
            missing += blob.size - there;
            rests.push(blob.size - there);
        }
        self.room_for(missing)?;
        for ((name, blob), rest) in files.iter().zip(rests) {
            (*name).clone_into(&mut self.progress.file);
            self.tell(0)?;
            let task = Task {
                repository: self.repository,
                place: &self.place,
                commit: &self.listing.commit,
                name,
                blob,
            };
            let whole = self.progress.done + rest;
            let (progress, fetched, told) = (&mut self.progress, &mut self.fetched, &mut self.told);
            self.hub.fetch(&task, &mut |bytes| {
                progress.done = progress.done.saturating_add_signed(bytes);
                *fetched += u64::try_from(bytes).unwrap_or(0);
                told(progress)
            })?;
            // Also where another program, or a file of the same content, brought it.
            self.progress.done = whole;
            self.tell(0)?;
        }
        Ok(())
    }

    fn room_for(&self, missing: u64) -> Result<(), HubError> {
        if missing == 0 {
            return Ok(());
        }
        // The cache's own folder may not be there yet.
        let cache = self.hub.cache();
        let there = cache.ancestors().find(|a| a.is_dir()).unwrap_or(Path::new("."));
        match (self.hub.free)(there) {
            Ok(free) if free < missing.saturating_add(SPARE) => {
                Err(HubError::NoSpace { needed: missing, free })
            }
            // A disk that does not tell is tried.
            _ => Ok(()),
        }
    }

    fn tell(&mut self, bytes: i64) -> Result<(), HubError> {
        self.progress.done = self.progress.done.saturating_add_signed(bytes);
        match (self.told)(&self.progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(HubError::Cancelled),
        }
    }
}
