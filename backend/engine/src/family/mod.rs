//! Model families: what differs from one to the next, and the decoder's input, which does not.

mod llava;
mod qwen;

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Result, Tensor};
use shared::{Cell, Group, Layout, PreparedPicture, Quant, RunOptions, Token};

use crate::compress;
use crate::config;
use crate::decoder::Decoder;
use crate::error::EngineError;
use crate::memory::Footprint;
use crate::picture::Picture;
use crate::prepare::Pixels;
use crate::prompt::{Frame, PromptTokenizer, Template};
use crate::rotary::Position;
use crate::vision::Features;

pub(crate) use llava::Llava;
pub(crate) use qwen::Qwen;

/// What a family adds to the decoder.
pub(crate) trait Family {
    /// The family's name.
    fn name(&self) -> &'static str;
    /// The decoder.
    fn decoder(&self) -> &Decoder;
    /// The tokenizer.
    fn tokenizer(&self) -> &PromptTokenizer;
    /// Ids that end an answer.
    fn eos(&self) -> &[u32];
    /// The id at image positions.
    fn image_token(&self) -> u32;
    /// Prompt templates, the default first.
    fn templates(&self) -> &'static [Template];
    /// Prepares a picture.
    fn pixels(
        &self,
        picture: &Picture,
        options: &RunOptions,
    ) -> std::result::Result<Pixels, EngineError>;
    /// What image tokens are ranked by when some are pruned; `None` where this model has nothing
    /// to rank them by.
    fn prune_score(&self) -> Option<&'static str>;
    /// Image embeddings `[n, hidden]` in raster order, with scores if asked for.
    fn features(
        &self,
        pixels: &[f32],
        geometry: &PreparedPicture,
        scores: bool,
    ) -> Result<Features>;
    /// Where the tokens of one copy of the picture stand, and where text goes on.
    fn image_positions(
        &self,
        start: u32,
        kept: &[u32],
        geometry: &PreparedPicture,
    ) -> (Vec<Position>, u32);
}

/// A model and what loading it found out.
pub(crate) struct Loaded {
    pub(crate) family: Box<dyn Family>,
    pub(crate) parameters: u64,
    pub(crate) footprint: Footprint,
    pub(crate) fallbacks: Vec<String>,
    pub(crate) held: BTreeMap<String, u32>,
    pub(crate) hash: String,
}

/// What `config.json` calls the families that can be loaded (`model_type`).
pub const MODEL_TYPES: [&str; 2] = ["llava", "qwen2_5_vl"];

/// Reads a folder in Hugging Face layout, whichever family it holds.
pub(crate) fn load(
    folder: &Path,
    quant: Quant,
    progress: &mut dyn FnMut(u64, u64),
) -> std::result::Result<Loaded, EngineError> {
    match config::family(folder)?.as_str() {
        "llava" => Llava::load(folder, quant, progress),
        "qwen2_5_vl" => Qwen::load(folder, quant, progress),
        other => Err(EngineError::model(format!(
            "{}: model_type '{other}' is not supported; 'llava' and 'qwen2_5_vl' are",
            folder.join("config.json").display()
        ))),
    }
}

/// The decoder's input.
pub(crate) struct Input {
    /// `[S, hidden]`.
    pub(crate) embeddings: Tensor,
    /// Rotary positions.
    pub(crate) positions: Vec<Position>,
    /// Position of the first generated token, on all axes.
    pub(crate) next: u32,
    /// The sequence as groups.
    pub(crate) layout: Layout,
}

/// How many image tokens remain of a picture with these options, copies included.
pub(crate) fn image_tokens(geometry: &PreparedPicture, options: &RunOptions) -> usize {
    let all = usize::from(geometry.rows) * usize::from(geometry.cols);
    let kept = if options.prune > 0.0 { compress::kept(all, options.prune) } else { all };
    kept * options.replicate as usize
}

/// Runs the vision tower and lays the whole sequence out.
pub(crate) fn input(
    family: &dyn Family,
    pixels: &[f32],
    geometry: PreparedPicture,
    frame: &Frame,
    options: &RunOptions,
) -> Result<Input> {
    let Features { rows: image, scores } =
        family.features(pixels, &geometry, options.prune > 0.0)?;
    let all = image.dim(0)?;
    let kept = if options.prune > 0.0 {
        compress::prune(&scores, compress::kept(all, options.prune))
    } else {
        (0..all as u32).collect()
    };
    let indices = compress::replicate(&kept, options.replicate);
    let image = image.index_select(&Tensor::new(indices.as_slice(), image.device())?, 0)?;

    let mut positions: Vec<Position> = Vec::new();
    let mut next = 0;
    let text_positions = |tokens: &[Token], next: &mut u32| {
        let range = *next..*next + tokens.len() as u32;
        *next = range.end;
        range.map(|p| [p; 3]).collect::<Vec<_>>()
    };
    positions.extend(text_positions(&frame.before, &mut next));
    for _ in 0..options.replicate {
        let (copy, after) = family.image_positions(next, &kept, &geometry);
        positions.extend(copy);
        next = after;
    }
    positions.extend(text_positions(&frame.after, &mut next));

    let layout = layout(family.image_token(), geometry, frame, &indices, kept.len());
    let decoder = family.decoder();
    let text = |tokens: &[Token]| decoder.embed(&tokens.iter().map(|t| t.id).collect::<Vec<u32>>());
    let mut parts = Vec::with_capacity(3);
    if !frame.before.is_empty() {
        parts.push(text(&frame.before)?);
    }
    parts.push(image);
    if !frame.after.is_empty() {
        parts.push(text(&frame.after)?);
    }
    Ok(Input { embeddings: Tensor::cat(&parts, 0)?, positions, next, layout })
}

fn layout(
    image_token: u32,
    geometry: PreparedPicture,
    frame: &Frame,
    indices: &[u32],
    per_copy: usize,
) -> Layout {
    let cols = u32::from(geometry.cols);
    let picture = indices.iter().enumerate().map(|(i, at)| Token {
        index: 0,
        id: image_token,
        text: "<image>".to_owned(),
        group: Group::Image,
        cell: Some(Cell {
            row: (at / cols) as u16,
            col: (at % cols) as u16,
            copy: (i / per_copy) as u16,
        }),
    });
    let before = frame.before.iter().cloned();
    let mut tokens: Vec<Token> = before.chain(picture).chain(frame.after.iter().cloned()).collect();
    for (i, token) in tokens.iter_mut().enumerate() {
        token.index = i as u32;
    }
    if let Some(first) = tokens.first_mut()
        && first.group != Group::Image
    {
        first.group = Group::Begin;
    }
    Layout { tokens, picture: Some(geometry) }
}
