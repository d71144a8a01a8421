//! `/e/ID`: one experiment, and another beside it where the address says `?with=ID`.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use shared::Definition;
use shared::experiment::stats::Means;
use shared::experiment::tables::{Lever, Tables};
use web_sys::UrlSearchParams;

use super::charts::{LayersCard, LeverCard};
use super::compare::{Choose, CompareCard};
use super::head::Head;
use super::samples::Samples;
use super::watched::Watched;
use super::{list, tables, told};
use crate::actions;
use crate::base::{at, inside};
use crate::browser;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::link::{definition_from_text, definition_to_text};
use crate::source::experiments;
use crate::ui::header::{Header, Menu, ShareButton};
use crate::ui::notes::Notes;

fn id_of(pathname: &str) -> String {
    inside(pathname).strip_prefix("/e/").unwrap_or_default().trim_matches('/').to_owned()
}

fn asked(query: &str, key: &str) -> Option<String> {
    UrlSearchParams::new_with_str(query).ok()?.get(key)
}

const PATH: &str = "/e/";

/// The page.
#[component]
pub fn ExperimentPage() -> impl IntoView {
    let lab = use_lab();
    let location = use_location();
    let chosen = asked(&browser::query(), "def").and_then(|text| definition_from_text(&text));
    let first = Watched::new(lab, chosen.unwrap_or_default());
    let second = Watched::new(lab, first.definition.get_untracked());
    Effect::new(move |_| second.definition.set(first.definition.get()));
    let means = first.means;
    means.set(
        asked(&browser::query(), "means").and_then(|m| Means::from_name(&m)).unwrap_or_default(),
    );
    let (pathname, search) = (location.pathname, location.search);
    let id = Memo::new(move |_| pathname.with(|p| id_of(p)));
    // An address that is left for another page's names no experiment.
    let here = move || pathname.with(|path| inside(path).starts_with(PATH));
    let with = Memo::new(move |before: Option<&String>| match before {
        Some(before) if !here() => before.clone(),
        _ => search.with(|s| asked(s, "with")).unwrap_or_default(),
    });
    Effect::new(move |_| {
        let id = id.get();
        if !id.is_empty() {
            first.open(id);
        }
    });
    Effect::new(move |_| second.open(with.get()));
    Effect::new(move |_| {
        if first.status.with(Option::is_some) {
            list::remember(&first.id.get_untracked());
        }
    });
    // The address follows the view.
    let query = move || {
        let mut parts = Vec::new();
        let definition = first.definition.get();
        if definition != Definition::default() {
            parts.push(format!("def={}", definition_to_text(&definition)));
        }
        if means.get() != Means::default() {
            parts.push(format!("means={}", means.get().name()));
        }
        let other = with.get();
        if !other.is_empty() {
            parts.push(format!("with={other}"));
        }
        parts.join("&")
    };
    Effect::new(move |before: Option<String>| {
        let query = query();
        if before.is_some_and(|before| before != query) {
            browser::replace_query_of(PATH, &query);
        }
        query
    });
    let shown = Signal::derive(move || {
        let other = second.tables.get();
        let prefix =
            |letter: &str| if other.is_some() { format!("{letter}: ") } else { String::new() };
        let mut all: Vec<(String, Tables)> = Vec::new();
        all.extend(first.tables.get().map(|t| (prefix("A"), t)));
        all.extend(other.clone().map(|t| (prefix("B"), t)));
        all
    });
    let address = move || match query() {
        query if query.is_empty() => format!("/e/{}", first.id.get()),
        query => format!("/e/{}?{query}", first.id.get()),
    };
    let share = Callback::new(move |()| actions::share_address(lab, &untrack(address)));
    let notice = move || {
        first
            .tables
            .with(|t| t.as_ref().and_then(|t| t.notice.as_deref().map(|text| told::of(t, text))))
    };
    view! {
        <a class="skip" href="#experiment">{t("Skip to the experiment")}</a>
        <Header>
            <Exports w=first/>
            <ShareButton lab disabled=Signal::derive(move || first.status.with(Option::is_none)) share/>
        </Header>
        <Notes/>
        <Show
            when=move || !first.missing.get()
            fallback=|| view! {
                <main class="missing">
                    <h1>{t("No experiment here")}</h1>
                    <p>{t("There is no experiment at this address; it may have been deleted.")}</p>
                    <a class="button" href=at("/experiments")>{t("To the experiments")}</a>
                </main>
            }
        >
            <main class="experiments" id="experiment" tabindex="-1">
                <Head w=first/>
                <div class="aside">
                    <p class="notice">{notice}</p>
                    <Choose first with=with.into()/>
                </div>
                <div class="plots">
                    <LayersCard shown means/>
                    <LeverCard shown means lever=Lever::Prune/>
                    <LeverCard shown means lever=Lever::Replicate/>
                </div>
                <Show when=move || !with.with(String::is_empty)>
                    <CompareCard first second/>
                </Show>
                {move || first.tables.with(|t| t.as_ref().map(|t| tables::first(t, means.get())))}
                <Samples w=first/>
                {move || first.tables.with(|t| t.as_ref().map(|t| tables::others(t, means.get())))}
                <p class="caveat">{move || first.tables.with(|t| t.as_ref().map(|t| {
                    fill(
                        "Intervals: {intervals}. {paper}",
                        &[("intervals", &told::of(t, &t.provenance.intervals)), ("paper", &told::of(t, &t.provenance.paper))],
                    )
                }))}</p>
            </main>
        </Show>
    }
}

/// The experiment as files.
#[component]
fn Exports(w: Watched) -> impl IntoView {
    let address = move |file: &'static str| {
        move || experiments::file_url(&w.id.get(), file, &w.definition.get())
    };
    let lines = move || experiments::lines_url(&w.id.get());
    let plots = move || {
        let levers = w.tables.with(|t| {
            t.as_ref().map_or((false, false), |t| (t.prune.is_some(), t.replicate.is_some()))
        });
        [
            ("layers", t("layers"), true),
            ("prune", t("prune"), levers.0),
            ("replicate", t("replicate"), levers.1),
        ]
    };
    view! {
        <Show when=move || w.status.with(Option::is_some)>
            <Menu label=t("Export")>
                <a href=address("export.md") download data-testid="export-md">
                    "Markdown "<small>{t("every table, for people")}</small>
                </a>
                <a href=address("export.tex") download>
                    "LaTeX "<small>{t("every table, for a paper")}</small>
                </a>
                <a href=address("export.csv") download>
                    "CSV "<small>{t("a row for each number")}</small>
                </a>
                <a href=address("export.json") download data-testid="export-json">
                    "JSON "<small>{t("every table to the last bit, with where it comes from")}</small>
                </a>
                <a href=lines download data-testid="export-jsonl">
                    {t("JSON lines")}" "<small>{t("every sample: answer, verdict, attention by layer")}</small>
                </a>
                {move || plots().into_iter().filter(|(.., there)| *there).map(|(name, said, _)| {
                    let file = move |form: &'static str| experiments::file_url(
                        &w.id.get(),
                        &format!("plots/{name}.{form}"),
                        &w.definition.get(),
                    );
                    view! {
                        <div class="menu-pair">
                            <span>{fill("Plot: {name}", &[("name", &said)])}</span>
                            <a href=move || file("svg") download>"SVG"</a>
                            <a href=move || file("png") download>"PNG"</a>
                        </div>
                    }
                }).collect_view()}
            </Menu>
        </Show>
    }
}
