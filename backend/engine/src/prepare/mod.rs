//! Picture preparation: from a person's picture to what a vision tower takes.

mod any_film;
mod any_size;
mod counterfactual;
mod cut;
mod plan;
mod resize;
mod settings;
#[cfg(test)]
mod tests;
mod tiles;

use serde_json::Value;
use shared::picture::PictureTokens;
use shared::sentence::{FileFault, GgufFault, SettingNeed};
use shared::{FilmSampling, ImageFit, PreparedPicture, Resizing, RunOptions};

pub(crate) use any_film::{FilmModel, FilmTime};
pub(crate) use any_size::AnySize;
pub(crate) use counterfactual::replaced;
pub(crate) use cut::{crop, middle, pad_to_square};
pub(crate) use plan::{Plan, PlanPart, Run, Shape};
pub(crate) use resize::{Filter, resize};
pub(crate) use settings::{HARMLESS, Settings, channels, class, tell_unused};
pub(crate) use tiles::Tiles;

use crate::config::Section;
use crate::error::EngineError;
use crate::film::{Film, FilmExtent};
use crate::picture::Picture;
use crate::weights::Metadata;

/// How a model prepares pictures. What is known of a picture's size alone is asked by other threads
/// than the model's.
pub(crate) trait Pictures: std::fmt::Debug + Send + Sync {
    /// What a picture of this width and height becomes in a prompt.
    ///
    /// # Errors
    /// The model does not read such a picture, or an option is out of range.
    fn plan(&self, size: (u32, u32), options: &RunOptions) -> Result<Plan, EngineError>;
    /// Prepares a picture: the runs of its plan have their views.
    ///
    /// # Errors
    /// As [`Pictures::plan`], or the picture is so narrow that preparing it would take too much.
    fn prepare(&self, picture: &Picture, options: &RunOptions) -> Result<Pixels, EngineError>;
    /// The options as they hold for so many pictures in one prompt: some models see several otherwise
    /// than one alone.
    ///
    /// # Errors
    /// An option is not for so many.
    fn among(&self, pictures: usize, options: RunOptions) -> Result<RunOptions, EngineError> {
        let _ = pictures;
        Ok(options)
    }
    /// How films are prepared; `None` of a model that sees none.
    fn films(&self) -> Option<&dyn Films> {
        None
    }
    /// How sounds are prepared; `None` of a model that hears none.
    fn sounds(&self) -> Option<&dyn Sounds> {
        None
    }
    /// How many tokens pictures have.
    fn tokens(&self) -> PictureTokens;
    /// How pictures that are not square are made to fit where nobody says, by a model that sees
    /// every picture at one size.
    fn fit(&self) -> Option<ImageFit> {
        None
    }
    /// Whose arithmetic resizes pictures where nobody says: what transformers 5 takes by default.
    fn resizing(&self) -> Resizing {
        Resizing::default()
    }
}

/// How a model prepares films. What is known of a film's extent alone is asked by other threads than the model's.
pub(crate) trait Films {
    /// The id at a film's positions.
    fn token(&self) -> u32;
    /// What a film of this extent becomes in a prompt.
    ///
    /// # Errors
    /// It is too short, too narrow, or an option is out of range.
    fn plan(&self, film: &FilmExtent, options: &RunOptions) -> Result<Plan, EngineError>;
    /// Prepares a film: its plan has as many features as it is given.
    ///
    /// # Errors
    /// As [`Films::plan`], or the film is damaged.
    fn prepare(&self, film: &Film, options: &RunOptions) -> Result<Reel, EngineError>;
}

/// What a vision tower gets of a film, and what a person is shown.
#[derive(Debug)]
pub(crate) struct Reel {
    /// The tower's input, step after step, each as a picture's.
    pub(crate) values: Vec<f32>,
    /// What the tower sees of every frame.
    pub(crate) view: PreparedPicture,
    /// For each step the time of its first frame, in milliseconds.
    pub(crate) times: Vec<u32>,
    /// Numbers of the frames in the given film, in the order in which they are shown.
    pub(crate) frames: Vec<u32>,
    /// How many frames the given film has.
    pub(crate) of: u32,
    /// How many a second are seen.
    pub(crate) rate: f64,
    /// By which rule they were chosen.
    pub(crate) rule: FilmSampling,
    /// The frames before normalisation, beside and below each other.
    pub(crate) strip: Picture,
}

/// How a model prepares sounds of one channel and 16,000 samples a second. What is known of a sound's
/// length alone is asked by other threads than the model's.
pub(crate) trait Sounds {
    /// Most samples that the model hears; what comes after them is cut off.
    fn most(&self) -> usize;
    /// What a sound of so many samples becomes in a prompt.
    ///
    /// # Errors
    /// It is so short that nothing of it is heard.
    fn plan(&self, samples: usize) -> Result<Plan, EngineError>;
    /// Prepares a sound: its plan has as many features as it is given.
    fn prepare(&self, samples: &[f32]) -> Mel;
}

/// What an audio encoder gets.
#[derive(Debug)]
pub(crate) struct Mel {
    /// Log-mel energies `[bands, frames]`. Frames that are left out at the end are silent.
    pub(crate) values: Vec<f32>,
    /// How many frames there are: those that are heard, and a few that filters reach into.
    pub(crate) frames: usize,
    /// How many of them begin within the sound.
    pub(crate) heard: usize,
    /// How long the sound is that is heard, in milliseconds.
    pub(crate) length: u32,
    /// How much of it a feature covers, in milliseconds.
    pub(crate) step: u32,
}

/// What the vision tower gets, and what a person is shown.
#[derive(Debug)]
pub(crate) struct Pixels {
    /// The tower's input, in its own order.
    pub(crate) values: Vec<f32>,
    /// The same picture before normalisation.
    pub(crate) picture: Picture,
    /// What the tower sees of it, itself or its tiles: each one's place in the given picture, and its
    /// token grid.
    pub(crate) views: Vec<PreparedPicture>,
}

/// Scales 8-bit levels by 1/255, subtracts the mean and divides by the standard deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Normalise {
    mean: [f32; 3],
    std: [f32; 3],
}

impl Normalise {
    /// CLIP's.
    pub(crate) const CLIP: Normalise = Normalise {
        mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
        std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
    };
    /// ImageNet's.
    pub(crate) const IMAGENET: Normalise =
        Normalise { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    /// SigLIP's: levels become values from −1 to 1.
    pub(crate) const HALF: Normalise = Normalise { mean: [0.5; 3], std: [0.5; 3] };

    /// From the metadata of an mmproj.
    ///
    /// # Errors
    /// A value is missing or out of range.
    pub(crate) fn of_clip(clip: &Metadata) -> Result<Self, EngineError> {
        let channels = |key: &str| match clip.floats(key) {
            Some(list) => match <[f32; 3]>::try_from(list) {
                Ok(channels) if channels.iter().all(|c| c.is_finite()) => Ok(channels),
                _ => Err(clip.wrong(key, GgufFault::NotThreeNumbers)),
            },
            None => Err(clip.wrong(key, FileFault::Absent)),
        };
        let mean = channels("clip.vision.image_mean")?;
        let std = channels("clip.vision.image_std")?;
        if std.contains(&0.0) {
            return Err(clip.wrong("clip.vision.image_std", GgufFault::OutOfRange));
        }
        Ok(Normalise { mean, std })
    }

    /// From a processor's configuration; CLIP's where it says nothing.
    ///
    /// # Errors
    /// A value is out of range.
    pub(crate) fn read(json: &Section) -> Result<Self, EngineError> {
        Self::read_or(json, Self::CLIP)
    }

    /// From a processor's configuration; `usual` where it says nothing.
    ///
    /// # Errors
    /// A value is out of range.
    pub(crate) fn read_or(json: &Section, usual: Normalise) -> Result<Self, EngineError> {
        let channels = |name: &str, default: [f32; 3], range: std::ops::Range<f64>| {
            let numbers = match json.member(name) {
                Value::Null => return Ok(default),
                Value::Array(list) => list.iter().map(Value::as_f64).collect::<Option<Vec<f64>>>(),
                _ => None,
            };
            match numbers.as_deref() {
                Some([r, g, b]) if [r, g, b].iter().all(|n| range.contains(n)) => {
                    Ok([*r as f32, *g as f32, *b as f32])
                }
                _ => {
                    let (least, most) = (range.start.to_string(), range.end.to_string());
                    Err(json.wrong(name, SettingNeed::Numbers { least, most }))
                }
            }
        };
        Ok(Normalise {
            mean: channels("image_mean", usual.mean, -10.0..10.0)?,
            std: channels("image_std", usual.std, 1e-3..1e3)?,
        })
    }

    /// The mean colour in 8 bits, cut off as Python's `int` does.
    pub(crate) fn mean_levels(&self) -> [u8; 3] {
        self.mean.map(|unit| (f64::from(unit) * 255.0) as u8)
    }

    /// The mean colour in 8 bits.
    fn mean_colour(&self) -> [u8; 3] {
        self.mean.map(|unit| (255.0 * unit).round() as u8)
    }

    /// `[3, height, width]`. transformers' processors on torchvision scale mean and deviation to
    /// levels and normalise in one step; those on Pillow scale levels to units first, in f64, and
    /// keep f32.
    pub(crate) fn planes(&self, picture: &Picture, resizing: Resizing) -> Vec<f32> {
        // Every channel has 256 values alone.
        let levels = [0, 1, 2].map(|c: usize| {
            let (mean, std) = (self.mean[c], self.std[c]);
            let value = |level: u8| match resizing {
                Resizing::Torchvision => (f32::from(level) - mean * 255.0) / (std * 255.0),
                Resizing::Pillow13 | Resizing::Pillow12 => {
                    let unit = (f64::from(level) * (1.0 / 255.0)) as f32;
                    (unit - mean) / std
                }
            };
            std::array::from_fn::<f32, 256, _>(|level| value(level as u8))
        });
        let n = picture.width as usize * picture.height as usize;
        let mut values = Vec::with_capacity(3 * n);
        for (c, levels) in levels.iter().enumerate() {
            let pixels = picture.rgb.as_chunks::<3>().0;
            values.extend(pixels.iter().map(|pixel| levels[usize::from(pixel[c])]));
        }
        values
    }
}

/// Steps that a processor takes: a configuration that leaves one out, scales otherwise, or resizes
/// with another filter than this, by Pillow's number and its name, describes another preparation than
/// the one that would be done.
pub(crate) fn steps(
    json: &Section,
    names: &[&str],
    (filter, called): (u32, &str),
) -> Result<(), EngineError> {
    for step in names {
        if !json.flag(step, true)? {
            return Err(json.wrong_value(step, true));
        }
    }
    let factor = json.number("rescale_factor", 1.0 / 255.0, f64::MIN..=f64::MAX)?;
    if (factor * 255.0 - 1.0).abs() > 1e-6 {
        return Err(json.wrong_value("rescale_factor", "1/255"));
    }
    match json.id("resample")? {
        None => Ok(()),
        Some(named) if named == filter => Ok(()),
        Some(_) => Err(json.wrong_value("resample", format!("{filter} ({called})"))),
    }
}

/// The same of a processor that resizes bicubically.
pub(crate) fn usual_steps(json: &Section, names: &[&str]) -> Result<(), EngineError> {
    steps(json, names, (3, "bicubic"))
}
