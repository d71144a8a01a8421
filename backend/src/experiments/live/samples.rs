//! The samples themselves: datasets stay open for those who look at their pictures.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use datasets::{Dataset, Sample};
use shared::experiment::DatasetInfo;
use shared::sentence::{DatasetText, LabError};
use shared::{ErrorCode, Message};

use super::Live;
use crate::error::ApiError;
use crate::experiments::{Experiment, Means};
use crate::lock;

/// Datasets kept open.
const OPEN: usize = 4;

/// The datasets that were looked into last.
#[derive(Default)]
pub(super) struct Opened(Mutex<VecDeque<Arc<dyn Dataset>>>);

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Opened").finish_non_exhaustive()
    }
}

impl Opened {
    fn get(&self, means: &Means, wanted: &DatasetInfo) -> Result<Arc<dyn Dataset>, ApiError> {
        let same = |d: &Arc<dyn Dataset>| {
            d.info().name == wanted.name && d.info().revision == wanted.revision
        };
        if let Some(found) = lock(&self.0).iter().find(|d| same(d)) {
            return Ok(found.clone());
        }
        let unusable = |said: Message| ApiError::new(ErrorCode::DatasetUnusable, said);
        let label = datasets::label(&wanted.name);
        let opened = datasets::open(&wanted.name, &means.shelves.places());
        let opened = opened.map_err(|error| {
            // Whoever looks on is told nothing of the machine's folders.
            unusable(match label == wanted.name {
                true => error.said(),
                false => DatasetText::NoLongerRead { name: label.clone() }.into(),
            })
        });
        let dataset: Arc<dyn Dataset> = opened?.into();
        if !same(&dataset) {
            return Err(unusable(DatasetText::ChangedSince { name: label }.into()));
        }
        let mut open = lock(&self.0);
        open.push_front(dataset.clone());
        open.truncate(OPEN);
        Ok(dataset)
    }
}

impl Live {
    /// Reads the sample of an item. Blocks while it is read.
    ///
    /// # Errors
    /// `not_found` where there is no such item; `dataset_unusable` where the dataset is no longer
    /// what it was; `sample_unusable` where the row holds no sample.
    pub fn sample(
        &self,
        means: &Means,
        experiment: &Experiment,
        item: u32,
    ) -> Result<Sample, ApiError> {
        let start = &experiment.start;
        let place = start.grid.item(item).map(|(_, place)| place as usize);
        let row = place.and_then(|place| start.rows.get(place));
        let row = *row.ok_or_else(|| ApiError::new(ErrorCode::NotFound, LabError::NoItem))?;
        let dataset = self.opened.get(means, &start.dataset)?;
        let read = dataset.sample(row);
        read.map_err(|error| ApiError::new(ErrorCode::SampleUnusable, error.said()))
    }
}
