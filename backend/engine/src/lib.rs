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

mod attention;
mod clip;
mod clock;
mod compress;
mod config;
mod decoder;
mod error;
mod generate;
mod llava;
mod model;
mod observer;
mod picture;
mod preprocess;
mod resize;
mod rotary;
pub mod shapes;
mod template;
mod tokenizer;
mod weights;

pub use error::EngineError;
pub use model::{LoadOptions, Model, Prepared};
pub use observer::{Control, EventObserver, GeneratedToken, NoObserver, Observer, Wants};
pub use picture::{Picture, PictureLimits};
