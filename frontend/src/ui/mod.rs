//! What cards and pages are made of.

pub mod behind;
pub mod files;
pub mod glass;
pub mod header;
pub mod help;
pub mod notes;
pub mod own_run;
pub mod plot_glass;
pub mod said;
pub mod scale_bar;
pub mod tabs;
pub mod term;
pub mod tour;
pub mod transport;
pub mod value;
pub mod zoom;
