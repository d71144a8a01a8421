//! A demo model that the binary carries, written out where the engine can read it.

use std::path::{Path, PathBuf};

use super::CatalogError;
use crate::assets::Assets;

/// Writes the files carried inside the binary to a folder of that one, named after their contents,
/// unless they are there as they should be; `None` where the binary carries none.
pub(super) fn unpack(
    name: &str,
    assets: &Assets,
    models: &Path,
) -> Result<Option<PathBuf>, CatalogError> {
    use sha2::{Digest, Sha256};
    let mut hash = Sha256::new();
    let mut any = false;
    for (path, bytes) in assets.embedded() {
        any = true;
        hash.update(path);
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    if !any {
        return Ok(None);
    }
    let tag = shared::hex(&hash.finalize()[..6]);
    let folder = models.join(format!("{name}-{tag}"));
    let same = |(path, bytes): (&str, &[u8])| {
        std::fs::read(folder.join(path)).is_ok_and(|kept| kept == bytes)
    };
    if folder.is_dir() {
        if assets.embedded().all(same) {
            return Ok(Some(folder));
        }
        tracing::error!(folder = %folder.display(), "a model is damaged, and written anew");
        let _ = std::fs::remove_dir_all(&folder);
    }
    let failed = |cause| CatalogError::Unpack { folder: folder.display().to_string(), cause };
    // Written beside and renamed, so that a half-written model is never taken for one.
    let half = folder.with_extension(format!("{}.part", std::process::id()));
    for (path, bytes) in assets.embedded() {
        let file = half.join(path);
        std::fs::create_dir_all(file.parent().unwrap_or(&half)).map_err(failed)?;
        write_through(&file, bytes).map_err(failed)?;
    }
    // On the disk before it gets its name: after a power failure, the name vouches for the files.
    sync_folders(&half).map_err(failed)?;
    match std::fs::rename(&half, &folder) {
        Ok(()) => {}
        // Another lab was faster.
        Err(_) if folder.is_dir() => {
            let _ = std::fs::remove_dir_all(&half);
        }
        Err(cause) => return Err(failed(cause)),
    }
    Ok(Some(folder))
}

fn write_through(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::File::create(file)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Syncs a folder and those in it, where the system can.
fn sync_folders(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_folders(&entry.path())?;
        }
    }
    // Elsewhere a folder cannot be opened as a file.
    #[cfg(unix)]
    std::fs::File::open(folder)?.sync_all()?;
    Ok(())
}
