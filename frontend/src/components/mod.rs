//! One file for each card of the page.

pub mod answer;
pub mod ask;
pub mod curve;
pub mod definition;
pub mod header;
pub mod heads;
pub mod notes;
pub mod number;
pub mod pull;
pub mod seen;
pub mod stages;
pub mod tokens;
pub mod value;
