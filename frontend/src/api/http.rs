//! Requests.

use gloo_net::http::{Request, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use shared::api::{ModelEntry, RunCreated, RunRecord, Sample};
use shared::event::EVENT_VERSION;
use shared::{AskedOptions, ErrorBody, HeadRows, Label, LabelChange};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Blob, FormData};

use super::Failure;
use crate::base::at;
use crate::language::{fill, t};

/// The models on offer.
pub async fn models() -> Result<Vec<ModelEntry>, Failure> {
    get("/api/models").await
}

/// The sample pictures on offer.
pub async fn samples() -> Result<Vec<Sample>, Failure> {
    get("/api/samples").await
}

/// A run with all its events so far.
pub async fn record(id: &str) -> Result<RunRecord, Failure> {
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

/// The one part of a run's record that every version has.
#[derive(serde::Deserialize)]
struct Versioned {
    version: u32,
}

/// Calls a run something else, in the name of its owner.
pub async fn label(id: &str, change: &LabelChange, owner_token: &str) -> Result<Label, Failure> {
    let request = Request::patch(&at(&format!("/api/runs/{id}")))
        .header("Authorization", &format!("Bearer {owner_token}"))
        .body(serde_json::to_string(change).map_err(|_| broken())?)
        .map_err(|_| broken())?;
    read(checked(request.send().await).await?).await
}

/// Deletes a run, in the name of its owner.
pub async fn delete(id: &str, owner_token: &str) -> Result<(), Failure> {
    send(Request::delete(&at(&format!("/api/runs/{id}"))), owner_token).await
}

/// The bytes at an address of the lab.
pub async fn bytes(url: &str) -> Result<Vec<u8>, Failure> {
    let response = checked(Request::get(url).send().await).await?;
    response.binary().await.map_err(|_| broken())
}

/// One head's rows of an answer, from a token on.
pub async fn head_rows(id: &str, head: u32, from: u32) -> Result<HeadRows, Failure> {
    let url = at(&format!("/api/runs/{id}/heads/{head}?from={from}"));
    let request = Request::get(&url).header("Accept", "application/msgpack");
    let bytes = checked(request.send().await).await?.binary().await.map_err(|_| broken())?;
    rmp_serde::from_slice(&bytes).map_err(|_| broken())
}

/// A picture's bytes, from an address of the lab.
pub async fn blob(url: &str) -> Result<Blob, Failure> {
    let response = checked(Request::get(url).send().await).await?;
    let promise = web_sys::Response::from(response).blob().map_err(|_| broken())?;
    let blob = wasm_bindgen_futures::JsFuture::from(promise).await.map_err(|_| broken())?;
    blob.dyn_into().map_err(|_| broken())
}

/// Submits a run; in the name of a class's presenter where a token is given.
pub async fn submit(
    pictures: &[(Blob, String)],
    options: &AskedOptions,
    presenter: Option<&str>,
) -> Result<RunCreated, Failure> {
    let form = FormData::new().map_err(|_| broken())?;
    let options = serde_json::to_string(options).map_err(|_| broken())?;
    for (picture, name) in pictures {
        form.append_with_blob_and_filename("picture", picture, name).map_err(|_| broken())?;
    }
    form.append_with_str("options", &options).map_err(|_| broken())?;
    let mut request = Request::post(&at("/api/runs"));
    if let Some(token) = presenter {
        request = request.header("Authorization", &format!("Bearer {token}"));
    }
    let request = request.body(JsValue::from(form)).map_err(|_| broken())?;
    read(checked(request.send().await).await?).await
}

/// Starts bringing a model to the lab's machine.
pub async fn pull(name: &str) -> Result<(), Failure> {
    checked(Request::post(&at(&format!("/api/models/{name}/pull"))).send().await).await.map(|_| ())
}

/// Stops that.
pub async fn stop_pull(name: &str) -> Result<(), Failure> {
    checked(Request::delete(&at(&format!("/api/models/{name}/pull"))).send().await)
        .await
        .map(|_| ())
}

/// Stops a run.
pub async fn cancel(id: &str, owner_token: &str) -> Result<(), Failure> {
    send(Request::post(&at(&format!("/api/runs/{id}/cancel"))), owner_token).await
}

async fn send(request: RequestBuilder, owner_token: &str) -> Result<(), Failure> {
    let request = request.header("Authorization", &format!("Bearer {owner_token}"));
    checked(request.send().await).await.map(|_| ())
}

pub(crate) async fn get<T: DeserializeOwned>(url: &str) -> Result<T, Failure> {
    read(checked(Request::get(&at(url)).send().await).await?).await
}

pub(crate) async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    let text = response.text().await.map_err(|_| broken())?;
    serde_json::from_str(&text).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Failure {
    Failure::here(fill(
        "The lab’s answer could not be read ({error}). Reload the page.",
        &[("error", &error)],
    ))
}

/// Turns what is not a success into the server's own words where it has any.
pub(crate) async fn checked(
    result: Result<Response, gloo_net::Error>,
) -> Result<Response, Failure> {
    let response = result.map_err(|_| broken())?;
    if response.ok() {
        return Ok(response);
    }
    let status = response.status();
    let body = response.text().await.unwrap_or_default();
    Err(match serde_json::from_str::<ErrorBody>(&body) {
        Ok(body) => Failure::refused(&body),
        Err(_) => Failure {
            code: (status == 404).then_some(shared::ErrorCode::NotFound),
            message: fill("The lab answered with status {status}.", &[("status", &status)]),
            sentence: None,
            retry_after: None,
        },
    })
}

fn broken() -> Failure {
    Failure::here(t("The lab’s server does not answer. Check that it is running, then try again."))
}
