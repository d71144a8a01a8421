//! PNG, WebP and BMP files.

use std::borrow::Cow;
use std::io::Cursor;
use std::ops::Range;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::told::Told;
use super::{Decoded, PictureLimits, refused, too_deep};
use crate::error::EngineError;

/// Decodes a file of one of these formats.
pub(super) fn decode(
    bytes: &[u8],
    format: ImageFormat,
    limits: &PictureLimits,
) -> Result<Decoded, EngineError> {
    let file = without_profile(bytes, format);
    let reader = ImageReader::with_format(Cursor::new(&*file), format);
    let mut decoder = reader.into_decoder().map_err(|e| refused(&e))?;
    let (width, height) = decoder.dimensions();
    limits.check(width, height)?;
    // What it unpacks into before it is brought to 8 bits and RGB: 16 bits a channel are twice as much.
    if decoder.total_bytes() > limits.pixels * 4 {
        return Err(too_deep(width, height, decoder.total_bytes(), limits));
    }
    // Sizes in the header are checked above; this bounds what a decoder sets aside besides.
    let mut memory = Limits::default();
    memory.max_alloc = Some(limits.pixels * 16);
    decoder.set_limits(memory).map_err(|e| refused(&e))?;
    let picture = DynamicImage::from_decoder(decoder).map_err(|e| refused(&e))?;
    let told = match format {
        ImageFormat::Png => Told::png(bytes),
        ImageFormat::WebP => Told::webp(bytes),
        _ => Told::default(),
    };
    // The colour type in a PNG file's header: gray, with a colour that stands for clear or without.
    let gray = format == ImageFormat::Png && bytes.get(25) == Some(&0);
    let mut rgb = levels(picture, gray);
    if format == ImageFormat::Bmp {
        sixteen_bits(bytes, &mut rgb);
    }
    Ok(Decoded { width, height, rgb, told })
}

/// A PNG file without its colour profile, which says nothing here: it is packed, and the decoder would unpack
/// a gigabyte of it before it reads a pixel. Any other file as it is.
pub(crate) fn without_profile(bytes: &[u8], format: ImageFormat) -> Cow<'_, [u8]> {
    let profile =
        |(kind, _): &(Range<usize>, Range<usize>)| bytes.get(kind.clone()) == Some(b"iCCP");
    if format != ImageFormat::Png || !png_chunks(bytes).any(|chunk| profile(&chunk)) {
        return Cow::Borrowed(bytes);
    }
    let mut rest = 8;
    let mut kept = bytes[..rest].to_vec();
    for chunk in png_chunks(bytes) {
        rest = chunk.1.end;
        if !profile(&chunk) {
            kept.extend_from_slice(&bytes[chunk.1]);
        }
    }
    // What is no whole chunk the decoder says.
    kept.extend_from_slice(&bytes[rest..]);
    Cow::Owned(kept)
}

/// The places of whole chunks in a PNG file: of the four bytes that say their kind, and of all of each.
fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = (Range<usize>, Range<usize>)> {
    let mut at = 8;
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?);
        let end = at.checked_add(12)?.checked_add(usize::try_from(length).ok()?)?;
        let chunk = (at + 4..at + 8, at..end);
        at = end;
        (end <= bytes.len()).then_some(chunk)
    })
}

/// RGB in 8 bits as Pillow has it: of 16 bits the upper 8, but of gray alone, which it clips.
fn levels(picture: DynamicImage, gray: bool) -> Vec<u8> {
    let upper = |v: u16| (v >> 8) as u8;
    let clipped = |v: u16| v.min(255) as u8;
    match picture {
        DynamicImage::ImageRgb16(p) => p.into_raw().into_iter().map(upper).collect(),
        DynamicImage::ImageRgba16(p) => {
            p.pixels().flat_map(|p| [upper(p.0[0]), upper(p.0[1]), upper(p.0[2])]).collect()
        }
        DynamicImage::ImageLumaA16(p) => {
            let level = |v| if gray { clipped(v) } else { upper(v) };
            p.pixels().flat_map(|p| [level(p.0[0]); 3]).collect()
        }
        DynamicImage::ImageLuma16(p) => {
            p.into_raw().into_iter().flat_map(|v| [clipped(v); 3]).collect()
        }
        other => other.into_rgb8().into_raw(),
    }
}

/// Pillow widens the 5 or 6 bits of a colour in a BMP file of 16 bits a pixel by a division that
/// rounds down. The decoder's levels have the same bits at their top.
fn sixteen_bits(bytes: &[u8], rgb: &mut [u8]) {
    let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.as_array().copied());
    let number = |at: usize| word(at).map_or(0, u32::from_le_bytes);
    let (header, bits, fields) = (number(14), number(28) & 0xFFFF, number(30) == 3);
    if header < 40 || bits != 16 {
        return;
    }
    let green = if fields && number(58) == 0x7E0 { 6 } else { 5 };
    let widened = |level: u8, bits: u32| {
        let top = u32::from(level >> (8 - bits));
        (top * 255 / ((1 << bits) - 1)) as u8
    };
    for pixel in rgb.as_chunks_mut::<3>().0 {
        *pixel = [widened(pixel[0], 5), widened(pixel[1], green), widened(pixel[2], 5)];
    }
}
