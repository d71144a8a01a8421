//! One file for each card of the page.

pub mod answer;
pub mod ask;
pub mod behind;
pub mod curve;
pub mod definition;
pub mod files;
pub mod finding;
pub mod flow;
pub mod header;
pub mod heads;
pub mod help;
pub mod levers;
pub mod notes;
pub mod number;
pub mod pull;
pub mod said;
pub mod scale_bar;
pub mod seen;
pub mod stages;
pub mod term;
pub mod this_run;
pub mod time;
pub mod tokens;
pub mod tour;
pub mod transport;
pub mod value;
