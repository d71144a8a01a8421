//! Which of llama.cpp's files make a model: a language model and the mmproj that goes with it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::{is_architecture, is_whole, told_architectures};
use crate::error::EngineError;
use crate::weights::is_hidden;

/// The language model and the mmproj that a place of llama.cpp's files stands for:
/// `FILE.gguf,MMPROJ.gguf`, or `FILE.gguf` or a folder with its mmproj beside it. `None` where it
/// is no such place.
///
/// # Errors
/// One of the two is missing, or it is not clear which is meant.
pub fn gguf_files(place: &Path) -> Option<Result<(PathBuf, PathBuf), EngineError>> {
    if place.is_dir() {
        let (mmproj, text): (Vec<_>, Vec<_>) =
            ggufs(place).into_iter().partition(|path| is_mmproj(path));
        if text.is_empty() && mmproj.is_empty() || place.join("config.json").exists() {
            return None;
        }
        return Some(match text.as_slice() {
            [alone] => beside(alone).map(|mmproj| (alone.clone(), mmproj)),
            [] => Err(EngineError::model(format!(
                "{}: there is an mmproj file but no language model beside it",
                place.display()
            ))),
            _ => Err(EngineError::model(format!(
                "{}: there are several GGUF files; name one",
                place.display()
            ))),
        });
    }
    if place.is_file() {
        return is_gguf(place).then(|| beside(place).map(|mmproj| (place.to_owned(), mmproj)));
    }
    let name = place.to_string_lossy();
    // A comma may be part of a name: the cut is where both sides are files, or else the first.
    let cuts = name.match_indices(',').map(|(at, _)| (&name[..at], &name[at + 1..]));
    let both = |(a, b): &(&str, &str)| Path::new(a).is_file() && Path::new(b).is_file();
    let cut = cuts.clone().find(both).or_else(|| cuts.clone().next());
    if !is_named_gguf(place)
        && !cut.is_some_and(|(a, b)| is_gguf(a.as_ref()) && is_gguf(b.as_ref()))
    {
        return None;
    }
    Some(match cut {
        Some((first, second)) if is_mmproj(Path::new(first)) => Ok((second.into(), first.into())),
        Some((first, second)) => Ok((first.into(), second.into())),
        None => Err(EngineError::model(format!("{name}: there is no such file"))),
    })
}

fn is_named_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|x| x.eq_ignore_ascii_case("gguf"))
}

/// Whether a file is llama.cpp's: by its ending, or, where it has none (as Ollama's blobs), by what
/// it begins with.
fn is_gguf(path: &Path) -> bool {
    is_named_gguf(path) || path.extension().is_none() && path.is_file() && begin(path, 4) == b"GGUF"
}

/// The first bytes of a file; fewer where it has not so many or cannot be read.
fn begin(path: &Path, bytes: u64) -> Vec<u8> {
    let mut read = Vec::new();
    if let Ok(file) = File::open(path) {
        let _ = file.take(bytes).read_to_end(&mut read);
    }
    read
}

/// The architecture that one of llama.cpp's files names, at a glance: the key is among the first.
/// `None` where that is not so, or the file is another.
pub fn gguf_architecture(path: &Path) -> Option<String> {
    const KEY: &[u8] = b"general.architecture";
    let begin = begin(path, 1 << 16);
    if !begin.starts_with(b"GGUF") {
        return None;
    }
    let at = begin.windows(KEY.len()).position(|bytes| bytes == KEY)? + KEY.len();
    // The value's kind, 8 for a text, and the text's length.
    let (kind, length) = (begin.get(at..at + 4)?, begin.get(at + 4..at + 12)?);
    let length = u64::from_le_bytes(length.try_into().ok()?);
    if kind != [8, 0, 0, 0] || length > 64 {
        return None;
    }
    let text = begin.get(at + 12..at + 12 + length as usize)?;
    std::str::from_utf8(text).ok().map(str::to_owned)
}

fn is_mmproj(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n.to_string_lossy().to_lowercase().contains("mmproj"))
}

fn ggufs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_file = |p: &PathBuf| is_gguf(p) && !is_hidden(p);
    let mut found: Vec<PathBuf> = entries.map(|e| e.path()).filter(is_file).collect();
    found.sort();
    found
}

/// Whether an mmproj has a model's name: the words of its own, less those that say what it is,
/// begin the model's.
fn is_named_after(mmproj: &Path, text: &Path) -> bool {
    let words = |path: &Path| -> Vec<String> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
        name.split(['-', '_', '.']).filter(|w| !w.is_empty()).map(str::to_owned).collect()
    };
    let mut own = words(mmproj);
    own.retain(|w| !["mmproj", "model", "f16", "f32", "bf16", "q8", "0"].contains(&w.as_str()));
    !own.is_empty() && words(text).starts_with(&own)
}

/// The mmproj that lies beside a language model.
fn beside(text: &Path) -> Result<PathBuf, EngineError> {
    let file = text.display();
    if is_mmproj(text) {
        return Err(EngineError::model(format!(
            "{file}: this is an mmproj; name the language model it belongs to as well: \
             FILE.gguf,MMPROJ.gguf"
        )));
    }
    match gguf_architecture(text).as_deref() {
        Some(arch) if is_whole(arch) => return Ok(text.to_owned()),
        Some(arch) if arch != "clip" && !is_architecture(arch) => {
            return Err(EngineError::model(format!(
                "{file}: general.architecture is '{arch}', which is not supported; {} are",
                told_architectures()
            )));
        }
        _ => {}
    }
    let folder = text.parent().unwrap_or(Path::new("."));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut found: Vec<PathBuf> = ggufs(folder).into_iter().filter(|p| is_mmproj(p)).collect();
    if found.len() > 1 && found.iter().filter(|p| is_named_after(p, text)).count() == 1 {
        found.retain(|p| is_named_after(p, text));
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => Err(EngineError::model(format!(
            "{file}: the vision tower is missing; name the mmproj file that belongs to this \
             language model as well: FILE.gguf,MMPROJ.gguf"
        ))),
        n => Err(EngineError::model(format!(
            "{file}: there are {n} mmproj files beside it; name one: FILE.gguf,MMPROJ.gguf"
        ))),
    }
}
