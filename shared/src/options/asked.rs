//! What a person asks for: everything may be left to the model and to the lab.

use serde::{Deserialize, Serialize};

use super::{
    CopyPositions, FilmOptions, ImageFit, PruneCount, PrunePositions, Quant, Resizing, RunOptions,
};
use crate::intervention::{Knockout, PictureUse, PruneBy};
use crate::repeat::Repeat;
use crate::sampling::Sampling;

/// The options of a run as a person asks for them; what is left out is decided by
/// [`super::resolve`], and nowhere else. [`RunOptions`] says what each one means.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct AskedOptions {
    /// Model name as the lab lists it; empty for the default model.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// What the person asks about the picture.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prompt: String,
    /// Quantization of the decoder's weights; left out for the model's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quant: Option<Quant>,
    /// Most tokens to generate, 1 to [`super::MAX_NEW_TOKENS`]; [`super::NEW_TOKENS`] when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<u32>,
    /// Go on after the end-of-sequence token; no when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_eos: Option<bool>,
    /// How the picture meets the model's frame; `crop` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fit: Option<ImageFit>,
    /// Whose arithmetic resizes the picture; the model's own when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resize: Option<Resizing>,
    /// Prompt template by name; left out for the model's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// Share of the image tokens to drop, 0 to below 1; 0 when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune: Option<f32>,
    /// Which ones; those with the lowest score when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune_by: Option<PruneBy>,
    /// How many that leaves; `round` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune_count: Option<PruneCount>,
    /// Where those that are left stand; left out for the model's own way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune_positions: Option<PrunePositions>,
    /// How many times the image tokens stand in the sequence; once when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replicate: Option<u32>,
    /// Where the copies stand; `new` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<CopyPositions>,
    /// Most pixels the prepared picture may have, for models that read any size or cut it into
    /// tiles; left out for the model's own choice (its limit, or one tile).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pixels: Option<u32>,
    /// What the model is shown in the picture's place; the picture itself when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<PictureUse>,
    /// How films become frames, and where the text behind them stands; `qwen-vl-utils` at two frames a second, and as
    /// in transformers 5, when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub film: Option<FilmOptions>,
    /// Attention to knock out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub knockout: Option<Knockout>,
    /// How the next token is chosen; the most probable one when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    /// Ask several times, tokens drawn anew each time; once when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat: Option<Repeat>,
    /// Run again unobserved, and in f32 where that fits; no when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verify: Option<bool>,
}

/// The same again: everything as a run had it.
impl From<&RunOptions> for AskedOptions {
    fn from(run: &RunOptions) -> Self {
        let RunOptions {
            model,
            prompt,
            quant,
            max_new_tokens,
            ignore_eos,
            fit,
            resize,
            template,
            prune,
            prune_by,
            prune_count,
            prune_positions,
            replicate,
            copies,
            max_pixels,
            picture,
            film,
            knockout,
            sampling,
            repeat,
            verify,
            changed: _,
        } = run.clone();
        AskedOptions {
            model,
            prompt,
            quant: Some(quant),
            max_new_tokens: Some(max_new_tokens),
            ignore_eos: Some(ignore_eos),
            fit: Some(fit),
            resize: Some(resize),
            template: Some(template).filter(|name| !name.is_empty()),
            prune: Some(prune),
            prune_by: Some(prune_by),
            prune_count: Some(prune_count),
            prune_positions,
            replicate: Some(replicate),
            copies: Some(copies),
            max_pixels,
            picture: Some(picture),
            film: Some(film),
            knockout,
            sampling: Some(sampling),
            repeat,
            verify: Some(verify),
        }
    }
}

impl From<RunOptions> for AskedOptions {
    fn from(run: RunOptions) -> Self {
        AskedOptions::from(&run)
    }
}
