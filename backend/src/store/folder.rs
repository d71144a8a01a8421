//! The data folder: its owner's alone, and one lab's at a time.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// What the lab keeps at the top of its data folder, and beside which SQLite puts its own files.
const FILES: &[&str] =
    &["lab.sqlite", "experiments.sqlite", "lock", "reserve", "reserve.trial", "loading"];
const BESIDE: &[&str] = &["", "-wal", "-shm", "-journal", "-open"];
const FOLDERS: &[&str] = &["workers"];

/// Makes the data folder where it is missing, and lets nobody but its owner into it and into the
/// files that an earlier lab left there. A folder that holds other things but nothing of a lab's is
/// left as it is, but for the lab's own files. Where modes cannot be set (another's folder, a file
/// system that knows none), that is said in the log and the lab opens all the same.
///
/// # Errors
/// The folder is not there and cannot be made.
pub(crate) fn prepare(folder: &Path) -> io::Result<()> {
    make(folder)?;
    let ours = FILES.iter().any(|name| folder.join(name).exists());
    let others = std::fs::read_dir(folder).is_ok_and(|mut all| all.next().is_some());
    if (ours || !others)
        && let Err(error) = close(folder, 0o700)
    {
        tracing::warn!(%error, folder = %folder.display(), "the data folder stays open to others");
    }
    let files = FILES.iter().flat_map(|name| BESIDE.iter().map(move |end| format!("{name}{end}")));
    let mut all: Vec<(PathBuf, u32)> = files.map(|name| (folder.join(name), 0o600)).collect();
    for name in FOLDERS {
        let within = std::fs::read_dir(folder.join(name)).into_iter().flatten().flatten();
        all.extend(within.map(|entry| (entry.path(), 0o600)));
        all.push((folder.join(name), 0o700));
    }
    for (path, mode) in all {
        match close(&path, mode) {
            Ok(()) => {}
            // Workers come and go, and so do SQLite's files.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(%error, file = %path.display(), "a file of the lab stays open to others");
            }
        }
    }
    Ok(())
}

/// Makes a folder, and those above it, that only its owner may enter.
pub(crate) fn make(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// How a file is made that only its owner may read.
pub(crate) fn private() -> std::fs::OpenOptions {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a database's file, empty, where it is missing: SQLite gives the files beside it the same
/// mode.
pub(crate) fn make_database(path: &Path) -> io::Result<()> {
    match private().create_new(true).write(true).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Takes away what anybody but the owner may do with a file. Links are not followed.
#[cfg(unix)]
fn close(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let now = std::fs::symlink_metadata(path)?;
    let bits = now.permissions().mode() & 0o777;
    if now.is_symlink() || bits & !mode == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(bits & mode))
}

#[cfg(not(unix))]
fn close(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Whether this process may do anything on its machine, where the system says so.
pub(crate) fn is_root() -> bool {
    #[cfg(unix)]
    return rustix::process::geteuid().is_root();
    #[cfg(not(unix))]
    return false;
}

/// A folder that is this lab's for as long as this is kept, or until [`Held::let_go`].
#[derive(Debug)]
pub(crate) struct Held {
    file: Option<File>,
    /// The folder itself, where the system can lock one: whoever removes the lock's file does not
    /// remove the lock.
    folder: Option<File>,
}

/// The folder is not to be had.
#[derive(Debug)]
pub(crate) enum NotHeld {
    ByAnother,
    Cannot(io::Error),
}

impl Held {
    pub(crate) fn take(folder: &Path) -> Result<Held, NotHeld> {
        let file = private().create(true).truncate(false).write(true).open(folder.join("lock"));
        let file = match file {
            Ok(file) => Some(file),
            // A full disk may have no room for one more file; the folder's own lock then stands alone.
            Err(error) if error.kind() == io::ErrorKind::StorageFull => None,
            Err(cause) => return Err(NotHeld::Cannot(cause)),
        };
        match file.as_ref().map(File::try_lock).transpose() {
            Ok(_) => {}
            Err(TryLockError::WouldBlock) => return Err(NotHeld::ByAnother),
            Err(TryLockError::Error(cause)) => return Err(NotHeld::Cannot(cause)),
        }
        let folder = match File::open(folder) {
            Ok(folder) => match folder.try_lock() {
                Ok(()) => Some(folder),
                Err(TryLockError::WouldBlock) => return Err(NotHeld::ByAnother),
                // Some network file systems lock no folders; the file's lock stands.
                Err(TryLockError::Error(_)) => None,
            },
            Err(_) => None,
        };
        match (&file, &folder) {
            (None, None) => Err(NotHeld::Cannot(io::ErrorKind::StorageFull.into())),
            _ => Ok(Held { file, folder }),
        }
    }

    pub(super) fn let_go(&self) {
        for held in self.file.iter().chain(&self.folder) {
            let _ = held.unlock();
        }
    }
}
