//! Requests about experiments.

use gloo_net::http::Request;
use shared::Definition;
use shared::experiment::tables::Tables;
use shared::experiment::{
    ExperimentCreated, ExperimentList, ExperimentProgress, ExperimentSpec, ExperimentStatus,
    ItemRecord, ItemRun,
};

use crate::api::Failure;
use crate::api::http::{checked, get, read};
use crate::base::at;
use crate::browser;
use crate::language::t;
use crate::link::definition_for_api;

pub(super) async fn start(spec: &ExperimentSpec) -> Result<ExperimentCreated, Failure> {
    let spec = serde_json::to_string(spec).unwrap_or_default();
    let request = Request::post(&at("/api/experiments")).body(spec).map_err(|_| unsent())?;
    read(checked(request.send().await).await?).await
}

pub(super) async fn list() -> Result<ExperimentList, Failure> {
    get("/api/experiments").await
}

pub(super) async fn status(id: &str) -> Result<ExperimentStatus, Failure> {
    get(&format!("/api/experiments/{id}")).await
}

pub(super) async fn tables(id: &str, definition: &Definition) -> Result<Tables, Failure> {
    get(&format!("/api/experiments/{id}/tables?definition={}", encoded(definition))).await
}

/// Which items are wanted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wanted {
    pub(super) condition: Option<u32>,
    pub(super) sort: &'static str,
    pub(super) definition: Definition,
}

pub(super) async fn items(id: &str, wanted: &Wanted) -> Result<Vec<ItemRecord>, Failure> {
    let condition = wanted.condition.map(|c| format!("&condition={c}")).unwrap_or_default();
    get(&format!(
        "/api/experiments/{id}/items?sort={}&definition={}&limit=16{condition}",
        wanted.sort,
        encoded(&wanted.definition)
    ))
    .await
}

pub(super) async fn open_item(id: &str, item: u32) -> Result<ItemRun, Failure> {
    let request = Request::post(&at(&format!("/api/experiments/{id}/items/{item}/run")));
    read(checked(request.send().await).await?).await
}

/// Pauses, resumes or cancels.
pub(super) async fn act(id: &str, what: &str) -> Result<ExperimentProgress, Failure> {
    let request = Request::post(&at(&format!("/api/experiments/{id}/{what}")));
    let request = request.header("Authorization", &bearer(id));
    read(checked(request.send().await).await?).await
}

pub(super) async fn delete(id: &str) -> Result<(), Failure> {
    let request = Request::delete(&at(&format!("/api/experiments/{id}")));
    checked(request.header("Authorization", &bearer(id)).send().await).await.map(|_| ())
}

fn bearer(id: &str) -> String {
    let token = browser::stored(&browser::owner_key(id)).unwrap_or_default();
    format!("Bearer {token}")
}

/// A definition as an address takes it.
pub(super) fn encoded(definition: &Definition) -> String {
    js_sys::encode_uri_component(&definition_for_api(definition)).into()
}

fn unsent() -> Failure {
    Failure::here(t("The request could not be made; reload the page."))
}
