//! Experiments as viewers see them: what was read is kept and shared, so that a refresh costs what
//! came since the last one, however many look on.

mod fold;
mod items;
mod samples;
mod watching;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use shared::experiment::tables::Tables;
use shared::experiment::{ExperimentState, ExperimentStatus};
use shared::sentence::LabError;
use shared::{Definition, Preset};
use tokio::sync::Semaphore;

use super::{Means, status};
use crate::error::ApiError;
use crate::id::RunId;
use crate::lock;
use samples::Opened;
use watching::Watching;

pub use fold::Folded;
pub use items::{Asked, Order};
pub use watching::Told;

/// Experiments kept in memory, each under one base definition.
const KEPT: usize = 4;
/// Tables kept of each, under the definitions asked for last.
const TABLES: usize = 4;
/// Experiments refreshed at once; models run on the same machine.
const AT_ONCE: usize = 2;
/// A running experiment is read again this often at most.
const EVERY: Duration = Duration::from_millis(500);
/// And never for more than one part in this many of the time.
const SHARE: u32 = 4;

/// Everything that is kept of experiments between requests.
#[derive(Debug)]
pub struct Live {
    views: Mutex<VecDeque<Arc<View>>>,
    turns: Semaphore,
    watching: Watching,
    opened: Opened,
    /// Held while an experiment is planned, so that bounds on their number hold.
    pub creating: tokio::sync::Mutex<()>,
    /// Held while a run is started for an item, so that two who ask get one.
    pub opening: tokio::sync::Mutex<()>,
}

impl Default for Live {
    fn default() -> Self {
        Live {
            views: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
            watching: Watching::default(),
            opened: Opened::default(),
            creating: tokio::sync::Mutex::default(),
            opening: tokio::sync::Mutex::default(),
        }
    }
}

/// One experiment under one base definition.
#[derive(Debug)]
struct View {
    id: RunId,
    around: Definition,
    kept: Arc<tokio::sync::Mutex<Option<Kept>>>,
}

/// What was read of it.
#[derive(Debug)]
struct Kept {
    folded: Folded,
    status: ExperimentStatus,
    looked: Instant,
    pause: Duration,
    /// By choice; what no longer fits [`Kept::version`] is not used.
    tables: VecDeque<(usize, Version, Shown)>,
}

/// What tables depend on: ended items, and models that have been loaded.
type Version = (u32, usize);

/// Tables, and the same as JSON: written once for all who ask.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The tables.
    pub tables: Arc<Tables>,
    /// As JSON.
    pub json: Bytes,
}

impl Kept {
    fn version(&self) -> Version {
        (self.folded.ended, self.status.models.len())
    }

    fn shown(&mut self, choice: usize) -> Result<Shown, ApiError> {
        let version = self.version();
        if let Some((.., shown)) =
            self.tables.iter().find(|(c, v, _)| (*c, *v) == (choice, version))
        {
            return Ok(shown.clone());
        }
        let tables = Tables::new(&mut self.folded.aggregate, &self.status, choice);
        let tables = Arc::new(tables.ok_or_else(|| ApiError::internal("no such choice"))?);
        let json = serde_json::to_vec(&*tables).map_err(ApiError::internal)?.into();
        let shown = Shown { tables, json };
        self.tables.retain(|(c, v, _)| *v == version && *c != choice);
        self.tables.push_front((choice, version, shown.clone()));
        self.tables.truncate(TABLES);
        Ok(shown)
    }
}

/// No experiment of that name.
pub fn no_experiment() -> ApiError {
    ApiError::new(shared::ErrorCode::NotFound, LabError::NoExperiment)
}

/// Reads where an experiment stands.
///
/// # Errors
/// `not_found`, or the book cannot be read.
pub fn read_status(means: &Means, id: &RunId) -> Result<ExperimentStatus, ApiError> {
    let experiment = means.book.get(id)?.ok_or_else(no_experiment)?;
    Ok(status(&experiment, &means.book.progress(id)?))
}

impl Live {
    /// The definition whose neighbours hold this one: all presets are read from one aggregate.
    fn around(definition: &Definition) -> Definition {
        match definition.preset() {
            Some(_) => Preset::Paper.definition(),
            None => *definition,
        }
    }

    fn view(&self, id: &RunId, around: Definition) -> Arc<View> {
        let mut views = lock(&self.views);
        let known = views.iter().position(|v| v.id == *id && v.around == around);
        let view = known
            .and_then(|at| views.remove(at))
            .unwrap_or_else(|| Arc::new(View { id: id.clone(), around, kept: Arc::default() }));
        views.push_front(view.clone());
        views.truncate(KEPT);
        view
    }

    /// Forgets an experiment that was deleted.
    pub fn forget(&self, id: &RunId) {
        lock(&self.views).retain(|view| view.id != *id);
    }

    /// The tables of an experiment under a definition, no older than half a second while it runs.
    ///
    /// # Errors
    /// `not_found`, or the book cannot be read.
    pub async fn tables(
        &self,
        means: &Means,
        id: &RunId,
        definition: Definition,
    ) -> Result<Shown, ApiError> {
        self.with(means, id, definition, |kept, choice| kept.shown(choice)).await
    }

    /// Does something with what is known of an experiment, where nobody waits for it: reads what
    /// came since, if it is time, then calls `work` with it and the definition's number.
    async fn with<T: Send + 'static>(
        &self,
        means: &Means,
        id: &RunId,
        definition: Definition,
        work: impl FnOnce(&mut Kept, usize) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let view = self.view(id, Self::around(&definition));
        // Whoever comes while it is read waits here, and then finds it read.
        let mut kept = view.kept.clone().lock_owned().await;
        let turn = self.turns.acquire().await.map_err(ApiError::internal)?;
        let means = means.clone();
        let done = tokio::task::spawn_blocking(move || {
            let state = means.book.state(&view.id)?.ok_or_else(no_experiment)?;
            let fresh = kept.take_if(|kept| kept.is_fresh(state));
            let mut now = match fresh {
                Some(kept) => kept,
                None => refreshed(&means, &view, kept.take())?,
            };
            let choice = now.folded.choice(&definition);
            let choice = choice.ok_or_else(|| ApiError::internal("a definition without tables"))?;
            let started = Instant::now();
            let result = work(&mut now, choice);
            now.pause = now.pause.max(started.elapsed() * SHARE);
            *kept = Some(now);
            result
        });
        let done = done.await.map_err(ApiError::internal)?;
        drop(turn);
        done
    }
}

impl Kept {
    fn is_fresh(&self, state: ExperimentState) -> bool {
        // At its end everything is to be seen at once, and before it no more often than it costs.
        self.status.state == state && self.looked.elapsed() < self.pause
    }
}

fn refreshed(means: &Means, view: &View, kept: Option<Kept>) -> Result<Kept, ApiError> {
    let looked = Instant::now();
    let status = read_status(means, &view.id)?;
    let mut kept = match kept {
        Some(kept) => Kept { status, looked, ..kept },
        None => Kept {
            folded: Folded::new(status.grid.clone(), view.around),
            status,
            looked,
            pause: EVERY,
            tables: VecDeque::new(),
        },
    };
    kept.folded.advance(&*means.book, &view.id)?;
    kept.pause = EVERY.max(looked.elapsed() * SHARE);
    Ok(kept)
}
