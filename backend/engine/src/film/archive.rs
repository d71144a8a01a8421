//! Frames and their rate as one file: a tar archive, which any program opens. Its first file is `film.json`, what
//! follows are the frames in their order, or one animated file.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use shared::FILM_MANIFEST;

use super::damaged;
use crate::error::EngineError;

/// What is said of frames that are given one by one. All of it is left out for a film that is one file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Frames {
    /// How many of them a second there are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<f64>,
    /// How many frames a second the film has that they were taken of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_fps: Option<f64>,
    /// How many frames that film has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_frames: Option<u32>,
    /// Their numbers in it, from 0.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub indices: Vec<u32>,
}

/// A tar archive counts in these.
const BLOCK: usize = 512;
/// Most bytes of `film.json`.
const MOST_MANIFEST: usize = 1 << 20;

impl Frames {
    /// These frames, or one animated file, as one file.
    pub fn packed(&self, files: &[impl AsRef<[u8]>]) -> Vec<u8> {
        let manifest = serde_json::to_vec(self).unwrap_or_default();
        let mut archive = Vec::new();
        add(&mut archive, FILM_MANIFEST, &manifest);
        for (number, file) in files.iter().enumerate() {
            add(&mut archive, &format!("{number:05}"), file.as_ref());
        }
        // Two empty blocks end an archive.
        archive.resize(archive.len() + 2 * BLOCK, 0);
        archive
    }
}

/// The animated file that is an archive's only one; `None` of other files.
pub fn animated_in(bytes: &[u8]) -> Option<&[u8]> {
    shared::film_type(bytes).filter(|kind| *kind == "application/x-tar")?;
    match unpacked(bytes) {
        Ok((said, places)) if said == Frames::default() => match places.as_slice() {
            [one] => bytes.get(one.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Adds a file as POSIX's ustar writes it: what is not said of it is zero, so that equal films are equal files.
fn add(archive: &mut Vec<u8>, name: &str, bytes: &[u8]) {
    let mut header = [0; BLOCK];
    let mut put =
        |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{:011o}\0", bytes.len()));
    put(136, "00000000000\0");
    put(156, "0");
    put(257, "ustar\0");
    put(263, "00");
    let sum = checksum(&header);
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    archive.extend_from_slice(&header);
    archive.extend_from_slice(bytes);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}

/// The sum of a header's bytes, its own field taken for spaces.
fn checksum(header: &[u8; BLOCK]) -> u32 {
    let own = 148..156;
    let byte = |(at, byte): (usize, &u8)| if own.contains(&at) { 32 } else { u32::from(*byte) };
    header.iter().enumerate().map(byte).sum()
}

/// What an archive says of its frames, and where they lie in it.
pub(super) fn unpacked(bytes: &[u8]) -> Result<(Frames, Vec<Range<usize>>), EngineError> {
    let cut = || damaged("its archive ends early");
    let (mut at, mut places) = (0, Vec::new());
    while let Some(header) = bytes.get(at..at + BLOCK) {
        let header: &[u8; BLOCK] = header.as_array().ok_or_else(cut)?;
        if header.iter().all(|byte| *byte == 0) {
            break;
        }
        if octal(&header[148..156]) != Some(u64::from(checksum(header))) {
            return Err(damaged("a header of its archive has another checksum"));
        }
        let size = octal(&header[124..136]).and_then(|size| usize::try_from(size).ok());
        let start = at + BLOCK;
        let end = size.and_then(|size| start.checked_add(size)).filter(|end| *end <= bytes.len());
        let end = end.ok_or_else(cut)?;
        // Plain files alone are frames.
        if matches!(header[156], 0 | b'0') {
            places.push(start..end);
        }
        at = end.next_multiple_of(BLOCK);
    }
    let said = places.first().and_then(|place| bytes.get(place.clone())).ok_or_else(cut)?;
    if said.len() > MOST_MANIFEST {
        return Err(damaged("film.json is too large"));
    }
    let frames = serde_json::from_slice(said).map_err(|e| damaged(&format!("film.json: {e}")))?;
    places.remove(0);
    Ok((frames, places))
}

/// A number of a header: digits to the base of eight, with spaces or zeros around.
fn octal(field: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    u64::from_str_radix(text, 8).ok()
}
