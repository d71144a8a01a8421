//! Pictures: from a person's file to upright RGB pixels.

use std::io::Cursor;

use image::error::ImageError;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};
use shared::ErrorCode;

use crate::error::EngineError;

/// What a picture file may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureLimits {
    /// Most pixels, width times height.
    pub pixels: u64,
}

impl Default for PictureLimits {
    fn default() -> Self {
        PictureLimits { pixels: 50_000_000 }
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

impl Picture {
    /// Decodes a picture file: PNG, JPEG, WebP, GIF or BMP; the first frame of an animation;
    /// turned upright by its EXIF orientation.
    ///
    /// To RGB as Pillow's `convert("RGB")` does, which is what transformers' processors see: alpha
    /// is dropped, not blended; gray is repeated. 16 bits are scaled to 8 (Pillow would clip gray).
    ///
    /// # Errors
    /// Codes for an empty, unreadable, damaged or too large picture.
    pub fn decode(bytes: &[u8], limits: &PictureLimits) -> Result<Picture, EngineError> {
        if bytes.is_empty() {
            return Err(EngineError::new(ErrorCode::PictureEmpty, "The picture file is empty."));
        }
        let reader = ImageReader::new(Cursor::new(bytes))
            .with_guessed_format()
            .map_err(|e| EngineError::new(ErrorCode::Internal, e.to_string()))?;
        let format = reader.format().ok_or_else(|| {
            EngineError::new(
                ErrorCode::PictureUnreadable,
                "This file is not a picture the lab can read. PNG, JPEG, WebP, GIF and BMP work.",
            )
        })?;
        let mut decoder = reader.into_decoder().map_err(|e| refused(&e))?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > limits.pixels {
            return Err(EngineError::new(
                ErrorCode::PictureTooManyPixels,
                format!(
                    "The picture has {width} × {height} pixels; at most {:.0} million are \
                     accepted. Make it smaller and try again.",
                    limits.pixels as f64 / 1e6
                ),
            ));
        }
        // Sizes in the header are checked above; this bounds what a decoder sets aside besides.
        let mut memory = Limits::default();
        memory.max_alloc = Some(limits.pixels * 16);
        decoder.set_limits(memory).map_err(|e| refused(&e))?;
        let orientation = decoder.orientation().map_err(|e| refused(&e))?;
        let mut picture = DynamicImage::from_decoder(decoder).map_err(|e| refused(&e))?;
        if format == image::ImageFormat::Jpeg && !jpeg_is_complete(bytes) {
            return Err(damaged("the file ends before the picture does"));
        }
        picture.apply_orientation(orientation);
        let rgb = picture.into_rgb8();
        let (width, height) = rgb.dimensions();
        Ok(Picture { width, height, rgb: rgb.into_raw() })
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

/// The decoder fills what is missing of a JPEG with gray; a picture the person did not send is
/// not measured. The end mark must come after the last scan began: an embedded thumbnail has an
/// end mark of its own.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let last = |mark: u8| bytes.windows(2).rposition(|pair| pair == [0xFF, mark]);
    match (last(0xDA), last(0xD9)) {
        (Some(scan), Some(end)) => scan < end,
        _ => false,
    }
}

fn damaged(what: &str) -> EngineError {
    EngineError::new(
        ErrorCode::PictureDamaged,
        format!("The picture file is damaged or cut off ({what}). Save it again and retry."),
    )
}

fn refused(error: &ImageError) -> EngineError {
    match error {
        ImageError::Limits(_) => EngineError::new(
            ErrorCode::PictureTooManyPixels,
            "Decoding the picture would take more memory than is allowed. Make it smaller.",
        ),
        ImageError::Unsupported(e) => EngineError::new(
            ErrorCode::PictureUnreadable,
            format!("The lab cannot read this kind of picture ({e}). PNG and JPEG always work."),
        ),
        other => damaged(&other.to_string()),
    }
}
