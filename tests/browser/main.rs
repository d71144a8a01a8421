//! The main job in a real browser: the real binary, the real page, the demo model.
#![allow(clippy::unwrap_used, missing_docs)]

mod failures;
mod picture;
mod plots;
mod stage;
mod story;
mod together;
mod told;
