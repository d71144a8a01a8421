//! `GET /api/experiments/{id}/export.*`: an experiment as files.

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderName, header};
use futures_util::stream;
use shared::ErrorBody;
use shared::experiment::tables::Tables;
use tokio::sync::mpsc;

use super::extract::TheExperiment;
use super::read::TablesQuery;
use crate::app::AppState;
use crate::error::ApiError;
use crate::experiment::Means;
use crate::experiment::queue::{End, Experiment};
use crate::export::parse_definition;
use crate::id::RunId;
use crate::routes::extract::query;

/// Ends read from the queue at once.
const AT_ONCE: u32 = 100;

fn attachment(id: &RunId, end: &str) -> (HeaderName, String) {
    let name = format!("attachment; filename=\"langoverrule-experiment-{id}.{end}\"");
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
    asked: Result<Query<TablesQuery>, QueryRejection>,
) -> Result<([(HeaderName, String); 2], Bytes), ApiError> {
    let definition = parse_definition(&query(asked)?.definition)?;
    let shown = state.live.tables(&found.means, found.id(), definition).await?;
    Ok(([kind("application/json"), attachment(found.id(), "json")], shown.json))
}

/// Every item that has ended, a line of JSON each: its condition, and the `Outcome` it left
/// (answer, verdict, attention masses by layer, from which every definition's numbers follow) or
/// why it was left out.
#[utoipa::path(
    get,
    path = "/api/experiments/{id}/export.jsonl",
    tag = "experiments",
    params(("id" = String, Path, description = "The experiment's name")),
    responses(
        (status = 200, body = String, content_type = "application/jsonl"),
        (status = 404, body = ErrorBody, description = "not_found"),
    )
)]
pub async fn experiment_jsonl(
    found: TheExperiment,
) -> Result<([(HeaderName, String); 2], Body), ApiError> {
    let head = [kind("application/jsonl"), attachment(found.id(), "jsonl")];
    let (means, experiment) = found.into_parts();
    // Two pages wait for a slow reader, and no more.
    let (sender, pages) = mpsc::channel(2);
    tokio::task::spawn_blocking(move || write(&means, &experiment, &sender));
    let pages = stream::unfold(pages, async |mut pages| Some((pages.recv().await?, pages)));
    Ok((head, Body::from_stream(pages)))
}

/// A page of lines; or the end of it all, where the queue cannot be read: the file is then cut
/// short, and the connection with it, so that nobody takes it for whole.
type Page = Result<Bytes, std::io::Error>;

fn write(means: &Means, experiment: &Experiment, pages: &mpsc::Sender<Page>) {
    let mut after = 0;
    loop {
        let ends = match means.queue.ends(&experiment.start.id, after, AT_ONCE) {
            Ok(ends) => ends,
            Err(error) => {
                tracing::error!(%error, "an experiment could not be read");
                let _ = pages.blocking_send(Err(std::io::Error::other("the queue")));
                return;
            }
        };
        let mut page = Vec::new();
        for ended in &ends {
            after = ended.seq;
            let condition = experiment.start.grid.item(ended.item).map(|(c, _)| c);
            let (outcome, left_out) = match &ended.end {
                End::Done(outcome) => (Some(outcome), None),
                End::LeftOut(left_out) => (None, Some(left_out)),
            };
            let line = serde_json::json!({
                "item": ended.item,
                "condition": condition,
                "outcome": outcome,
                "left_out": left_out,
                "run": ended.run,
            });
            page.extend(line.to_string().into_bytes());
            page.push(b'\n');
        }
        if ends.is_empty() || pages.blocking_send(Ok(page.into())).is_err() {
            return;
        }
    }
}
