//! Which frames of a film a model sees: the rules of qwen-vl-utils 0.0.14 and of transformers 5.17.

use shared::sentence::EngineRefusal;
use shared::{ErrorCode, FilmOptions, FilmSampling};

use super::FilmExtent;
use crate::error::EngineError;

/// What the video processor of a model's files says of sampling.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OwnSampling {
    /// Whether it chooses frames where nobody says how many (`do_sample_frames`).
    pub(crate) samples: bool,
    /// Frames a second that it then takes.
    pub(crate) fps: Option<f64>,
    /// The least and the most frames.
    pub(crate) frames: (u32, u32),
}

impl Default for OwnSampling {
    /// Qwen2VLVideoProcessor's.
    fn default() -> Self {
        OwnSampling { samples: false, fps: None, frames: (4, 768) }
    }
}

/// Frames are taken in pairs.
const PAIR: f64 = 2.0;

/// Numbers of the frames that are seen, rising. Frames that were chosen already are all seen.
///
/// # Errors
/// The rule has no answer for so short a film.
pub(crate) fn sample(
    film: &FilmExtent,
    options: &FilmOptions,
    own: &OwnSampling,
) -> Result<Vec<u32>, EngineError> {
    let every = || (0..film.frames).collect();
    if film.chosen {
        return Ok(every());
    }
    let asked = options.fps.map(f64::from);
    let own_fps = own.fps.filter(|_| own.samples);
    Ok(match options.sampling {
        FilmSampling::All => every(),
        FilmSampling::QwenVlUtils => {
            let (least, most) = (4.0, 768.0);
            let n = pairs(film, asked.unwrap_or(2.0), (least, most));
            if n < PAIR {
                let frames = u64::from(film.frames);
                let short = EngineRefusal::FilmTooShort { frames };
                return Err(EngineError::new(ErrorCode::BadOption, short));
            }
            evenly(film.frames, n as u32)
        }
        FilmSampling::Transformers => match asked.or(own_fps) {
            None => every(),
            Some(fps) => {
                let (least, most) = own.frames;
                let n = pairs(film, fps, (least.into(), most.into()));
                // transformers fails where it comes to no frame; a film of one has that one.
                if n < PAIR { every() } else { from_the_first(film.frames, n as u32) }
            }
        },
    })
}

/// How many frames there are at a rate, an even number within limits: `smart_nframes` of qwen-vl-utils, which
/// Qwen2VLVideoProcessor follows.
fn pairs(film: &FilmExtent, fps: f64, (least, most): (f64, f64)) -> f64 {
    let floor = |n: f64| (n / PAIR).floor() * PAIR;
    let total = f64::from(film.frames);
    let n = total / film.rate * fps;
    floor(n.max(least).min(floor(most.min(total))).min(total))
}

/// `torch.linspace(0, total − 1, n).round()`: in f32, from both ends, halves to even.
fn evenly(total: u32, n: u32) -> Vec<u32> {
    let end = (total - 1) as f32;
    let step = end / (n.max(2) - 1) as f32;
    let at = |i: u32| if i < n / 2 { step * i as f32 } else { end - step * (n - 1 - i) as f32 };
    (0..n).map(|i| at(i).round_ties_even() as u32).collect()
}

/// `torch.arange(0, total, total / n).int()`: never the last frame.
fn from_the_first(total: u32, n: u32) -> Vec<u32> {
    let step = f64::from(total) / f64::from(n);
    let values = (0..n).map(|i| (f64::from(i) * step) as f32 as u32);
    values.map(|at| at.min(total - 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn film(frames: u32, rate: f64) -> FilmExtent {
        FilmExtent { width: 8, height: 8, frames, rate, chosen: false }
    }

    fn by(sampling: FilmSampling, fps: Option<f32>, film: FilmExtent) -> Vec<u32> {
        let options = FilmOptions { sampling, fps, ..FilmOptions::default() };
        sample(&film, &options, &OwnSampling::default()).expect("frames")
    }

    /// What qwen-vl-utils takes: three seconds of 30 frames are the reference's own case
    /// (tests/goldens/qwen2.5-vl-film), the others follow from its lines.
    #[test]
    fn utils_takes_two_a_second_to_the_last() {
        let utils = |fps, film| by(FilmSampling::QwenVlUtils, fps, film);
        assert_eq!(utils(None, film(90, 30.0)), [0, 18, 36, 53, 71, 89]);
        assert_eq!(utils(Some(1.0), film(90, 30.0)), [0, 30, 59, 89], "at least four");
        assert_eq!(utils(None, film(8, 2.0)), (0..8).collect::<Vec<_>>());
        assert_eq!(utils(None, film(9, 2.0)), [0, 1, 2, 3, 5, 6, 7, 8], "an even number");
        assert_eq!(utils(None, film(3, 2.0)), [0, 2]);
        assert_eq!(utils(None, film(100_000, 25.0)).len(), 768);
        // 2.5 is rounded to the even number beside it.
        assert_eq!(utils(None, film(6, 3.0)), [0, 2, 3, 5]);
    }

    #[test]
    fn utils_refuses_a_single_frame_and_says_what_to_do() {
        let refused = sample(&film(1, 2.0), &FilmOptions::default(), &OwnSampling::default());
        assert!(refused.expect_err("refused").message.contains("(all)"));
    }

    #[test]
    fn transformers_takes_all_or_never_the_last() {
        let own = |fps, film| by(FilmSampling::Transformers, fps, film);
        assert_eq!(own(None, film(90, 30.0)).len(), 90);
        assert_eq!(own(Some(2.0), film(90, 30.0)), [0, 15, 30, 45, 60, 75]);
        assert_eq!(own(Some(2.0), film(10, 4.0)), [0, 2, 5, 7]);
        assert_eq!(own(Some(2.0), film(1, 2.0)), [0]);
        let sampling = OwnSampling { samples: true, fps: Some(2.0), frames: (4, 6) };
        let options = FilmOptions { sampling: FilmSampling::Transformers, ..Default::default() };
        let taken = sample(&film(900, 30.0), &options, &sampling).expect("frames");
        assert_eq!(taken, [0, 150, 300, 450, 600, 750]);
    }

    #[test]
    fn frames_that_were_chosen_are_all_seen() {
        let chosen = FilmExtent { chosen: true, ..film(5, 30.0) };
        for sampling in FilmSampling::ALL {
            assert_eq!(by(sampling, Some(1.0), chosen), [0, 1, 2, 3, 4]);
        }
        assert_eq!(by(FilmSampling::All, Some(1.0), film(5, 30.0)), [0, 1, 2, 3, 4]);
    }
}
