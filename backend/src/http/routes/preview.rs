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
use shared::{Definition, Stage};

use super::drawn;
use crate::error::ApiError;
use crate::export::{Observed, parse_definition};
use crate::http::state::AppState;
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
    /// The address of a picture of 1200 × 630, and what it shows.
    picture: Option<(String, String)>,
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
        if let Some((address, shown)) = &self.picture {
            tag("og:image", address);
            tag("og:image:type", "image/png");
            tag("og:image:width", "1200");
            tag("og:image:height", "630");
            tag("og:image:alt", shown);
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
    let Some((place, id)) = path.trim_end_matches('/').split_once('/') else { return Ok(None) };
    match place {
        "r" | "embed" => {
            let run = state.runs.find(id).await?;
            let definition = definition(uri);
            let address = drawn::address(state, headers, &run, &definition);
            let root = drawn::root(state, headers);
            let preview = move || run_preview(&run, &definition, address, &root);
            Ok(tokio::task::spawn_blocking(preview).await.map_err(ApiError::internal)?)
        }
        _ => Ok(None),
    }
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
    let card = match *definition == Definition::default() {
        true => String::new(),
        false => {
            let named = plots::run::definition_to_text(definition);
            format!("?definition={}", utf8_percent_encode(&named, NON_ALPHANUMERIC))
        }
    };
    let picture = format!("{root}/api/runs/{}/card.png{card}", run.id);
    let shown =
        format!("The picture with where the model looked, “{question}”, “{answer}”, MDI by layer");
    Some(Preview {
        title,
        description: short(&said, DESCRIPTION),
        address,
        picture: Some((picture, shown)),
    })
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
