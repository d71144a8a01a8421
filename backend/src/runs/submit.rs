//! How a run comes into the line: checked, made durable, taken or refused.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use axum::body::Bytes;
use engine::LoadOptions;
use shared::api::RunCreated;
use shared::sentence::LabError;
use shared::{AskedOptions, ErrorCode, RunOptions};

use super::{Asker, Job, JobMedia, PushError, Run, Runs};
use crate::assets::picture_type;
use crate::clock;
use crate::error::ApiError;
use crate::fair::{Client, too_many};
use crate::id::{OwnerToken, RunId};
use crate::lock;
use crate::models::catalog::{Look, Source};
use crate::store::NewRun;
use crate::workers::lab::{Decoded, Precheck, decode_all};
use crate::workers::memory;

/// A waiting run holds its decoded media up to this many bytes (4 million pixels); larger ones are
/// decoded again when it is their turn.
const PIXELS_HELD: usize = 12 << 20;
/// When a run that the line did not take may be asked for again: most take seconds.
const AGAIN: Duration = Duration::from_secs(5);

impl Runs {
    /// Takes a run: checks it, makes it durable, puts it into the line.
    ///
    /// # Errors
    /// A code and a sentence for whatever is wrong with the request, or `queue_full`,
    /// `too_many_requests`, `storage_full`, `shutting_down`. No run exists then.
    pub async fn submit(
        self: &Arc<Self>,
        pictures: Vec<Bytes>,
        asked: AskedOptions,
        asker: Asker,
    ) -> Result<RunCreated, ApiError> {
        if self.catalog.missing(&asked.model).is_some() {
            let runs = self.clone();
            // Whether it is there now is asked below.
            let _ = tokio::task::spawn_blocking(move || runs.catalog.look_again()).await;
        }
        let source = self.catalog.by_name(&asked.model)?;
        self.submit_with(source, pictures, asked, asker).await
    }

    /// The same with a model that the lab itself names, wherever it lies.
    ///
    /// # Errors
    /// As [`Runs::submit`].
    pub async fn submit_with(
        self: &Arc<Self>,
        source: Source,
        pictures: Vec<Bytes>,
        asked: AskedOptions,
        asker: Asker,
    ) -> Result<RunCreated, ApiError> {
        let options = self.catalog.resolved(&source, &asked)?;
        if self.closing.load(Ordering::Relaxed) {
            return Err(ApiError::shutting_down());
        }
        // Before the costly part; decided for good when the run is pushed.
        self.fair.disk(asker.client, Instant::now())?;
        self.queue.room(&asker).map_err(|refused| self.refused(refused))?;
        // What a model said that was loaded from files that have changed says nothing of this one.
        let check = lock(&self.checks).get(&source.name).cloned();
        let check =
            check.filter(|(look, _)| *look == Look::at(&source.folder)).map(|(_, check)| check);
        let load = LoadOptions {
            name: source.name.clone(),
            quant: options.quant,
            ..LoadOptions::default()
        };
        let loaded = (load.name.clone(), load.quant);
        let new = !self.loaded().contains(&loaded);
        let new = new.then(|| (source.folder.clone(), load));
        let decoded =
            self.decode(pictures.clone(), check, new, options.clone(), asker.client).await?;
        // A task of its own: a client that leaves now must not leave half a run behind.
        let taken =
            tokio::spawn(self.clone().take(options, source, pictures, decoded, asker)).await;
        taken.map_err(ApiError::internal)?
    }

    /// Makes a checked run durable and puts it into the line.
    async fn take(
        self: Arc<Self>,
        options: RunOptions,
        source: Source,
        pictures: Vec<Bytes>,
        decoded: Vec<Decoded>,
        asker: Asker,
    ) -> Result<RunCreated, ApiError> {
        let (id, token) = (RunId::random()?, OwnerToken::random()?);
        let (created, owner) = (clock::now_rfc3339(), token.hash());
        let run = Arc::new(Run::new(id.clone(), created.clone(), options.clone(), owner));
        let bytes = pictures.iter().map(Bytes::len).sum();
        let mut uploads = pictures.into_iter().map(|picture| {
            let content_type = picture_type(&picture);
            (picture, content_type)
        });
        let (picture, content_type) = uploads.next().ok_or_else(no_picture)?;
        let more = uploads.collect();
        let new = NewRun { id: id.clone(), created, options, owner, picture, more, content_type };
        self.store.insert(new).await?;
        lock(&self.live).insert(id.clone(), run.clone());
        let client = asker.client;
        lock(&self.askers).insert(id.clone(), client);
        let held = decoded.iter().map(Decoded::bytes).sum::<usize>() <= PIXELS_HELD;
        let media = if held { JobMedia::Decoded(decoded) } else { JobMedia::InStore };
        let quant = run.options.quant;
        if let Err(refused) = self.queue.push(Job { run, source, quant, media, asker, again: None })
        {
            lock(&self.live).remove(&id);
            lock(&self.askers).remove(&id);
            // The person is told that there is no run, so there must be none.
            if let Err(error) = self.store.delete(id).await {
                tracing::warn!(%error, "a refused run was not removed");
            }
            return Err(self.refused(refused));
        }
        self.fair.left_on_disk(client, bytes, Instant::now());
        self.metrics.run_submitted();
        tracing::info!(run = id.short(), "run taken");
        Ok(RunCreated { id: id.to_string(), owner_token: token.reveal() })
    }

    /// What is said to whom the line does not take.
    fn refused(&self, refused: PushError) -> ApiError {
        match refused {
            PushError::Full => queue_full(),
            PushError::Own => {
                too_many(LabError::RunsWaiting { n: self.queue.bound().client as u64 }, AGAIN)
            }
            PushError::OwnRepeated => too_many(LabError::RepeatedRunWaiting, AGAIN),
            PushError::Closed => ApiError::shutting_down(),
        }
    }

    /// Decodes media and, where the model is known, checks that the question fits it; of a
    /// model that is not loaded, that it could ever fit the machine's memory.
    async fn decode(
        self: &Arc<Self>,
        pictures: Vec<Bytes>,
        check: Option<Precheck>,
        new: Option<(PathBuf, LoadOptions)>,
        options: RunOptions,
        client: Client,
    ) -> Result<Vec<Decoded>, ApiError> {
        let turn = self.decoding.take(client).await;
        let lab = self.lab.clone();
        // Decoding goes on when the client hangs up, so it is what holds the turn.
        let decode = move || {
            let files: Vec<&[u8]> = pictures.iter().map(AsRef::as_ref).collect();
            let media = decode_all(&*lab, &files);
            // What is looked at besides takes no such memory, and may take a slow disk's time.
            drop(turn);
            let media = media?;
            if let Some((folder, load)) = new
                && let Err(error) = memory::could_fit(&*lab, &folder, &load)
                && error.code == ErrorCode::OutOfMemory
            {
                // What else is wrong with its files is said when it is loaded.
                return Err(error);
            }
            match check {
                Some(check) => {
                    let extents: Vec<_> = media.iter().map(Decoded::extent).collect();
                    check(&extents, &options).map(|()| media)
                }
                None => Ok(media),
            }
        };
        let decoded = tokio::task::spawn_blocking(decode).await;
        Ok(decoded.map_err(ApiError::internal)??)
    }
}

fn no_picture() -> ApiError {
    ApiError::new(ErrorCode::PictureMissing, LabError::PictureMissing)
}

fn queue_full() -> ApiError {
    ApiError::new(ErrorCode::QueueFull, LabError::QueueFull).again_in(AGAIN)
}
