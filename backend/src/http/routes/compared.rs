//! `GET /api/compare/export.svg`, `.png`, `.html` and `.csv`: several runs beside each other.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, header};
use plots::comparison::MOST;
use plots::run::{Compared, View};
use serde::Deserialize;
use shared::sentence::LabError;
use shared::{Definition, ErrorBody, ErrorCode, PictureUse};

use super::export::flag;
use super::extract::query;
use super::{drawn, prepared};
use crate::error::ApiError;
use crate::export::compared::{Beside, One};
use crate::export::drawing::{Form, language_of, theme_of, view_of};
use crate::export::{Observed, parse_definition};
use crate::http::state::AppState;
use crate::runs::Run;

/// Which runs, and how they are looked at.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ComparedQuery {
    /// The runs' names with commas between them, at most six; the others are compared with the first.
    runs: String,
    /// `paper` (when left out), `reimplementation`, `forward`, or a `Definition` as JSON.
    #[serde(default)]
    definition: String,
    /// What the curves show: `mdi` (when left out) or `aei`, of the words.
    #[serde(default)]
    curve: String,
    /// The layer whose maps the document shows.
    layer: Option<usize>,
    /// `light` (when left out), `dark` or `projector`.
    #[serde(default)]
    theme: String,
    /// `en` (when left out) or `ko`.
    #[serde(default)]
    language: String,
    /// `1` for the part that was seen of runs that are not done; without it they have no values.
    #[serde(default, deserialize_with = "flag")]
    partial: bool,
}

type File = ([(HeaderName, String); 2], Bytes);

/// The runs that are named, each once.
pub(super) async fn runs_of(state: &AppState, names: &str) -> Result<Vec<Arc<Run>>, ApiError> {
    let mut ids: Vec<&str> = Vec::new();
    for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if ids.contains(&name) {
            continue;
        }
        if ids.len() == MOST {
            let most = MOST as u64;
            return Err(ApiError::new(ErrorCode::BadOption, LabError::TooManyCompared { most }));
        }
        ids.push(name);
    }
    if ids.is_empty() {
        return Err(ApiError::new(ErrorCode::BadOption, LabError::NoneCompared));
    }
    let mut runs = Vec::with_capacity(ids.len());
    for id in ids {
        runs.push(state.runs.find(id).await?);
    }
    Ok(runs)
}

/// Where the comparison can be looked at.
pub(super) fn address(root: &str, runs: &[Arc<Run>], definition: &Definition) -> String {
    let names: Vec<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    let query = match *definition == Definition::default() {
        true => String::new(),
        false => format!("&def={}", plots::run::definition_to_text(definition)),
    };
    format!("{root}/compare?runs={}{query}", names.join(","))
}

async fn beside(
    state: &AppState,
    headers: &HeaderMap,
    asked: Result<Query<ComparedQuery>, QueryRejection>,
    form: Option<Form>,
) -> Result<File, ApiError> {
    let asked = query(asked)?;
    let definition = parse_definition(&asked.definition)?;
    let at = (asked.layer, None);
    let view: View = view_of(definition, &asked.curve, Compared::default(), at, "")?;
    let (theme, language) = (theme_of(&asked.theme)?, language_of(&asked.language)?);
    let runs = runs_of(state, &asked.runs).await?;
    let root = drawn::root(state, headers);
    let mut all = Vec::with_capacity(runs.len());
    for run in &runs {
        // Only documents show pictures.
        let picture = match form == Some(Form::Html) && run.options.picture != PictureUse::None {
            true => {
                let run_of = run.clone();
                let of = move || -> Result<u8, ApiError> {
                    Ok(plots::pictured::medium(&Observed::of_run(&run_of)?.plotted(), &view))
                };
                let medium = tokio::task::spawn_blocking(of).await.map_err(ApiError::internal)?;
                prepared::picture_of(state, run, medium?).await?
            }
            false => None,
        };
        let address = drawn::address(state, headers, run, &definition);
        all.push(One { run: run.clone(), address, picture });
    }
    let address = address(&root, &runs, &definition);
    let made = Beside { all, view, theme, language, address, partial: asked.partial };
    let bytes = state.drawings.draw(move || made.write(form)).await?;
    let (kind, end) = match form {
        Some(form) => (form.content_type(), form.ending()),
        None => ("text/csv; charset=utf-8", "csv"),
    };
    let name = format!("attachment; filename=\"langoverrule-comparison.{end}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, name)], bytes))
}

/// Several runs' curves on one axis, as an SVG document with their numbers as JSON in `<metadata>`.
#[utoipa::path(
    get,
    path = "/api/compare/export.svg",
    tag = "runs",
    params(ComparedQuery),
    responses(
        (status = 200, body = String, content_type = "image/svg+xml"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 503, body = ErrorBody, description = "connections_full"),
    )
)]
pub async fn compared_svg(
    State(state): State<AppState>,
    asked: Result<Query<ComparedQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<File, ApiError> {
    beside(&state, &headers, asked, Some(Form::Svg)).await
}

/// Several runs' curves on one axis as a picture, with their numbers as JSON in a text chunk named `Comment`.
#[utoipa::path(
    get,
    path = "/api/compare/export.png",
    tag = "runs",
    params(ComparedQuery),
    responses(
        (status = 200, body = Vec<u8>, content_type = "image/png"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 503, body = ErrorBody, description = "connections_full"),
    )
)]
pub async fn compared_png(
    State(state): State<AppState>,
    asked: Result<Query<ComparedQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<File, ApiError> {
    beside(&state, &headers, asked, Some(Form::Png)).await
}

/// Several runs beside each other as one HTML document that needs neither the lab nor the network: their maps,
/// their curves, and their numbers by layer.
#[utoipa::path(
    get,
    path = "/api/compare/export.html",
    tag = "runs",
    params(ComparedQuery),
    responses(
        (status = 200, body = String, content_type = "text/html"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 503, body = ErrorBody, description = "connections_full"),
    )
)]
pub async fn compared_html(
    State(state): State<AppState>,
    asked: Result<Query<ComparedQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<File, ApiError> {
    beside(&state, &headers, asked, Some(Form::Html)).await
}

/// Several runs' numbers by layer as comma-separated values, a column for each run and measure; lines that
/// begin with `#` say what each run is.
#[utoipa::path(
    get,
    path = "/api/compare/export.csv",
    tag = "runs",
    params(ComparedQuery),
    responses(
        (status = 200, body = String, content_type = "text/csv"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 503, body = ErrorBody, description = "connections_full"),
    )
)]
pub async fn compared_csv(
    State(state): State<AppState>,
    asked: Result<Query<ComparedQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<File, ApiError> {
    beside(&state, &headers, asked, None).await
}
