//! One look every half second for all who watch an experiment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use shared::experiment::{ExperimentProgress, ExperimentState};
use tokio::sync::watch;

use super::{EVERY, Live, read_status};
use crate::error::ApiError;
use crate::experiments::Means;
use crate::id::RunId;
use crate::lock;

/// How far an experiment is, as those who watch it are told.
pub type Told = Arc<ExperimentProgress>;

#[derive(Debug, Default)]
pub(super) struct Watching(Mutex<HashMap<RunId, watch::Sender<Told>>>);

impl Live {
    /// Watches an experiment: a new value whenever something has changed, at most every half
    /// second; closed once nothing can change any more, or the experiment is gone.
    ///
    /// # Errors
    /// `not_found`, or the book cannot be read.
    pub async fn watch(
        self: &Arc<Self>,
        means: &Means,
        id: &RunId,
    ) -> Result<watch::Receiver<Told>, ApiError> {
        if let Some(known) = lock(&self.watching.0).get(id) {
            return Ok(known.subscribe());
        }
        let first = look(means, id).await?;
        let over = is_over(&first);
        let mut watching = lock(&self.watching.0);
        // Somebody else may have come first while it was looked at.
        if let Some(known) = watching.get(id) {
            return Ok(known.subscribe());
        }
        let (sender, receiver) = watch::channel(Arc::new(first));
        if !over {
            watching.insert(id.clone(), sender);
            tokio::spawn(self.clone().keep_looking(means.clone(), id.clone()));
        }
        Ok(receiver)
    }

    async fn keep_looking(self: Arc<Self>, means: Means, id: RunId) {
        loop {
            tokio::time::sleep(EVERY).await;
            {
                let mut watching = lock(&self.watching.0);
                // Under the lock: nobody can come between the look and the leaving.
                if watching.get(&id).is_none_or(|sender| sender.receiver_count() == 0) {
                    watching.remove(&id);
                    return;
                }
            }
            let now = look(&means, &id).await;
            let mut watching = lock(&self.watching.0);
            let Some(sender) = watching.get(&id) else { return };
            let over = match now {
                Ok(now) => {
                    let over = is_over(&now);
                    sender.send_if_modified(|told| {
                        let changed = **told != now;
                        if changed {
                            *told = Arc::new(now);
                        }
                        changed
                    });
                    over
                }
                // Deleted, or unreadable: whoever asks again is told which.
                Err(_) => true,
            };
            if over {
                watching.remove(&id);
                return;
            }
        }
    }
}

fn is_over(progress: &ExperimentProgress) -> bool {
    matches!(progress.state, ExperimentState::Done | ExperimentState::Cancelled)
}

async fn look(means: &Means, id: &RunId) -> Result<ExperimentProgress, ApiError> {
    let (means, id) = (means.clone(), id.clone());
    let read = move || read_status(&means, &id).map(|status| ExperimentProgress::from(&status));
    tokio::task::spawn_blocking(read).await.map_err(ApiError::internal)?
}
