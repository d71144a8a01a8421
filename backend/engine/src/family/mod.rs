//! Model families: what differs from one to the next, and the decoder's input, which does not.

mod gguf;
mod llava;
mod ollama;
mod positions;
mod qwen;
mod traits;
mod variants;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use candle_core::{Device, Result, Tensor};
use shared::{
    Group, ImageFit, Layout, Medium, Place, PreparedPicture, PruneBy, Quant, RunOptions, Token,
};

use crate::check::Grid;
use crate::compress;
use crate::config;
use crate::decoder::{Decoder, DecoderConfig};
use crate::error::EngineError;
use crate::memory::Footprint;
use crate::picture::Picture;
use crate::prepare::Pixels;
use crate::processor::Kernels;
use crate::prompt::{Piece, Prompt, PromptTokenizer, Templates};
use crate::rotary::Position;
use crate::vision::Features;
use crate::weights::{Loader, Source, WeightCache, WeightFiles};

pub use gguf::{gguf_architecture, gguf_files};
pub(crate) use llava::Llava;
pub use ollama::{OllamaModel, ollama_models};
pub(crate) use positions::Numbering;
pub(crate) use qwen::Qwen;
pub use traits::traits_of;
pub(crate) use variants::{FETCH_POINTER, is_pointer, quantized_tensor};
pub use variants::{variant, variant_of};

/// What a model of every family has.
pub(crate) struct Common {
    pub(crate) decoder: Decoder,
    pub(crate) tokenizer: Arc<PromptTokenizer>,
    pub(crate) templates: Arc<Templates>,
    /// Ids that end an answer.
    pub(crate) eos: Vec<u32>,
    /// The id at image positions.
    pub(crate) image_token: u32,
}

/// What a family adds to the decoder.
pub(crate) trait Family {
    /// The family's name.
    fn name(&self) -> &'static str;
    /// What it has in common with the others.
    fn common(&self) -> &Common;
    /// How many tokens pictures have.
    fn grid(&self) -> Grid;
    /// How pictures that are not square are made to fit, by the processor's file.
    fn fit(&self) -> ImageFit {
        ImageFit::default()
    }
    /// How a picture's tokens are numbered.
    fn numbering(&self) -> Numbering;
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

    /// Bytes that the vision tower works with on a picture of so many tokens, on the processor.
    fn tower_working(&self, tokens: usize) -> usize;

    /// The decoder.
    fn decoder(&self) -> &Decoder {
        &self.common().decoder
    }
}

/// A model and what loading it found out.
pub(crate) struct Loaded {
    pub(crate) family: Box<dyn Family>,
    pub(crate) parameters: u64,
    pub(crate) footprint: Footprint,
    pub(crate) fallbacks: Vec<String>,
    /// What is done otherwise than the model's files say, a sentence each.
    pub(crate) notes: Vec<String>,
    pub(crate) held: BTreeMap<String, u32>,
    pub(crate) hash: String,
}

impl Loaded {
    /// Of a family whose weights were read. `notes` are those of its settings; what the loader
    /// noted of the weights follows.
    fn of(
        family: impl Family + 'static,
        mut notes: Vec<String>,
        loader: &mut Loader,
        hash: String,
    ) -> Self {
        notes.append(&mut loader.notes);
        Loaded {
            family: Box::new(family),
            parameters: loader.parameters,
            footprint: loader.footprint,
            fallbacks: std::mem::take(&mut loader.fallbacks),
            notes,
            held: std::mem::take(&mut loader.held),
            hash,
        }
    }
}

/// How weights are to be read.
pub(crate) struct Reading<'a> {
    pub(crate) quant: Quant,
    pub(crate) device: &'a Device,
    /// Where converted weights are kept.
    pub(crate) cache: Option<&'a WeightCache>,
    /// For a look at what the model takes with such products, without reading it.
    pub(crate) weighing: Option<Kernels>,
    /// Told bytes read and bytes in all.
    pub(crate) progress: &'a mut dyn FnMut(u64, u64),
}

impl Reading<'_> {
    /// Assembles a model from a folder's files, through the cache where there is one.
    fn files(
        self,
        files: &WeightFiles,
        assemble: impl FnOnce(&mut Loader, String) -> std::result::Result<Loaded, EngineError>,
    ) -> std::result::Result<Loaded, EngineError> {
        if self.weighing.is_some() {
            return assemble(&mut self.loader(files), String::new());
        }
        // What is kept is what the processor converted, before it goes to a device.
        let cache = self.cache;
        let hash = cache.map_or_else(|| files.hash(), |cache| cache.hash(files))?;
        let tape = cache.and_then(|cache| cache.tape(&hash, self.quant, files.bytes()));
        let mut loader = self.loader(files).with_tape(tape);
        let loaded = assemble(&mut loader, hash)?;
        loader.finish();
        Ok(loaded)
    }

    /// A loader of these files.
    fn loader<'l>(self, files: &'l dyn Source) -> Loader<'l>
    where
        Self: 'l,
    {
        let loader = Loader::new(files, self.quant, self.device, self.progress);
        match self.weighing {
            Some(kernels) => loader.weighing(kernels),
            None => loader,
        }
    }
}

/// Reads the decoder, whose tensors start with one of `prefixes`.
fn decoder(
    loader: &mut Loader,
    config: &DecoderConfig,
    prefixes: &[&'static str],
) -> std::result::Result<Decoder, EngineError> {
    let at = loader.prefix(prefixes, "embed_tokens.weight");
    let head = loader.prefix(&["lm_head.", "language_model.lm_head."], "weight");
    Decoder::load(loader, config.clone(), at, &format!("{head}weight"))
}

/// What `config.json` calls the families that can be loaded (`model_type`).
pub const MODEL_TYPES: [&str; 2] = ["llava", "qwen2_5_vl"];

/// Reads a folder in Hugging Face layout, or llama.cpp's files, whichever family they hold; `name`
/// is what the model is called.
pub(crate) fn load(
    folder: &Path,
    name: &str,
    reading: Reading,
) -> std::result::Result<Loaded, EngineError> {
    let ollama = ollama::beside(folder, name)?;
    let mut loaded = read(folder, reading)?;
    let templates = &loaded.family.common().templates;
    // A template that is there and not followed is not missing.
    let is_told = ollama.as_ref().is_some_and(OllamaModel::has_template) && templates.none_found();
    let told = if is_told { Vec::new() } else { templates.notes() };
    if let Some(ollama) = ollama {
        ollama.tell(templates.own().unwrap_or("none"), &mut loaded.notes);
    }
    loaded.notes.extend(config::wishes(folder));
    loaded.notes.extend(told);
    Ok(loaded)
}

/// As [`load`], without what is told of it.
pub(crate) fn read(folder: &Path, reading: Reading) -> std::result::Result<Loaded, EngineError> {
    if let Some(files) = gguf_files(folder) {
        let (text, mmproj) = files?;
        return gguf::load(&text, &mmproj, reading);
    }
    variants::check(folder)?;
    match config::family(folder)?.as_str() {
        "llava" => Llava::load(folder, reading),
        "qwen2_5_vl" => Qwen::load(folder, reading),
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

/// Runs the vision tower on each picture's pixels and lays the whole sequence out: the prompt's
/// pieces, one after another.
pub(crate) fn input(
    family: &dyn Family,
    pictures: &[(&[f32], PreparedPicture)],
    prompt: &Prompt,
    options: &RunOptions,
) -> Result<Input> {
    let Common { decoder, image_token, .. } = family.common();
    let numbering = family.numbering();
    let (mut embeddings, mut positions) = (Vec::new(), Vec::new());
    let (mut tokens, mut text): (Vec<Token>, Vec<u32>) = (Vec::new(), Vec::new());
    let mut next = 0;
    for piece in &prompt.pieces {
        let Piece::Medium(medium) = piece else {
            let piece = piece.tokens();
            positions.extend(positions::of_text(next, piece.len()));
            next += piece.len() as u32;
            text.extend(piece.iter().map(|token| token.id));
            tokens.extend_from_slice(piece);
            continue;
        };
        let Some((pixels, geometry)) = pictures.get(*medium) else {
            candle_core::bail!("the prompt names a picture that is not there");
        };
        if !text.is_empty() {
            embeddings.push(decoder.embed(&std::mem::take(&mut text))?);
        }
        let (image, kept) = picture(family, (pixels, geometry), *medium, options)?;
        embeddings.push(image);
        let grid = (usize::from(geometry.rows), usize::from(geometry.cols));
        let (places, after) = numbering.picture(next, &kept, grid, options);
        positions.extend(places);
        next = after;
        tokens.extend(image_tokens(*image_token, *medium, geometry, &kept, options.replicate));
    }
    if !text.is_empty() {
        embeddings.push(decoder.embed(&text)?);
    }
    for (i, token) in tokens.iter_mut().enumerate() {
        token.index = i as u32;
    }
    if let Some(first) = tokens.first_mut()
        && !first.group.is_medium()
    {
        first.group = Group::Begin;
    }
    let media = pictures.iter().map(|(_, geometry)| Medium::image(*geometry)).collect();
    let embeddings = match embeddings.len() {
        1 => embeddings.remove(0),
        _ => Tensor::cat(&embeddings, 0)?,
    };
    Ok(Input { embeddings, positions, next, layout: Layout::new(tokens, media) })
}

/// What the tower makes of a picture, the tokens that are left of it in all copies, and which ones
/// they are.
fn picture(
    family: &dyn Family,
    (pixels, geometry): (&[f32], &PreparedPicture),
    medium: usize,
    options: &RunOptions,
) -> Result<(Tensor, Vec<u32>)> {
    let ranked = options.prune > 0.0 && options.prune_by == PruneBy::Score;
    let Features { rows: image, scores } = family.features(pixels, geometry, ranked)?;
    let all = image.dim(0)?;
    // Each picture draws its own tokens.
    let kept = match options.prune_by.of_row(medium as u64) {
        _ if options.prune == 0.0 => (0..all as u32).collect(),
        PruneBy::Score => compress::prune(&scores, compress::kept(all, options)),
        PruneBy::Random(seed) => compress::random(all, compress::kept(all, options), seed),
    };
    let indices = compress::replicate(&kept, options.replicate);
    let image = image.index_select(&Tensor::new(indices.as_slice(), image.device())?, 0)?;
    Ok((image, kept))
}

/// The positions of a picture's kept tokens, copy after copy.
fn image_tokens(
    id: u32,
    medium: usize,
    geometry: &PreparedPicture,
    kept: &[u32],
    copies: u32,
) -> impl Iterator<Item = Token> {
    let cols = u32::from(geometry.cols).max(1);
    let cells = (0..copies as u16).flat_map(move |copy| kept.iter().map(move |at| (copy, *at)));
    cells.map(move |(copy, at)| Token {
        medium: Some(medium as u8),
        place: Some(Place::cell((at / cols) as u16, (at % cols) as u16, copy)),
        ..Token::text(0, id, "<image>", Group::Image)
    })
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use safetensors::SafeTensors;
    use shared::PruneCount;

    use super::*;
    use crate::picture::PictureLimits;

    fn goldens(name: &str) -> PathBuf {
        PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/goldens")).join(name)
    }

    fn f32s(file: &SafeTensors, name: &str) -> Vec<f32> {
        let view = file.tensor(name).expect("a tensor");
        view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    /// What tokens are ranked by on every checkpoint, and which remain
    /// (tests/goldens/make_levers.py).
    #[test]
    fn scores_and_what_is_kept_equal_the_reference() {
        #[derive(serde::Deserialize)]
        struct Case {
            prune: String,
            count: PruneCount,
            kept: Vec<u32>,
        }
        let bytes = std::fs::read(goldens("levers/scores.safetensors")).expect("goldens");
        let scores = SafeTensors::deserialize(&bytes).expect("goldens");
        let text = std::fs::read_to_string(goldens("levers/kept.json")).expect("goldens");
        let kept: BTreeMap<String, Vec<Case>> = serde_json::from_str(&text).expect("goldens");
        assert_eq!(kept.len(), 8);
        for (name, cases) in kept {
            let reading = Reading {
                quant: Quant::F32,
                device: &Device::Cpu,
                cache: None,
                weighing: None,
                progress: &mut |_, _| {},
            };
            let family = load(&goldens(&name), &name, reading).expect("loads").family;
            let bytes = std::fs::read(goldens(&name).join("golden.safetensors")).expect("goldens");
            let golden = SafeTensors::deserialize(&bytes).expect("goldens");
            let facts =
                std::fs::read_to_string(goldens(&name).join("golden.json")).expect("goldens");
            let facts: serde_json::Value = serde_json::from_str(&facts).expect("goldens");
            let picture = goldens("images").join(facts["picture"].as_str().expect("a name"));
            let picture = std::fs::read(picture).expect("a picture");
            let picture = Picture::decode(&picture, &PictureLimits::default()).expect("decodes");
            let prepared = family.pixels(&picture, &RunOptions::default()).expect("prepares");
            let pixels = f32s(&golden, "pixel_values");
            let found = family.features(&pixels, &prepared.geometry, true).expect("runs").scores;
            let want = f32s(&scores, &name);
            assert_eq!(found.len(), want.len(), "{name}");
            for (got, want) in found.iter().zip(&want) {
                assert!((got - want).abs() < 1e-6, "{name}: {got} is not {want}");
            }
            for case in cases {
                let prune: f32 = case.prune.parse().expect("a number");
                let prune_count = case.count;
                let options = RunOptions { prune, prune_count, ..RunOptions::default() };
                let got = compress::prune(&found, compress::kept(found.len(), &options));
                assert_eq!(got, case.kept, "{name} at {prune}, {prune_count:?}");
            }
        }
    }
}
