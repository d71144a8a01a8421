//! Requests about experiments.

use std::time::Duration;

use gloo_net::http::Request;
use leptos::prelude::set_timeout;
use shared::Definition;
use shared::experiment::tables::Tables;
use shared::experiment::{
    ExperimentCreated, ExperimentList, ExperimentProgress, ExperimentSpec, ExperimentStatus,
    ItemRecord, ItemRun,
};
use wasm_bindgen::prelude::*;
use web_sys::{EventSource, MessageEvent};

use super::Failure;
use super::http::{checked, encoded, get, read, send};
use crate::base::at;
use crate::language::t;

/// Starts an experiment.
pub async fn start(spec: &ExperimentSpec) -> Result<ExperimentCreated, Failure> {
    let spec = serde_json::to_string(spec).unwrap_or_default();
    let request = Request::post(&at("/api/experiments")).body(spec).map_err(|_| unsent())?;
    read(checked(request.send().await).await?).await
}

/// What experiments there are.
pub async fn list() -> Result<ExperimentList, Failure> {
    get("/api/experiments").await
}

/// What one was started as, and where it stands.
pub async fn status(id: &str) -> Result<ExperimentStatus, Failure> {
    get(&format!("/api/experiments/{id}")).await
}

/// What came out of one so far.
pub async fn tables(id: &str, definition: &Definition) -> Result<Tables, Failure> {
    get(&format!("/api/experiments/{id}/tables?definition={}", encoded(definition))).await
}

/// Which items are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// Of which condition; `None` for all.
    pub condition: Option<u32>,
    /// In which order.
    pub sort: &'static str,
    /// Under which definition they are ordered.
    pub definition: Definition,
}

/// Some of an experiment's items.
pub async fn items(id: &str, wanted: &Wanted) -> Result<Vec<ItemRecord>, Failure> {
    let condition = wanted.condition.map(|c| format!("&condition={c}")).unwrap_or_default();
    get(&format!(
        "/api/experiments/{id}/items?sort={}&definition={}&limit=16{condition}",
        wanted.sort,
        encoded(&wanted.definition)
    ))
    .await
}

/// Makes a run of an item.
pub async fn open_item(id: &str, item: u32) -> Result<ItemRun, Failure> {
    let request = Request::post(&at(&format!("/api/experiments/{id}/items/{item}/run")));
    read(checked(request.send().await).await?).await
}

/// Pauses, resumes or cancels one, in the name of its owner.
pub async fn act(id: &str, what: &str, owner: &str) -> Result<ExperimentProgress, Failure> {
    read(send(Request::post(&at(&format!("/api/experiments/{id}/{what}"))), owner).await?).await
}

/// Deletes one, in the name of its owner.
pub async fn delete(id: &str, owner: &str) -> Result<(), Failure> {
    send(Request::delete(&at(&format!("/api/experiments/{id}"))), owner).await.map(|_| ())
}

/// The address of an experiment's numbers as a file.
pub fn file_url(id: &str, file: &str, definition: &Definition) -> String {
    at(&format!("/api/experiments/{id}/{file}?definition={}", encoded(definition)))
}

/// The address of an experiment's samples as a file.
pub fn lines_url(id: &str) -> String {
    at(&format!("/api/experiments/{id}/export.jsonl"))
}

/// The address to show an item's picture by.
pub fn picture_url(id: &str, item: u32) -> String {
    at(&format!("/api/experiments/{id}/items/{item}/picture"))
}

/// An experiment's progress as the lab tells it, until it is dropped.
pub struct Progress {
    stream: EventSource,
    _message: Closure<dyn FnMut(MessageEvent)>,
    _error: Closure<dyn FnMut()>,
}

impl Progress {
    /// Follows an experiment; `None` is told while the lab does not answer. `None` where the browser
    /// opens no streams.
    pub fn of(
        id: &str,
        told: impl Fn(Option<ExperimentProgress>) + Clone + 'static,
    ) -> Option<Self> {
        let stream = EventSource::new(&at(&format!("/api/experiments/{id}/events"))).ok()?;
        let lost = told.clone();
        let message = Closure::<dyn FnMut(_)>::new(move |event: MessageEvent| {
            let text = event.data().as_string().unwrap_or_default();
            if let Ok(progress) = serde_json::from_str::<ExperimentProgress>(&text) {
                told(Some(progress));
            }
        });
        // The browser connects again by itself; what it cannot mend is said.
        let error = Closure::<dyn FnMut()>::new(move || lost(None));
        let listener = message.as_ref().unchecked_ref();
        let _ = stream.add_event_listener_with_callback("status", listener);
        stream.set_onerror(Some(error.as_ref().unchecked_ref()));
        Some(Progress { stream, _message: message, _error: error })
    }

    /// Ends it a moment later: a stream must not end inside the closure that it is calling.
    pub fn end_later(self) {
        set_timeout(move || drop(self), Duration::ZERO);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.stream.set_onerror(None);
        self.stream.close();
    }
}

fn unsent() -> Failure {
    Failure::here(t("The request could not be made; reload the page."))
}
