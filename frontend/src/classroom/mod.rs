//! The classroom: presenting a run or a lesson, following it on a phone, guessing.
//!
//! What the class sees of a run comes from the run's own events, as everywhere on the page; the
//! class's websocket says only which run, how it is looked at, and how the guessing stands.

pub mod agreed;
pub mod board;
pub mod made;
pub mod place;
pub mod told;

#[cfg(target_arch = "wasm32")]
pub mod answering;
#[cfg(target_arch = "wasm32")]
pub mod api;
#[cfg(target_arch = "wasm32")]
pub mod class;
#[cfg(target_arch = "wasm32")]
pub mod driving;
#[cfg(target_arch = "wasm32")]
pub mod follow;
#[cfg(target_arch = "wasm32")]
pub mod join;
#[cfg(target_arch = "wasm32")]
pub mod lessons;
#[cfg(target_arch = "wasm32")]
pub mod make;
#[cfg(target_arch = "wasm32")]
pub mod own_lessons;
#[cfg(target_arch = "wasm32")]
pub mod pieces;
#[cfg(target_arch = "wasm32")]
pub mod present;
#[cfg(target_arch = "wasm32")]
pub mod results;
#[cfg(target_arch = "wasm32")]
pub mod shelf;
#[cfg(target_arch = "wasm32")]
pub mod start;
#[cfg(target_arch = "wasm32")]
pub mod steps;
#[cfg(target_arch = "wasm32")]
pub mod wall;
