//! Animated pictures: GIF, PNG and WebP files, each frame as a viewer shows it.

use std::io::Cursor;
use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, DisposalMethod, MemoryLimit};
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::ImageError;
use image::{AnimationDecoder, ImageDecoder, ImageFormat, Limits, guess_format};

use super::{FilmLimits, See, Shot, damaged, no_film};
use crate::error::EngineError;
use crate::picture::without_profile;

/// How long a frame is shown for which a file says nothing or next to nothing, as browsers do it, in milliseconds.
const USUAL: f64 = 100.0;

/// Hands the pictures out, in their order. Opacity is dropped, as it is of still pictures.
pub(super) fn read(bytes: &[u8], limits: &FilmLimits, see: &mut See) -> Result<(), EngineError> {
    match guess_format(bytes) {
        Ok(ImageFormat::Gif) => read_gif(bytes, limits, see),
        Ok(ImageFormat::Png) => {
            let file = without_profile(bytes, ImageFormat::Png);
            let decoder = PngDecoder::with_limits(Cursor::new(&*file), memory(limits));
            let decoder = decoder.map_err(|e| refused(&e))?;
            if !decoder.is_apng().map_err(|e| refused(&e))? {
                return Err(no_film());
            }
            limits.check(decoder.dimensions(), 1)?;
            composed(decoder.apng().map_err(|e| refused(&e))?, see)
        }
        Ok(ImageFormat::WebP) => {
            let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(|e| refused(&e))?;
            if !decoder.has_animation() {
                return Err(no_film());
            }
            limits.check(decoder.dimensions(), 1)?;
            composed(decoder, see)
        }
        _ => Err(no_film()),
    }
}

fn memory(limits: &FilmLimits) -> Limits {
    let mut memory = Limits::default();
    memory.max_alloc = Some(limits.pixels * 16);
    memory
}

fn refused(error: &ImageError) -> EngineError {
    damaged(&error.to_string())
}

/// Frames that their decoder lays over each other.
fn composed<'d>(decoder: impl AnimationDecoder<'d>, see: &mut See) -> Result<(), EngineError> {
    for frame in decoder.into_frames() {
        let frame = frame.map_err(|e| refused(&e))?;
        let (part, whole) = frame.delay().numer_denom_ms();
        let delay = f64::from(part) / f64::from(whole.max(1));
        let size = frame.buffer().dimensions();
        let pixels = frame.buffer().as_raw().as_chunks::<4>().0;
        let rgb: Vec<u8> = pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]).collect();
        if see(Shot { rgb: &rgb, size, delay: shown(delay) })?.is_break() {
            break;
        }
    }
    Ok(())
}

const fn shown(delay: f64) -> f64 {
    if delay > 10.0 { delay } else { USUAL }
}

/// A GIF file's frames, laid over each other: what one leaves free shows what was there before, and the first
/// frame the colour that stands for clear. What is cleared becomes black.
fn read_gif(bytes: &[u8], limits: &FilmLimits, see: &mut See) -> Result<(), EngineError> {
    let wrong = |e: gif::DecodingError| damaged(&e.to_string());
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::RGBA);
    let most =
        NonZeroU64::new(limits.pixels * 4).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes);
    options.set_memory_limit(most);
    let mut decoder = options.read_info(Cursor::new(bytes)).map_err(wrong)?;
    let size = (u32::from(decoder.width()), u32::from(decoder.height()));
    limits.check(size, 1)?;
    let (width, height) = (size.0 as usize, size.1 as usize);
    if width == 0 || height == 0 {
        return Err(damaged("its frames have no pixels"));
    }
    let mut canvas = vec![0; 3 * width * height];
    let mut first = true;
    while let Some(frame) = decoder.read_next_frame().map_err(wrong)? {
        let (left, top) = (usize::from(frame.left), usize::from(frame.top));
        let (wide, high) = (usize::from(frame.width), usize::from(frame.height));
        let before = (frame.dispose == DisposalMethod::Previous).then(|| canvas.clone());
        let right = (left + wide).min(width);
        // What lies outside of the canvas is not shown.
        let inside = |row: usize| {
            (top + row < height && left < right).then(|| {
                let start = (top + row) * width;
                3 * (start + left)..3 * (start + right)
            })
        };
        let rows = frame.buffer.chunks(4 * wide.max(1)).take(high);
        for (row, pixels) in rows.enumerate() {
            let Some(place) = inside(row) else { continue };
            let there = canvas[place].as_chunks_mut::<3>().0;
            for (pixel, [r, g, b, opaque]) in there.iter_mut().zip(pixels.as_chunks::<4>().0) {
                if *opaque > 0 || first {
                    *pixel = [*r, *g, *b];
                }
            }
        }
        first = false;
        let delay = shown(f64::from(frame.delay) * 10.0);
        let dispose = frame.dispose;
        if see(Shot { rgb: &canvas, size, delay })?.is_break() {
            return Ok(());
        }
        match (dispose, before) {
            (DisposalMethod::Background, _) => {
                for place in (0..high).filter_map(inside) {
                    canvas[place].fill(0);
                }
            }
            (DisposalMethod::Previous, Some(before)) => canvas = before,
            _ => {}
        }
    }
    Ok(())
}
