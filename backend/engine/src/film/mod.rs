//! Films: from a person's file to frames of one size and a rate. A film keeps its file packed; frames are unpacked
//! one at a time, so that a long film takes no more memory than a short one.

mod animated;
mod archive;
mod sampling;
#[cfg(test)]
mod tests;
mod y4m;

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use shared::ErrorCode;
use shared::sentence::EngineRefusal;

use crate::error::EngineError;
use crate::picture::{Picture, PictureLimits};
pub(crate) use sampling::{OwnSampling, sample};

pub use archive::{Frames, animated_in};

/// What a film may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilmLimits {
    /// Most frames.
    pub frames: usize,
    /// Most pixels of a frame.
    pub pixels: u64,
    /// Most pixels of all frames, which are unpacked one after another.
    pub all: u64,
}

impl Default for FilmLimits {
    fn default() -> Self {
        FilmLimits { frames: 20_000, pixels: 4096 * 2304, all: 1 << 30 }
    }
}

/// Most frames a second that a film may have.
const MOST_RATE: f64 = 1000.0;

/// A film as it was given: its file, and what of it is known without its pixels.
#[derive(Clone, Debug)]
pub struct Film {
    width: u32,
    height: u32,
    source: Source,
    /// For each frame which of the source's pictures it is; one that is shown longer is several frames.
    shown: Arc<[u32]>,
    /// Frames a second.
    rate: f64,
    /// Whether somebody chose the frames already.
    chosen: bool,
    /// Numbers of the frames in the film that they were chosen of, and how many that has.
    numbers: Option<(Arc<[u32]>, u32)>,
    /// When each frame is shown, in seconds.
    times: Arc<[f64]>,
}

/// Where a film's pictures are.
#[derive(Clone, Debug)]
enum Source {
    /// One after another in one file.
    Animated(Arc<[u8]>, Range<usize>),
    /// Each a file of its own, at these places.
    Files(Arc<[u8]>, Vec<Range<usize>>),
}

/// What is known of a film before its frames are unpacked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FilmExtent {
    /// Pixels of a frame in width.
    pub width: u32,
    /// Pixels of a frame in height.
    pub height: u32,
    /// How many frames there are.
    pub frames: u32,
    /// Frames a second.
    pub rate: f64,
    /// Whether somebody chose the frames already, so that all are seen.
    pub chosen: bool,
}

/// A picture of a film while it is unpacked: levels `[height, width, 3]`.
struct Shot<'s> {
    rgb: &'s [u8],
    size: (u32, u32),
    /// How long it is shown, in milliseconds.
    delay: f64,
}

/// Takes one picture after another until it has enough.
type See<'s> = dyn FnMut(Shot<'_>) -> Result<ControlFlow<()>, EngineError> + 's;

/// Takes a frame, with all of its places in what was asked for.
type Take<'t> = dyn FnMut(&[usize], Picture) -> Result<(), EngineError> + 't;

impl Film {
    /// Reads a film: an animated GIF, PNG or WebP file, a y4m file, or an archive that [`Frames::packed`] made. Every
    /// picture of it is unpacked once, so that a damaged film is refused at once.
    ///
    /// Pictures that are shown for unequal times become frames of the longest time that divides all of them.
    ///
    /// # Errors
    /// The file is empty, of another kind, damaged, or larger than the limits.
    pub fn decode(bytes: &[u8], limits: &FilmLimits) -> Result<Film, EngineError> {
        if bytes.is_empty() {
            return Err(EngineError::new(ErrorCode::BadRequest, EngineRefusal::FilmEmpty));
        }
        let file: Arc<[u8]> = bytes.into();
        if shared::film_type(bytes) != Some("application/x-tar") {
            let whole = 0..bytes.len();
            return animated_film(Source::Animated(file, whole), limits);
        }
        let (frames, places) = archive::unpacked(bytes)?;
        match (places.as_slice(), frames == Frames::default()) {
            ([], _) => Err(EngineError::new(ErrorCode::BadRequest, EngineRefusal::FilmEmpty)),
            ([one], true) => animated_film(Source::Animated(file, one.clone()), limits),
            _ => film_of_files(file, (frames, places), limits),
        }
    }

    /// How large it is.
    pub fn extent(&self) -> FilmExtent {
        let (Film { width, height, rate, chosen, .. }, frames) = (self, self.shown.len() as u32);
        FilmExtent { width: *width, height: *height, frames, rate: *rate, chosen: *chosen }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        let file = match &self.source {
            Source::Animated(file, _) | Source::Files(file, _) => file.len(),
        };
        file + self.shown.len() * (size_of::<u32>() + size_of::<f64>())
    }

    /// When a frame is shown, in seconds.
    pub(crate) fn time(&self, frame: u32) -> f64 {
        self.times.get(frame as usize).copied().unwrap_or_default()
    }

    /// A frame's number in the film that it was chosen of, or else in this one.
    pub(crate) fn number(&self, frame: u32) -> u32 {
        match &self.numbers {
            Some((numbers, _)) => numbers.get(frame as usize).copied().unwrap_or(frame),
            None => frame,
        }
    }

    /// How many frames the film has that these were chosen of, or else this one.
    pub(crate) fn of(&self) -> u32 {
        self.numbers.as_ref().map_or(self.shown.len() as u32, |(_, of)| *of)
    }

    /// Unpacks frames one after another, in the order in which the file has them, and hands each out with all of
    /// its places in the list; a frame may be named again and again.
    ///
    /// # Errors
    /// A frame is damaged, or what takes them fails.
    pub(crate) fn each(&self, frames: &[u32], take: &mut Take) -> Result<(), EngineError> {
        let mut wanted: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (place, frame) in frames.iter().enumerate() {
            let Some(picture) = self.shown.get(*frame as usize) else {
                return Err(EngineError::internal("a film has no such frame"));
            };
            wanted.entry(*picture).or_default().push(place);
        }
        match &self.source {
            Source::Files(file, places) => {
                for (picture, slots) in &wanted {
                    let place = places.get(*picture as usize).cloned().unwrap_or_default();
                    take(slots, frame_file(&file[place], (*picture, places.len()))?)?;
                }
            }
            Source::Animated(file, place) => {
                let last = wanted.last_key_value().map_or(0, |(last, _)| *last);
                let mut at = 0;
                unpack(&file[place.clone()], &FilmLimits::default(), &mut |shot| {
                    if let Some(slots) = wanted.get(&at) {
                        let (width, height) = shot.size;
                        take(slots, Picture { width, height, rgb: shot.rgb.to_vec() })?;
                    }
                    at += 1;
                    Ok(if at > last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
                })?;
            }
        }
        Ok(())
    }
}

/// Hands a file's pictures out one after another.
fn unpack(bytes: &[u8], limits: &FilmLimits, see: &mut See) -> Result<(), EngineError> {
    // Decoders of other people meet files that nobody foresaw.
    let read = catch_unwind(AssertUnwindSafe(|| match y4m::is(bytes) {
        true => y4m::read(bytes, limits, see),
        false => animated::read(bytes, limits, see),
    }));
    read.unwrap_or_else(|_| Err(damaged("its parts contradict each other")))
}

/// A film whose pictures are in one file.
fn animated_film(source: Source, limits: &FilmLimits) -> Result<Film, EngineError> {
    let Source::Animated(file, place) = &source else {
        return Err(EngineError::internal("a film of files is not animated"));
    };
    let (mut delays, mut first) = (Vec::new(), None);
    unpack(&file[place.clone()], limits, &mut |shot| {
        first.get_or_insert(shot.size);
        delays.push(shot.delay);
        limits.check(shot.size, delays.len())?;
        Ok(ControlFlow::Continue(()))
    })?;
    let Some((width, height)) = first else {
        return Err(EngineError::new(ErrorCode::BadRequest, EngineRefusal::FilmEmpty));
    };
    let (shown, rate) = even(&delays, limits)?;
    let times = (0..shown.len()).map(|frame| frame as f64 / rate).collect();
    let (shown, chosen) = (shown.into(), false);
    Ok(Film { width, height, source, shown, rate, chosen, numbers: None, times })
}

/// Frames of equal length, by number of the picture that each shows, and how many there are a second.
///
/// Times that differ by no more than files round them to (a hundredth of a second in GIF files) are one time;
/// others are cut into the longest that divides all. What is shown for longer than half a second is shown again: films
/// have two frames a second at least, which is what is taken of them.
fn even(delays: &[f64], limits: &FilmLimits) -> Result<(Vec<u32>, f64), EngineError> {
    /// What GIF files count in, in milliseconds.
    const UNIT: f64 = 10.0;
    /// The longest that a frame is shown, in milliseconds.
    const LONGEST: f64 = 500.0;
    let (least, most) =
        delays.iter().fold((f64::MAX, 0f64), |(l, m), delay| (l.min(*delay), m.max(*delay)));
    let is_one = most - least <= 1.0 || (most - least <= UNIT && least >= 3.0 * UNIT);
    let in_ms = |delay: &f64| (delay.round() as u64).max(1);
    let one = delays.iter().sum::<f64>() / delays.len().max(1) as f64;
    // Sums of thirds are not whole: what is left of them is no part of a rate.
    let named = |rate: f64| (rate * 1e6).round() / 1e6;
    let common = match is_one {
        true => one.max(1000.0 / MOST_RATE),
        false => delays.iter().map(in_ms).fold(0, gcd).max(1) as f64,
    };
    let again = (common / LONGEST).ceil().max(1.0);
    let mut shown = Vec::new();
    for (picture, delay) in (0..).zip(delays) {
        let times = if is_one { 1.0 } else { in_ms(delay) as f64 / common } * again;
        if shown.len() as f64 + times > 10.0 * limits.frames as f64 {
            return Err(too_many(limits));
        }
        shown.extend(std::iter::repeat_n(picture, times.round() as usize));
    }
    Ok((shown, named(1000.0 * again / common)))
}

const fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b > 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A film whose frames are files.
fn film_of_files(
    file: Arc<[u8]>,
    (frames, places): (Frames, Vec<Range<usize>>),
    limits: &FilmLimits,
) -> Result<Film, EngineError> {
    let (n, rates) = (places.len(), [frames.fps, frames.source_fps]);
    if n > limits.frames {
        return Err(too_many(limits));
    }
    for rate in rates.into_iter().flatten() {
        check_rate(rate)?;
    }
    let mut first = None;
    for (at, place) in places.iter().enumerate() {
        let picture = frame_file(&file[place.clone()], (at as u32, n))?;
        let size = (picture.width, picture.height);
        limits.check(size, at + 1)?;
        let first: (u32, u32) = *first.get_or_insert(size);
        if size != first {
            let refusal = EngineRefusal::FramesDiffer {
                n: at as u64 + 1,
                width: size.0.into(),
                height: size.1.into(),
                first_width: first.0.into(),
                first_height: first.1.into(),
            };
            return Err(EngineError::new(ErrorCode::BadRequest, refusal));
        }
    }
    let (width, height) = first.unwrap_or_default();
    let Frames { fps, source_fps, source_frames, indices } = frames;
    let wrong = || {
        let (frames, indices) = (n as u64, indices.len() as u64);
        EngineError::new(ErrorCode::BadRequest, EngineRefusal::FramesIndices { frames, indices })
    };
    let of =
        source_frames.unwrap_or_else(|| indices.last().map_or(0, |last| last.saturating_add(1)));
    if !indices.is_empty() {
        let rising = indices.is_sorted_by(|a, b| a < b);
        let within = indices.last().is_some_and(|last| *last < of);
        if indices.len() != n || !rising || !within || source_fps.is_none() {
            return Err(wrong());
        }
    }
    // As transformers counts the rate of chosen frames.
    let counted = source_fps.map(|rate| n as f64 / f64::from(of.max(1)) * rate);
    let rate = fps.or(counted.filter(|_| !indices.is_empty()));
    let rate = rate.ok_or_else(|| wrong_rate("nothing"))?;
    check_rate(rate)?;
    let times = match source_fps.filter(|_| !indices.is_empty()) {
        Some(source) => indices.iter().map(|index| f64::from(*index) / source).collect(),
        None => (0..n).map(|frame| frame as f64 / rate).collect(),
    };
    let numbers = (!indices.is_empty()).then(|| (indices.into(), of));
    let (source, shown) = (Source::Files(file, places), (0..n as u32).collect());
    Ok(Film { width, height, source, shown, rate, chosen: true, numbers, times })
}

/// A frame that is a file of its own, the `at`-th of `of`.
fn frame_file(bytes: &[u8], (at, of): (u32, usize)) -> Result<Picture, EngineError> {
    Picture::decode(bytes, &PictureLimits::default()).map_err(|error| {
        let (n, all, code) = (u64::from(at) + 1, of as u64, error.code);
        let what = error.into_message();
        EngineError::new(code, EngineRefusal::OfFrame { n, all, what })
    })
}

fn check_rate(rate: f64) -> Result<(), EngineError> {
    match rate > 0.0 && rate <= MOST_RATE {
        true => Ok(()),
        false => Err(wrong_rate(rate)),
    }
}

fn wrong_rate(value: impl std::fmt::Display) -> EngineError {
    let value = value.to_string();
    EngineError::new(ErrorCode::BadRequest, EngineRefusal::FramesRate { value })
}

impl FilmLimits {
    /// Whether a film may have so many frames of this size: asked before a frame is unpacked.
    ///
    /// # Errors
    /// It has too many.
    fn check(&self, (width, height): (u32, u32), frames: usize) -> Result<(), EngineError> {
        let pixels = u64::from(width) * u64::from(height);
        let (code, width, height) =
            (ErrorCode::PictureTooManyPixels, u64::from(width), u64::from(height));
        if pixels > self.pixels {
            let millions = self.pixels / 1_000_000;
            let large = EngineRefusal::FrameTooManyPixels { width, height, millions };
            return Err(EngineError::new(code, large));
        }
        if frames > self.frames {
            return Err(too_many(self));
        }
        if pixels.saturating_mul(frames as u64) > self.all {
            let (frames, millions) = (frames as u64, self.all / 1_000_000);
            let large = EngineRefusal::FilmTooManyPixels { width, height, frames, millions };
            return Err(EngineError::new(code, large));
        }
        Ok(())
    }
}

fn too_many(limits: &FilmLimits) -> EngineError {
    let most = limits.frames as u64;
    EngineError::new(ErrorCode::BodyTooLarge, EngineRefusal::FilmTooManyFrames { most })
}

fn damaged(what: &str) -> EngineError {
    let what = what.to_owned();
    EngineError::new(ErrorCode::BadRequest, EngineRefusal::FilmDamaged { what })
}

fn no_film() -> EngineError {
    EngineError::new(ErrorCode::WrongContentType, EngineRefusal::NoFilm)
}
