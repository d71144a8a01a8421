//! Pictures: from a person's file to upright RGB pixels.

mod gif;
mod jpeg;
mod orientation;
mod raster;
mod told;
mod weight;

use std::panic::catch_unwind;

use image::error::ImageError;
use image::{ImageFormat, guess_format};
use shared::ErrorCode;
use shared::picture::MOST_PIXELS;
use shared::sentence::{EngineRefusal, LabError};

pub use jpeg::JPEG_DECODER;
pub(crate) use raster::without_profile;

use crate::error::EngineError;
use told::Told;

/// What a picture file may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLimits {
    /// Most pixels, width times height.
    pub pixels: u64,
    /// How many times as long as the shorter side the longer one may be. Of a file whose rows are a
    /// pixel each, decoding takes many times as long as of another of as many pixels.
    pub sides: u32,
}

impl Default for PictureLimits {
    fn default() -> Self {
        PictureLimits { pixels: MOST_PIXELS, sides: 200 }
    }
}

/// An upright RGB picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `[height, width, 3]`, 8 bits a channel.
    pub rgb: Vec<u8>,
}

/// A picture as its file stores it, before it is turned upright.
struct Decoded {
    width: u32,
    height: u32,
    rgb: Vec<u8>,
    told: Told,
}

impl Picture {
    /// Decodes a picture file: PNG, JPEG, WebP, GIF or BMP; the first frame of an animation;
    /// turned upright as its EXIF or XMP data say.
    ///
    /// What comes out is what Pillow 13's `exif_transpose` and `convert("RGB")` make of the file,
    /// for that is what transformers' processors see: alpha is dropped, not blended; gray is
    /// repeated; of 16 bits a colour the upper 8 are kept. `tests/pictures.rs` compares them.
    ///
    /// # Errors
    /// Codes for an empty, unreadable, damaged or too large picture.
    pub fn decode(bytes: &[u8], limits: &PictureLimits) -> Result<Picture, EngineError> {
        if bytes.is_empty() {
            return Err(EngineError::new(ErrorCode::PictureEmpty, EngineRefusal::PictureEmpty));
        }
        // Decoders of other people meet files that nobody foresaw: image-webp 0.2.4 panics where a
        // frame has another size than its container says.
        let decoded = catch_unwind(|| decode(bytes, limits));
        let decoded = decoded.unwrap_or_else(|_| Err(damaged("its parts contradict each other")));
        decoded.map(orientation::upright)
    }

    /// The picture as a PNG file.
    pub(crate) fn png(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let encoder = image::codecs::png::PngEncoder::new(&mut bytes);
        let written = image::ImageEncoder::write_image(
            encoder,
            &self.rgb,
            self.width,
            self.height,
            image::ExtendedColorType::Rgb8,
        );
        // Writing to memory fails only for a buffer of the wrong size, which a Picture rules out.
        debug_assert!(written.is_ok());
        bytes
    }
}

fn decode(bytes: &[u8], limits: &PictureLimits) -> Result<Decoded, EngineError> {
    match guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => jpeg::decode(bytes, limits),
        Ok(ImageFormat::Gif) => gif::decode(bytes, limits),
        Ok(format @ (ImageFormat::Png | ImageFormat::WebP | ImageFormat::Bmp)) => {
            raster::decode(bytes, format, limits)
        }
        _ => Err(EngineError::new(ErrorCode::PictureUnreadable, EngineRefusal::NoPicture)),
    }
}

impl PictureLimits {
    /// Whether a picture of this size may be decoded: asked before anything is unpacked.
    ///
    /// # Errors
    /// [`ErrorCode::PictureTooManyPixels`] or [`ErrorCode::PictureTooNarrow`].
    fn check(&self, width: u32, height: u32) -> Result<(), EngineError> {
        if u64::from(width) * u64::from(height) > self.pixels {
            let (width, height) = (width.into(), height.into());
            let millions = (self.pixels as f64 / 1e6).round() as u64;
            let refusal = EngineRefusal::TooManyPixels { width, height, millions };
            return Err(EngineError::new(ErrorCode::PictureTooManyPixels, refusal));
        }
        let (shorter, longer) = (u64::from(width.min(height)), u64::from(width.max(height)));
        if longer > shorter * u64::from(self.sides) {
            let (width, height) = (u64::from(width), u64::from(height));
            let narrow = LabError::PictureTooNarrow { width, height, most: self.sides.into() };
            return Err(EngineError::new(ErrorCode::PictureTooNarrow, narrow));
        }
        Ok(())
    }
}

/// Of a picture within the limit of pixels that unpacks into more than four bytes for each of them.
fn too_deep(width: u32, height: u32, bytes: u64, limits: &PictureLimits) -> EngineError {
    let (width, height) = (u64::from(width), u64::from(height));
    let each = bytes / (width * height).max(1);
    let millions = ((limits.pixels * 4 / each.max(1)) as f64 / 1e6).round() as u64;
    let refusal = EngineRefusal::PixelsTooDeep { width, height, each, millions };
    EngineError::new(ErrorCode::PictureTooManyPixels, refusal)
}

fn too_much_memory() -> EngineError {
    EngineError::new(ErrorCode::PictureTooManyPixels, EngineRefusal::PictureTakesTooMuch)
}

fn damaged(what: &str) -> EngineError {
    let what = what.to_owned();
    EngineError::new(ErrorCode::PictureDamaged, EngineRefusal::PictureDamaged { what })
}

fn unreadable(kind: &str) -> EngineError {
    let kind = kind.to_owned();
    EngineError::new(ErrorCode::PictureUnreadable, EngineRefusal::PictureKind { kind })
}

fn refused(error: &ImageError) -> EngineError {
    match error {
        ImageError::Limits(_) => too_much_memory(),
        ImageError::Unsupported(e) => unreadable(&e.to_string()),
        other => damaged(&other.to_string()),
    }
}
