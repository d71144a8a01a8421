//! What is wrong with a model's files, room by room. Each is the end of a sentence about a file, which
//! [`FileFault::OfFile`] begins with the file's name.

mod config;
mod files;
mod gguf_header;
mod gguf_model;
mod needs;
mod tokenizer;
mod variant;
mod weights;

pub use config::ConfigFault;
pub use files::FileFault;
pub use gguf_header::GgufFault;
pub use gguf_model::GgufModelFault;
pub use needs::SettingNeed;
pub use tokenizer::TokenizerFault;
pub use variant::ModelVariant;
pub use weights::WeightFault;

use super::{Localized, sentences};
