//! What a loaded model is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{PrunePositions, Quant};
use crate::sentence::{Message, Phrases};

/// What a loaded model is; travels with every result.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct ModelInfo {
    /// Name the lab lists it under.
    pub name: String,
    /// Model family, such as `llava-1.5`.
    pub family: String,
    /// Decoder layers.
    pub layers: u32,
    /// Query heads per layer.
    pub heads: u32,
    /// Key/value heads per layer.
    pub kv_heads: u32,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Vocabulary size.
    pub vocab: u32,
    /// Longest sequence the model was made for.
    pub max_positions: u32,
    /// Number of parameters.
    pub parameters: u64,
    /// How the decoder's weights are held.
    pub quant: Quant,
    /// Tensors that could not be held that way and what they are held as.
    pub fallbacks: Vec<String>,
    /// What the decoder's matrices are held as, and how many of them. Files of llama.cpp mix
    /// types; so does a fallback.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub held: BTreeMap<String, u32>,
    /// Notes on the model's own files, a sentence each: what is followed otherwise than they say, what
    /// is not known, what was chosen where they leave a choice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Which sentences the notes are; nothing in what an earlier version of the lab wrote.
    #[serde(skip_serializing_if = "Phrases::is_empty")]
    pub phrases: Phrases,
    /// Type the activations are computed in; attention scores and softmax are always f32.
    pub dtype: String,
    /// Device the model runs on.
    pub device: String,
    /// What decodes pictures that are JPEG files: decoders differ in a picture's last bits. Empty in
    /// runs that were stored without it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jpeg_decoder: String,
    /// Name of the prompt template in use.
    pub template: String,
    /// What image tokens are ranked by when some are pruned: `cls-attention` (FasterVLM), or a
    /// substitute for towers without a `[CLS]`, named as such; empty where nothing can be pruned.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prune_score: String,
    /// Where image tokens that were not pruned stand unless a run says otherwise: `repacked`,
    /// or `kept` where positions carry the grid (Qwen2.5-VL). `None` where nothing can be pruned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prune_positions: Option<PrunePositions>,
    /// The most pixels of its pictures, where it reads any size; `None` otherwise, and in runs that
    /// were stored without it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pixels: Option<u32>,
    /// Whether rows by head are handed out, not only their average; earlier labs did not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub head_rows: bool,
    /// SHA-256 of the weight files' contents, hexadecimal.
    pub hash: String,
    /// Bytes of the weights in memory.
    pub bytes: u64,
}

impl ModelInfo {
    /// The notes on its files, with the sentences that they are.
    pub fn said(&self) -> Vec<Message> {
        self.notes.iter().map(|note| self.phrases.message(note)).collect()
    }
}
