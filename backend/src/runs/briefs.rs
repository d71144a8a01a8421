//! Rows of lists of runs: what was asked, what came out, and the number of the late layers.
//!
//! A row is made of all of a run's events, so those of runs that ended are kept, as many as fit.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use shared::listing::{RunBrief, RunMissing, RunsListed};

use super::{Run, Runs};
use crate::error::ApiError;
use crate::id::{RunId, SAMPLE};
use crate::lock;
use crate::store::state_after;

/// Rows kept: some 2 KiB each.
const KEPT: usize = 4096;

/// Rows of runs that ended, the ones made last.
#[derive(Debug, Default)]
pub(super) struct Briefs {
    rows: HashMap<RunId, Arc<RunBrief>>,
    /// The names in the order in which the rows were made.
    order: VecDeque<RunId>,
}

impl Briefs {
    fn keep(&mut self, id: RunId, row: Arc<RunBrief>) {
        if self.rows.insert(id.clone(), row).is_none() {
            self.order.push_back(id);
        }
        while self.order.len() > KEPT {
            if let Some(oldest) = self.order.pop_front() {
                self.rows.remove(&oldest);
            }
        }
    }

    /// Forgets a run that was deleted, or is called something else.
    pub(super) fn forget(&mut self, id: &RunId) {
        if self.rows.remove(id).is_some() {
            self.order.retain(|kept| kept != id);
        }
    }
}

fn row_of(run: &Run) -> RunBrief {
    let entries = run.log.all();
    let events = || entries.iter().map(|entry| &entry.envelope.event);
    let last = entries.last().map(|entry| &entry.envelope.event);
    let state = last.map_or(shared::api::RunState::Queued, state_after);
    let name = run.label().name;
    RunBrief::of((run.id.as_str(), &run.created, &name), &run.options, state, events())
}

impl Runs {
    /// Tells of runs what a list says of them.
    pub async fn listed(self: &Arc<Self>, ids: Vec<String>) -> RunsListed {
        let mut listed = RunsListed::default();
        for id in ids {
            match self.brief(&id).await {
                Ok(row) => listed.runs.push((*row).clone()),
                Err(ApiError(why)) => listed.missing.push(RunMissing { id, why }),
            }
        }
        listed
    }

    async fn brief(self: &Arc<Self>, name: &str) -> Result<Arc<RunBrief>, ApiError> {
        let id = RunId::parse(name).ok_or_else(ApiError::no_run)?;
        if let Some(row) = lock(&self.briefs).rows.get(&id) {
            return Ok(row.clone());
        }
        let changes = self.changes.load(Ordering::Acquire);
        let live = match name {
            SAMPLE => Some(self.find(SAMPLE).await?),
            _ => self.in_memory(&id),
        };
        let row = match live {
            Some(run) => {
                let made = tokio::task::spawn_blocking(move || row_of(&run)).await;
                made.map_err(ApiError::internal)?
            }
            // Read and let go of: a list must not push out what people are looking at.
            None => {
                let _turn = self.room.turn().await?;
                let wanted = id.clone();
                let read = self.read(move |store| {
                    let Some(stored) = store.run(&wanted)? else { return Ok(None) };
                    Ok(Some(row_of(&Run::ended(stored.record, wanted, Some(stored.owner)))))
                });
                read.await?.ok_or_else(ApiError::no_run)?
            }
        };
        let row = Arc::new(row);
        let ended =
            !matches!(row.state, shared::api::RunState::Queued | shared::api::RunState::Running);
        let mut briefs = lock(&self.briefs);
        // Not where the run was deleted or renamed meanwhile: `forget` came before this.
        if ended && self.changes.load(Ordering::Acquire) == changes {
            briefs.keep(id, row.clone());
        }
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use shared::RunOptions;
    use shared::api::RunState;

    use super::*;

    #[test]
    fn as_many_rows_are_kept_as_fit() {
        let mut briefs = Briefs::default();
        let row = RunBrief::of(("", "", ""), &RunOptions::default(), RunState::Done, []);
        let row = Arc::new(row);
        let first = RunId::random().expect("randomness");
        briefs.keep(first.clone(), row.clone());
        briefs.keep(first.clone(), row.clone());
        assert_eq!((briefs.rows.len(), briefs.order.len()), (1, 1), "once");
        for _ in 0..KEPT {
            briefs.keep(RunId::random().expect("randomness"), row.clone());
        }
        assert_eq!((briefs.rows.len(), briefs.order.len()), (KEPT, KEPT));
        assert!(!briefs.rows.contains_key(&first));
        let last = briefs.order.back().cloned().expect("the last one");
        briefs.forget(&last);
        assert_eq!((briefs.rows.len(), briefs.order.len()), (KEPT - 1, KEPT - 1));
    }
}
