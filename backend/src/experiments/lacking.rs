//! What a worker lacks, in words, and for which items.

use std::ops::Range;

use shared::experiment::{Condition, Grid};

use super::plan::label;
use crate::models::catalog::CatalogError;

/// A sentence about a model that this worker lacks. Links travel, machines' folders do not.
pub(super) fn not_here(model: &str, error: &CatalogError) -> String {
    match label(model) {
        label if label == model => format!("The model {label} is missing: {error}."),
        label => format!("The model {label} is missing: it is not where it was named."),
    }
}

/// A sentence about a model whose weights are not those that an experiment began with.
pub(super) fn differs(model: &str, here: &str, there: &str) -> String {
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    format!(
        "The model {model} is another than this experiment began with: its hash is {}, not {}. Put that \
         one back, or start the experiment anew.",
        short(here),
        short(there)
    )
}

/// The items of some of a grid's conditions, as few ranges as hold them.
pub(super) fn items_of(grid: &Grid, wanted: impl Fn(&Condition) -> bool) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for condition in grid.conditions.iter().filter(|c| wanted(c)) {
        let first = condition.index * grid.samples;
        let past = first + grid.samples;
        match ranges.last_mut().filter(|last| last.end == first) {
            Some(last) => last.end = past,
            None => ranges.push(first..past),
        }
    }
    ranges
}
