//! What decoding a picture file takes of memory, from its header: known before anything is unpacked.

use std::borrow::Cow;
use std::io::Cursor;

use image::{ColorType, ImageDecoder, ImageFormat, ImageReader, guess_format};

use super::jpeg::Weight;
use super::orientation::turns;
use super::raster::without_profile;
use super::told::Told;
use super::{Picture, PictureLimits, gif, jpeg};

/// What decoders take beside the pixels: tables, rows, a part of the file.
const BESIDE: u64 = 1 << 20;

/// Bytes that libraries hold for each pixel while they unpack a WebP file, beside what they give: the
/// planes of a lossy picture with its opacity, a lossless one's pixels, or an animation's canvas.
const WEBP: u64 = 8;

impl Picture {
    /// Bytes of memory that [`Picture::decode`] takes of a file at most, beside the file; `None` where
    /// the file is none that can be decoded, which decoding says at once.
    pub fn weigh(bytes: &[u8], limits: &PictureLimits) -> Option<u64> {
        // What panics here panics there too, and is told there.
        std::panic::catch_unwind(|| weigh(bytes, limits)).ok().flatten()
    }
}

fn weigh(bytes: &[u8], limits: &PictureLimits) -> Option<u64> {
    let format = guess_format(bytes).ok()?;
    let area = |(width, height): (u32, u32)| u64::from(width) * u64::from(height);
    let (size, unpacked, turned) = match format {
        ImageFormat::Jpeg => {
            let Weight { size, unpacked, told } = jpeg::weigh(bytes, limits)?;
            (size, unpacked, turns(&told))
        }
        ImageFormat::Gif => {
            let (size, indices) = gif::sizes(bytes)?;
            // The file is copied where it has no palette.
            (size, 3 * area(size) + indices + bytes.len() as u64, false)
        }
        ImageFormat::Png | ImageFormat::WebP | ImageFormat::Bmp => {
            // Its profile is left out of a copy, which is held meanwhile.
            let file = without_profile(bytes, format);
            let copied = if matches!(file, Cow::Owned(_)) { file.len() as u64 } else { 0 };
            let decoder =
                ImageReader::with_format(Cursor::new(&*file), format).into_decoder().ok()?;
            let size = decoder.dimensions();
            let pixels = area(size);
            let whole = decoder.total_bytes();
            // Brought to RGB beside what was unpacked, where that is something else.
            let rgb = if decoder.color_type() == ColorType::Rgb8 { 0 } else { 3 * pixels };
            let (held, told) = match format {
                ImageFormat::Png => (0, Told::png(bytes)),
                ImageFormat::WebP => (WEBP * pixels, Told::webp(bytes)),
                _ => (0, Told::default()),
            };
            (size, whole + copied + rgb.max(held), turns(&told))
        }
        _ => return None,
    };
    limits.check(size.0, size.1).ok()?;
    // Turned by a quarter it stands in memory twice.
    let upright = if turned { 6 * area(size) } else { 0 };
    Some(unpacked.max(upright) + BESIDE)
}
