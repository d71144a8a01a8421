//! `GET /api/runs/{id}/picture`: the picture, sound or film as it was uploaded.

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderName, header};
use shared::ErrorBody;

use super::extract::TheRun;
use crate::assets::picture_type;
use crate::error::ApiError;
use crate::http::state::AppState;
use crate::id::SAMPLE;
use crate::store::Store;

/// Headers of a person's picture: it never changes, and whatever it is, it is never run as a page.
pub(super) fn headers(content_type: &str) -> [(HeaderName, String); 4] {
    [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (header::CACHE_CONTROL, "private, max-age=86400".to_owned()),
    ]
}

/// Which of a run's pictures is asked for.
#[derive(Clone, Copy, Debug, Default, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct WhichPicture {
    /// Its number in the prompt, from 1; the first where it is left out.
    pub picture: Option<u8>,
}

impl WhichPicture {
    /// Its number from 0.
    pub(super) fn medium(self) -> u8 {
        self.picture.map_or(0, |n| n.wrapping_sub(1))
    }
}

/// A picture as it was uploaded. Frames that were given one by one are a tar archive, after `film.json` with their rate.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/picture",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name"), WhichPicture),
    responses(
        (status = 200, description = "The file", content_type = "image/*", body = Vec<u8>),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn picture(
    State(state): State<AppState>,
    TheRun(run): TheRun,
    Query(which): Query<WhichPicture>,
) -> Result<([(HeaderName, String); 4], Bytes), ApiError> {
    let medium = which.medium();
    if run.id.as_str() == SAMPLE && medium == 0 {
        let (bytes, kind) = state.runs.samples.run_picture().ok_or_else(ApiError::no_run)?;
        return Ok((headers(kind), bytes));
    }
    let id = run.id.clone();
    let read = move |store: &Store| {
        Ok(store.picture(&id, medium)?.map(|stored| (stored.bytes, stored.content_type)))
    };
    let (bytes, kind) = state.runs.read_file(read).await?.ok_or_else(ApiError::no_run)?;
    // An animated picture that was given as a film is handed back as it was given.
    if let Some(given) = engine::animated_in(&bytes) {
        let given = bytes.slice_ref(given);
        let kind = picture_type(&given);
        return Ok((headers(kind), given));
    }
    Ok((headers(&kind), bytes))
}
