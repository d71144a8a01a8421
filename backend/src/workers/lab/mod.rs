//! What the lab needs of an engine, as traits: the real engine is one implementation, a scripted
//! one for tests and for work on the page is the other.

mod real;
mod scripted;

use std::path::Path;
use std::sync::Arc;

use engine::{
    EngineError, Extent, Film, FilmExtent, FilmLimits, Frames, LoadOptions, Media, Medium,
    Observer, Picture, PictureLimits, Sound, SoundLimits, Wants,
};
use shared::sentence::{EngineRefusal, LabError};
use shared::{ErrorCode, ModelInfo, RunOptions, Summary};

use crate::workers::memory::{self, MemoryRoom};

pub use real::{EngineLab, KeepingLab};
pub use scripted::{Script, ScriptedLab};

/// Something that decodes pictures and loads models.
pub trait Lab: Send + Sync + 'static {
    /// Decodes a picture file, where that fits the memory that is left.
    ///
    /// # Errors
    /// Codes for an empty, unreadable, damaged or too large picture, and `out_of_memory` before
    /// anything is unpacked.
    fn decode(&self, bytes: &[u8]) -> Result<Picture, EngineError> {
        let limits = PictureLimits::default();
        memory::fits_picture(bytes, &limits, || self.room())?;
        Picture::decode(bytes, &limits)
    }

    /// Loads a model. Called on the model thread, where the model stays.
    ///
    /// # Errors
    /// What is wrong with the model's files.
    fn load(
        &self,
        folder: &Path,
        options: &LoadOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Box<dyn LoadedModel>, EngineError>;

    /// Bytes of the machine's memory that it takes to load a model and ask it the shortest
    /// question; `None` where that does not matter.
    ///
    /// # Errors
    /// What is wrong with the model's files, as far as it shows without its weights.
    fn need(&self, folder: &Path, options: &LoadOptions) -> Result<Option<u64>, EngineError> {
        let _ = (folder, options);
        Ok(None)
    }

    /// The memory that is left; `None` where that is not known or does not matter.
    fn room(&self) -> Option<MemoryRoom> {
        None
    }
}

/// A medium that was decoded.
#[derive(Clone, Debug)]
pub enum Decoded {
    /// A still picture.
    Picture(Picture),
    /// A film, its frames still packed.
    Film(Film),
    /// A sound.
    Sound(Sound),
}

impl Decoded {
    /// How large it is.
    pub fn extent(&self) -> Extent {
        match self {
            Decoded::Picture(picture) => (picture.width, picture.height).into(),
            Decoded::Film(film) => Extent::Film(film.extent()),
            Decoded::Sound(sound) => Extent::Sound { samples: sound.samples.len() },
        }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        match self {
            Decoded::Picture(picture) => picture.rgb.len(),
            Decoded::Film(film) => film.bytes(),
            Decoded::Sound(sound) => size_of_val(sound.samples.as_slice()),
        }
    }
}

/// Media as a model is asked about them.
pub fn media(decoded: &[Decoded]) -> Media<'_> {
    let media = decoded.iter().map(|decoded| match decoded {
        Decoded::Picture(picture) => Medium::Picture(picture),
        Decoded::Film(film) => Medium::Film(film),
        Decoded::Sound(sound) => Medium::Sound(sound),
    });
    Media(media.collect())
}

/// Decodes the media of one question one after another; which are sounds or films is what their files hold.
/// Together pictures, and all frames of films, may have as many pixels, and sounds last as long, as one may.
///
/// # Errors
/// What is wrong with one of them, which is named where there are several; too many pixels or seconds.
pub fn decode_all(lab: &dyn Lab, files: &[&[u8]]) -> Result<Vec<Decoded>, EngineError> {
    let (most, limits) = (PictureLimits::default().pixels, SoundLimits::default());
    let (mut all, mut pixels, mut seconds) = (Vec::new(), 0, 0.0);
    let mut frames = FilmLimits::default().all;
    for (i, file) in files.iter().enumerate() {
        if shared::sound_type(file).is_some() {
            let sound = Sound::decode(file, &limits)?;
            seconds += sound.seconds();
            if seconds > f64::from(limits.seconds) {
                let (seconds, most) = (seconds as u64, u64::from(limits.seconds));
                let long = EngineRefusal::SoundTooLong { seconds, most };
                return Err(EngineError::new(ErrorCode::BodyTooLarge, long));
            }
            all.push(Decoded::Sound(sound));
            continue;
        }
        if shared::film_type(file).is_some() {
            let left = FilmLimits { all: frames, ..FilmLimits::default() };
            let film = Film::decode(file, &left)?;
            let FilmExtent { width, height, frames: n, .. } = film.extent();
            frames = frames.saturating_sub(u64::from(width) * u64::from(height) * u64::from(n));
            all.push(Decoded::Film(film));
            continue;
        }
        let picture = lab.decode(file).map_err(|e| of_picture(e, i, files.len()))?;
        pixels += u64::from(picture.width) * u64::from(picture.height);
        if pixels > most {
            let many = LabError::PicturesTooManyPixels { millions: most / 1_000_000 };
            return Err(EngineError::new(ErrorCode::PictureTooManyPixels, many));
        }
        all.push(Decoded::Picture(picture));
    }
    Ok(all)
}

/// A film's file as it is kept and decoded. Animated pictures become the only file of an archive, for what they hold
/// does not say whether they were given as films.
///
/// # Errors
/// It is of another kind.
pub fn film_file(bytes: &[u8]) -> Result<Vec<u8>, EngineError> {
    match (shared::film_type(bytes), shared::picture::picture_type(bytes)) {
        (Some(_), _) => Ok(bytes.to_vec()),
        (None, Some("image/gif" | "image/png" | "image/webp")) => {
            Ok(Frames::default().packed(&[bytes]))
        }
        _ => Err(EngineError::new(ErrorCode::WrongContentType, EngineRefusal::NoFilm)),
    }
}

/// An error about one of several pictures says which one it is.
fn of_picture(error: EngineError, i: usize, of: usize) -> EngineError {
    if of == 1 {
        return error;
    }
    let (n, all) = (i as u64 + 1, of as u64);
    EngineError::new(error.code, LabError::OfPicture { n, all, what: error.into_message() })
}

/// Says whether a question about media of these extents fits a model, without the model: refused then at
/// once, and not after a wait.
pub type Precheck = Arc<dyn Fn(&[Extent], &RunOptions) -> Result<(), EngineError> + Send + Sync>;

/// A model in memory.
pub trait LoadedModel {
    /// What the model is.
    fn info(&self) -> &ModelInfo;

    /// Bytes of the machine's memory that come back when it is dropped.
    fn held(&self) -> u64 {
        0
    }

    /// What tells whether a question fits; nothing where that only shows in [`Self::prepare`].
    fn precheck(&self) -> Option<Precheck> {
        None
    }

    /// Prepares media and a prompt.
    ///
    /// # Errors
    /// Codes for an empty or too long prompt, an option out of range, or a medium that the model does
    /// not take.
    fn prepare<'m>(
        &'m self,
        media: &Media<'_>,
        options: &RunOptions,
    ) -> Result<Box<dyn PreparedRun + 'm>, EngineError>;
}

/// A picture and a prompt, ready to run.
pub trait PreparedRun {
    /// Number of prompt positions.
    fn prompt_tokens(&self) -> usize;

    /// The options as the model understood them.
    fn options(&self) -> &RunOptions;

    /// A picture as the model sees it, by its number from 0, as a PNG file; none where it is shown
    /// none of that number.
    fn picture_png(&self, medium: usize) -> Option<Vec<u8>>;

    /// Whether the run would fit the machine's memory if nothing else needed any.
    fn could_fit(&self, wants: Wants) -> bool {
        let _ = wants;
        true
    }

    /// Runs the model; `Ok(None)` when the observer asked to stop.
    ///
    /// # Errors
    /// Numbers that are not finite; too little memory, before anything is taken.
    fn run(&self, observer: &mut dyn Observer) -> Result<Option<Summary>, EngineError>;
}
