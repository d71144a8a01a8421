//! What a model's files say of it besides its weights.

use std::sync::Arc;

use shared::sentence::{Localized, ModelNote, WeightFault};

use super::Encoder;
use crate::decoder::DecoderConfig;
use crate::error::EngineError;
use crate::prepare::Pictures;
use crate::weights::Loader;

/// Reads an encoder and its connector.
type ReadEncoder = dyn FnOnce(&mut Loader) -> Result<Box<dyn Encoder>, EngineError>;

/// A model before its weights: what a family reads of its files.
pub(crate) struct Description {
    pub(crate) decoder: DecoderConfig,
    /// The id at positions of pictures.
    pub(crate) image_token: u32,
    /// Ids that end an answer.
    pub(crate) eos: Vec<u32>,
    /// How pictures are prepared.
    pub(crate) pictures: Arc<dyn Pictures>,
    /// How many layers of each kind the weights must have.
    pub(crate) layers: Vec<Layers>,
    /// Reads the encoder, before the decoder is.
    pub(crate) encoder: Box<ReadEncoder>,
    /// Whether a tensor that nobody asked for is known to be left out; names are Hugging Face's or
    /// llama.cpp's.
    pub(crate) is_unused: Box<dyn Fn(&str) -> bool>,
}

/// Layers that a configuration counts and the weights have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layers {
    /// What they are of.
    pub(crate) of: LayersOf,
    /// The configuration's name for their number.
    pub(crate) key: &'static str,
    /// What ends the name of a tensor that each has, after its number.
    pub(crate) probe: &'static str,
    pub(crate) count: usize,
}

impl Layers {
    /// A decoder's, under the name that Hugging Face's configurations have for it.
    pub(crate) const fn of_decoder(count: usize) -> Self {
        let (key, probe) = ("num_hidden_layers", ".input_layernorm.weight");
        Layers { of: LayersOf::Decoder, key, probe, count }
    }
}

/// A part of a model that has layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LayersOf {
    Decoder,
    Vision,
    Audio,
    /// The mergers of a tower's early blocks.
    Deepstack,
}

impl From<LayersOf> for Localized {
    fn from(part: LayersOf) -> Self {
        let said = match part {
            LayersOf::Decoder => WeightFault::OfDecoder,
            LayersOf::Vision => WeightFault::OfVision,
            LayersOf::Audio => WeightFault::OfAudio,
            LayersOf::Deepstack => WeightFault::OfDeepstack,
        };
        said.into()
    }
}

/// Sentences about what is understood otherwise than it reads, or not known.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Of the model's configuration.
    pub(crate) config: Vec<ModelNote>,
    /// Of the processor's.
    pub(crate) pictures: Vec<ModelNote>,
}
