//! What a worker lacks, in words, and for which items.

use std::ops::Range;

use shared::Message;
use shared::experiment::{Condition, Grid};
use shared::sentence::Problem;

use super::plan::label;
use crate::models::catalog::CatalogError;

/// A sentence about a model that this worker lacks. Links travel, machines' folders do not.
pub(super) fn not_here(model: &str, error: &CatalogError) -> Message {
    let name = label(model);
    let why = match (error, name == model) {
        (CatalogError::NotUnpacked(why), _) => return why.clone(),
        (_, true) => error.said(),
        (_, false) => Problem::NotWhereNamed.into(),
    };
    Problem::ModelMissing { name: name.to_owned(), why }.into()
}

/// A sentence about a model whose weights are not those that an experiment began with.
pub(super) fn differs(model: &str, here: &str, there: &str) -> Message {
    let short = |hash: &str| hash.chars().take(12).collect::<String>();
    let (here, there) = (short(here), short(there));
    Problem::AnotherModel { name: model.to_owned(), here, there }.into()
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
