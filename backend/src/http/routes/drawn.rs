//! `GET /api/runs/{id}/export.svg`, `.png` and `.html`, `card.svg` and `card.png`: a run's plots, all of it as
//! one document, and its card.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderName, header};
use plots::run::{Compared, View};
use serde::Deserialize;
use shared::{Definition, ErrorBody, Language, PictureUse};

use super::export::flag;
use super::extract::{TheRun, query};
use super::prepared;
use crate::error::ApiError;
use crate::export::drawing::{
    Form, Subject, Wanted, language_of, plot_of, theme_of, view_of, window_of,
};
use crate::export::{Observed, parse_definition};
use crate::http::state::AppState;
use crate::runs::Run;

/// How a run's plot is drawn; a card's is `CardQuery`.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PlotQuery {
    /// `curve` (when left out), `heads`, `flow`, `words`, `map`, `tokens` or `repeat`.
    #[serde(default)]
    plot: String,
    /// `light` (when left out), `dark` or `projector`.
    #[serde(default)]
    theme: String,
    /// `paper` (when left out), `reimplementation`, `forward`, or a `Definition` as JSON.
    #[serde(default)]
    definition: String,
    /// What the curve shows: `mdi` (when left out) or `aei`.
    #[serde(default)]
    curve: String,
    /// The layer that is marked on the curve, and that `flow`, `words`, `map` and `tokens` are of.
    layer: Option<usize>,
    /// The token of the answer whose attention `map` and `tokens` show, from 0.
    token: Option<usize>,
    /// The first and the last layer that `curve` and `heads` show, such as `4-9`; all when left out.
    #[serde(default)]
    layers: String,
    /// Which of the prompt's pictures `map` shows, from 1; the one that is looked at most when left out.
    picture: Option<u8>,
    /// What attention on sides is counted by in `flow`, `words` and `tokens`: `total` (when left out) or
    /// `token`, for one token of each side.
    #[serde(default)]
    count: String,
    /// `en` (when left out) or `ko`.
    #[serde(default)]
    language: String,
    /// `0` to leave the paper's values out.
    #[serde(default = "yes", deserialize_with = "flag")]
    paper: bool,
    /// `0` to leave out what no preference would give.
    #[serde(default = "yes", deserialize_with = "flag")]
    even: bool,
    /// `1` for the part that was seen of a run that is not done; without it no value is drawn.
    #[serde(default, deserialize_with = "flag")]
    partial: bool,
}

/// How a run's card is drawn.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct CardQuery {
    /// `light` (when left out), `dark` or `projector`.
    #[serde(default)]
    theme: String,
    /// `paper` (when left out), `reimplementation`, `forward`, or a `Definition` as JSON.
    #[serde(default)]
    definition: String,
    /// The layer whose map lies over the picture.
    layer: Option<usize>,
    /// The token of the answer whose map it is, from 0.
    token: Option<usize>,
    /// `1` for the part that was seen of a run that is not done; without it no value is drawn.
    #[serde(default, deserialize_with = "flag")]
    partial: bool,
}

/// How a run's document is made.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DocumentQuery {
    /// `light` (when left out), `dark` or `projector`.
    #[serde(default)]
    theme: String,
    /// `en` (when left out) or `ko`.
    #[serde(default)]
    language: String,
    /// `paper` (when left out), `reimplementation`, `forward`, or a `Definition` as JSON.
    #[serde(default)]
    definition: String,
    /// What the curve shows: `mdi` (when left out) or `aei`.
    #[serde(default)]
    curve: String,
    /// The layer that is shown first.
    layer: Option<usize>,
    /// The token of the answer that is looked at, from 0.
    token: Option<usize>,
    /// What attention on sides is counted by: `total` (when left out) or `token`.
    #[serde(default)]
    count: String,
    /// `1` for the part that was seen of a run that is not done; without it no value is shown.
    #[serde(default, deserialize_with = "flag")]
    partial: bool,
}

fn yes() -> bool {
    true
}

type Asked<T> = Result<Query<T>, QueryRejection>;
type File = ([(HeaderName, String); 2], Bytes);

/// Where the lab is: its public address, or what the request called it; without a slash at the end.
pub(super) fn root(state: &AppState, headers: &HeaderMap) -> String {
    let access = &state.access;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let site = match (access.origins.first(), host) {
        (Some(site), _) => site.to_string(),
        (None, Some(host)) => format!("http://{host}"),
        (None, None) => String::new(),
    };
    format!("{site}{}", access.base.as_str().trim_end_matches('/'))
}

/// Where the run can be looked at under a definition.
pub(super) fn address(
    state: &AppState,
    headers: &HeaderMap,
    run: &Run,
    definition: &Definition,
) -> String {
    let query = match *definition == Definition::default() {
        true => String::new(),
        false => format!("?def={}", plots::run::definition_to_text(definition)),
    };
    format!("{}/r/{}{query}", root(state, headers), run.id)
}

async fn drawn(
    state: &AppState,
    headers: &HeaderMap,
    run: Arc<Run>,
    wanted: Wanted,
) -> Result<File, ApiError> {
    let address = address(state, headers, &run, &wanted.view.definition);
    let picture = match wanted.subject {
        subject if subject.has_picture() && run.options.picture != PictureUse::None => {
            let medium = wanted.medium(&Observed::of_run(&run)?);
            prepared::picture_of(state, &run, medium).await?
        }
        _ => None,
    };
    let id = run.id.clone();
    let make = move || wanted.draw(&Observed::of_run(&run)?, &address, picture.as_deref());
    let bytes = state.drawings.draw(make).await?;
    let (kind, end) = (wanted.form.content_type(), wanted.form.ending());
    let name = plots::sheet::name(id.as_str(), wanted.subject.name(), end);
    // A card is looked at where it is linked to; a plot is a file.
    let how = if wanted.subject == Subject::Card { "inline" } else { "attachment" };
    let how = (header::CONTENT_DISPOSITION, format!("{how}; filename=\"{name}\""));
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), how], bytes))
}

fn plot(asked: Asked<PlotQuery>, form: Form) -> Result<Wanted, ApiError> {
    let asked = query(asked)?;
    let definition = parse_definition(&asked.definition)?;
    let compared = Compared { paper: asked.paper, even: asked.even };
    let at = (asked.layer, asked.token);
    let view = view_of(definition, &asked.curve, compared, at, &asked.count)?;
    // 0 is no number of a picture, and is refused as one that is not there.
    let medium = asked.picture.map(|number| number.wrapping_sub(1));
    Ok(Wanted {
        subject: Subject::Plot(plot_of(&asked.plot)?),
        form,
        theme: theme_of(&asked.theme)?,
        language: language_of(&asked.language)?,
        view: View { window: window_of(&asked.layers)?, medium, ..view },
        partial: asked.partial,
    })
}

fn document(asked: Asked<DocumentQuery>) -> Result<Wanted, ApiError> {
    let asked = query(asked)?;
    let definition = parse_definition(&asked.definition)?;
    let at = (asked.layer, asked.token);
    Ok(Wanted {
        subject: Subject::Document,
        form: Form::Html,
        theme: theme_of(&asked.theme)?,
        language: language_of(&asked.language)?,
        view: view_of(definition, &asked.curve, Compared::default(), at, &asked.count)?,
        partial: asked.partial,
    })
}

fn card(asked: Asked<CardQuery>, form: Form) -> Result<Wanted, ApiError> {
    let asked = query(asked)?;
    let definition = parse_definition(&asked.definition)?;
    let at = (asked.layer, asked.token);
    Ok(Wanted {
        subject: Subject::Card,
        form,
        theme: theme_of(&asked.theme)?,
        language: Language::English,
        view: view_of(definition, "", Compared::default(), at, "")?,
        partial: asked.partial,
    })
}

/// One of the run's plots as an SVG document.
///
/// The drawing is the page's, with a title, where it comes from, and its numbers as JSON in
/// `<metadata>`.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/export.svg",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name"), PlotQuery),
    responses(
        (status = 200, body = String, content_type = "image/svg+xml"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 503, body = ErrorBody, description = "connections_full"),
    )
)]
pub async fn export_svg(
    State(state): State<AppState>,
    TheRun(run): TheRun,
    asked: Asked<PlotQuery>,
    headers: HeaderMap,
) -> Result<File, ApiError> {
    drawn(&state, &headers, run, plot(asked, Form::Svg)?).await
}

/// One of the run's plots as a picture, 1920 pixels wide, with its numbers as JSON in a text chunk
/// named `Comment`.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/export.png",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name"), PlotQuery),
    responses(
        (status = 200, body = Vec<u8>, content_type = "image/png"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 503, body = ErrorBody, description = "connections_full"),
    )
)]
pub async fn export_png(
    State(state): State<AppState>,
    TheRun(run): TheRun,
    asked: Asked<PlotQuery>,
    headers: HeaderMap,
) -> Result<File, ApiError> {
    drawn(&state, &headers, run, plot(asked, Form::Png)?).await
}

/// The whole run as one HTML document that needs neither the lab nor the network.
///
/// The picture with the map of every layer, the tokens lit, all plots, the numbers by layer, what ran, and
/// the run's report (as `export.json` gives it) inside.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/export.html",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name"), DocumentQuery),
    responses(
        (status = 200, body = String, content_type = "text/html"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 503, body = ErrorBody, description = "connections_full"),
    )
)]
pub async fn export_html(
    State(state): State<AppState>,
    TheRun(run): TheRun,
    asked: Asked<DocumentQuery>,
    headers: HeaderMap,
) -> Result<File, ApiError> {
    drawn(&state, &headers, run, document(asked)?).await
}

/// The run's card as an SVG document, 1200 × 630.
///
/// The picture with where the model looked, question, answer, curve, and the number of the late layers
/// with its definition.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/card.svg",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name"), CardQuery),
    responses(
        (status = 200, body = String, content_type = "image/svg+xml"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 503, body = ErrorBody, description = "connections_full"),
    )
)]
pub async fn card_svg(
    State(state): State<AppState>,
    TheRun(run): TheRun,
    asked: Asked<CardQuery>,
    headers: HeaderMap,
) -> Result<File, ApiError> {
    drawn(&state, &headers, run, card(asked, Form::Svg)?).await
}

/// The run's card as a picture, 1200 × 630 pixels.
#[utoipa::path(
    get,
    path = "/api/runs/{id}/card.png",
    tag = "runs",
    params(("id" = String, Path, description = "The run's name"), CardQuery),
    responses(
        (status = 200, body = Vec<u8>, content_type = "image/png"),
        (status = 400, body = ErrorBody, description = "bad_option, bad_request"),
        (status = 404, body = ErrorBody, description = "not_found"),
        (status = 503, body = ErrorBody, description = "connections_full"),
    )
)]
pub async fn card_png(
    State(state): State<AppState>,
    TheRun(run): TheRun,
    asked: Asked<CardQuery>,
    headers: HeaderMap,
) -> Result<File, ApiError> {
    drawn(&state, &headers, run, card(asked, Form::Png)?).await
}
