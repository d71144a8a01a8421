//! JPEG files.

#[cfg(any(target_arch = "wasm32", test))]
mod pure;
mod structure;
#[cfg(test)]
mod tests;
#[cfg(not(target_arch = "wasm32"))]
mod turbo;

#[cfg(target_arch = "wasm32")]
use pure as decoder;
#[cfg(not(target_arch = "wasm32"))]
use turbo as decoder;

use structure::Structure;

use super::{Decoded, PictureLimits, Told};
use crate::error::EngineError;

/// The name of the JPEG decoder of this build: it decides a picture's last bits.
pub const JPEG_DECODER: &str = decoder::NAME;

/// The colours of decoded levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Levels {
    #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
    Gray,
    Rgb,
    /// Printing colours; 255 is no ink, as Adobe's programs write it and Pillow takes it.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
    Cmyk,
}

/// Why a JPEG file is not read.
#[derive(Debug)]
enum Refusal {
    /// What is wrong with it.
    Damaged(String),
    /// What kind it is.
    Kind(String),
    /// Decoding it takes too much memory.
    #[cfg_attr(target_arch = "wasm32", allow(dead_code))]
    Memory,
}

impl From<Refusal> for EngineError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Damaged(what) => super::damaged(&what),
            Refusal::Kind(kind) => super::unreadable(&kind),
            Refusal::Memory => super::too_much_memory(),
        }
    }
}

/// Decodes a JPEG file.
///
/// # Errors
/// The file is damaged, of a kind that is not read, or has too many pixels.
pub(super) fn decode(file: &[u8], limits: &PictureLimits) -> Result<Decoded, EngineError> {
    decode_with(file, limits, decoder::decode)
}

/// What a JPEG file unpacks into.
pub(super) struct Weight {
    /// Width and height in pixels.
    pub(super) size: (u32, u32),
    /// Most bytes that are held at once.
    pub(super) unpacked: u64,
    pub(super) told: Told,
}

/// What a JPEG file unpacks into, by its markers; `None` where it is not to be decoded.
pub(super) fn weigh(file: &[u8], limits: &PictureLimits) -> Option<Weight> {
    let structure = Structure::read(file, limits.pixels).ok()?;
    let pixels = u64::from(structure.width) * u64::from(structure.height);
    let levels = structure.components.len() as u64 * pixels;
    // Gray and printing colours are brought to RGB beside the levels.
    let rgb = if structure.components.len() == 3 { 0 } else { 3 * pixels };
    let told = Told { exif: structure.exif.clone(), xmp: structure.xmp.map(<[u8]>::to_vec) };
    let size = (structure.width, structure.height);
    Some(Weight { size, unpacked: levels + rgb.max(structure.coefficients()), told })
}

type Decoder = fn(&[u8], &Structure) -> Result<(Levels, Vec<u8>), Refusal>;

fn decode_with(
    file: &[u8],
    limits: &PictureLimits,
    decoder: Decoder,
) -> Result<Decoded, EngineError> {
    let structure = Structure::read(file, limits.pixels)?;
    let (width, height) = (structure.width, structure.height);
    limits.check(width, height)?;
    let (levels, bytes) = decoder(&file[..structure.length], &structure)?;
    let rgb = match levels {
        Levels::Rgb => bytes,
        Levels::Gray => bytes.into_iter().flat_map(|v| [v; 3]).collect(),
        Levels::Cmyk => inks(&bytes),
    };
    if rgb.len() as u64 != 3 * u64::from(width) * u64::from(height) {
        return Err(super::damaged("it has not the size that its header says"));
    }
    let told = Told { exif: structure.exif, xmp: structure.xmp.map(<[u8]>::to_vec) };
    Ok(Decoded { width, height, rgb, told })
}

/// Printing colours, of which 255 is no ink, to RGB as Pillow converts them.
fn inks(bytes: &[u8]) -> Vec<u8> {
    let level = |colour: u8, light: u8| {
        let product = u32::from(255 - colour) * u32::from(light) + 128;
        // Divided by 255, rounded to the nearest.
        let dark = ((product >> 8) + product) >> 8;
        u32::from(light).saturating_sub(dark) as u8
    };
    let pixels = bytes.as_chunks::<4>().0.iter();
    pixels.flat_map(|[c, m, y, k]| [level(*c, *k), level(*m, *k), level(*y, *k)]).collect()
}
