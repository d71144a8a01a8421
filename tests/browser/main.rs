//! The main job in a real browser: the real binary, the real page, the demo model.
#![allow(clippy::unwrap_used, missing_docs)]

mod access;
mod api;
mod base;
mod budgets;
mod choices;
mod classroom;
mod compare;
mod experiments;
mod exports;
mod failures;
mod frames;
mod languages;
mod newcomers;
mod opener;
mod own;
mod photographs;
mod picture;
mod plots;
mod sound;
mod stage;
mod story;
mod together;
mod told;
mod tour;
