//! Pictures: from a person's file to upright RGB pixels.

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
#[derive(Clone, Debug)]
pub struct Picture {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// `[height, width, 3]`, 8 bits a channel.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// Decodes a picture file: PNG, JPEG, WebP, GIF or BMP, the first frame of an animation,
    /// turned upright by its EXIF orientation.
    ///
    /// # Errors
    /// Codes for an empty, unreadable, damaged or too large picture.
    pub fn decode(_bytes: &[u8], _limits: &PictureLimits) -> Result<Picture, EngineError> {
        unimplemented!()
    }
}
