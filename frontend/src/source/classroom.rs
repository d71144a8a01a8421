//! Requests about classes.

use gloo_net::http::Request;
use shared::classroom::{ClassCreated, ClassState};

use super::Failure;
use super::http::{broken, checked, get, read, send};
use crate::base::at;

/// Opens a class.
pub async fn open() -> Result<ClassCreated, Failure> {
    read(checked(Request::post(&at("/api/classrooms")).send().await).await?).await
}

/// A class as it stands.
pub async fn state(code: &str) -> Result<ClassState, Failure> {
    get(&format!("/api/classrooms/{code}")).await
}

/// Ends a class, in the name of its presenter.
pub async fn end(code: &str, presenter: &str) -> Result<(), Failure> {
    send(Request::delete(&at(&format!("/api/classrooms/{code}"))), presenter).await.map(|_| ())
}

/// What a class was asked and answered, as comma-separated values, for its presenter.
pub async fn record(code: &str, presenter: &str) -> Result<String, Failure> {
    let request = Request::get(&at(&format!("/api/classrooms/{code}/record.csv")));
    send(request, presenter).await?.text().await.map_err(|_| broken())
}
