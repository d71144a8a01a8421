//! Which of llama.cpp's files make a model: a language model and the mmproj that goes with it.

use std::io::Read;
use std::path::{Path, PathBuf};

use shared::sentence::{FileFault, GgufModelFault};

use super::{is_architecture, is_whole, told_architectures};
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::weights::gguf::line;
use crate::weights::is_hidden;

/// The language model and the mmproj that a place of llama.cpp's files stands for:
/// `FILE.gguf,MMPROJ.gguf`, or `FILE.gguf` or a folder with its mmproj beside it. `None` where it
/// is no such place.
///
/// # Errors
/// One of the two is missing, or it is not clear which is meant.
pub fn gguf_files(place: impl Into<Location>) -> Option<Result<(PathBuf, PathBuf), EngineError>> {
    let path = |location: Location| location.path().to_owned();
    let paths = |(text, mmproj)| (path(text), path(mmproj));
    Some(gguf_locations(&place.into())?.map(paths))
}

/// As [`gguf_files`], in the place's file system.
pub(super) fn gguf_locations(
    place: &Location,
) -> Option<Result<(Location, Location), EngineError>> {
    if place.is_folder() {
        let (mmproj, text): (Vec<_>, Vec<_>) =
            ggufs(place).into_iter().partition(|file| is_mmproj(file.path()));
        if text.is_empty() && mmproj.is_empty() || place.join("config.json").exists() {
            return None;
        }
        return Some(match text.as_slice() {
            [alone] => beside(alone).map(|mmproj| (alone.clone(), mmproj)),
            [] => Err(EngineError::of_file(place.display(), GgufModelFault::NoLanguageModel)),
            _ => Err(EngineError::of_file(place.display(), GgufModelFault::SeveralFiles)),
        });
    }
    if place.is_file() {
        return is_gguf(place).then(|| beside(place).map(|mmproj| (place.clone(), mmproj)));
    }
    let name = place.path().to_string_lossy();
    // A comma may be part of a name: the cut is where both sides are files, or else the first.
    let cuts = name.match_indices(',').map(|(at, _)| (&name[..at], &name[at + 1..]));
    let both = |(a, b): &(&str, &str)| place.at(a).is_file() && place.at(b).is_file();
    let cut = cuts.clone().find(both).or_else(|| cuts.clone().next());
    if !is_named_gguf(place.path())
        && !cut.is_some_and(|(a, b)| is_gguf(&place.at(a)) && is_gguf(&place.at(b)))
    {
        return None;
    }
    Some(match cut {
        Some((first, second)) if is_mmproj(Path::new(first)) => {
            Ok((place.at(second), place.at(first)))
        }
        Some((first, second)) => Ok((place.at(first), place.at(second))),
        None => Err(EngineError::of_file(name, FileFault::NoSuchFile)),
    })
}

fn is_named_gguf(path: &Path) -> bool {
    path.extension().is_some_and(|x| x.eq_ignore_ascii_case("gguf"))
}

/// Whether a file is llama.cpp's: by its ending, or, where it has none (as Ollama's blobs), by what
/// it begins with.
fn is_gguf(file: &Location) -> bool {
    let bare = || file.path().extension().is_none();
    is_named_gguf(file.path()) || bare() && file.is_file() && begin(file, 4) == b"GGUF"
}

/// The first bytes of a file; fewer where it has not so many or cannot be read.
fn begin(file: &Location, bytes: u64) -> Vec<u8> {
    let mut read = Vec::new();
    if let Ok(file) = file.open() {
        let _ = file.take(bytes).read_to_end(&mut read);
    }
    read
}

/// The architecture that one of llama.cpp's files names, at a glance: the key is among the first.
/// `None` where that is not so, or the file is another.
pub fn gguf_architecture(file: impl Into<Location>) -> Option<String> {
    const KEY: &[u8] = b"general.architecture";
    let begin = begin(&file.into(), 1 << 16);
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

fn ggufs(folder: &Location) -> Vec<Location> {
    let mut found = folder.list().unwrap_or_default();
    found.retain(|file| is_gguf(file) && !is_hidden(file.path()));
    found.sort_by(|a, b| a.path().cmp(b.path()));
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
fn beside(text: &Location) -> Result<Location, EngineError> {
    let problem = |what: GgufModelFault| Err(EngineError::of_file(text.display(), what));
    if is_mmproj(text.path()) {
        return problem(GgufModelFault::OnlyMmproj);
    }
    match gguf_architecture(text).as_deref() {
        Some(arch) if is_whole(arch) => return Ok(text.clone()),
        Some(arch) if arch != "clip" && !is_architecture(arch) => {
            let (name, known) = (line(arch), told_architectures().into());
            return problem(GgufModelFault::Architecture { name, known });
        }
        _ => {}
    }
    let folder = text.path().parent().unwrap_or(Path::new("."));
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut found = ggufs(&text.at(folder));
    found.retain(|file| is_mmproj(file.path()));
    let is_its = |file: &Location| is_named_after(file.path(), text.path());
    if found.len() > 1 && found.iter().filter(|file| is_its(file)).count() == 1 {
        found.retain(is_its);
    }
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => problem(GgufModelFault::NoMmproj),
        n => problem(GgufModelFault::SeveralMmproj { n }),
    }
}
