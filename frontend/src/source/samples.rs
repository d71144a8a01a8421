//! What ships with the lab: pictures to ask about, and lessons.

use shared::api::Sample;
use shared::lesson::Lesson;
use web_sys::Blob;

use super::Failure;
use super::http::{blob, get};
use crate::base::at;

/// The sample pictures on offer.
pub async fn list() -> Result<Vec<Sample>, Failure> {
    get("/api/samples").await
}

/// The address to show a sample picture by.
pub fn url(file: &str) -> String {
    at(&format!("/api/samples/{file}"))
}

/// A sample picture.
pub async fn picture(file: &str) -> Result<Blob, Failure> {
    blob(&url(file)).await
}

/// The same, as bytes.
pub async fn bytes(file: &str) -> Result<Vec<u8>, Failure> {
    super::http::bytes(&url(file)).await
}

/// The prepared lessons.
pub async fn lessons() -> Result<Vec<Lesson>, Failure> {
    get("/api/lessons").await
}
