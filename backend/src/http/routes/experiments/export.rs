//! `GET /api/experiments/{id}/export.*`: an experiment as files.

use std::convert::Infallible;

use ::tables::{self, Plot, lines};
use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, header};
use futures_util::{StreamExt as _, stream};
use shared::experiment::aggregate::Choice;
use shared::experiment::tables::Tables;
use shared::sentence::LabError;
use shared::{Definition, ErrorBody, ErrorCode};

use super::extract::TheExperiment;
use super::read::TablesQuery;
use crate::error::ApiError;
use crate::experiments::{End, Experiment, Means, status};
use crate::export::parse_definition;
use crate::http::routes::extract::query;
use crate::http::state::AppState;
use crate::id::RunId;
use crate::store::StoreError;

/// Ends read from the book at once.
const AT_ONCE: u32 = 100;

fn attachment(id: &RunId, end: &str) -> (HeaderName, String) {
    // Files travel further than the experiment is meant to: they carry only the name's beginning.
    let name = format!("attachment; filename=\"langoverrule-{}.{end}\"", id.short());
    (header::CONTENT_DISPOSITION, name)
}

fn kind(kind: &str) -> (HeaderName, String) {
    (header::CONTENT_TYPE, kind.to_owned())
}

/// The tables as JSON, with everything that says where the numbers come from.
#[utoipa::path(
    get,
    path = "/api/experiments/{id}/export.json",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's name"), TablesQuery),
    responses(
        (status = 200, body = Tables),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn experiment_json(
    State(state): State<AppState>,
    found: TheExperiment,
    asked: Asked,
) -> Result<File, ApiError> {
    let definition = parse_definition(&query(asked)?.definition)?;
    let shown = state.live.tables(&found.means, found.id(), definition).await?;
    Ok(([kind("application/json"), attachment(found.id(), "json")], shown.json))
}

type Asked = Result<Query<TablesQuery>, QueryRejection>;
type File = ([(HeaderName, String); 2], Bytes);

/// A file made of the tables, where nobody waits for it.
async fn made<F, T>(
    state: &AppState,
    found: &TheExperiment,
    asked: Asked,
    make: F,
) -> Result<T, ApiError>
where
    F: FnOnce(&Tables) -> T + Send + 'static,
    T: Send + 'static,
{
    let definition = parse_definition(&query(asked)?.definition)?;
    let shown = state.live.tables(&found.means, found.id(), definition).await?;
    let make = move || make(&shown.tables);
    tokio::task::spawn_blocking(make).await.map_err(ApiError::internal)
}

/// The tables as Markdown.
#[utoipa::path(
    get,
    path = "/api/experiments/{id}/export.md",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's name"), TablesQuery),
    responses(
        (status = 200, body = String, content_type = "text/markdown"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn experiment_md(
    State(state): State<AppState>,
    found: TheExperiment,
    asked: Asked,
) -> Result<File, ApiError> {
    let text = made(&state, &found, asked, tables::markdown).await?;
    Ok(([kind("text/markdown; charset=utf-8"), attachment(found.id(), "md")], text.into()))
}

/// The tables as LaTeX.
#[utoipa::path(
    get,
    path = "/api/experiments/{id}/export.tex",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's name"), TablesQuery),
    responses(
        (status = 200, body = String, content_type = "application/x-tex"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn experiment_tex(
    State(state): State<AppState>,
    found: TheExperiment,
    asked: Asked,
) -> Result<File, ApiError> {
    let text = made(&state, &found, asked, tables::latex).await?;
    Ok(([kind("application/x-tex; charset=utf-8"), attachment(found.id(), "tex")], text.into()))
}

/// The tables as comma-separated values, a row for each number.
#[utoipa::path(
    get,
    path = "/api/experiments/{id}/export.csv",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's name"), TablesQuery),
    responses(
        (status = 200, body = String, content_type = "text/csv"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn experiment_csv(
    State(state): State<AppState>,
    found: TheExperiment,
    asked: Asked,
) -> Result<File, ApiError> {
    let text = made(&state, &found, asked, tables::csv).await?;
    Ok(([kind("text/csv; charset=utf-8"), attachment(found.id(), "csv")], text.into()))
}

/// A plot: `layers`, `prune` or `replicate`, as `.svg` or `.png`.
#[utoipa::path(
    get,
    path = "/api/experiments/{id}/plots/{file}",
    tag = "experiments",
    params(
        ("id" = String, Path, description = "The experiment's name"),
        ("file" = String, Path, description = "Such as `layers.svg`"),
        TablesQuery,
    ),
    responses(
        (status = 200, body = Vec<u8>, content_type = "image/*"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found: no such plot, or nothing to draw"),
    )
)]
pub async fn experiment_plot(
    State(state): State<AppState>,
    found: TheExperiment,
    path: Result<Path<(String, String)>, PathRejection>,
    asked: Asked,
) -> Result<File, ApiError> {
    let none = |why: LabError| ApiError::new(ErrorCode::NotFound, why);
    let file = path.map(|Path((_, file))| file).unwrap_or_default();
    let (name, form) = file.split_once('.').unwrap_or_default();
    let plot = Plot::from_name(name).filter(|_| ["svg", "png"].contains(&form));
    let plot = plot.ok_or_else(|| none(LabError::NoSuchPlot))?;
    let svg = form == "svg";
    let draw = move |all: &Tables| match svg {
        true => tables::svg(all, plot).map(String::into_bytes),
        false => tables::png(all, plot),
    };
    let bytes = made(&state, &found, asked, draw).await?;
    let bytes = bytes.ok_or_else(|| none(LabError::NothingToDraw))?;
    let kind = kind(if svg { "image/svg+xml" } else { "image/png" });
    Ok(([kind, attachment(found.id(), &format!("{name}.{form}"))], bytes.into()))
}

/// What the tables are made from, as JSON lines: first what the experiment is, then every item
/// that has ended.
///
/// An item's line holds what it left (answer, verdict, attention masses by layer, from which the
/// numbers follow under every definition) or why it was left out. A file that could not be written to
/// its end has a last line `{"error": {code, message}}`.
#[utoipa::path(
    get,
    path = "/api/experiments/{id}/export.jsonl",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's name")),
    responses(
        (status = 200, body = String, content_type = "application/jsonl"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 500, body = ErrorBody, description = "storage_damaged"),
    )
)]
pub async fn experiment_jsonl(
    found: TheExperiment,
) -> Result<([(HeaderName, String); 2], Body), ApiError> {
    let head = [kind("application/jsonl"), attachment(found.id(), "jsonl")];
    let (means, experiment) = found.into_parts();
    // What is wrong before anything was sent is an answer of its own.
    let (first, lines) = Lines { means, experiment, after: None }.page().await?;
    let pages = stream::unfold(Some(lines), async |lines| match lines?.page().await {
        Ok((page, lines)) => (!page.is_empty()).then_some((page, Some(lines))),
        Err(ApiError(error)) => Some((lines::cut(&error), None)),
    });
    let pages = stream::once(async { first }).chain(pages);
    let pages = pages.map(|page| Ok::<_, Infallible>(Bytes::from(page)));
    Ok((head, Body::from_stream(pages)))
}

/// The lines that are still to be written. Where the book cannot be read any further, a last line
/// says so, that nobody takes the file for whole.
struct Lines {
    means: Means,
    experiment: Experiment,
    /// The last end that was written; `None` before the first line.
    after: Option<u64>,
}

impl Lines {
    /// The next page, and what follows it; an empty one after the last. It is read when it is asked
    /// for: no thread waits for a slow reader.
    async fn page(mut self) -> Result<(String, Self), ApiError> {
        let made = tokio::task::spawn_blocking(move || self.written().map(|page| (page, self)));
        Ok(made.await.map_err(ApiError::internal)??)
    }

    fn written(&mut self) -> Result<String, StoreError> {
        let id = &self.experiment.start.id;
        let mut page = String::new();
        if self.after.is_none() {
            let status = status(&self.experiment, &self.means.book.progress(id)?);
            page = lines::header(&status, &Choice::around(Definition::default()));
        }
        let mut after = self.after.unwrap_or_default();
        for ended in self.means.book.ends(id, after, AT_ONCE)? {
            after = ended.seq;
            let end = match &ended.end {
                End::Done(outcome) => Ok(&**outcome),
                End::LeftOut(left_out) => Err(left_out),
            };
            page += &lines::item(ended.item, end);
        }
        self.after = Some(after);
        Ok(page)
    }
}
