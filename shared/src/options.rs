//! What a person asks for, what a run uses, and what a model says of itself.

mod asked;
mod changed;
mod film;
mod model_info;
mod resizing;
mod resolve;
mod shortest;

use serde::{Deserialize, Serialize};

use crate::event::{EVENT_VERSION, ONCE_VERSION};
use crate::intervention::{Knockout, PictureUse, PruneBy};
use crate::repeat::Repeat;
use crate::sampling::Sampling;
use crate::sentence::{Message, OptionError};

pub use asked::AskedOptions;
pub use changed::{Changed, WhyChanged};
pub use film::{AfterFilm, FilmOptions, FilmSampling, FrameOrder, MOST_FPS};
pub use model_info::ModelInfo;
pub use resizing::Resizing;
pub use resolve::{KnownModel, ModelDefaults, ModelTraits, resolve, resolve_settings};
pub use shortest::shortest;

/// How weights are held in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Quant {
    /// 32-bit floats: the reference.
    F32,
    /// 16-bit floats.
    F16,
    /// 16-bit brain floats.
    Bf16,
    /// 8 bits a weight in blocks of 32.
    #[default]
    #[serde(rename = "q8_0")]
    Q8_0,
    /// 6-bit k-quant, blocks of 256.
    Q6k,
    /// 5-bit k-quant, blocks of 256.
    Q5k,
    /// 4-bit k-quant, blocks of 256.
    Q4k,
    /// As the model's files have them, each tensor in its own type: nothing is converted.
    Stored,
}

impl Quant {
    /// All, from exact to small, and last the files' own.
    pub const ALL: [Quant; 8] = [
        Quant::F32,
        Quant::F16,
        Quant::Bf16,
        Quant::Q8_0,
        Quant::Q6k,
        Quant::Q5k,
        Quant::Q4k,
        Quant::Stored,
    ];

    /// The name used on the command line, in links and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Quant::F32 => "f32",
            Quant::F16 => "f16",
            Quant::Bf16 => "bf16",
            Quant::Q8_0 => "q8_0",
            Quant::Q6k => "q6k",
            Quant::Q5k => "q5k",
            Quant::Q4k => "q4k",
            Quant::Stored => "stored",
        }
    }

    /// The quantization of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Quant::ALL.into_iter().find(|q| q.name() == name)
    }
}

/// How a picture that is not square meets a square model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum ImageFit {
    /// Shortest edge to size, centre crop: what transformers' processor does.
    #[default]
    Crop,
    /// Padded to a square with the mean colour first: what the original LLaVA-1.5 does.
    Pad,
}

impl ImageFit {
    /// The name used on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            ImageFit::Crop => "crop",
            ImageFit::Pad => "pad",
        }
    }
}

/// How many image tokens remain when a share of them is dropped: `round`, 144, 58 and 29 of 576 at
/// 75, 90 and 95 %, or `floor`, 144, 57 and 28; never fewer than one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PruneCount {
    /// The nearest whole number, a half up: 144, 58 and 29 of 576 at 75, 90 and 95 %, as in
    /// FasterVLM.
    #[default]
    Round,
    /// The whole number below: 144, 57 and 28.
    Floor,
}

impl PruneCount {
    /// Both, the default first.
    pub const ALL: [PruneCount; 2] = [PruneCount::Round, PruneCount::Floor];

    /// The name used on the command line, in links and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            PruneCount::Round => "round",
            PruneCount::Floor => "floor",
        }
    }

    /// How many of `n` tokens remain when the share `rate` is dropped; never fewer than one of
    /// some.
    pub fn kept(self, n: usize, rate: f32) -> usize {
        // In whole millionths: the rate as typed (0.9), not its f32 neighbour, decides which way
        // a half is rounded and what lies below.
        const WHOLE: u64 = 1_000_000;
        let dropped = (f64::from(rate) * WHOLE as f64).round() as u64;
        let left = n as u64 * WHOLE.saturating_sub(dropped);
        let kept = match self {
            PruneCount::Round => (left + WHOLE / 2) / WHOLE,
            PruneCount::Floor => left / WHOLE,
        };
        (kept as usize).max(1).min(n)
    }
}

/// Where the image tokens that were not pruned stand: `repacked`, at consecutive positions, or
/// `kept`, where they stood. Where nothing was dropped both are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PrunePositions {
    /// At consecutive positions, as if what was dropped had never been there: FasterVLM. Under
    /// M-RoPE a token then stands at the same number on all axes, like text.
    Repacked,
    /// Where they stood in the whole picture; text goes on as if nothing was dropped.
    Kept,
}

impl PrunePositions {
    /// Both.
    pub const ALL: [PrunePositions; 2] = [PrunePositions::Repacked, PrunePositions::Kept];

    /// The name used on the command line, in links and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            PrunePositions::Repacked => "repacked",
            PrunePositions::Kept => "kept",
        }
    }
}

/// Where the second and later copies of replicated image tokens stand: `new`, after the copy
/// before, or `shared`, where the first copy stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CopyPositions {
    /// After the copy before, like one more picture.
    #[default]
    New,
    /// Where the first copy stands; text goes on after the first copy.
    Shared,
}

impl CopyPositions {
    /// Both, the default first.
    pub const ALL: [CopyPositions; 2] = [CopyPositions::New, CopyPositions::Shared];

    /// The name used on the command line, in links and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            CopyPositions::New => "new",
            CopyPositions::Shared => "shared",
        }
    }
}

/// Whether a value is its type's default, and so need not be written.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Most tokens that a run generates where nobody says.
pub const NEW_TOKENS: u32 = 20;
/// Most tokens a run may generate.
pub const MAX_NEW_TOKENS: u32 = 512;
/// Most copies of the image tokens a run may have.
pub const MAX_REPLICATE: u32 = 64;
/// Most characters a prompt may have.
pub const MAX_PROMPT_CHARS: usize = 8192;

/// A name that older runs have as `null`.
fn name_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.unwrap_or_default())
}

/// The options that a run uses, all of them: what [`resolve`] makes of [`AskedOptions`]. Every
/// result carries them, and nothing is filled in later.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct RunOptions {
    /// Model name as the lab lists it.
    pub model: String,
    /// What the person asks about the picture.
    pub prompt: String,
    /// Quantization of the decoder's weights.
    pub quant: Quant,
    /// Most tokens to generate, 1 to [`MAX_NEW_TOKENS`].
    pub max_new_tokens: u32,
    /// Go on after the end-of-sequence token.
    pub ignore_eos: bool,
    /// How the picture meets the model's frame.
    pub fit: ImageFit,
    /// Whose arithmetic resizes the picture.
    pub resize: Resizing,
    /// Prompt template by name; empty only in runs that were stored without it.
    #[serde(deserialize_with = "name_or_null")]
    pub template: String,
    #[allow(rustdoc::broken_intra_doc_links, reason = "[CLS] is a token, and no link")]
    /// Share of the image tokens to drop, 0 to below 1: those with the lowest
    /// [`ModelInfo::prune_score`], unless `prune_by` says otherwise.
    pub prune: f32,
    /// Which ones.
    #[serde(skip_serializing_if = "is_default")]
    pub prune_by: PruneBy,
    /// How many that leaves.
    #[serde(skip_serializing_if = "is_default")]
    pub prune_count: PruneCount,
    /// Where those that are left stand; `None` where nothing is dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune_positions: Option<PrunePositions>,
    /// How many times the image tokens stand in the sequence.
    pub replicate: u32,
    /// Where the copies stand.
    #[serde(skip_serializing_if = "is_default")]
    pub copies: CopyPositions,
    /// Most pixels the prepared picture may have, for models that read any size; `None` for those
    /// that see every picture at one size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pixels: Option<u32>,
    /// What the model is shown in the picture's place; the picture that was given still is the
    /// run's, and still decides how large it is and how many tokens it has.
    #[serde(skip_serializing_if = "is_default")]
    pub picture: PictureUse,
    /// How films become frames, and where the text behind them stands.
    #[serde(skip_serializing_if = "is_default")]
    pub film: FilmOptions,
    /// Attention to knock out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knockout: Option<Knockout>,
    /// How the next token is chosen.
    #[serde(skip_serializing_if = "is_default")]
    pub sampling: Sampling,
    /// Asked several times, tokens drawn anew each time; once where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// Run again unobserved, and in f32 where that fits, and say whether anything differs.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub verify: bool,
    /// What was asked for and is not used as asked.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<Changed>,
}

impl RunOptions {
    /// The same options on a model that may know more of itself than was known when they were
    /// resolved: what was decided stays.
    ///
    /// # Errors
    /// As [`resolve_settings`].
    pub fn on(&self, model: &ModelTraits) -> Result<RunOptions, crate::ErrorBody> {
        // The weights are held as they were loaded, whatever was asked.
        let asked = AskedOptions { quant: None, ..self.into() };
        let mut options = resolve_settings(&asked, &ModelDefaults::default(), model)?;
        options.changed.splice(..0, self.changed.iter().cloned());
        Ok(options)
    }

    /// The prompt template that was used: the options' own, or, of a run that was stored without it,
    /// the model's.
    pub fn template_on<'a>(&'a self, model: &'a ModelInfo) -> &'a str {
        if self.template.is_empty() { &model.template } else { &self.template }
    }

    /// The least version of the event format that a run of these options can be written in: whoever
    /// asks once is read by earlier labs, too.
    pub fn event_version(&self) -> u32 {
        if self.repeat.is_some() { EVENT_VERSION } else { ONCE_VERSION }
    }

    /// Checks every option whose range does not depend on the model.
    ///
    /// # Errors
    /// A sentence about the first one that is out of its range.
    pub fn check_ranges(&self) -> Result<(), Message> {
        if !(0.0..1.0).contains(&self.prune) {
            return Err(OptionError::PruneRange { value: self.prune.to_string() }.into());
        }
        let whole = |name: &str, value: u32, most: u32| match value {
            n if (1..=most).contains(&n) => Ok(()),
            n => {
                let (name, most, value) = (name.to_owned(), most.into(), n.into());
                Err(Message::from(OptionError::WholeRange { name, most, value }))
            }
        };
        whole("replicate", self.replicate, MAX_REPLICATE)?;
        whole("max_new_tokens", self.max_new_tokens, MAX_NEW_TOKENS)?;
        if self.max_pixels == Some(0) {
            return Err(OptionError::MaxPixelsZero.into());
        }
        if self.picture == PictureUse::None && (self.prune > 0.0 || self.replicate > 1) {
            return Err(OptionError::NoPictureTokens.into());
        }
        if let Some(knockout) = &self.knockout {
            knockout.check()?;
        }
        if let Some(repeat) = &self.repeat {
            repeat.check()?;
        }
        self.film.check()?;
        self.sampling.check()
    }
}

impl Default for RunOptions {
    fn default() -> Self {
        RunOptions {
            model: String::new(),
            prompt: String::new(),
            quant: Quant::default(),
            max_new_tokens: NEW_TOKENS,
            ignore_eos: false,
            fit: ImageFit::default(),
            resize: Resizing::UNSAID,
            template: String::new(),
            prune: 0.0,
            prune_by: PruneBy::default(),
            prune_count: PruneCount::default(),
            prune_positions: None,
            replicate: 1,
            copies: CopyPositions::default(),
            max_pixels: None,
            picture: PictureUse::default(),
            film: FilmOptions::default(),
            knockout: None,
            sampling: Sampling::default(),
            repeat: None,
            verify: false,
            changed: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::PruneCount::{self, Floor, Round};

    #[test]
    fn keeps_what_fastervlm_keeps() {
        let of_576 = |how: PruneCount| [0.0, 0.75, 0.9, 0.95].map(|rate| how.kept(576, rate));
        assert_eq!(of_576(Round), [576, 144, 58, 29]);
        assert_eq!(of_576(Floor), [576, 144, 57, 28]);
    }

    /// 0.1 and 0.9 have no exact binary form: 20 · (1 − 0.9) is a little less than 2.
    #[test]
    fn the_rate_as_typed_decides() {
        for (n, rate, round, floor) in
            [(20, 0.9, 2, 2), (10, 0.9, 1, 1), (30, 0.7, 9, 9), (25, 0.5, 13, 12), (5, 0.7, 2, 1)]
        {
            assert_eq!((Round.kept(n, rate), Floor.kept(n, rate)), (round, floor), "{n} at {rate}");
        }
    }

    #[test]
    fn something_is_always_left() {
        for how in PruneCount::ALL {
            assert_eq!(how.kept(4, 0.999_999), 1);
            assert_eq!(how.kept(1, 0.5), 1);
            assert_eq!(how.kept(0, 0.5), 0);
        }
    }
}
