//! Datasets in the hub's cache, for those who read them.

use std::path::PathBuf;

use datasets::Published;

use super::{Hub, Repository, Wanted, shards, size};

/// A published dataset's repository, and what is wanted of it.
///
/// # Errors
/// The repository's name is none; those of [`datasets::PUBLISHED`] are.
pub fn published(dataset: &Published) -> Result<(Repository, Wanted), super::HubError> {
    Ok((Repository::dataset(dataset.repository)?, parquet_in(dataset.folder)))
}

fn parquet_in(folder: &str) -> Wanted {
    Wanted::Folder { folder: folder.to_owned(), extension: "parquet".to_owned() }
}

/// Finds what was pulled, by this program or by Python's; never asks the network.
impl datasets::Hub for Hub {
    fn parquet(&self, repository: &str, folder: &str) -> Result<datasets::Pulled, String> {
        let found = Repository::dataset(repository).map_err(|e| format!("{e}."))?;
        let Some(snapshot) = self.local(&found, &parquet_in(folder)) else {
            return Err(absent(repository, folder));
        };
        let commit = snapshot.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let names = shards::here(&snapshot, folder, "parquet");
        let files: Vec<PathBuf> = names.iter().map(|name| snapshot.join(name)).collect();
        Ok(datasets::Pulled { commit, files })
    }
}

fn absent(repository: &str, folder: &str) -> String {
    let is = |p: &&Published| p.repository == repository && p.folder == folder;
    match datasets::PUBLISHED.iter().find(is) {
        Some(p) => format!(
            "it is not on this machine yet ({} to fetch); get it with `langoverrule datasets pull {}`.",
            size(p.bytes),
            p.shortest()
        ),
        None => format!("the folder '{folder}' of {repository} is not on this machine."),
    }
}
