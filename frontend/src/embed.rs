//! `/embed/ID`: the curve of one run and its picture, without everything around them, for a frame in
//! a slide or a notebook. `show=curve` or `show=picture` shows one of the two, `theme=dark` sets the
//! theme.

use leptos::html;
use leptos::prelude::*;
use leptos_router::hooks::use_location;
use shared::Observation;

use crate::base::{at, inside};
use crate::browser::watch_height;
use crate::cards::curve::Chart;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::media::lens;
use crate::run::Run;
use crate::run::link::{Curve, View, definition_to_text};
use crate::run::phase::Phase;
use crate::{actions, browser, words};

/// The page.
#[component]
pub fn EmbedPage() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let location = use_location();
    let asked = |key: &str| {
        let query = location.search.get_untracked();
        let query = query.trim_start_matches('?').to_owned();
        let value = query
            .split('&')
            .find_map(|part| Some(part.strip_prefix(key)?.strip_prefix('=')?.to_owned()));
        value.unwrap_or_default()
    };
    if let Some(theme) = browser::Theme::ALL.into_iter().find(|t| t.name() == asked("theme")) {
        theme.show();
        let (palette, type_size) = browser::read_theme();
        lab.palette.set(palette);
        lab.type_size.set(type_size);
    }
    let show = asked("show");
    let (curve, picture) = (show != "picture", show != "curve");
    let pathname = location.pathname;
    Effect::new(move |_| {
        let id = pathname.with(|p| {
            inside(p).strip_prefix("/embed/").unwrap_or_default().trim_end_matches('/').to_owned()
        });
        actions::open(lab, id, View::from_query(&location.search.get_untracked()));
    });
    let problem = move || lab.notes.with(|n| n.last().map(|n| n.message.clone()));
    let shown = Memo::new(move |_| crate::run::kinds::kind_of(run));
    view! {
        <main class="embed" data-testid="embed" data-phase=move || run.facts.phase.with(Phase::name)>
            <div class="embed-body">
                {move || shown.get().filter(|_| picture).map(|kind| (lens(kind).still)(run, run.view.medium.into()))}
                <Show when=move || curve><Plot run/></Show>
            </div>
            <footer>
                <span data-testid="embed-source">{move || problem().unwrap_or_else(|| source(run))}</span>
                <a href=move || at(&actions::address(run)) target="_blank" rel="noopener" data-testid="embed-link">
                    "LangOverrule Lab ↗"
                </a>
            </footer>
        </main>
    }
}

/// Where the numbers come from, in a line.
fn source(run: Run) -> String {
    let Some(model) = run.facts.model.get() else { return t("Opening …").into() };
    let measure = match run.view.curve.get() {
        Curve::Mdi => "MDI",
        Curve::Aei => "AEI",
    };
    let name = run.facts.label.with(|l| l.name.clone());
    let said = run.facts.observation.with(Observation::answer);
    let said = if name.is_empty() { format!("“{}”", said.trim()) } else { name };
    let definition = definition_to_text(&run.view.definition.get());
    let source = fill(
        "{said} · {measure} by layer, definition {definition} · {model}, {quant}",
        &[
            ("said", &said),
            ("measure", &measure),
            ("definition", &definition),
            ("model", &model.name),
            ("quant", &words::quant(model.quant)),
        ],
    );
    let mut parts =
        vec![source, fill("map: {heads}", &[("heads", &run.derived.maps.shown.get().name())])];
    parts.extend(run.facts.options.with(|o| words::interventions(o, &model)));
    parts.extend(run.facts.phase.with(Phase::partial).map(str::to_owned));
    parts.join(" · ")
}

/// The curve, as high as its frame lets it be.
#[component]
fn Plot(run: Run) -> impl IntoView {
    let holder = NodeRef::<html::Div>::new();
    let height = RwSignal::new(0.0_f64);
    // The picture comes later, and takes its part.
    watch_height(holder, height);
    view! {
        <div class="embed-plot" node_ref=holder>
            <Show when=move || height.with(|h| *h > 0.0)><Chart run height=height.into()/></Show>
        </div>
    }
}
