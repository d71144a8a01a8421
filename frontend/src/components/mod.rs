//! One file for each card of the page.

pub mod answer;
pub mod ask;
pub mod behind;
pub mod curve;
pub mod definition;
pub mod flow;
pub mod header;
pub mod heads;
pub mod levers;
pub mod looked;
pub mod notes;
pub mod number;
pub mod original;
pub mod picture;
pub mod pull;
pub mod scale_bar;
pub mod seen;
pub mod stages;
pub mod time;
pub mod tokens;
pub mod transport;
pub mod value;
