//! `/compare?runs=A,B`: runs on one axis, and whether the answer moved.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate};

use super::add::Add;
use super::answers::Answers;
use super::curves::Curves;
use super::link::Compared;
use super::opened::{Chosen, Opened};
use super::pictures::Pictures;
use super::stages::Stages;
use super::test_it::TestIt;
use crate::base::{at, inside};
use crate::experiments::definitions::DefinitionSwitch;
use crate::lab::{Lab, use_lab};
use crate::language::{fill, t};
use crate::run::link::Curve;
use crate::run::phase::Phase;
use crate::ui::header::{Header, Menu, ShareButton};
use crate::ui::notes::Notes;
use crate::ui::value::Switch;
use crate::{actions, browser};
use plots::curves::{letter, look};
use shared::PictureUse;

const PATH: &str = "/compare";

/// The page.
#[component]
pub fn ComparePage() -> impl IntoView {
    let lab = use_lab();
    let location = use_location();
    let search = location.search;
    // Drawn anew, it goes on as it was last looked at.
    let redrawn = location.pathname.with_untracked(|path| lab.is_redrawn(path));
    let query = if redrawn { browser::query() } else { search.get_untracked() };
    let (asked, wrong) = Compared::read(&query);
    if !wrong.is_empty() {
        let parts: Vec<String> = wrong.iter().map(|part| part.chars().take(60).collect()).collect();
        let parts = parts.join(", ");
        lab.complain(
            "bad_link",
            fill("The link says {parts}, which this page cannot show.", &[("parts", &parts)]),
        );
    }
    let chosen = Chosen {
        definition: RwSignal::new(asked.definition),
        layer: RwSignal::new(asked.layer),
        hover: RwSignal::new(None),
        curve: RwSignal::new(asked.curve),
    };
    // An address that is left for another page's says nothing of runs.
    let here = move || location.pathname.with(|path| inside(path).starts_with(PATH));
    let ids = Memo::new(move |before: Option<&Vec<String>>| match before {
        Some(before) if !here() => before.clone(),
        _ => search.with(|s| Compared::read(s).0.runs),
    });
    let view = move || Compared {
        runs: ids.get(),
        definition: chosen.definition.get(),
        layer: chosen.layer.get(),
        curve: chosen.curve.get(),
    };
    // The address follows the view.
    Effect::new(move |before: Option<String>| {
        let query = view().to_query();
        if before.is_some_and(|b| b != query) {
            browser::replace_query_of(PATH, &query);
        }
        query
    });
    let keys = window_event_listener(leptos::ev::keydown, move |event| {
        if event.key() == "Escape" && !browser::in_a_dialog(&event) {
            chosen.layer.set(None);
            chosen.hover.set(None);
        }
    });
    on_cleanup(move || keys.remove());
    lab.said.set(String::new());
    let navigate = use_navigate();
    let go = Callback::new(move |runs: Vec<String>| {
        let to = Compared { runs, ..untrack(view) }.address();
        navigate(&to, NavigateOptions { scroll: false, ..NavigateOptions::default() });
    });
    let share = Callback::new(move |()| {
        actions::share_address(lab, &untrack(view).address());
    });
    let empty = Signal::derive(move || ids.with(Vec::is_empty));
    view! {
        <a class="skip" href="#compared">{t("Skip to the comparison")}</a>
        <Header>
            <Files lab ids chosen/>
            <ShareButton lab disabled=empty share/>
        </Header>
        <Notes/>
        <main class="compared" id="compared" tabindex="-1">
            <h1 class="sr-only">{t("Runs beside each other")}</h1>
            {move || {
                let ids = ids.get();
                if ids.is_empty() {
                    view! { <Empty go/> }.into_any()
                } else {
                    view! { <Beside ids chosen go/> }.into_any()
                }
            }}
        </main>
    }
}

/// The comparison as files.
#[component]
fn Files(lab: Lab, ids: Memo<Vec<String>>, chosen: Chosen) -> impl IntoView {
    let address = move |format: &'static str| {
        move || {
            let view = plots::run::View {
                definition: chosen.definition.get(),
                measured: chosen.curve.get(),
                layer: chosen.layer.get(),
                ..Default::default()
            };
            ids.with(|ids| lab.run.facts.source.comparison_url(ids, format, &view))
        }
    };
    view! {
        <Show when=move || ids.with(|ids| !ids.is_empty())>
            <Menu label=t("Export")>
                <a href=address("html") download data-testid="export-html">
                    "HTML "<small>{t("all of it in one file that needs no lab")}</small>
                </a>
                <a href=address("csv") download data-testid="export-csv">
                    "CSV "<small>{t("one row for each layer")}</small>
                </a>
                <div class="menu-pair">
                    <span>{t("The curves on one axis")}</span>
                    <a href=address("svg") download data-testid="export-svg">"SVG"</a>
                    <a href=address("png") download data-testid="export-png">"PNG"</a>
                </div>
            </Menu>
        </Show>
    }
}

#[component]
fn Empty(go: Callback<Vec<String>>) -> impl IntoView {
    view! {
        <section class="card">
            <header class="card-head"><h2>{t("Runs beside each other")}</h2></header>
            <p class="quiet">
                {t("Open a run and press one of its tests, such as “blank the picture”: the run and its test then stand here. Or paste the links of runs.")}
            </p>
            <Add runs=Vec::new() go/>
        </section>
    }
}

#[component]
fn Beside(ids: Vec<String>, chosen: Chosen, go: Callback<Vec<String>>) -> impl IntoView {
    let lab = use_lab();
    let runs: Vec<Opened> = ids
        .iter()
        .enumerate()
        .map(|(place, id)| Opened::open(lab, id.clone(), place, chosen))
        .collect();
    // There is a first one: an empty list shows another page.
    let Some(first) = runs.first().copied() else { return ().into_any() };
    for other in &runs[1..] {
        other.compare_pictures(first);
    }
    let all = StoredValue::new(runs.clone());
    let others = runs[1..].to_vec();
    let names = StoredValue::new(ids.clone());
    view! {
        <section class="card" aria-labelledby="runs-title">
            <header class="card-head">
                <h2 id="runs-title">{t("Runs beside each other")}</h2>
                <p class="card-note">{t("A is what the others are compared with; named is what differs from it")}</p>
            </header>
            <ul class="beside" data-testid="compared-runs">
                {runs.iter().map(|run| view! { <Row run=*run first names go/> }).collect_view()}
            </ul>
            <div class="beside-foot">
                <DefinitionSwitch definition=chosen.definition/>
                <Switch
                    label=t("Measure")
                    choices=vec![
                        (Curve::Mdi, "MDI", t("Attention on one text token over that on one picture token")),
                        (Curve::Aei, "AEI", t("Words’ share of attention over their share of tokens")),
                    ]
                    chosen=chosen.curve
                />
            </div>
        </section>
        <Answers first others/>
        <Curves all chosen/>
        <Stages all first chosen/>
        <Pictures all first chosen/>
        <section class="card" aria-labelledby="more-title">
            <header class="card-head"><h2 id="more-title">{t("Another beside them")}</h2></header>
            <TestIt run=first.run beside=ids.clone() chosen=Signal::derive(move || chosen.layer.get())/>
            <Add runs=ids go/>
        </section>
    }
    .into_any()
}

/// One run in the list: how its curve looks, what it is, where it leads.
#[component]
fn Row(
    run: Opened,
    first: Opened,
    names: StoredValue<Vec<String>>,
    go: Callback<Vec<String>>,
) -> impl IntoView {
    let lab = use_lab();
    let place = run.place;
    let id = run.id.get_value();
    let gone = RwSignal::new(false);
    let count = Memo::new(move |_| if run.missing.with(Option::is_some) { 0 } else { run.shown() });
    // What the model was shown, where those are other pictures than the ones that were given.
    let picture = {
        let id = id.clone();
        move |n: u8| match run.run.facts.options.with(|o| o.picture) {
            PictureUse::Own => run.run.facts.source.picture_url(&id, n),
            _ => run.run.facts.source.prepared_url(&id, n),
        }
    };
    let link = at(&format!("/r/{id}"));
    let glyph = move || {
        let look = look(place, &lab.palette.get());
        let (css, dash) = (look.colour.css(), look.dashes());
        view! {
            <svg class="glyph" viewBox="0 0 44 16" aria-hidden="true">
                <line x1="1" x2="43" y1="8" y2="8" stroke=css.clone() stroke-dasharray=dash/>
                <path d=look.mark((22.0, 8.0), 4.6) fill=css/>
            </svg>
        }
    };
    let state = move || match run.run.facts.phase.get() {
        _ if run.missing.with(Option::is_some) => run.missing.get().unwrap_or_default(),
        Phase::Done(_) => String::new(),
        phase => phase.sentence(),
    };
    let alone = names.with_value(|n| n.len() < 2);
    let remove = move |_| {
        let left = names.with_value(|n| {
            n.iter().enumerate().filter(|(i, _)| *i != place).map(|(_, n)| n.clone()).collect()
        });
        go.run(left);
    };
    view! {
        <li data-testid="compared-run" data-id=id data-phase=move || run.run.facts.phase.with(Phase::name)>
            <b class="letter">{letter(place)}</b>
            {glyph}
            {move || match count.get() {
                0 => view! { <span class="no-picture"></span> }.into_any(),
                _ if gone.get() => view! { <span class="no-picture"></span> }.into_any(),
                n => (0..n).map(|n| view! {
                    <img src=picture(n) alt="" loading="lazy" on:error=move |_| gone.set(true)/>
                }).collect_view().into_any(),
            }}
            <span class="beside-name">
                <a href=link data-testid="compared-name">{move || run.name(first)}</a>
                <small>{state}</small>
            </span>
            <button type="button" class="beside-remove" disabled=alone on:click=remove
                aria-label=t("Take this run out") title=t("Take this run out")>"✕"</button>
        </li>
    }
}
