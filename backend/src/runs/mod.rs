//! The runs: every run that is live, and the way to every run that was.

mod briefs;
mod dispatch;
mod heads;
mod held;
mod log;
mod queue;
pub mod record;
mod repeat;
mod run;
pub mod samples;
mod submit;
mod turns;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use axum::body::Bytes;
use shared::api::RunState;
use shared::picture::Speed;
use shared::sentence::LabError;
use shared::{ErrorCode, Event, Label, LabelChange};
use tokio::sync::watch;

use crate::error::ApiError;
use crate::fair::{Client, Fair, Shares};
use crate::id::{RunId, SAMPLE};
use crate::lock;
use crate::metrics::Metrics;
use crate::models::catalog::{Catalog, Look};
use crate::store::{KeptRows, Older, Store, StoreError};
use crate::workers::lab::{Lab, Precheck};
use crate::workers::{Fitting, Key, ModelsState, WorkerState};
use briefs::Briefs;
use held::{ReadRoom, holding};
use samples::Samples;
use turns::DecodingTurns;

pub use dispatch::{Device, Dispatcher, Settings};
pub use heads::HeadLog;
pub use log::{EventLog, LogProgress, LoggedEvent};
pub use queue::{Asker, Job, JobMedia, Popped, PushError, Queue};
pub use repeat::Again;
pub(crate) use repeat::{nth, sampled};
pub use run::{Run, StopReason};

/// Runs deleted for their age at once: others that write wait for no more than these.
const EXPIRED_AT_ONCE: usize = 16;
/// Ended runs kept in memory, so that a class that opens one link reads the store once.
const RECENT: usize = 8;
/// Most bytes of the events of ended runs kept in memory; with the encodings that viewers share
/// they are up to three times that. The run used last is kept whatever it takes.
const RECENT_BYTES: usize = 128 << 20;

/// Everything that routes and the devices' threads share.
pub struct Runs {
    /// What loads models and decodes pictures.
    pub lab: Arc<dyn Lab>,
    /// The models there are.
    pub catalog: Catalog,
    /// What ships with the lab.
    pub samples: Samples,
    /// Runs, pictures and events, kept.
    pub store: Store,
    /// The line before the model.
    pub queue: Queue,
    /// The devices that run models, and what each is doing; set once they are started.
    devices: OnceLock<Vec<(String, watch::Receiver<WorkerState>)>>,
    /// Counters.
    pub metrics: Metrics,
    /// What clients have of what they share.
    pub fair: Fair,
    /// Who asked for runs that are live.
    askers: Mutex<HashMap<RunId, Client>>,
    /// What is known of models that have been loaded, by name.
    checks: Mutex<HashMap<String, (Look, Precheck)>>,
    /// How fast models read their last prompts, by name; for each quantization one.
    speeds: Mutex<HashMap<String, Vec<Speed>>>,
    live: Mutex<HashMap<RunId, Arc<Run>>>,
    recent: Mutex<VecDeque<Arc<Run>>>,
    /// Rows of lists that were made of runs that ended.
    briefs: Mutex<Briefs>,
    /// Counts deletions and new names, so that a run read just before one is not remembered after.
    changes: AtomicU64,
    decoding: Arc<DecodingTurns>,
    fitting: Fitting,
    room: ReadRoom,
    closing: AtomicBool,
}

impl std::fmt::Debug for Runs {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.debug_struct("Runs").finish_non_exhaustive()
    }
}

impl Runs {
    /// A runs with nothing in it.
    pub fn new(
        lab: Arc<dyn Lab>,
        catalog: Catalog,
        samples: Samples,
        store: Store,
        shares: Shares,
    ) -> Self {
        Runs {
            lab,
            catalog,
            samples,
            store,
            queue: Queue::new(shares.runs),
            devices: OnceLock::new(),
            metrics: Metrics::default(),
            fair: Fair::new(shares),
            askers: Mutex::default(),
            checks: Mutex::default(),
            speeds: Mutex::default(),
            live: Mutex::default(),
            recent: Mutex::default(),
            briefs: Mutex::default(),
            changes: AtomicU64::new(0),
            decoding: Arc::default(),
            fitting: Fitting::default(),
            room: ReadRoom::default(),
            closing: AtomicBool::new(false),
        }
    }

    /// The devices that run models, by name, and what each is doing.
    pub fn devices(&self) -> Vec<(String, WorkerState)> {
        let all = self.devices.get().map_or(&[][..], Vec::as_slice);
        all.iter().map(|(name, state)| (name.clone(), state.borrow().clone())).collect()
    }

    /// The models in memory, on whichever device, each once.
    pub fn loaded(&self) -> Vec<Key> {
        let mut loaded = Vec::new();
        for key in self.devices().into_iter().flat_map(|(_, state)| state.loaded) {
            if !loaded.contains(&key) {
                loaded.push(key);
            }
        }
        loaded
    }

    /// How it stands with the models: which are not to be had, and whether any fits the memory that the
    /// lab may take. What could not be unpacked is tried again.
    pub async fn models_state(self: &Arc<Self>) -> ModelsState {
        let runs = self.clone();
        let look = move || {
            runs.catalog.look_again();
            runs.fitting.look(&*runs.lab, &runs.catalog)
        };
        tokio::task::spawn_blocking(look).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the models could not be looked at");
            ModelsState { any: true, problems: Vec::new() }
        })
    }

    /// Notes what tells whether a question fits a model that was loaded from files that looked so.
    pub(crate) fn knows(&self, model: &str, look: Look, check: Precheck) {
        lock(&self.checks).insert(model.to_owned(), (look, check));
    }

    /// Notes how fast a model read a prompt.
    pub fn read_at(&self, model: &str, speed: Speed) {
        let mut all = lock(&self.speeds);
        let of_model = all.entry(model.to_owned()).or_default();
        of_model.retain(|known| known.quant != speed.quant);
        of_model.push(speed);
    }

    /// How fast a model read its last prompts since the lab was started.
    pub fn speeds(&self, model: &str) -> Vec<Speed> {
        lock(&self.speeds).get(model).cloned().unwrap_or_default()
    }

    /// Finds a run, live or kept.
    ///
    /// # Errors
    /// `not_found`, or the store cannot be read.
    pub async fn find(self: &Arc<Self>, id: &str) -> Result<Arc<Run>, ApiError> {
        if id == SAMPLE {
            let none = || match self.samples.is_damaged() {
                true => StoreError::Damaged("a file of the shipped run".to_owned()).into(),
                false => ApiError::no_run(),
            };
            return self.samples.run().ok_or_else(none);
        }
        let id = RunId::parse(id).ok_or_else(ApiError::no_run)?;
        if let Some(run) = self.in_memory(&id) {
            return Ok(run);
        }
        let turn = self.room.turn().await?;
        // Somebody else may have read it while this waited.
        if let Some(run) = self.in_memory(&id) {
            return Ok(run);
        }
        let wanted = id.clone();
        let changes = self.changes.load(Ordering::Acquire);
        let stored = self.read(move |store| store.run(&wanted)).await?;
        let Some(stored) = stored else { return Err(ApiError::no_run()) };
        let run = Arc::new(Run::ended(stored.record, id, Some(stored.owner)));
        // With the encodings that viewers share.
        let held = self.room.hold(2 * run.log.bytes(), || lock(&self.recent).clear()).await?;
        run.hold(held);
        drop(turn);
        let mut recent = lock(&self.recent);
        if self.changes.load(Ordering::Acquire) == changes {
            remember(&mut recent, run.clone());
        }
        Ok(run)
    }

    fn in_memory(&self, id: &RunId) -> Option<Arc<Run>> {
        if let Some(run) = lock(&self.live).get(id) {
            return Some(run.clone());
        }
        lock(&self.recent).iter().find(|r| r.id == *id && !r.is_deleted()).cloned()
    }

    fn forget(&self, run: &Run) {
        // First: whoever is about to remember the run then either sees this, or is undone below.
        run.set_deleted();
        if let Some(live) = lock(&self.live).remove(&run.id) {
            live.set_deleted();
        }
        let mut recent = lock(&self.recent);
        self.changes.fetch_add(1, Ordering::Release);
        recent.retain(|r| r.id != run.id);
        lock(&self.briefs).forget(&run.id);
    }

    /// Reads the store without holding up the async side.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Store) -> Result<T, crate::store::StoreError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let runs = self.clone();
        let result = tokio::task::spawn_blocking(move || work(&runs.store)).await;
        Ok(result.map_err(ApiError::internal)??)
    }

    /// Reads a file from the store that may be large: there is room for it until it was sent.
    ///
    /// # Errors
    /// The store cannot be read, or others are reading too much.
    pub async fn read_file<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Store) -> Result<Option<(Bytes, T)>, StoreError> + Send + 'static,
    ) -> Result<Option<(Bytes, T)>, ApiError> {
        let _turn = self.room.turn().await?;
        let Some((bytes, rest)) = self.read(work).await? else { return Ok(None) };
        let held = self.room.hold(bytes.len(), || lock(&self.recent).clear()).await?;
        Ok(Some((holding(bytes, held), rest)))
    }

    /// Stops a run: at once if it waits, else within a layer. Without effect on one that ended.
    /// Returns once that is durable: a lab that dies now has cancelled the run all the same.
    ///
    /// # Errors
    /// The store cannot be written; the run is stopped all the same.
    pub async fn cancel(self: &Arc<Self>, run: &Arc<Run>) -> Result<(), ApiError> {
        self.stop(run).await;
        let noted = self.store.note_cancelled(run.id.clone()).await;
        noted.map_err(|error| match error {
            StoreError::Full => ApiError::full(LabError::StopNotKept),
            other => other.into(),
        })
    }

    async fn stop(self: &Arc<Self>, run: &Arc<Run>) {
        run.request_stop(StopReason::Cancelled);
        self.finish_waiting(&run.id).await;
    }

    /// Ends a run that is still in the line.
    async fn finish_waiting(self: &Arc<Self>, id: &RunId) {
        if let Some(job) = self.queue.remove(id) {
            let last = job.run.stopped();
            let runs = self.clone();
            // The store's line may be full, and this thread must not wait for it.
            let _ = tokio::task::spawn_blocking(move || runs.finish(job.run, last)).await;
        }
    }

    /// Deletes a run with everything kept of it, stopping it first.
    ///
    /// # Errors
    /// The store cannot be written.
    pub async fn delete(self: &Arc<Self>, run: &Arc<Run>) -> Result<(), ApiError> {
        let (runs, run) = (self.clone(), run.clone());
        // A task of its own, so that a client that leaves does not leave it half done.
        let deleted = tokio::spawn(async move {
            runs.stop(&run).await;
            runs.store.delete(run.id.clone()).await.map_err(|error| match error {
                StoreError::Full => ApiError::full(LabError::RunNotDeleted),
                other => other.into(),
            })?;
            runs.forget(&run);
            tracing::info!(run = run.id.short(), "run deleted");
            Ok(())
        });
        deleted.await.map_err(ApiError::internal)?
    }

    /// Deletes the runs that are too old to be kept; gives how many.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn expire(self: &Arc<Self>, older: Older) -> Result<u64, ApiError> {
        let ids = self.read(move |store| store.expired(older)).await?;
        let mut count = 0;
        for some in ids.chunks(EXPIRED_AT_ONCE) {
            let deleted = match self.store.expire(some.to_vec(), older).await {
                // The reserve is enough for one run, not for all of these at once.
                Err(StoreError::Full) => {
                    let mut deleted = Vec::new();
                    for id in some {
                        deleted.extend(self.store.expire(vec![id.clone()], older).await?);
                    }
                    deleted
                }
                other => other?,
            };
            count += deleted.len() as u64;
            for id in &deleted {
                self.forget_id(id);
            }
        }
        Ok(count)
    }

    /// Forgets a run that the store no longer has.
    fn forget_id(&self, id: &RunId) {
        if let Some(live) = lock(&self.live).get(id) {
            live.set_deleted();
        }
        let mut recent = lock(&self.recent);
        self.changes.fetch_add(1, Ordering::Release);
        recent.iter().filter(|run| run.id == *id).for_each(|run| run.set_deleted());
        recent.retain(|run| run.id != *id);
        lock(&self.briefs).forget(id);
    }

    /// Changes what a run is called; gives its label once that is durable.
    ///
    /// # Errors
    /// `bad_option` where a text is too long, or the store cannot be written.
    pub async fn label(
        self: &Arc<Self>,
        run: &Arc<Run>,
        change: LabelChange,
    ) -> Result<Label, ApiError> {
        let (runs, run) = (self.clone(), run.clone());
        // A task of its own, so that a client that leaves does not leave memory and store apart.
        let labelled = tokio::spawn(async move {
            let stored = runs.store.label(run.id.clone(), change).await;
            let stored = stored.map_err(|error| match error {
                StoreError::Full => ApiError::full(LabError::RunNameUnchanged),
                other => other.into(),
            });
            let label = stored?
                .ok_or_else(ApiError::no_run)?
                .map_err(|sentence| ApiError::new(ErrorCode::BadOption, sentence))?;
            run.set_label(label.clone());
            // Others may hold the run in memory too.
            if let Some(live) = lock(&runs.live).get(&run.id) {
                live.set_label(label.clone());
            }
            let recent = lock(&runs.recent);
            runs.changes.fetch_add(1, Ordering::Release);
            recent.iter().filter(|r| r.id == run.id).for_each(|r| r.set_label(label.clone()));
            lock(&runs.briefs).forget(&run.id);
            Ok(label)
        });
        labelled.await.map_err(ApiError::internal)?
    }

    /// Writes what a run at work left, some time soon.
    pub(crate) fn save_soon(&self, run: &Arc<Run>) {
        let (rows, kept) = (run.clone(), run.clone());
        self.store.save_soon(move || rows.rows(None), move |now| kept.kept(now));
    }

    /// Ends a run: its last event is shown once the store has it. For threads that are not async.
    pub fn finish(self: &Arc<Self>, run: Arc<Run>, last: Event) {
        if !run.log.seal(last.clone(), run.age_ms()) {
            return;
        }
        let state = match &last {
            Event::Done { .. } => RunState::Done,
            Event::Cancelled => RunState::Cancelled,
            _ => RunState::Failed,
        };
        let runs = self.clone();
        let ended = run.clone();
        self.store
            .finish(move || ended.rows(Some(state)), move |saved| runs.saved(&run, state, saved));
    }

    /// After the end of a run was written, or was not.
    fn saved(&self, run: &Arc<Run>, state: RunState, saved: Result<KeptRows, StoreError>) {
        let (instead, state) = match saved {
            Ok(kept) => {
                run.kept(kept);
                (None, state)
            }
            Err(error) => {
                let ApiError(body) = error.into();
                let code = body.code;
                let told = match code {
                    ErrorCode::StorageFull => ApiError::full(LabError::RunNotKept).0.into_message(),
                    _ => body.into_message(),
                };
                (Some(Event::failed(code, told)), RunState::Failed)
            }
        };
        self.metrics.run_ended(state, run.age_ms());
        if let Some(client) = lock(&self.askers).remove(&run.id) {
            let bytes = run.log.bytes() + run.heads.all_bytes();
            self.fair.left_on_disk(client, bytes, Instant::now());
        }
        let (id, ms) = (run.id.short(), run.age_ms() as u64);
        tracing::info!(run = id, ?state, events = run.log.progress().len, ms, "run ended");
        // In this order: a run is in at least one of the two, or in the store, at every moment.
        if lock(&self.live).contains_key(&run.id) {
            remember(&mut lock(&self.recent), run.clone());
        }
        run.log.reveal(instead);
        lock(&self.live).remove(&run.id);
    }

    /// Takes no more runs, and ends those that wait.
    pub async fn close(self: &Arc<Self>) {
        self.closing.store(true, Ordering::Relaxed);
        for job in self.queue.close() {
            job.run.request_stop(StopReason::ShuttingDown);
            let (runs, last) = (self.clone(), job.run.stopped());
            let _ = tokio::task::spawn_blocking(move || runs.finish(job.run, last)).await;
        }
    }

    /// Whether it takes no more runs.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Relaxed)
    }

    /// Asks the run at work, if any, to stop.
    pub fn stop_live(&self, reason: StopReason) {
        for run in lock(&self.live).values() {
            run.request_stop(reason);
        }
    }

    /// How many runs are live.
    pub fn live(&self) -> usize {
        lock(&self.live).len()
    }
}

/// Keeps a run among those used last, unless it was deleted.
fn remember(recent: &mut VecDeque<Arc<Run>>, run: Arc<Run>) {
    recent.retain(|r| r.id != run.id);
    if run.is_deleted() {
        return;
    }
    recent.push_front(run);
    recent.truncate(RECENT);
    let mut bytes = 0;
    let within = |run: &Arc<Run>| {
        bytes += run.log.bytes() + run.heads.bytes();
        bytes <= RECENT_BYTES
    };
    let kept = recent.iter().map(within).take_while(|fits| *fits).count();
    recent.truncate(kept.max(1));
}

#[cfg(test)]
mod tests {
    use shared::RunOptions;

    use super::*;
    use crate::id::OwnerHash;

    #[test]
    fn a_deleted_run_is_not_remembered_by_whoever_still_holds_it() {
        let id = RunId::random().expect("randomness");
        let new = Run::new(id, String::new(), RunOptions::default(), OwnerHash([0; 32]));
        let (run, mut recent) = (Arc::new(new), VecDeque::new());
        remember(&mut recent, run.clone());
        assert_eq!(recent.len(), 1);
        run.set_deleted();
        remember(&mut recent, run);
        assert!(recent.is_empty());
    }
}
