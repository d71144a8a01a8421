//! Classes in the store: what a restart of the lab brings back, and records of classes that ended.

use std::time::Duration;

use shared::classroom::Board;
use shared::sentence::LabError;
use shared::{ErrorCode, Message};
use tokio_util::sync::CancellationToken;

use super::state::AppState;
use crate::classroom::{ClassChanges, Code, KeptClass};
use crate::clock;
use crate::error::ApiError;
use crate::id::OwnerHash;
use crate::store::{StoreError, StoredClass};

/// Changes within this time are written together.
const TOGETHER: Duration = Duration::from_millis(500);
/// How long a lab that could not write waits before it tries again.
const AGAIN: Duration = Duration::from_secs(5);
/// How long the record of a class that ended is kept.
const RECORDS: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Most bytes that a class unpacks into: its answers are bounded far below that.
const LARGEST: usize = 8 << 20;

fn now() -> u64 {
    clock::unix_seconds() as u64
}

fn packed(class: &KeptClass) -> Result<StoredClass, StoreError> {
    let broken = |why: String| StoreError::Broken(why);
    let json = serde_json::to_vec(class).map_err(|error| broken(error.to_string()))?;
    let data = zstd::bulk::compress(&json, 1).map_err(|error| broken(error.to_string()))?;
    Ok(StoredClass {
        code: class.code.clone(),
        opener: class.opener.to_string(),
        seen: class.seen,
        ended: class.ended,
        data,
    })
}

fn unpacked(class: &StoredClass) -> Option<KeptClass> {
    let json = zstd::bulk::decompress(&class.data, LARGEST).ok()?;
    let mut kept = serde_json::from_slice::<KeptClass>(&json).ok()?;
    (kept.seen, kept.ended) = (class.seen, class.ended);
    Some(kept)
}

/// Holds the classes again that the lab held before it was restarted.
pub async fn restore(state: &AppState) {
    let found = match state.runs.read(|store| store.classes()).await {
        Ok(found) => found,
        Err(error) => {
            tracing::error!(code = %error.0.code, "the classes cannot be brought back");
            return;
        }
    };
    let mut lost = found.damaged;
    let mut kept = Vec::new();
    for class in &found.held {
        match unpacked(class) {
            Some(class) => kept.push(class),
            None => lost.push(class.code.clone()),
        }
    }
    if !kept.is_empty() || !lost.is_empty() {
        tracing::info!(classes = kept.len(), lost = lost.len(), "classes were kept");
    }
    state.classrooms.restore(kept, lost, now());
}

/// Writes what changed of classes; gives whether that is on the disk.
pub async fn save(state: &AppState) -> bool {
    let changes = state.classrooms.changes(now());
    if changes.kept.is_empty() && changes.gone.is_empty() {
        return true;
    }
    let written = write(state, &changes).await;
    let unkept = written.as_ref().err().map(|error| {
        tracing::error!(%error, "classes are not kept");
        match error {
            StoreError::Full => ApiError::full(LabError::ClassNotKept).0.into_message(),
            _ => Message::from(LabError::ClassNotWritten),
        }
    });
    state.classrooms.keeping(changes, unkept.as_ref());
    unkept.is_none()
}

async fn write(state: &AppState, changes: &ClassChanges) -> Result<(), StoreError> {
    let kept = changes.kept.iter().map(packed).collect::<Result<Vec<_>, _>>()?;
    state.runs.store.keep_classes(kept, changes.gone.clone()).await
}

/// Writes changes of classes as they come, until `stopping` is cancelled.
pub async fn keep(state: AppState, stopping: CancellationToken) {
    let mut expired = None::<tokio::time::Instant>;
    while stopping.run_until_cancelled(state.classrooms.changed()).await.is_some() {
        if expired.is_none_or(|last| last.elapsed() > Duration::from_secs(60 * 60)) {
            expired = Some(tokio::time::Instant::now());
            let before = now().saturating_sub(RECORDS.as_secs());
            if let Err(error) = state.runs.store.expire_records(before).await {
                tracing::warn!(%error, "old records of classes are not deleted");
            }
        }
        let wait = if save(&state).await { TOGETHER } else { AGAIN };
        if stopping.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            return;
        }
    }
}

/// What a class was asked and answered, for its presenter.
///
/// # Errors
/// `not_found`, or `not_owner`.
pub async fn record(state: &AppState, typed: &str, token: &str) -> Result<String, ApiError> {
    let none = || ApiError::new(ErrorCode::NotFound, LabError::NoRecord);
    let code = Code::read(typed).ok_or_else(none)?;
    let held = state.classrooms.kept(&code, now());
    let kept = match held {
        Some(kept) => kept,
        None => {
            // It may have ended a moment ago.
            save(state).await;
            let code = code.as_str().to_owned();
            let stored = state.runs.read(move |store| store.class(&code)).await?;
            stored.as_ref().and_then(unpacked).ok_or_else(none)?
        }
    };
    if OwnerHash(kept.presenter) != OwnerHash::of(token) {
        return Err(ApiError::new(ErrorCode::NotOwner, LabError::NotPresenter));
    }
    let text = |board: &Board| asked(state, board);
    Ok(kept.record(text))
}

/// What a board asks the class, in English as the record is.
fn asked(state: &AppState, board: &Board) -> String {
    if let Some(step) = &board.step {
        return step.ask.en.clone();
    }
    let step = board.lesson.as_ref().and_then(|place| {
        let lesson = state.runs.samples.lessons().iter().find(|l| l.name == place.lesson)?;
        lesson.steps.get(place.step as usize)
    });
    match step {
        Some(step) => step.ask.en.clone(),
        None => "Where did the answer come from: the words, or the picture?".to_owned(),
    }
}
