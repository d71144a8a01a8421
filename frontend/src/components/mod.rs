//! One file for each card of the page.

pub mod answer;
pub mod ask;
pub mod behind;
pub mod curve;
pub mod definition;
pub mod files;
pub mod flow;
pub mod header;
pub mod heads;
pub mod levers;
pub mod notes;
pub mod number;
pub mod pull;
pub mod scale_bar;
pub mod seen;
pub mod stages;
pub mod this_run;
pub mod time;
pub mod tokens;
pub mod transport;
pub mod value;
