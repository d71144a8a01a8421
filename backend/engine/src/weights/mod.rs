//! Weights: safetensors and GGUF files read tensor by tensor, and what they become in memory.

mod cache;
mod files;
mod gguf;
mod half;
mod header;
mod linear;
mod loader;
mod quantize;
mod source;

pub use cache::WeightCache;
pub(crate) use files::{WeightFiles, hash};
pub(crate) use gguf::{Gguf, GgufWeights, Metadata};
pub(crate) use linear::{Linear, block_type};
pub(crate) use loader::Loader;
pub(crate) use quantize::rearranged;
pub(crate) use source::{Random, Source};
