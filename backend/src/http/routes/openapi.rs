//! `GET /api/openapi.json`: the document that describes the API.

use std::sync::OnceLock;

use axum::body::Bytes;
use axum::http::{HeaderName, header};

/// The document, as it is committed and served.
pub fn text() -> Bytes {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let make = || {
        // Plain data: it always has a JSON form.
        let mut text = super::api().1.to_pretty_json().unwrap_or_default();
        text.push('\n');
        Bytes::from(text)
    };
    TEXT.get_or_init(make).clone()
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "lab",
    responses((status = 200, body = Object))
)]
pub async fn openapi() -> ([(HeaderName, &'static str); 1], Bytes) {
    ([(header::CONTENT_TYPE, "application/json")], text())
}
