//! `GET /api/runs/{id}/export.json` and `.csv`: a run's numbers under a definition.

use std::sync::Arc;

use axum::Json;
use axum::extract::Query;
use axum::extract::rejection::QueryRejection;
use axum::http::{HeaderName, header};
use serde::Deserialize;
use shared::{ErrorBody, Report};

use super::extract::{TheRun, query};
use crate::error::ApiError;
use crate::export::{Observed, csv, parse_definition};
use crate::runs::Run;

/// What an export takes.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ExportQuery {
    /// `paper` (when left out), `reimplementation`, `forward`, or a `Definition` as JSON.
    #[serde(default)]
    definition: String,
    /// `1` for the numbers of the part that was seen of a run that is not done; without it they are
    /// null. A run that is done has all its numbers either way.
    #[serde(default, deserialize_with = "flag")]
    partial: bool,
}

/// `1` or `true`, `0` or `false`.
pub(super) fn flag<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "1" | "true" => Ok(true),
        "0" | "false" => Ok(false),
        other => {
            let shown: String = other.chars().take(20).collect();
            Err(serde::de::Error::custom(format!("a flag is 1 or 0, not \"{shown}\"")))
        }
    }
}

async fn report(
    run: &Arc<Run>,
    asked: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<Report, ApiError> {
    let ExportQuery { definition, partial } = query(asked)?;
    let definition = parse_definition(&definition)?;
    let run = run.clone();
    // A long run is much to add up: done where nobody waits for it.
    let report = move || Ok(Observed::of_run(&run)?.report(&definition, partial));
    tokio::task::spawn_blocking(report).await.map_err(ApiError::internal)?
}

fn attachment(run: &Run, end: &str) -> (HeaderName, String) {
    let name = format!("attachment; filename=\"langoverrule-{}.{end}\"", run.id);
    (header::CONTENT_DISPOSITION, name)
}

/// The run's report.
///
/// `status` says where the run stands. Of a run that is not done the numbers are null, with the
/// reason `unfinished`; with `partial=1` they are those of the part that was seen.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/export.json",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name"), ExportQuery),
    responses(
        (status = 200, body = Report),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn export_json(
    TheRun(run): TheRun,
    asked: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<([(HeaderName, String); 1], Json<Report>), ApiError> {
    let report = report(&run, asked).await?;
    Ok(([attachment(&run, "json")], Json(report)))
}

/// The run's numbers by layer as comma-separated values.
///
/// Lines that begin with `#` say what the numbers are: where the run stands, model and its hash,
/// definition, options, stages. Of a run that is not done there are none without `partial=1`.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/export.csv",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name"), ExportQuery),
    responses(
        (status = 200, body = String, content_type = "text/csv"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn export_csv(
    TheRun(run): TheRun,
    asked: Result<Query<ExportQuery>, QueryRejection>,
) -> Result<([(HeaderName, String); 2], String), ApiError> {
    let report = report(&run, asked).await?;
    let kind = (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned());
    Ok(([kind, attachment(&run, "csv")], csv(&report)))
}
