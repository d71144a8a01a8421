//! Model families: what differs from one to the next, and the decoder's input, which does not.

mod gguf;
mod llava;
mod qwen;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use shared::{Cell, Group, Layout, PreparedPicture, Quant, RunOptions, Token};

use crate::check::Grid;
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
use crate::weights::WeightCache;

pub use gguf::gguf_files;
pub(crate) use llava::Llava;
pub(crate) use qwen::Qwen;

/// What a family adds to the decoder.
pub(crate) trait Family {
    /// The family's name.
    fn name(&self) -> &'static str;
    /// The decoder.
    fn decoder(&self) -> &Decoder;
    /// The tokenizer.
    fn tokenizer(&self) -> Arc<PromptTokenizer>;
    /// How many tokens pictures have.
    fn grid(&self) -> Grid;
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

/// Reads a folder in Hugging Face layout, or llama.cpp's files, whichever family they hold.
pub(crate) fn load(
    folder: &Path,
    quant: Quant,
    device: &Device,
    cache: Option<&WeightCache>,
    progress: &mut dyn FnMut(u64, u64),
) -> std::result::Result<Loaded, EngineError> {
    if let Some(loaded) = gguf::load(folder, quant, device, progress) {
        return loaded;
    }
    match config::family(folder)?.as_str() {
        "llava" => Llava::load(folder, quant, device, cache, progress),
        "qwen2_5_vl" => Qwen::load(folder, quant, device, cache, progress),
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

    let (positions, next) =
        positions((frame.before.len(), frame.after.len()), options.replicate, |start| {
            family.image_positions(start, &kept, &geometry)
        });

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

/// Rotary positions of text before, copies of the picture and text after, and of the first token
/// after them. `image` says where a copy that starts at a position stands and where it ends.
fn positions(
    (before, after): (usize, usize),
    copies: u32,
    image: impl Fn(u32) -> (Vec<Position>, u32),
) -> (Vec<Position>, u32) {
    let text = |start: u32, n: usize| (start..start + n as u32).map(|p| [p; 3]);
    let mut positions: Vec<Position> = text(0, before).collect();
    let mut next = before as u32;
    for _ in 0..copies {
        let (copy, end) = image(next);
        positions.extend(copy);
        next = end;
    }
    positions.extend(text(next, after));
    (positions, next + after as u32)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// transformers' get_rope_index, and what follows from it for pruned and repeated pictures
    /// (tests/goldens/make_positions.py).
    #[test]
    fn positions_equal_get_rope_index() {
        #[derive(serde::Deserialize)]
        struct Case {
            rows: u16,
            cols: u16,
            copies: u32,
            before: usize,
            after: usize,
            kept: Vec<u32>,
            next: u32,
            positions: Vec<Position>,
        }
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens/positions.json");
        let text = std::fs::read_to_string(file).expect("goldens");
        let golden: serde_json::Value = serde_json::from_str(&text).expect("goldens");
        let cases: Vec<Case> = serde_json::from_value(golden["cases"].clone()).expect("cases");
        assert!(cases.len() > 20);
        let pruned = |c: &&Case| c.kept.len() < usize::from(c.rows) * usize::from(c.cols);
        assert!(cases.iter().filter(pruned).any(|c| c.copies > 1), "both levers at once");
        for c in cases {
            let geometry = PreparedPicture {
                width: 28 * u32::from(c.cols),
                height: 28 * u32::from(c.rows),
                source_width: 1,
                source_height: 1,
                covers: [0.0; 4],
                rows: c.rows,
                cols: c.cols,
            };
            let image = |start| qwen::positions(start, &c.kept, &geometry);
            let (got, next) = positions((c.before, c.after), c.copies, image);
            let what = format!("{} × {}, {:?} {} times", c.rows, c.cols, c.kept, c.copies);
            assert_eq!(got, c.positions, "{what}");
            assert_eq!(next, c.next, "{what}");
        }
    }

    /// LLaVA's picture tokens count on like text, whatever was pruned or repeated.
    #[test]
    fn llava_counts_on() {
        let image = |start: u32| ((start..start + 4).map(|p| [p; 3]).collect(), start + 4);
        let (got, next) = positions((3, 2), 2, image);
        assert_eq!(got, (0..13).map(|p| [p; 3]).collect::<Vec<_>>());
        assert_eq!(next, 13);
    }
}
