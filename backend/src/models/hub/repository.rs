//! Names of repositories, what they hold, and what is wanted of them.

use std::fmt;
use std::str::FromStr;

use shared::sentence::{HubFault, Localized, Message};

use super::HubError;

/// What a repository holds; the hub keeps each kind at addresses of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A model.
    Model,
    /// A dataset.
    Dataset,
}

/// A repository of the hub at a revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Repository {
    /// What it holds.
    pub kind: Kind,
    /// `organisation/name`.
    pub id: String,
    /// A branch, a tag or a commit.
    pub revision: String,
}

/// What is wanted of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A model in Hugging Face layout: its configuration, tokenizer and safetensors.
    Model,
    /// Files by name, such as a GGUF and its mmproj.
    Files(Vec<String>),
    /// All files of one extension in a folder and the folders in it, such as a dataset's parquet
    /// files.
    Folder {
        /// The folder's path in the repository, without a slash at its end.
        folder: String,
        /// How the names end, without the dot.
        extension: String,
    },
}

impl Wanted {
    /// What is wanted of a repository, as an error names it.
    pub(super) fn of(&self, repository: &Repository) -> Message {
        let repo = repository.id.clone();
        match self {
            Wanted::Model | Wanted::Files(_) => repo.into(),
            Wanted::Folder { folder, .. } => {
                HubFault::FolderOf { folder: folder.clone(), repo }.into()
            }
        }
    }
}

impl From<Kind> for Localized {
    fn from(kind: Kind) -> Self {
        let word = match kind {
            Kind::Model => HubFault::AModel,
            Kind::Dataset => HubFault::ADataset,
        };
        word.into()
    }
}

impl Repository {
    /// Reads the name of a dataset's repository, written as a model's is.
    ///
    /// # Errors
    /// It is no name.
    pub fn dataset(name: &str) -> Result<Repository, HubError> {
        Ok(Repository { kind: Kind::Dataset, ..name.parse()? })
    }

    /// The same repository at another revision.
    pub(super) fn at(&self, revision: &str) -> Repository {
        Repository { revision: revision.to_owned(), ..self.clone() }
    }

    /// Whether the revision is a commit, which never changes.
    pub(super) fn is_pinned(&self) -> bool {
        is_commit(&self.revision)
    }
}

/// Whether a revision is a commit's full name.
pub(super) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

impl FromStr for Repository {
    type Err = HubError;

    /// Reads a model's `organisation/name` or `organisation/name@revision`. Both become parts of
    /// paths and addresses, so nothing passes that could lead elsewhere.
    fn from_str(text: &str) -> Result<Self, HubError> {
        let bad = || HubError::BadName(text.to_owned());
        let (id, revision) = text.split_once('@').unwrap_or((text, "main"));
        let word = |part: &str| {
            let fits = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            let ends = part.starts_with(['.', '-']) || part.ends_with(['.', '-']);
            !part.is_empty() && part.len() <= 96 && part.bytes().all(fits) && !ends
        };
        let (organisation, name) = id.split_once('/').ok_or_else(bad)?;
        // The cache writes a slash as two dashes.
        let ambiguous = id.contains("--") || id.contains("..");
        if !word(organisation) || !word(name) || ambiguous {
            return Err(bad());
        }
        if !revision.split('/').all(word) || revision.contains("..") {
            return Err(bad());
        }
        let (id, revision) = (id.to_owned(), revision.to_owned());
        Ok(Repository { kind: Kind::Model, id, revision })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.id)?;
        if self.revision != "main" {
            write!(f, "@{}", self.revision)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_what_could_lead_elsewhere_is_refused() {
        for (text, id, revision) in [
            ("llava-hf/llava-1.5-7b-hf", "llava-hf/llava-1.5-7b-hf", "main"),
            ("Qwen/Qwen2.5-VL-7B-Instruct@v1.0", "Qwen/Qwen2.5-VL-7B-Instruct", "v1.0"),
            ("a/b@refs/pr/5", "a/b", "refs/pr/5"),
        ] {
            let repository: Repository = text.parse().expect(text);
            assert_eq!((repository.id.as_str(), repository.revision.as_str()), (id, revision));
            assert_eq!(repository.to_string(), text);
            assert_eq!(repository.kind, Kind::Model);
            let dataset = Repository::dataset(text).expect(text);
            assert_eq!(dataset, Repository { kind: Kind::Dataset, ..repository });
        }
        for text in [
            "",
            "gpt2",
            "a/",
            "/b",
            "a/b/c",
            "../b",
            "a/..",
            "a/b@",
            "a/b@../../x",
            "a/b@x//y",
            "a b/c",
            "a/b?x",
            "a--b/c",
            "a/.b",
            "ä/b",
            "a/b@-x",
            "a/b@x@y",
        ] {
            assert!(matches!(text.parse::<Repository>(), Err(HubError::BadName(_))), "{text}");
            assert!(matches!(Repository::dataset(text), Err(HubError::BadName(_))), "{text}");
        }
    }
}
