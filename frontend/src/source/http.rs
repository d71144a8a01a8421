//! Requests to the lab that this page came from, and its answers.

use gloo_net::http::{Request, RequestBuilder, Response};
use serde::de::DeserializeOwned;
use shared::{Definition, ErrorBody};
use wasm_bindgen::JsCast;
use web_sys::Blob;

use super::Failure;
use crate::base::at;
use crate::language::{fill, t};

/// A picture's bytes, from an address of the lab.
pub(super) async fn blob(url: &str) -> Result<Blob, Failure> {
    let response = checked(Request::get(url).send().await).await?;
    let promise = web_sys::Response::from(response).blob().map_err(|_| broken())?;
    let blob = wasm_bindgen_futures::JsFuture::from(promise).await.map_err(|_| broken())?;
    blob.dyn_into().map_err(|_| broken())
}

/// The same, as bytes.
pub(super) async fn bytes(url: &str) -> Result<Vec<u8>, Failure> {
    checked(Request::get(url).send().await).await?.binary().await.map_err(|_| broken())
}

/// Sends a request in the name of whoever has a token.
pub(super) async fn send(request: RequestBuilder, token: &str) -> Result<Response, Failure> {
    checked(request.header("Authorization", &bearer(token)).send().await).await
}

/// The header's value that a token is sent in.
pub(super) fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// A definition as an address takes it.
pub(super) fn encoded(definition: &Definition) -> String {
    js_sys::encode_uri_component(&definition_for_api(definition)).into()
}

pub(super) async fn get<T: DeserializeOwned>(url: &str) -> Result<T, Failure> {
    read(checked(Request::get(&at(url)).send().await).await?).await
}

pub(super) async fn read<T: DeserializeOwned>(response: Response) -> Result<T, Failure> {
    let text = response.text().await.map_err(|_| broken())?;
    serde_json::from_str(&text).map_err(unreadable)
}

pub(super) fn unreadable(error: serde_json::Error) -> Failure {
    Failure::here(fill(
        "The lab’s answer could not be read ({error}). Reload the page.",
        &[("error", &error)],
    ))
}

/// Turns what is not a success into the server's own words where it has any.
pub(super) async fn checked(
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

pub(super) fn broken() -> Failure {
    Failure::here(t("The lab’s server does not answer. Check that it is running, then try again."))
}

/// A definition as the lab's addresses take it: a preset's name, or JSON.
fn definition_for_api(definition: &Definition) -> String {
    match definition.to_text() {
        Some(text) => text,
        None => serde_json::to_string(definition).unwrap_or_default(),
    }
}
