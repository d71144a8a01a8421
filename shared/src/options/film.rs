//! How a film becomes the frames that a model sees, and where the text behind it stands.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::sentence::{Message, OptionError};

/// What is asked of the films of a prompt. Prompts without one are not touched by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct FilmOptions {
    /// Which of the film's frames the model sees.
    #[serde(skip_serializing_if = "super::is_default")]
    pub sampling: FilmSampling,
    /// How many frames a second are taken, above 0 and at most [`MOST_FPS`]; left out for the rule's own: 2 under
    /// `qwen-vl-utils`, what the model's files say under `transformers`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<f32>,
    /// Where the text behind a film stands, where positions have an axis of time.
    #[serde(skip_serializing_if = "super::is_default")]
    pub after: AfterFilm,
    /// In which order the frames are shown.
    #[serde(skip_serializing_if = "super::is_default")]
    pub order: FrameOrder,
}

/// Most frames a second that may be asked for.
pub const MOST_FPS: f32 = 240.0;

impl FilmOptions {
    /// Whether these can be.
    ///
    /// # Errors
    /// What is out of range.
    pub fn check(&self) -> Result<(), Message> {
        match self.fps {
            Some(fps) if !(fps > 0.0 && fps <= MOST_FPS) => {
                let (value, most) = (fps.to_string(), MOST_FPS as u64);
                Err(OptionError::FilmRate { value, most }.into())
            }
            _ => Ok(()),
        }
    }
}

/// A rule by which frames of a film are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FilmSampling {
    /// That of Qwen's package of this name: some frames a second (2), an even number from 4 to 768, evenly from
    /// the first frame to the last; and its limit of a frame's pixels. Frames that are given one by one are all seen.
    #[default]
    #[serde(rename = "qwen-vl-utils")]
    QwenVlUtils,
    /// That of the model's own video processor in transformers 5, which may take every frame, and never takes the
    /// last one where it chooses.
    #[serde(rename = "transformers")]
    Transformers,
    /// Every frame: they were chosen already.
    #[serde(rename = "all")]
    All,
}

impl FilmSampling {
    /// All, the default first.
    pub const ALL: [FilmSampling; 3] =
        [FilmSampling::QwenVlUtils, FilmSampling::Transformers, FilmSampling::All];

    /// The name used on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            FilmSampling::QwenVlUtils => "qwen-vl-utils",
            FilmSampling::Transformers => "transformers",
            FilmSampling::All => "all",
        }
    }
}

/// Where the text behind a film stands under M-RoPE.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum AfterFilm {
    /// After as many positions as the longer edge of a frame's grid has, as in transformers 5: a long film and the
    /// text behind it share positions.
    #[default]
    LongerEdge,
    /// Behind every position of the film, as in transformers 4.
    MaxPlusOne,
}

impl AfterFilm {
    /// All, the default first.
    pub const ALL: [AfterFilm; 2] = [AfterFilm::LongerEdge, AfterFilm::MaxPlusOne];

    /// The name used on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            AfterFilm::LongerEdge => "longer_edge",
            AfterFilm::MaxPlusOne => "max_plus_one",
        }
    }
}

/// In which order a model is shown the frames of a film: what it is asked against, where time is to matter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FrameOrder {
    /// As they come.
    #[default]
    Own,
    /// The last first.
    Reversed,
    /// Shuffled by this seed; the same on every machine.
    Shuffled(u32),
}

impl fmt::Display for FrameOrder {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            FrameOrder::Own => f.write_str("own"),
            FrameOrder::Reversed => f.write_str("reversed"),
            FrameOrder::Shuffled(seed) => write!(f, "shuffled:{seed}"),
        }
    }
}

impl FromStr for FrameOrder {
    type Err = String;

    /// `own`, `reversed`, `shuffled` or `shuffled:SEED`.
    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("shuffled:").map(str::parse)) {
            ("own", _) => Ok(FrameOrder::Own),
            ("reversed", _) => Ok(FrameOrder::Reversed),
            ("shuffled", _) => Ok(FrameOrder::Shuffled(0)),
            (_, Some(Ok(seed))) => Ok(FrameOrder::Shuffled(seed)),
            (_, Some(Err(_))) => {
                let most = u32::MAX;
                Err(format!("the seed of shuffled is a whole number up to {most}, not {text}"))
            }
            _ => Err(format!("\"{text}\" is no order; name own, reversed or shuffled:SEED")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for order in [FrameOrder::Own, FrameOrder::Reversed, FrameOrder::Shuffled(7)] {
            assert_eq!(order.to_string().parse(), Ok(order));
        }
        assert!("shuffled:x".parse::<FrameOrder>().is_err());
        assert!("backwards".parse::<FrameOrder>().is_err());
        for sampling in FilmSampling::ALL {
            let json = serde_json::to_string(&sampling).expect("a word");
            assert_eq!(json, format!("\"{}\"", sampling.name()));
        }
    }

    #[test]
    fn a_rate_is_above_nothing_and_bounded() {
        let of = |fps| FilmOptions { fps: Some(fps), ..FilmOptions::default() }.check();
        assert!(of(0.5).is_ok() && of(240.0).is_ok());
        for wrong in [0.0, -1.0, 240.5, f32::NAN, f32::INFINITY] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_usual_is_not_written() {
        assert_eq!(serde_json::to_string(&FilmOptions::default()).expect("JSON"), "{}");
        let options: FilmOptions =
            serde_json::from_str(r#"{"sampling":"all","order":{"shuffled":3}}"#).expect("options");
        assert_eq!((options.sampling, options.order), (FilmSampling::All, FrameOrder::Shuffled(3)));
        assert!(serde_json::from_str::<FilmOptions>(r#"{"frames":3}"#).is_err());
    }
}
