//! The page of LangOverrule Lab.
//!
//! Invariants: every number on the page comes from [`shared`] or from the server; everything about
//! a run is drawn from its events; the modules that are not gated below know no browser, so they
//! are tested natively.

pub mod base;
pub mod cite;
pub mod classroom;
pub mod compare;
pub mod errors;
pub mod experiments;
pub mod framing;
pub mod glossary;
pub mod language;
pub mod listing;
pub mod models;
pub mod own;
pub mod photograph;
pub mod run;
pub mod sequence;
pub mod source;
pub mod tour;
pub mod tried;
pub mod words;

#[cfg(target_arch = "wasm32")]
pub mod actions;
#[cfg(target_arch = "wasm32")]
pub mod apart;
#[cfg(target_arch = "wasm32")]
pub mod app;
#[cfg(target_arch = "wasm32")]
pub mod browser;
#[cfg(target_arch = "wasm32")]
pub mod cards;
#[cfg(target_arch = "wasm32")]
pub mod claims;
#[cfg(target_arch = "wasm32")]
pub mod convert;
#[cfg(target_arch = "wasm32")]
pub mod embed;
#[cfg(target_arch = "wasm32")]
pub mod lab;
#[cfg(target_arch = "wasm32")]
pub mod media;
#[cfg(target_arch = "wasm32")]
pub mod owner;
#[cfg(target_arch = "wasm32")]
pub mod runs;
#[cfg(target_arch = "wasm32")]
pub mod save;
#[cfg(target_arch = "wasm32")]
pub mod sound;
#[cfg(target_arch = "wasm32")]
pub mod ui;
