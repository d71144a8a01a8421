//! What experiments need of the lab.

use std::sync::Arc;

use super::Bench;
use super::book::Book;
use super::items::{Items, Post};
use super::shelves::Shelves;
use crate::models::catalog::Catalog;
use crate::workers::Spare;
use crate::workers::lab::Lab;

/// What experiments need of the lab.
#[derive(Clone)]
pub struct Means {
    /// What keeps them.
    pub book: Arc<dyn Book>,
    /// What hands their items out.
    pub items: Arc<dyn Items>,
    /// Loads models and decodes pictures.
    pub lab: Arc<dyn Lab>,
    /// The models there are.
    pub catalog: Arc<Catalog>,
    /// Where datasets are.
    pub shelves: Arc<Shelves>,
}

impl std::fmt::Debug for Means {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Means").finish_non_exhaustive()
    }
}

impl Means {
    /// Work for devices that do nothing else now.
    pub fn spare(&self, post: Post) -> Spare {
        let means = self.clone();
        Arc::new(move || Ok(Box::new(Bench::new(means.clone(), post)?)))
    }
}
