//! The fields of `POST /api/runs` that make up a film of frames: each frame, and what is said of them.

use axum::body::Bytes;
use engine::Frames;
use shared::ErrorCode;
use shared::sentence::EngineRefusal;

use crate::error::ApiError;

/// Most frames that are given one by one: as many as any model's rule takes of a film.
pub const MOST_FRAMES: usize = 768;
/// Most bytes of a field that says something of frames.
pub const MOST_SAID: usize = 16 << 10;

/// Frames that come one by one, and what is said of them.
#[derive(Debug, Default)]
pub struct FrameFields {
    files: Vec<Bytes>,
    said: Frames,
    /// Whether anything was said.
    is_said: bool,
}

impl FrameFields {
    /// Whether a field of that name says something of frames.
    pub fn is_about(name: &str) -> bool {
        matches!(name, "fps" | "source_fps" | "source_frames" | "indices")
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// There are too many.
    pub fn frame(&mut self, bytes: Bytes) -> Result<(), ApiError> {
        if self.files.len() == MOST_FRAMES {
            let most = MOST_FRAMES as u64;
            let many = EngineRefusal::FilmTooManyFrames { most };
            return Err(ApiError::new(ErrorCode::BadRequest, many));
        }
        self.files.push(bytes);
        Ok(())
    }

    /// Takes what a field says.
    ///
    /// # Errors
    /// It is no number, or no list of numbers.
    pub fn say(&mut self, name: &str, value: &[u8]) -> Result<(), ApiError> {
        let text = String::from_utf8_lossy(value);
        let text = text.trim();
        let bad = |refusal: EngineRefusal| ApiError::new(ErrorCode::BadRequest, refusal);
        let rate = || {
            let value = text.chars().take(60).collect();
            text.parse().map(Some).map_err(|_| bad(EngineRefusal::FramesRate { value }))
        };
        let frames = self.files.len() as u64;
        let wrong = |_| bad(EngineRefusal::FramesIndices { frames, indices: 0 });
        self.is_said = true;
        match name {
            "fps" => self.said.fps = rate()?,
            "source_fps" => self.said.source_fps = rate()?,
            "source_frames" => self.said.source_frames = Some(text.parse().map_err(wrong)?),
            _ => {
                let list = text.trim_matches(['[', ']']).split(',').map(str::trim);
                let numbers = list.filter(|number| !number.is_empty()).map(str::parse);
                self.said.indices = numbers.collect::<Result<_, _>>().map_err(wrong)?;
            }
        }
        Ok(())
    }

    /// The film that the frames are, as the one file that is kept; `None` where there are none.
    ///
    /// # Errors
    /// Something was said of frames that are not there.
    pub fn film(&self) -> Result<Option<Bytes>, ApiError> {
        match (self.files.is_empty(), self.is_said) {
            (true, true) => Err(ApiError::new(ErrorCode::BadRequest, EngineRefusal::FilmEmpty)),
            (true, false) => Ok(None),
            // An archive of one file of which nothing is said is an animated one.
            _ if self.said == Frames::default() => {
                let value = "nothing".to_owned();
                Err(ApiError::new(ErrorCode::BadRequest, EngineRefusal::FramesRate { value }))
            }
            _ => Ok(Some(self.said.packed(&self.files).into())),
        }
    }
}
