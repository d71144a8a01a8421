//! The decoder of builds for the browser: zune-jpeg, in Rust alone. It differs from Pillow by at
//! most 5 levels, and by 0.4 on average, where chroma is subsampled both ways.
//!
//! What it reads wrong (measured against Pillow in `tests/pictures.rs`) is refused before it is
//! asked: separate scans that are not progressive, chroma finer than luma, factors of 3.

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::{Levels, Refusal, Structure};

/// As provenance names it.
#[cfg(target_arch = "wasm32")]
pub(super) const NAME: &str = "zune-jpeg";

/// The levels of a whole JPEG file, as RGB.
pub(super) fn decode(file: &[u8], structure: &Structure) -> Result<(Levels, Vec<u8>), Refusal> {
    readable(structure)?;
    let bytes = rgb(file, true).map_err(Refusal::Damaged)?;
    // The decoder reads zeros where data end too early, and says nothing. Of a whole picture it
    // reads no byte more, so other bytes in their place change nothing.
    let zeros = structure.zeros.into_iter().max().unwrap_or_default();
    let gap = if zeros > PADDING { zeros } else { 0 };
    let mut other = file[..file.len() - END.len() - gap].to_vec();
    other.extend([0x5A; 64]);
    other.extend(END);
    if rgb(&other, false).is_ok_and(|other| other == bytes) {
        return Ok((Levels::Rgb, bytes));
    }
    Err(Refusal::Damaged("its data end before the picture does".into()))
}

/// The end mark.
const END: [u8; 2] = [0xFF, 0xD9];

/// So many zeros a picture of one colour may end with.
const PADDING: usize = 32;

fn rgb(file: &[u8], strict: bool) -> Result<Vec<u8>, String> {
    let edge = usize::from(u16::MAX);
    let options = DecoderOptions::default()
        .set_strict_mode(strict)
        .set_max_width(edge)
        .set_max_height(edge)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(file), options);
    decoder.decode().map_err(|e| e.to_string())
}

fn readable(structure: &Structure) -> Result<(), Refusal> {
    let refuse = |what: &str| Err(Refusal::Kind(format!("{what} in the browser build")));
    let (first, rest) = match structure.components.as_slice() {
        [first, rest @ ..] => (first.sampling, rest),
        [] => return refuse("a JPEG without colours"),
    };
    if rest.iter().any(|c| c.sampling != (1, 1)) || first.0 == 3 {
        return refuse("a JPEG with such sampling factors");
    }
    let separate = structure.scans.iter().any(|n| *n != structure.components.len());
    if separate && !structure.progressive {
        return refuse("a JPEG with a scan for each colour");
    }
    Ok(())
}
