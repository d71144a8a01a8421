//! Runs and models of the lab that this page came from.

use gloo_net::http::Request;
use plots::export::RunPlot;
use plots::run::{Measured, View};
use shared::api::{ModelEntry, RunCreated, RunRecord};
use shared::event::EVENT_VERSION;
use shared::listing::{RunsAsked, RunsListed};
use shared::{AskedOptions, Counted, Definition, Group, HeadRows, Label, LabelChange};
use wasm_bindgen::JsValue;
use web_sys::{Blob, FormData};

use super::Failure;
use super::http::{self, bearer, broken, checked, encoded, get, read, send, unreadable};
use crate::base::at;
use crate::language::{InForce, Language, t};

pub(super) async fn models() -> Result<Vec<ModelEntry>, Failure> {
    get("/api/models").await
}

pub(super) async fn pull(name: &str) -> Result<(), Failure> {
    checked(Request::post(&at(&format!("/api/models/{name}/pull"))).send().await).await.map(|_| ())
}

pub(super) async fn stop_pull(name: &str) -> Result<(), Failure> {
    checked(Request::delete(&at(&format!("/api/models/{name}/pull"))).send().await)
        .await
        .map(|_| ())
}

pub(super) async fn create(
    pictures: &[(Blob, String)],
    options: &AskedOptions,
    presenter: Option<&str>,
) -> Result<RunCreated, Failure> {
    let form = FormData::new().map_err(|_| broken())?;
    let options = serde_json::to_string(options).map_err(|_| broken())?;
    for (picture, name) in pictures {
        // A film that a run was asked about may be a picture file to look at: its name says what it is.
        let field = match name.as_str() {
            name if name == Group::Video.name() => "video",
            _ if picture.type_().starts_with("audio/") => "audio",
            _ => "picture",
        };
        form.append_with_blob_and_filename(field, picture, name).map_err(|_| broken())?;
    }
    form.append_with_str("options", &options).map_err(|_| broken())?;
    let mut request = Request::post(&at("/api/runs"));
    if let Some(token) = presenter {
        request = request.header("Authorization", &bearer(token));
    }
    let request = request.body(JsValue::from(form)).map_err(|_| broken())?;
    read(checked(request.send().await).await?).await
}

pub(super) async fn record(id: &str) -> Result<RunRecord, Failure> {
    let response = checked(Request::get(&at(&format!("/api/runs/{id}"))).send().await).await?;
    let text = response.text().await.map_err(|_| broken())?;
    let record = serde_json::from_str::<RunRecord>(&text);
    // A later format may not even be readable; which one it is can be read always.
    let version = match &record {
        Ok(record) => record.version,
        Err(_) => serde_json::from_str::<Versioned>(&text).map_or(0, |v| v.version),
    };
    if version > EVENT_VERSION {
        return Err(Failure {
            code: Some(shared::ErrorCode::NewerVersion),
            message: t("A newer lab recorded this run; this one cannot read it.").into(),
            sentence: None,
            retry_after: None,
        });
    }
    record.map_err(unreadable)
}

pub(super) async fn listed(ids: Vec<String>) -> Result<RunsListed, Failure> {
    let asked = serde_json::to_string(&RunsAsked { ids }).map_err(|_| broken())?;
    let request =
        Request::post(&at("/api/runs/summaries")).header("Content-Type", "application/json");
    read(checked(request.body(asked).map_err(|_| broken())?.send().await).await?).await
}

/// The one part of a run's record that every version has.
#[derive(serde::Deserialize)]
struct Versioned {
    version: u32,
}

pub(super) async fn head_rows(id: &str, head: u32, from: u32) -> Result<HeadRows, Failure> {
    let url = at(&format!("/api/runs/{id}/heads/{head}?from={from}"));
    let request = Request::get(&url).header("Accept", "application/msgpack");
    let bytes = checked(request.send().await).await?.binary().await.map_err(|_| broken())?;
    rmp_serde::from_slice(&bytes).map_err(|_| broken())
}

pub(super) async fn label(id: &str, change: &LabelChange, owner: &str) -> Result<Label, Failure> {
    let request = Request::patch(&at(&format!("/api/runs/{id}")))
        .header("Authorization", &bearer(owner))
        .body(serde_json::to_string(change).map_err(|_| broken())?)
        .map_err(|_| broken())?;
    read(checked(request.send().await).await?).await
}

pub(super) async fn cancel(id: &str, owner: &str) -> Result<(), Failure> {
    send(Request::post(&at(&format!("/api/runs/{id}/cancel"))), owner).await.map(|_| ())
}

pub(super) async fn delete(id: &str, owner: &str) -> Result<(), Failure> {
    send(Request::delete(&at(&format!("/api/runs/{id}"))), owner).await.map(|_| ())
}

pub(super) async fn picture(id: &str, medium: u8) -> Result<Blob, Failure> {
    http::blob(&picture_url(id, medium)).await
}

pub(super) async fn picture_bytes(id: &str, medium: u8) -> Result<Vec<u8>, Failure> {
    http::bytes(&picture_url(id, medium)).await
}

pub(super) fn picture_url(id: &str, medium: u8) -> String {
    of_picture(id, "picture", medium)
}

pub(super) fn card_url(id: &str) -> String {
    at(&format!("/api/runs/{id}/card.png"))
}

pub(super) fn prepared_url(id: &str, medium: u8) -> String {
    of_picture(id, "prepared.png", medium)
}

fn of_picture(id: &str, end: &str, medium: u8) -> String {
    at(&match medium {
        0 => format!("/api/runs/{id}/{end}"),
        _ => format!("/api/runs/{id}/{end}?picture={}", u32::from(medium) + 1),
    })
}

pub(super) fn export_url(id: &str, format: &str, definition: &Definition) -> String {
    at(&format!("/api/runs/{id}/export.{format}?definition={}", encoded(definition)))
}

pub(super) fn drawn_url(id: &str, format: &str, view: &View, plot: Option<RunPlot>) -> String {
    let mut query = looked_at(view);
    query += plot.map(|plot| format!("&plot={}", plot.name())).unwrap_or_default().as_str();
    query += view.token.map(|token| format!("&token={token}")).unwrap_or_default().as_str();
    if view.counted == Counted::PerToken {
        query += "&count=token";
    }
    if plot.is_some()
        && let Some(medium) = view.medium
    {
        query += &format!("&picture={}", u32::from(medium) + 1);
    }
    at(&format!("/api/runs/{id}/export.{format}?{query}"))
}

pub(super) fn comparison_url(runs: &[String], format: &str, view: &View) -> String {
    at(&format!(
        "/api/compare/export.{format}?runs={}&{}&partial=1",
        runs.join(","),
        looked_at(view)
    ))
}

/// What runs and comparisons are looked at by, as a query.
fn looked_at(view: &View) -> String {
    let mut query = format!("definition={}", encoded(&view.definition));
    query += view.layer.map(|layer| format!("&layer={layer}")).unwrap_or_default().as_str();
    if view.measured == Measured::Aei {
        query += "&curve=aei";
    }
    if Language::now() != Language::English {
        query += &format!("&language={}", Language::now().tag());
    }
    query
}
