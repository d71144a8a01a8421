//! Converted weights, kept: what a model's files became in memory, so that the next load neither
//! reads the files nor converts them.
//!
//! A cache file is the tensors in the order in which they are asked for, each with its name, form
//! and checksum. It is named after the SHA-256 of the model's files, the quantization and the
//! version of this form. Whatever does not fit is taken from the model's own files instead, and
//! the cache file is removed, so that the next load writes it anew.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use candle_core::quantized::GgmlDType;
use sha2::{Digest, Sha256};
use shared::Quant;

use super::WeightFiles;
use super::packed::tiled_bytes;
use crate::error::EngineError;

/// Changes whenever the form below does, or what the loader makes of the same files.
const VERSION: u32 = 3;
const END: &str = "end";

/// Where converted weights are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeightCache {
    /// The folder; made where it is missing.
    pub folder: PathBuf,
    /// Models of fewer bytes are converted faster than they are kept.
    pub least: u64,
    /// Most bytes of all cache files; the ones used longest ago are dropped first.
    pub most: u64,
}

impl WeightCache {
    /// A cache of at most 64 GiB for models of at least 256 MiB.
    pub fn in_folder(folder: PathBuf) -> Self {
        WeightCache { folder, least: 256 << 20, most: 64 << 30 }
    }

    /// SHA-256 of a model's files. Hashing gigabytes takes as long as reading them, so it is
    /// remembered by the files' paths, sizes, and times of change: on Unix also the inode and its
    /// own time of change, which no program can set back.
    pub(crate) fn hash(&self, files: &WeightFiles) -> Result<String, EngineError> {
        let Some(memo) = files.stamp().map(|s| self.folder.join(format!("{s}.sha256"))) else {
            return files.hash();
        };
        if let Ok(hash) = std::fs::read_to_string(&memo)
            && hash.len() == 64
            && hash.bytes().all(|b| b.is_ascii_hexdigit())
        {
            return Ok(hash);
        }
        let hash = files.hash()?;
        // Remembering is a favour: without it the next load only takes longer.
        let part = memo.with_extension(format!("{}.part", std::process::id()));
        let kept = std::fs::create_dir_all(&self.folder)
            .and_then(|()| std::fs::write(&part, &hash))
            .and_then(|()| std::fs::rename(&part, &memo));
        if kept.is_err() {
            let _ = std::fs::remove_file(&part);
        }
        Ok(hash)
    }

    /// The tape of a model, its blocks arranged for the processor or not: one to read where it is
    /// kept, else one to write; `None` where neither is worth it or possible.
    pub(crate) fn tape(
        &self,
        hash: &str,
        quant: Quant,
        arranged: bool,
        bytes: u64,
    ) -> Option<Tape> {
        if bytes < self.least || matches!(quant, Quant::F32 | Quant::Stored) {
            return None;
        }
        let how = if arranged { "-tiled" } else { "" };
        let path = self.folder.join(format!("{hash}-{}{how}-{VERSION}.weights", quant.name()));
        if let Ok(file) = File::open(&path) {
            return Some(Tape::Read { file: BufReader::with_capacity(1 << 20, file), path });
        }
        std::fs::create_dir_all(&self.folder).ok()?;
        let part = path.with_extension(format!("{}.part", std::process::id()));
        let file = BufWriter::with_capacity(1 << 20, File::create(&part).ok()?);
        Some(Tape::Write { file, part, path, most: self.most, done: false })
    }
}

/// How a tensor's bytes are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Form {
    F32 = 0,
    F16 = 1,
    Bf16 = 2,
    Q8_0 = 3,
    Q6k = 4,
    Q5k = 5,
    Q4k = 6,
    TiledQ8_0 = 7,
    TiledQ6k = 8,
    TiledQ5k = 9,
    TiledQ4k = 10,
}

impl Form {
    const ALL: [Form; 11] = [
        Form::F32,
        Form::F16,
        Form::Bf16,
        Form::Q8_0,
        Form::Q6k,
        Form::Q5k,
        Form::Q4k,
        Form::TiledQ8_0,
        Form::TiledQ6k,
        Form::TiledQ5k,
        Form::TiledQ4k,
    ];

    /// Whether blocks lie as our own products read them.
    pub(crate) const fn is_tiled(self) -> bool {
        self as u8 >= Form::TiledQ8_0 as u8
    }

    /// Bytes of a tensor; `None` for tiles that are no matrix.
    fn bytes(self, shape: &[usize]) -> Option<usize> {
        let values: usize = shape.iter().product();
        let tiled = |block| match shape {
            [rows, columns] => tiled_bytes(block, *rows, *columns),
            _ => None,
        };
        let (block, bytes) = match self {
            Form::TiledQ8_0 => return tiled(GgmlDType::Q8_0),
            Form::TiledQ6k => return tiled(GgmlDType::Q6K),
            Form::TiledQ5k => return tiled(GgmlDType::Q5K),
            Form::TiledQ4k => return tiled(GgmlDType::Q4K),
            Form::F32 => (1, 4),
            Form::F16 | Form::Bf16 => (1, 2),
            Form::Q8_0 => (32, 34),
            Form::Q6k => (256, 210),
            Form::Q5k => (256, 176),
            Form::Q4k => (256, 144),
        };
        Some(values / block * bytes)
    }
}

/// Converted tensors being read, or being written.
pub(crate) enum Tape {
    Read { file: BufReader<File>, path: PathBuf },
    Write { file: BufWriter<File>, part: PathBuf, path: PathBuf, most: u64, done: bool },
}

impl Tape {
    /// The next tensor, if it is the one asked for and whole.
    pub(crate) fn take(&mut self, name: &str, shape: &[usize]) -> Option<(Form, Vec<u8>)> {
        let Tape::Read { file, .. } = self else { return None };
        read(file, name, shape)
    }

    /// Whether tensors come from it.
    pub(crate) fn reads(&self) -> bool {
        matches!(self, Tape::Read { .. })
    }

    /// Removes the file of a tape that does not fit.
    pub(crate) fn forget(self) {
        if let Tape::Read { path, .. } = &self {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Writes a tensor; whether that worked. What cannot be written is not kept.
    pub(crate) fn keep(&mut self, name: &str, shape: &[usize], form: Form, bytes: &[u8]) -> bool {
        match self {
            Tape::Read { .. } => true,
            Tape::Write { file, .. } => write(file, name, shape, form, bytes).is_ok(),
        }
    }

    /// Gives a written tape its name once it is on the disk, and drops the oldest of too many.
    pub(crate) fn finish(mut self) {
        match &mut self {
            // Used just now.
            Tape::Read { file, .. } => {
                let _ = file.get_ref().set_modified(crate::clock::wall());
            }
            Tape::Write { file, part, path, most, done } => {
                let written = write(file, END, &[], Form::F32, &[])
                    .and_then(|()| file.flush())
                    .and_then(|()| file.get_ref().sync_all())
                    .and_then(|()| std::fs::rename(&*part, &*path));
                *done = written.is_ok();
                if *done {
                    drop_oldest(path, *most);
                }
            }
        }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        if let Tape::Write { part, done: false, .. } = self {
            let _ = std::fs::remove_file(part);
        }
    }
}

fn read(file: &mut impl Read, name: &str, shape: &[usize]) -> Option<(Form, Vec<u8>)> {
    let mut head = vec![0; 4 + name.len() + 2 + 8 * shape.len()];
    file.read_exact(&mut head).ok()?;
    let form = Form::ALL.into_iter().find(|f| *f as u8 == head[4 + name.len()])?;
    if head != described(name, shape, form) {
        return None;
    }
    let mut sum = [0; 32];
    file.read_exact(&mut sum).ok()?;
    let mut bytes = vec![0; form.bytes(shape)?];
    file.read_exact(&mut bytes).ok()?;
    (checksum(&head, &bytes) == sum).then_some((form, bytes))
}

fn write(
    file: &mut impl Write,
    name: &str,
    shape: &[usize],
    form: Form,
    bytes: &[u8],
) -> std::io::Result<()> {
    let head = described(name, shape, form);
    file.write_all(&head)?;
    file.write_all(&checksum(&head, bytes))?;
    file.write_all(bytes)
}

/// Of what stands before a tensor too: tiles and blocks of one form may be equally long.
fn checksum(head: &[u8], bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(head).chain_update(bytes).finalize().into()
}

/// What stands before a tensor.
fn described(name: &str, shape: &[usize], form: Form) -> Vec<u8> {
    let mut head = (name.len() as u32).to_le_bytes().to_vec();
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(&[form as u8, shape.len() as u8]);
    shape.iter().for_each(|n| head.extend_from_slice(&(*n as u64).to_le_bytes()));
    head
}

/// Removes the cache files used longest ago until the rest fits; never the newest.
fn drop_oldest(newest: &Path, most: u64) {
    let Some(Ok(entries)) = newest.parent().map(std::fs::read_dir) else { return };
    let mut files: Vec<_> = entries
        .flatten()
        .filter(|e| e.path().extension().is_some_and(|x| x == "weights" || x == "part"))
        .filter_map(|e| Some((e.metadata().ok()?, e.path())))
        .filter_map(|(m, path)| Some((m.modified().ok()?, m.len(), path)))
        .collect();
    files.sort();
    let mut total: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in files {
        if total <= most {
            return;
        }
        if path != newest && std::fs::remove_file(&path).is_ok() {
            total -= bytes;
        }
    }
}
