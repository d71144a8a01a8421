//! Weights: safetensors and GGUF files read tensor by tensor, and what they become in memory.

mod cache;
mod dense;
mod files;
#[cfg(test)]
mod fuzz;
pub(crate) mod gguf;
mod half;
mod header;
mod linear;
mod loader;
mod maps;
pub(crate) mod packed;
mod present;
#[cfg(test)]
mod products;
mod quantize;
mod source;
mod weigh;

pub use cache::WeightCache;
pub(crate) use files::{WeightFiles, hash, is_hidden};
pub(crate) use gguf::{Gguf, GgufNames, GgufWeights, Metadata};
pub(crate) use linear::{Linear, block_type, fitting};
pub(crate) use loader::Loader;
pub(crate) use source::{Random, Source};
pub(crate) use weigh::Matrix;
