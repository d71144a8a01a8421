//! What a link to a run or an experiment is previewed with (Open Graph, <https://ogp.me>): who passes
//! links on asks for the page, runs none of it, and reads its head.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::Query;
use axum::http::{HeaderMap, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use plots::text::{escaped, short};
use plots::words::number;
use shared::experiment::ExperimentStatus;
use shared::{Definition, Stage};

use super::{compared, drawn};
use crate::error::ApiError;
use crate::experiments::live::{no_experiment, read_status};
use crate::export::{Observed, parse_definition};
use crate::http::state::AppState;
use crate::id::{RunId, SAMPLE};
use crate::runs::Run;

/// Most characters of a title; networks cut what is longer.
const TITLE: usize = 110;
/// Most characters of a description.
const DESCRIPTION: usize = 200;

/// A place of the page as a link to it is shown.
#[derive(Debug)]
pub(super) struct Preview {
    title: String,
    description: String,
    address: String,
    picture: Option<Picture>,
}

/// The picture of a preview.
#[derive(Debug)]
struct Picture {
    address: String,
    /// What it shows, for who cannot see it.
    shown: String,
    /// Whether it is a card of 1200 × 630, which networks show large.
    card: bool,
}

impl Preview {
    /// The page's title and what stands beside it in its head.
    pub(super) fn head(&self) -> String {
        let mut head = format!("<title>{} · LangOverrule Lab</title>", escaped(&self.title));
        let mut tag = |name: &str, content: &str| {
            let kind = if name.starts_with("twitter:") { "name" } else { "property" };
            // Writing to a string cannot fail.
            let _ = write!(head, "\n    <meta {kind}=\"{name}\" content=\"{}\">", escaped(content));
        };
        tag("og:site_name", "LangOverrule Lab");
        tag("og:type", "article");
        tag("og:title", &self.title);
        tag("og:description", &self.description);
        tag("og:url", &self.address);
        if let Some(picture) = &self.picture {
            tag("og:image", &picture.address);
            tag("og:image:type", "image/png");
            if picture.card {
                tag("og:image:width", "1200");
                tag("og:image:height", "630");
            }
            tag("og:image:alt", &picture.shown);
            tag("twitter:card", "summary_large_image");
        }
        head
    }
}

/// The preview of a path of the page, where it has one of its own.
///
/// # Errors
/// `not_found` where the path names a run or an experiment that is not there, and what its store says.
pub(super) async fn of(
    state: &AppState,
    path: &str,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Option<Preview>, ApiError> {
    let path = path.trim_end_matches('/');
    let root = || drawn::root(state, headers);
    let (place, id) = match path.split_once('/') {
        Some(parts) => parts,
        None if path.is_empty() => return Ok(Some(front(state, &root()).await)),
        None if path == "compare" => return beside(state, uri, &root()).await,
        None => return Ok(None),
    };
    match place {
        "r" | "embed" => {
            let run = state.runs.find(id).await?;
            let definition = definition(uri);
            let address = drawn::address(state, headers, &run, &definition);
            let root = drawn::root(state, headers);
            let preview = move || run_preview(&run, &definition, address, &root);
            Ok(tokio::task::spawn_blocking(preview).await.map_err(ApiError::internal)?)
        }
        "e" => {
            let means = state.experiments.clone().ok_or_else(no_experiment)?;
            let id = RunId::parse(id).ok_or_else(no_experiment)?;
            let read = move || read_status(&means, &id);
            let status = tokio::task::spawn_blocking(read).await.map_err(ApiError::internal)??;
            Ok(Some(experiment_preview(&status, &definition(uri), &drawn::root(state, headers))))
        }
        _ => Ok(None),
    }
}

/// The front page's preview, with the card of the run that it shows.
async fn front(state: &AppState, root: &str) -> Preview {
    let shipped = state.runs.find(SAMPLE).await.ok();
    Preview {
        title: "Who decides, the words or the picture?".to_owned(),
        description:
            "See, layer by layer, how much attention a multimodal model gives to the words and how \
                      much to the picture."
                .to_owned(),
        address: format!("{root}/"),
        picture: shipped.map(|run| card(root, &run, &Definition::default())),
    }
}

/// The preview of runs beside each other: their answers, and their curves. What names no runs has none.
///
/// # Errors
/// A run is not there, or there are too many.
async fn beside(state: &AppState, uri: &Uri, root: &str) -> Result<Option<Preview>, ApiError> {
    let query = Query::<HashMap<String, String>>::try_from_uri(uri).ok();
    let Some(names) = query.and_then(|Query(mut named)| named.remove("runs")) else {
        return Ok(None);
    };
    let definition = definition(uri);
    let runs = compared::runs_of(state, &names).await?;
    let address = compared::address(root, &runs, &definition);
    // The same query but for the name of the definition, which the page has shorter.
    let drawn = address
        .replacen("/compare?", "/api/compare/export.png?", 1)
        .replace("&def=", "&definition=");
    let picture = Picture {
        address: drawn,
        shown: "MDI by layer of the runs beside each other".to_owned(),
        card: false,
    };
    let told = move || {
        let told = runs.iter().filter_map(|run| {
            let observed = Observed::of_run(run).ok()?;
            let plotted = observed.plotted();
            let question = short(&plotted.options.prompt, TITLE / 2);
            Some((question, short(&plotted.observation.answer(), TITLE / runs.len())))
        });
        told.collect::<Vec<_>>()
    };
    let told = tokio::task::spawn_blocking(told).await.map_err(ApiError::internal)?;
    let answers: Vec<&str> = told.iter().map(|(_, answer)| answer.as_str()).collect();
    let said: Vec<String> = told.iter().map(|(q, a)| format!("“{q}” – “{a}”")).collect();
    Ok(Some(Preview {
        title: short(&answers.join(" | "), TITLE),
        description: short(&said.join(" "), DESCRIPTION),
        address,
        picture: Some(picture),
    }))
}

/// The definition that a link of the page names; the usual one where it names none that can be read, as
/// the page itself does.
fn definition(uri: &Uri) -> Definition {
    let query = Query::<HashMap<String, String>>::try_from_uri(uri).ok();
    let named = query.and_then(|Query(mut named)| named.remove("def"));
    named.and_then(|text| parse_definition(&text).ok()).unwrap_or_default()
}

/// A run's preview: question and answer, the late layers' number, and its card. A run of which nothing was
/// observed yet has none.
fn run_preview(
    run: &Arc<Run>,
    definition: &Definition,
    address: String,
    root: &str,
) -> Option<Preview> {
    let observed = Observed::of_run(run).ok()?;
    let plotted = observed.plotted();
    let question = short(&plotted.options.prompt, TITLE / 2);
    let answer = short(&plotted.observation.answer(), TITLE / 2);
    let title = match plotted.label.name.as_str() {
        "" => format!("{question} → {answer}"),
        name => short(name, TITLE),
    };
    let by = format!("{}, {}", plotted.model.name, plotted.model.quant.name());
    let late = plotted.observation.stage(Stage::Late, definition).mdi.ok();
    let said = match late.filter(|_| plotted.is_done()) {
        Some(mdi) => {
            let named = plots::run::definition_to_text(definition);
            let mdi = number(mdi);
            format!("“{question}” – “{answer}”. MDI of the late layers: {mdi} ({named}). {by}.")
        }
        None => format!("“{question}” – “{answer}”. {by}."),
    };
    let picture = card(root, run, definition);
    Some(Preview { title, description: short(&said, DESCRIPTION), address, picture: Some(picture) })
}

/// A run's card.
fn card(root: &str, run: &Run, definition: &Definition) -> Picture {
    Picture {
        address: format!("{root}/api/runs/{}/card.png{}", run.id, query("definition", definition)),
        shown: "The picture with where the model looked, question, answer and MDI by layer"
            .to_owned(),
        card: true,
    }
}

/// An experiment's preview: its title, of what it consists and how far it is, and its curves by layer once
/// there are some.
fn experiment_preview(status: &ExperimentStatus, definition: &Definition, root: &str) -> Preview {
    let models: Vec<&str> = status.models.iter().map(|model| model.name.as_str()).collect();
    let models = match models.is_empty() {
        true => status.spec.models.join(", "),
        false => models.join(", "),
    };
    let (done, items) = (status.done + status.left_out, status.items());
    let said = format!("{models} on {}: {done} of {items} items.", status.dataset.title);
    let picture = (status.done > 0).then(|| Picture {
        address: format!(
            "{root}/api/experiments/{}/plots/layers.png{}",
            status.id,
            query("definition", definition)
        ),
        shown: format!("MDI by layer, {models}"),
        card: false,
    });
    Preview {
        title: short(&status.title, TITLE),
        description: short(&said, DESCRIPTION),
        address: format!("{root}/e/{}{}", status.id, query("def", definition)),
        picture,
    }
}

/// A query that names a definition; none for the usual one.
fn query(name: &str, definition: &Definition) -> String {
    match *definition == Definition::default() {
        true => String::new(),
        false => {
            let named = plots::run::definition_to_text(definition);
            format!("?{name}={}", utf8_percent_encode(&named, NON_ALPHANUMERIC))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_typed_is_text() {
        let preview = Preview {
            title: "\"><script>alert(1)</script>".to_owned(),
            description: "a & b".to_owned(),
            address: "http://lab/r/x".to_owned(),
            picture: None,
        };
        let head = preview.head();
        assert!(!head.contains("<script"), "{head}");
        assert!(head.contains("content=\"a &amp; b\""), "{head}");
        assert!(!head.contains("og:image"), "{head}");
    }

    #[test]
    fn a_link_is_previewed_under_its_definition() {
        let of = |address: &'static str| definition(&Uri::from_static(address));
        assert_eq!(of("/r/x?layer=2&def=forward"), shared::Preset::Forward.definition());
        for other in ["/r/x", "/r/x?", "/r/x?def=nonsense", "/r/x?layer=1", "/r/x?def=%ff"] {
            assert_eq!(of(other), Definition::default(), "{other}");
        }
    }
}
