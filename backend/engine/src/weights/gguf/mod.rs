//! llama.cpp's GGUF files: their headers, their metadata, and their tensors under the names the
//! engine asks for.

mod blocks;
mod header;
mod metadata;
pub(crate) mod names;
mod source;

pub(crate) use header::Gguf;
pub(crate) use metadata::{Metadata, line};
pub(crate) use names::GgufNames;
pub(crate) use source::GgufWeights;
