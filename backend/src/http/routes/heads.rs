//! `GET /api/runs/{id}/heads/{head}`: where one head of the rows that predicted the answer looked.

use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderName};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::sentence::LabError;
use shared::{ErrorBody, ErrorCode, Event, HeadRows};

use super::extract::query;
use crate::error::ApiError;
use crate::http::state::AppState;
use crate::id::SAMPLE;
use crate::runs::Run;

/// Tokens whose rows by head are read from the store at once.
const AT_ONCE: u32 = 8;
const MSGPACK: &str = "application/msgpack";

/// Which rows are wanted.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct HeadsQuery {
    /// The first token of the answer that is wanted, from 0.
    #[serde(default)]
    from: u32,
}

/// One head's rows.
///
/// By token and layer, the attention on every key of the row that predicted the token. The rows
/// averaged over heads are in the run's events; those of single heads are kept of as many tokens,
/// from the first on, as fit a budget of 32 MiB a run: the list is then shorter than the answer, or
/// empty. As JSON, or as MessagePack where the request accepts
/// `application/msgpack`.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/heads/{head}",
    tag = "runs",
    params(
        ("id" = String, Path, description = "The run's name"),
        ("head" = u32, Path, description = "The head, from 0"),
        HeadsQuery,
    ),
    responses(
        (status = 200, description = "The rows", body = HeadRows),
        (status = 400, body = ErrorBody, description = "bad_request"),
        (status = 404, body = ErrorBody, description = "not_found: no such run, or no such head"),
    )
)]
pub async fn heads(
    State(state): State<AppState>,
    path: Result<Path<(String, String)>, PathRejection>,
    asked: Result<Query<HeadsQuery>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    // A name that is not even text names no run.
    let Path((id, head)) = path.map_err(|_| ApiError::no_run())?;
    let run = state.runs.find(&id).await?;
    let HeadsQuery { from } = query(asked)?;
    let head = number_of(&run, &head)?;
    // Before the store is read: what goes from here to there meanwhile is then in both.
    let tail = run.heads.tail();
    let ended = run.log.progress().ended;
    let mut rows = HeadRows { head, from, ..HeadRows::default() };
    if run.id.as_str() == SAMPLE {
        rows =
            HeadRows::pick(head, from, state.runs.samples.run_heads().iter().skip(from as usize));
    } else if from < tail.stored {
        let id = run.id.clone();
        // Some tokens at a time: one head's rows of them are kept, and of the others nothing.
        let stored = move |store: &crate::store::Store| {
            let mut rows = HeadRows::pick(head, from, &[]);
            let mut next = from;
            while next < tail.stored {
                let end = tail.stored.min(next + AT_ONCE);
                let read = store.heads(&id, next..end)?;
                // Fewer are kept than were said where the run was deleted meanwhile.
                let short = read.len() < (end - next) as usize;
                rows.extend(HeadRows::pick(head, next, &read));
                if short {
                    break;
                }
                next = end;
            }
            Ok(rows)
        };
        rows = state.runs.read(stored).await?;
    }
    if rows.end() == tail.stored.max(from) as usize {
        let skipped = from.saturating_sub(tail.stored) as usize;
        let last = tail.rows.iter().skip(skipped).map(|rows| &**rows);
        let last = HeadRows::pick(head, tail.stored.max(from), last);
        if !last.tokens.is_empty() {
            rows.extend(last);
        }
    }
    // Of a run that is over they stay as they are.
    let keep = if ended { "private, max-age=86400" } else { "no-store" };
    let both: [(HeaderName, &str); 2] = [(CACHE_CONTROL, keep), (VARY, "accept")];
    let accepts = headers.get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if accepts.contains(MSGPACK) {
        let packed = rmp_serde::to_vec_named(&rows).map_err(ApiError::internal)?;
        return Ok((both, [(CONTENT_TYPE, MSGPACK)], packed).into_response());
    }
    Ok((both, axum::Json(rows)).into_response())
}

/// The head that a path names, if the run's model has it.
fn number_of(run: &Run, head: &str) -> Result<u32, ApiError> {
    let heads = run.log.all().iter().find_map(|e| match &e.envelope.event {
        Event::Layout { heads, .. } => Some(*heads),
        _ => None,
    });
    let Some(heads) = heads else {
        return Err(ApiError::new(ErrorCode::NotFound, LabError::NothingObserved));
    };
    head.parse().ok().filter(|head| *head < heads).ok_or_else(|| {
        ApiError::new(ErrorCode::NotFound, LabError::NoHead { last: u64::from(heads) - 1 })
    })
}
