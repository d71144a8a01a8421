//! The LLaVA-1.5 family: CLIP tower, two-layer projector, Llama.

use std::path::Path;

use candle_core::{Device, Result, Tensor};
use shared::{Cell, ErrorCode, Group, Layout, PreparedPicture, Quant, RunOptions, Token};

use crate::clip::{Activation, ClipTower};
use crate::compress;
use crate::config::LlavaConfig;
use crate::decoder::Decoder;
use crate::error::EngineError;
use crate::picture::Picture;
use crate::preprocess::{ClipPreprocess, Pixels};
use crate::template::{LLAVA, Template};
use crate::tokenizer::PromptTokenizer;
use crate::weights::{Linear, Loader, Random, WeightFiles};

/// A LLaVA-1.5 model.
pub(crate) struct Llava {
    pub(crate) config: LlavaConfig,
    pub(crate) decoder: Decoder,
    pub(crate) tokenizer: PromptTokenizer,
    preprocess: ClipPreprocess,
    tower: ClipTower,
    projector: (Linear, Activation, Linear),
}

/// What loading found out.
pub(crate) struct Loaded {
    pub(crate) model: Llava,
    pub(crate) parameters: u64,
    pub(crate) bytes: u64,
    pub(crate) fallbacks: Vec<String>,
    pub(crate) hash: String,
}

/// A prompt tokenized around a picture that is not there yet: its tokens depend on the picture
/// when some are pruned.
#[derive(Debug)]
pub(crate) struct Frame {
    before: Vec<Token>,
    after: Vec<Token>,
}

/// The decoder's input.
pub(crate) struct Input {
    /// Token ids, the image token's id at image positions.
    pub(crate) ids: Vec<u32>,
    /// `[S, hidden]`.
    pub(crate) embeddings: Tensor,
    /// Rotary positions.
    pub(crate) positions: Vec<u32>,
    /// The sequence as groups.
    pub(crate) layout: Layout,
}

impl Llava {
    /// Reads a folder in Hugging Face layout.
    pub(crate) fn load(
        folder: &Path,
        quant: Quant,
        progress: &mut dyn FnMut(u64, u64),
    ) -> std::result::Result<Loaded, EngineError> {
        let config = LlavaConfig::load(folder)?;
        let tokenizer = PromptTokenizer::load(folder)?;
        let preprocess = ClipPreprocess::load(folder, config.vision.image_size as u32)?;
        let files = WeightFiles::open(folder)?;
        let hash = files.hash()?;
        Self::assemble(
            config,
            tokenizer,
            preprocess,
            &mut Loader::new(&files, quant, progress),
            hash,
        )
    }

    /// A model of random weights.
    pub(crate) fn random(
        config: LlavaConfig,
        quant: Quant,
    ) -> std::result::Result<Loaded, EngineError> {
        let preprocess = ClipPreprocess::standard(config.vision.image_size as u32);
        let progress = &mut |_, _| {};
        let mut loader = Loader::new(&Random, quant, progress);
        let tokenizer = PromptTokenizer::characters()?;
        Self::assemble(config, tokenizer, preprocess, &mut loader, "random".to_owned())
    }

    fn assemble(
        config: LlavaConfig,
        tokenizer: PromptTokenizer,
        preprocess: ClipPreprocess,
        loader: &mut Loader,
        hash: String,
    ) -> std::result::Result<Loaded, EngineError> {
        let tower_at = loader.prefix(
            &[
                "model.vision_tower.vision_model.",
                "vision_tower.vision_model.",
                "model.vision_tower.",
                "vision_tower.",
            ],
            "embeddings.class_embedding",
        );
        let tower =
            ClipTower::load(loader, config.vision.clone(), config.feature_blocks, tower_at)?;
        let at = loader
            .prefix(&["model.multi_modal_projector.", "multi_modal_projector."], "linear_1.weight");
        let (vision, hidden) = (config.vision.hidden, config.text.hidden);
        // The projector's inner width is the decoder's in every published model; a file may differ.
        let name = |n: &str| format!("{at}{n}");
        let inner = loader.shape(&name("linear_1.weight")).map_or(hidden, |s| s[0]);
        let projector = (
            loader.dense_linear(&[(name("linear_1"), inner)], vision)?,
            config.projector,
            loader.dense_linear(&[(name("linear_2"), hidden)], inner)?,
        );
        let model_at = loader.prefix(
            &["model.language_model.", "language_model.model.", "language_model."],
            "embed_tokens.weight",
        );
        let head_at = loader.prefix(&["lm_head.", "language_model.lm_head."], "weight");
        let head = format!("{head_at}weight");
        let decoder = Decoder::load(loader, config.text.clone(), model_at, &head)?;
        let (parameters, bytes) = (loader.parameters, loader.bytes);
        let fallbacks = std::mem::take(&mut loader.fallbacks);
        let model = Llava { config, decoder, tokenizer, preprocess, tower, projector };
        Ok(Loaded { model, parameters, bytes, fallbacks, hash })
    }

    /// Prompt templates, the default first.
    pub(crate) fn templates(&self) -> &'static [Template] {
        LLAVA
    }

    /// Prepares a picture.
    pub(crate) fn pixels(
        &self,
        picture: &Picture,
        options: &RunOptions,
    ) -> std::result::Result<Pixels, EngineError> {
        let mut pixels = self.preprocess.prepare(picture, options.fit)?;
        let grid = self.config.vision.grid() as u16;
        (pixels.geometry.rows, pixels.geometry.cols) = (grid, grid);
        Ok(pixels)
    }

    /// How many image tokens a run with these options has.
    pub(crate) fn image_tokens(&self, options: &RunOptions) -> usize {
        let patches = self.config.vision.grid().pow(2);
        let kept =
            if options.prune > 0.0 { compress::kept(patches, options.prune) } else { patches };
        kept * options.replicate as usize
    }

    /// Tokenizes a prompt around its picture.
    pub(crate) fn frame(
        &self,
        template: &Template,
        prompt: &str,
    ) -> std::result::Result<Frame, EngineError> {
        let (before, after) = template.fill(prompt);
        let tokens = |stretch: &crate::template::Stretch, first: bool| {
            let pieces = self.tokenizer.encode(&stretch.text, first)?;
            let token = |p: &crate::tokenizer::Piece| Token {
                index: 0,
                id: p.id,
                text: self.tokenizer.display(p.id),
                group: stretch.group(p.start, p.end),
                cell: None,
            };
            Ok::<_, EngineError>(pieces.iter().map(token).collect::<Vec<_>>())
        };
        let marker = |id: &u32| Token {
            index: 0,
            id: *id,
            text: self.tokenizer.display(*id),
            group: Group::Marker,
            cell: None,
        };
        let mut start: Vec<Token> = self.tokenizer.begin.iter().map(marker).collect();
        start.extend(tokens(&before, true)?);
        let after = tokens(&after, false)?;
        let frame = Frame { before: start, after };
        // An image token among the text's ids would be taken for the picture.
        if frame.before.iter().chain(&frame.after).any(|t| t.id == self.config.image_token) {
            return Err(EngineError::new(
                ErrorCode::BadOption,
                "The prompt holds a token that this model reserves for pictures.",
            ));
        }
        Ok(frame)
    }

    /// Runs the vision tower and lays the whole sequence out.
    pub(crate) fn input(
        &self,
        pixels: &[f32],
        geometry: PreparedPicture,
        frame: &Frame,
        options: &RunOptions,
    ) -> Result<Input> {
        let size = self.config.vision.image_size;
        let pixels = Tensor::from_slice(pixels, (3, size, size), &Device::Cpu)?;
        let features = self.tower.forward(&pixels, options.prune > 0.0)?;
        let (first, activation, second) = &self.projector;
        let image = second.forward(&activation.apply(&first.forward(&features.patches)?)?)?;
        let patches = image.dim(0)?;
        let kept = if options.prune > 0.0 {
            let k = compress::kept(patches, options.prune);
            compress::prune(&features.cls_attention, k)
        } else {
            (0..patches as u32).collect()
        };
        let indices = compress::replicate(&kept, options.replicate);
        let image = image.index_select(&Tensor::new(indices.as_slice(), image.device())?, 0)?;

        let cols = u32::from(geometry.cols);
        let picture_tokens = indices.iter().enumerate().map(|(i, patch)| Token {
            index: 0,
            id: self.config.image_token,
            text: "<image>".to_owned(),
            group: Group::Image,
            cell: Some(Cell {
                row: (patch / cols) as u16,
                col: (patch % cols) as u16,
                copy: (i / kept.len()) as u16,
            }),
        });
        let mut tokens: Vec<Token> = frame.before.clone();
        tokens.extend(picture_tokens);
        tokens.extend(frame.after.iter().cloned());
        for (i, token) in tokens.iter_mut().enumerate() {
            token.index = i as u32;
        }
        if let Some(first) = tokens.first_mut()
            && first.group != Group::Image
        {
            first.group = Group::Begin;
        }
        let text = |tokens: &[Token]| {
            let ids: Vec<u32> = tokens.iter().map(|t| t.id).collect();
            self.decoder.embed(&ids)
        };
        let mut parts = Vec::with_capacity(3);
        if !frame.before.is_empty() {
            parts.push(text(&frame.before)?);
        }
        parts.push(image);
        if !frame.after.is_empty() {
            parts.push(text(&frame.after)?);
        }
        Ok(Input {
            ids: tokens.iter().map(|t| t.id).collect(),
            embeddings: Tensor::cat(&parts, 0)?,
            positions: (0..tokens.len() as u32).collect(),
            layout: Layout { tokens, picture: Some(geometry) },
        })
    }

    /// Tokens of a frame's text.
    pub(crate) fn text_tokens(frame: &Frame) -> usize {
        frame.before.len() + frame.after.len()
    }
}
