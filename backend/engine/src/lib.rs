//! The model room: weights, tokenizing, picture preparation, decoders, vision towers, observed
//! attention, token compression. Knows candle; knows no web, no database, no async runtime.
//!
//! ```text
//! Picture::decode ─┐
//! Model::load ─────┴─ Model::prepare ── Prepared ── Model::run(&Prepared, &mut Observer) ── Summary
//! ```
//!
//! With [`NoObserver`] the model runs as if observation did not exist; with any other the same
//! forward pass also hands out what it looked at.

mod activations;
mod attention;
mod check;
mod clock;
mod compress;
mod config;
#[cfg(feature = "cuda")]
mod cuda;
mod decoder;
mod device;
mod error;
mod family;
mod filesystem;
mod film;
mod generate;
mod matrix;
mod memory;
mod model;
mod observer;
mod ops;
mod picture;
mod prepare;
mod processor;
mod prompt;
mod rotary;
mod sample;
pub mod shapes;
mod sights;
mod sizes;
mod sound;
mod threads;
mod verify;
mod vision;
mod weighed;
mod weights;

pub use check::{Extent, PromptCheck};
pub use device::{DeviceChoice, GpuMemory};
pub use error::EngineError;
pub use family::{
    OllamaModel, gguf_architecture, gguf_files, is_whole, model_types, ollama_models, traits_of,
    variant, variant_of,
};
pub use filesystem::{Contents, Disk, FileInfo, FileSystem, InMemory, Location};
pub use film::{Film, FilmExtent, FilmLimits, Frames, animated_in};
pub use memory::{MemoryNeed, amount};
pub use model::{LoadOptions, Media, Medium, Model, Prepared};
pub use observer::{Control, EventObserver, GeneratedToken, NoObserver, Observer, Wants};
pub use picture::{JPEG_DECODER, Picture, PictureLimits};
pub use processor::{Kernels, processor};
pub use sizes::ModelSizes;
pub use sound::{SOUND_RATE, Sound, SoundLimits};
pub use verify::{Against, Tape, Taped};
pub use weighed::Weighed;
pub use weights::WeightCache;
