//! The first frame of a GIF file, as Pillow reads it.

use std::borrow::Cow;
use std::io::Cursor;
use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use super::told::Told;
use super::{Decoded, PictureLimits, damaged};
use crate::error::EngineError;

/// Decodes the first frame.
///
/// Pillow keeps the colours of a palette and drops which of them is transparent. What the frame
/// leaves free of the canvas has the transparent index's colour, or else the first.
pub(super) fn decode(bytes: &[u8], limits: &PictureLimits) -> Result<Decoded, EngineError> {
    let wrong = |e: DecodingError| damaged(&e.to_string());
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    // An index a pixel.
    options.set_memory_limit(
        NonZeroU64::new(limits.pixels).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes),
    );
    let coloured = with_palette(bytes);
    let mut decoder = options.read_info(Cursor::new(&coloured)).map_err(wrong)?;
    let screen = (u32::from(decoder.width()), u32::from(decoder.height()));
    let global = decoder.global_palette().map(<[u8]>::to_vec);
    let frame = decoder.next_frame_info().map_err(wrong)?;
    let frame = frame.ok_or_else(|| damaged("it has no frame"))?;
    let (left, top) = (u32::from(frame.left), u32::from(frame.top));
    let (frame_width, frame_height) = (u32::from(frame.width), u32::from(frame.height));
    // Pillow passes over palettes that say of each index its own gray.
    let needed = |palette: &Vec<u8>| {
        palette.as_chunks().0.iter().enumerate().any(|(n, colour)| *colour != [n as u8; 3])
    };
    let palette = frame.palette.clone().filter(needed).or(global.filter(needed));
    let palette = palette.unwrap_or_default();
    let around = frame.transparent.unwrap_or(0);
    let (width, height) = (screen.0.max(left + frame_width), screen.1.max(top + frame_height));
    if frame_width == 0 || frame_height == 0 {
        return Err(damaged("its first frame has no pixels"));
    }
    limits.check(width, height)?;
    let mut indices = vec![0; frame_width as usize * frame_height as usize];
    decoder.read_into_buffer(&mut indices).map_err(wrong)?;
    let colours = palette.as_chunks::<3>().0;
    let colour = |index: u8| match colours.get(usize::from(index)) {
        Some(colour) => *colour,
        // Without a palette a file is gray.
        None if colours.is_empty() => [index; 3],
        None => [0; 3],
    };
    let mut rgb = colour(around).repeat(width as usize * height as usize);
    let rows = rgb.chunks_mut(3 * width as usize).skip(top as usize);
    for (row, indices) in rows.zip(indices.chunks(frame_width as usize)) {
        let pixels = row[3 * left as usize..].as_chunks_mut().0;
        for (pixel, index) in pixels.iter_mut().zip(indices) {
            *pixel = colour(*index);
        }
    }
    Ok(Decoded { width, height, rgb, told: Told::default() })
}

/// The size of the whole picture, and the pixels of the frame in it, whose indices are unpacked first.
pub(super) fn sizes(bytes: &[u8]) -> Option<((u32, u32), u64)> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    let coloured = with_palette(bytes);
    let mut decoder = options.read_info(Cursor::new(&coloured)).ok()?;
    let (width, height) = (u32::from(decoder.width()), u32::from(decoder.height()));
    let frame = decoder.next_frame_info().ok()??;
    let (right, bottom) = (
        u32::from(frame.left) + u32::from(frame.width),
        u32::from(frame.top) + u32::from(frame.height),
    );
    let indices = u64::from(frame.width) * u64::from(frame.height);
    Some(((width.max(right), height.max(bottom)), indices))
}

/// The file with a gray palette where it has none for all frames: the decoder asks for one.
fn with_palette(bytes: &[u8]) -> Cow<'_, [u8]> {
    match bytes.get(10) {
        Some(flags) if flags & 0x80 == 0 && bytes.len() > 13 => {
            let mut coloured = bytes[..13].to_vec();
            coloured[10] |= 0x87;
            coloured.extend((0..=255).flat_map(|level: u8| [level; 3]));
            coloured.extend(&bytes[13..]);
            coloured.into()
        }
        _ => bytes.into(),
    }
}
