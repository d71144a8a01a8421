//! A run on the screen, in three parts that know each other in one direction: `Facts`, what its events
//! say; `ViewSignals`, how it is looked at, which is what a link holds; `Derived`, what follows from both.

pub mod link;
pub mod panels;
pub mod phase;
pub mod shown;

#[cfg(target_arch = "wasm32")]
mod derived;
#[cfg(target_arch = "wasm32")]
mod facts;
#[cfg(target_arch = "wasm32")]
pub mod kept;
#[cfg(target_arch = "wasm32")]
pub mod kinds;
#[cfg(target_arch = "wasm32")]
mod maps;
#[cfg(target_arch = "wasm32")]
mod on_screen;
#[cfg(target_arch = "wasm32")]
mod view;

#[cfg(target_arch = "wasm32")]
pub use on_screen::{Play, Run, SHIPPED, sink_toggled};
#[cfg(target_arch = "wasm32")]
pub use {
    derived::{Derived, Over},
    facts::Facts,
    maps::head_of,
    view::ViewSignals,
};
