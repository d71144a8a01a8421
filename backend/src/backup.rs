//! Copies of a lab's stores, made while the lab is at work, and back.
//!
//! Each store is copied as it was at one moment (`VACUUM INTO` reads in one transaction and holds up
//! no writer), experiments before runs: a run that an experiment names was there when it was named.
//! The copy is read whole and compared with its checksums before it gets its name.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::clock;
use crate::experiments::check_experiments;
use crate::store::folder::prepare;
use crate::store::{Checked, Held, NotHeld, StoreError, check_runs, copy_store, lost_of_copy};

/// The list of what a copy holds.
const LIST: &str = "backup.json";
/// The form of that list.
const FORMAT: u32 = 1;
/// What SQLite keeps beside a store; what lies there is taken for a part of it.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];
/// The stores, in the order in which they are copied and restored: a folder with the last is a lab's.
const STORES: [&str; 2] = ["experiments.sqlite", "lab.sqlite"];
/// What whoever has them open holds locked.
const LOCKS: [&str; 2] = ["experiments.sqlite-open", "lock"];
/// What a person wrote.
const REGISTRY: &str = "models.toml";

/// A copy of a lab's stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The form of this list.
    format: u32,
    /// When it was made, RFC 3339.
    pub made: String,
    /// Version of the lab that made it.
    pub lab: String,
    /// Runs.
    pub runs: u64,
    /// Experiments.
    pub experiments: u64,
    /// Its files.
    pub files: Vec<Copied>,
    /// What was damaged in the stores already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<String>,
}

/// A file of a copy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

impl Backup {
    /// Bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// A copy cannot be made or brought back: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is nothing to copy.
    #[error("there is no lab in {0}: name the folder that it keeps everything in with --data")]
    NoLab(String),
    /// The place is taken.
    #[error("{0} is there already; name a folder that is not")]
    Taken(String),
    /// A store cannot be read or copied.
    #[error("{name} cannot be copied: {cause}")]
    Store {
        /// Its file.
        name: String,
        /// Why.
        cause: StoreError,
    },
    /// A file cannot be read or written.
    #[error("{file}: {cause}")]
    File {
        /// The file.
        file: String,
        /// What the system says.
        cause: io::Error,
    },
    /// The folder is no copy.
    #[error("{folder} is no copy that 'langoverrule backup' made: {why}")]
    NoBackup {
        /// The folder.
        folder: String,
        /// What is missing or wrong.
        why: String,
    },
    /// A file of the copy is not what was written.
    #[error("{file} is damaged: it does not have its checksum; nothing was restored")]
    Damaged {
        /// The file.
        file: String,
    },
    /// The data folder holds a lab.
    #[error(
        "{0} holds a lab already; restore into an empty folder, and start the lab with that as --data"
    )]
    InUse(String),
}

fn at(file: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let file = file.display().to_string();
    move |cause| BackupError::File { file, cause }
}

/// Copies the stores in `data` to the folder `to`, which is made. The lab may be at work.
///
/// # Errors
/// One sentence; there is no folder `to` then.
pub fn backup(data: &Path, to: &Path) -> Result<Backup, BackupError> {
    if !data.join("lab.sqlite").is_file() {
        return Err(BackupError::NoLab(data.display().to_string()));
    }
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Taken(to.display().to_string()));
    }
    // Beside it and renamed at the end, so that half a copy never has the name of one.
    let half = beside(to, "part");
    make_private_folder(&half).map_err(at(&half))?;
    let made = copy(data, &half).and_then(|backup| {
        std::fs::rename(&half, to).map_err(at(to))?;
        if let Some(parent) = to.parent() {
            sync_folder(parent).map_err(at(parent))?;
        }
        Ok(backup)
    });
    if made.is_err() {
        let _ = std::fs::remove_dir_all(&half);
    }
    made
}

fn copy(data: &Path, half: &Path) -> Result<Backup, BackupError> {
    // Before anything is read: everything acknowledged up to here is in the copy.
    let made = clock::now_rfc3339();
    let mut files = Vec::new();
    let (mut runs, mut experiments) = (Checked::default(), Checked::default());
    let mut lost = Vec::new();
    for (name, lock) in STORES.into_iter().zip(LOCKS) {
        let (from, file) = (data.join(name), half.join(name));
        if !from.is_file() {
            continue;
        }
        let failed = |cause| BackupError::Store { name: from.display().to_string(), cause };
        // Read before SQLite does, which overlooks what is behind a damaged place.
        lost.extend(lost_of_copy(&from, &data.join(lock)));
        // SQLite writes into an empty file, which is nobody else's to read.
        private_file(&file).map_err(at(&file))?;
        copy_store(&from, &file).map_err(failed)?;
        File::open(&file).and_then(|file| file.sync_all()).map_err(at(&file))?;
        match name {
            "lab.sqlite" => runs = check_runs(&file).map_err(failed)?,
            _ => experiments = check_experiments(&file).map_err(failed)?,
        }
        files.push(copied(name, &file)?);
    }
    let registry = data.join(REGISTRY);
    if registry.is_file() {
        let file = half.join(REGISTRY);
        copy_file(&registry, &file)?;
        files.push(copied(REGISTRY, &file)?);
    }
    let backup = Backup {
        format: FORMAT,
        made,
        lab: env!("CARGO_PKG_VERSION").to_owned(),
        runs: runs.count,
        experiments: experiments.count,
        files,
        damaged: [lost, runs.damaged, experiments.damaged].concat(),
    };
    let list = half.join(LIST);
    let text = serde_json::to_vec_pretty(&backup).map_err(|e| at(&list)(e.into()))?;
    let mut file = private_file(&list).map_err(at(&list))?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(at(&list))?;
    sync_folder(half).map_err(at(half))?;
    Ok(backup)
}

/// Brings a copy's files into the data folder, which is made where it is missing.
///
/// # Errors
/// One sentence; nothing was restored then.
pub fn restore(from: &Path, data: &Path) -> Result<Backup, BackupError> {
    let backup = read_list(from)?;
    if let Some(file) = backup.files.iter().find(|file| !from.join(&file.name).is_file()) {
        let why = format!("{}, which {LIST} names, is not there", file.name);
        return Err(BackupError::NoBackup { folder: from.display().to_string(), why });
    }
    let new = !data.is_dir();
    // An empty folder becomes its owner's alone, as a new one is.
    prepare(data).map_err(at(data))?;
    if new && let Some(parent) = data.parent() {
        sync_folder(parent).map_err(at(parent))?;
    }
    // Until this returns no lab opens here.
    let in_use = || BackupError::InUse(data.display().to_string());
    let _held = Held::take(data).map_err(|why| match why {
        NotHeld::ByAnother => in_use(),
        NotHeld::Cannot(cause) => at(data)(cause),
    })?;
    // What SQLite left beside a store that was removed would be read as this one's newest changes.
    let of_stores = STORES.iter().flat_map(|name| BESIDE.map(|end| format!("{name}{end}")));
    if of_stores.into_iter().any(|name| data.join(name).symlink_metadata().is_ok()) {
        return Err(in_use());
    }
    if backup.files.iter().any(|file| file.name == REGISTRY)
        && data.join(REGISTRY).symlink_metadata().is_ok()
    {
        return Err(BackupError::Taken(data.join(REGISTRY).display().to_string()));
    }
    let mut files: Vec<&Copied> = backup.files.iter().collect();
    files.sort_by_key(|file| STORES.iter().position(|name| *name == file.name));
    let parts: Vec<_> = files
        .iter()
        .map(|file| (data.join(format!("{}.part", file.name)), data.join(&file.name)))
        .collect();
    // All of them are whole before one has its name.
    let restored = files.iter().zip(&parts).try_for_each(|(file, (part, _))| {
        let _ = std::fs::remove_file(part);
        let there = from.join(&file.name);
        match copy_file(&there, part)? == file.sha256 {
            true => give_to_owner_of(data, part).map_err(at(part)),
            false => Err(BackupError::Damaged { file: there.display().to_string() }),
        }
    });
    let mut named = Vec::new();
    let restored = restored.and_then(|()| {
        parts.iter().try_for_each(|(part, file)| {
            std::fs::rename(part, file).map_err(at(file))?;
            named.push(file);
            Ok(())
        })
    });
    if restored.is_err() {
        for file in parts.iter().map(|(part, _)| part).chain(named) {
            let _ = std::fs::remove_file(file);
        }
    }
    restored?;
    sync_folder(data).map_err(at(data))?;
    Ok(backup)
}

/// Gives a file that root made to whose folder it lies in: the lab runs as that user.
fn give_to_owner_of(folder: &Path, file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if rustix::process::geteuid().is_root() {
        use std::os::unix::fs::MetadataExt as _;
        let owner = folder.metadata()?;
        std::os::unix::fs::chown(file, Some(owner.uid()), Some(owner.gid()))?;
    }
    let _ = (folder, file);
    Ok(())
}

fn read_list(from: &Path) -> Result<Backup, BackupError> {
    let no = |why: String| BackupError::NoBackup { folder: from.display().to_string(), why };
    let text = std::fs::read(from.join(LIST)).map_err(|e| no(format!("{LIST}: {e}")))?;
    let backup: Backup = serde_json::from_slice(&text).map_err(|e| no(format!("{LIST}: {e}")))?;
    if backup.format != FORMAT {
        return Err(no(format!("a later version of the lab ({}) made it", backup.lab)));
    }
    // Nothing but what a backup writes: a list from elsewhere must not name a file of its own.
    let known = |name: &str| STORES.contains(&name) || name == REGISTRY;
    match backup.files.iter().find(|file| !known(&file.name)) {
        Some(file) => Err(no(format!("it names a file {:?}", file.name))),
        None => Ok(backup),
    }
}

fn copied(name: &str, file: &Path) -> Result<Copied, BackupError> {
    let mut hash = Hashed { to: io::sink(), hash: Sha256::new() };
    let bytes = File::open(file).and_then(|mut file| io::copy(&mut file, &mut hash));
    Ok(Copied { name: name.to_owned(), bytes: bytes.map_err(at(file))?, sha256: hash.hex() })
}

/// Copies a file and gives its SHA-256; on the disk when this returns.
fn copy_file(from: &Path, to: &Path) -> Result<String, BackupError> {
    let mut source = File::open(from).map_err(at(from))?;
    let mut hash = Hashed { to: private_file(to).map_err(at(to))?, hash: Sha256::new() };
    let mut chunk = vec![0; 1 << 20];
    loop {
        let read = source.read(&mut chunk).map_err(at(from))?;
        if read == 0 {
            break;
        }
        hash.write_all(&chunk[..read]).map_err(at(to))?;
    }
    hash.to.sync_all().map_err(at(to))?;
    Ok(hash.hex())
}

/// Computes a SHA-256 of what is written.
struct Hashed<W> {
    to: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

impl<W> Hashed<W> {
    fn hex(self) -> String {
        self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A path beside another: with the same name, this process's number and an ending.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.{ending}", std::process::id()));
    path.with_file_name(name)
}

/// Makes a folder, and those above it, that only its owner may look into.
fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Makes a new file that only its owner may read.
fn private_file(file: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened as a file.
    #[cfg(unix)]
    {
        let here = Path::new(".");
        let folder = if folder.as_os_str().is_empty() { here } else { folder };
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}
