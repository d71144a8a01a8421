//! The page: routes, keys, and the order of the cards.

use leptos::mount::mount_to;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::components::{ParentRoute, Route, Router, Routes};
use leptos_router::hooks::{use_location, use_navigate};
use leptos_router::path;
use wasm_bindgen::JsCast;

use crate::actions;
use crate::apart::{Apart, Place};
use crate::base::{at, base, inside};
use crate::browser;
use crate::cards;
use crate::cards::opener::elsewhere::Elsewhere;
use crate::claims;
use crate::embed::EmbedPage;
use crate::lab::{Lab, PictureFrom, use_lab};
use crate::language::{InForce, fill, t};
use crate::owner;
use crate::run::link::{Pick, View};
use crate::run::phase::Phase;
use crate::run::{Play, SHIPPED};
use crate::source::{samples, texts};
use crate::ui::header::{Header, RunActions};
use crate::ui::notes::Notes;
use crate::ui::tabs::Tabs;
use crate::ui::tour::{Offer, Tour};
use crate::ui::transport::keep_playing;
use crate::words;

/// Starts the page.
pub fn start() {
    console_error_panic_hook::set_once();
    let Some(root) = document().get_element_by_id("page") else { return };
    // Leptos can spawn nothing before it has mounted something.
    wasm_bindgen_futures::spawn_local(async move {
        texts::bring(browser::language()).await;
        // What stood there while the page was loading makes room.
        root.set_inner_html("");
        mount_to(root.unchecked_into(), App).forget();
    });
}

/// The whole page.
#[component]
pub fn App() -> impl IntoView {
    browser::language().apply();
    let lab = Lab::new();
    provide_context(lab);
    let (palette, type_size) = browser::read_theme();
    lab.palette.set(palette);
    lab.type_size.set(type_size);
    spawn_local(async move {
        if let Ok(models) = lab.run.facts.source.models().await {
            lab.models.set(models);
        }
    });
    spawn_local(async move {
        if let Ok(samples) = samples::list().await {
            lab.samples.set(samples);
        }
    });
    // Whatever page is open when it comes.
    owner::note_answer(lab.run);
    claims::note(lab);
    // Texts are not reactive: a change of language draws every page anew. What pages show lies in
    // the lab, so nothing is lost by that.
    let first = StoredValue::new(true);
    let pages = move || {
        lab.language.track();
        if !first.get_value() {
            lab.redraw();
        }
        first.set_value(false);
        view! { <Pages/> }
    };
    view! {
        <Router base=base()>{pages}</Router>
    }
}

#[component]
fn Pages() -> impl IntoView {
    view! {
        <Routes fallback=Missing>
            // One page for both addresses: going from one run to another keeps every card in
            // place and only changes what they show.
            <ParentRoute path=path!("") view=Page>
                <Route path=path!("") view=|| () />
                <Route path=path!("r/:id") view=|| () />
            </ParentRoute>
            <Route path=path!("runs") view=|| view! { <Apart place=Place::Runs/> } />
            <Route path=path!("compare") view=|| view! { <Apart place=Place::Compare/> } />
            <Route path=path!("embed/:id") view=EmbedPage />
            <Route path=path!("experiments") view=|| view! { <Apart place=Place::Experiments/> } />
            <Route path=path!("e/:id") view=|| view! { <Apart place=Place::Experiment/> } />
            <Route path=path!("lessons") view=|| view! { <Apart place=Place::Lessons/> } />
            <Route path=path!("lessons/make") view=|| view! { <Apart place=Place::Make/> } />
            <Route path=path!("lessons/make/:id") view=|| view! { <Apart place=Place::Make/> } />
            <Route path=path!("present") view=|| view! { <Apart place=Place::Start/> } />
            <Route path=path!("present/:code") view=|| view! { <Apart place=Place::Present/> } />
            <Route path=path!("j") view=|| view! { <Apart place=Place::Join/> } />
            <Route path=path!("j/:code") view=|| view! { <Apart place=Place::Follow/> } />
        </Routes>
    }
}

/// The run that an address names.
fn run_of(pathname: &str) -> String {
    match inside(pathname).strip_prefix("/r/").map(|id| id.trim_end_matches('/')) {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => SHIPPED.to_owned(),
    }
}

#[component]
fn Page() -> impl IntoView {
    let lab = use_lab();
    let location = use_location();
    let navigate = use_navigate();

    keep_playing(lab.run);
    let dragging = RwSignal::new(false);
    actions::accept_pictures(lab, dragging);

    // Drawn anew, the run and the view of it are there already.
    let kept = StoredValue::new(false);
    Effect::new(move |_| {
        let path = location.pathname.get();
        let id = run_of(&path);
        let shown = lab.run.facts.id.with_untracked(|shown| shown.as_ref() == Some(&id));
        kept.set_value(lab.is_redrawn(&path) && shown);
        if kept.get_value() {
            return;
        }
        let (view, wrong) = View::read(&location.search.get_untracked());
        if !wrong.is_empty() {
            let parts: Vec<String> =
                wrong.iter().map(|part| part.chars().take(60).collect()).collect();
            let message = fill(
                "The link says {parts}, which this page cannot read; what you see is shown with \
                 the usual setting instead.",
                &[("parts", &words::list(&parts))],
            );
            lab.complain("bad_link", message);
        }
        actions::open(lab, id, view);
    });
    // Which layers and tokens there are is known when the run is there.
    Effect::new(move |_| {
        let layers = lab.run.facts.model.with(|m| m.as_ref().map_or(0, |m| m.layers as usize));
        let asked = lab.run.view.layer.get().filter(|l| layers > 0 && *l >= layers);
        if let Some(layer) = asked {
            let message = fill(
                "The link asks for layer {layer}, which this run does not have: its layers are 0 to {last}.",
                &[("layer", &layer), ("last", &(layers - 1))],
            );
            lab.complain("bad_link", message);
            lab.run.view.layer.set(None);
        }
    });
    Effect::new(move |_| {
        let tokens = lab.run.facts.observation.with(|o| o.tokens.len());
        let ended = lab.run.facts.phase.with(|p| matches!(p, Phase::Done(_)));
        if let (Pick::Token(token), true) = (lab.run.view.token.get(), ended && tokens > 0)
            && token >= tokens
        {
            let message = fill(
                "The link asks for token {token} of the answer, which has tokens 0 to {last}.",
                &[("token", &token), ("last", &(tokens - 1))],
            );
            lab.complain("bad_link", message);
            lab.run.view.token.set(Pick::Auto);
        }
    });
    // The address follows the view, a moment later: a held arrow key is one change, and browsers
    // allow only so many.
    let change = StoredValue::new(0_u32);
    Effect::new(move |before: Option<String>| {
        let query = lab.run.view.get().to_query();
        let changed = match &before {
            Some(before) => *before != query,
            // What the page that was drawn anew was about to write is written here.
            None => kept.get_value() && query != browser::query().trim_start_matches('?'),
        };
        if changed {
            let mine = change.get_value() + 1;
            change.set_value(mine);
            let query = query.clone();
            set_timeout(
                move || {
                    if change.try_get_value() == Some(mine) {
                        browser::replace_query(&query);
                    }
                },
                std::time::Duration::from_millis(120),
            );
        }
        query
    });

    let asking = move || actions::ask(lab, navigate.clone());
    let keys = {
        window_event_listener(leptos::ev::keydown, move |event| {
            let run = lab.run;
            if event.default_prevented() || browser::in_a_dialog(&event) {
                return;
            }
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                return asking();
            }
            if event.ctrl_key() || event.meta_key() || event.alt_key() {
                return;
            }
            match event.key().as_str() {
                "Escape" => run.release(),
                _ if browser::in_a_control(&event) => {}
                "ArrowLeft" => run.step_layer(-1),
                "ArrowRight" => run.step_layer(1),
                "[" => run.step_token(-1),
                "]" => run.step_token(1),
                "0" => run.view.token.set(Pick::Nothing),
                "p" | "P" => run.play(Play::Layers),
                _ => {}
            }
        })
    };
    let resized = window_event_listener(leptos::ev::resize, |_| browser::let_go());
    on_cleanup(move || {
        keys.remove();
        resized.remove();
    });

    // The newcomer's first picture, where no run brings one.
    Effect::new(move |_| {
        let first = lab.samples.with(|s| s.first().cloned());
        let empty = lab.run.facts.phase.with(|p| *p == Phase::Empty);
        if let (Some(sample), true) = (first, empty)
            && lab.picture.get_untracked().is_none()
        {
            lab.choose(Some(PictureFrom::Sample(sample.file)));
            if lab.prompt.get_untracked().is_empty() {
                lab.prompt.set(sample.prompt);
            }
        }
    });

    // The column beside the plots stays in sight, as far as it fits.
    let (side, side_height) = (NodeRef::new(), RwSignal::new(0.0));
    browser::watch_height(side, side_height);

    // Until the first run is there, the cards keep their place but stay hidden: nothing jumps.
    let waiting = Memo::new(move |before: Option<&bool>| {
        before.copied().unwrap_or(true) && lab.run.facts.phase.with(|p| *p == Phase::Opening)
    });

    view! {
        <a class="skip" href="#results" on:click=move |event| {
            event.prevent_default();
            browser::focus("#results");
        }>{t("Skip to the results")}</a>
        <Header><RunActions/></Header>
        <Notes/>
        <Offer/>
        <Tour/>
        <main
            class="lab"
            class:waiting=move || waiting.get()
            class:drafting=move || lab.drafting.get()
            data-tab=move || lab.tab.get().name()
        >
            {cards::first()}
            <h2 class="closer">{t("Look closer")}</h2>
            <div class="side" node_ref=side style=move || format!("--side:{}px", side_height.get())>
                {cards::beside()}
            </div>
            <div class="results" id="results" tabindex="-1">
                {cards::plots()}
            </div>
        </main>
        <Elsewhere/>
        <Tabs lab/>
        <div class="drop-hint" aria-hidden="true" class:shown=move || dragging.get()>
            {t("Drop the picture anywhere")}
        </div>
    }
}

#[component]
fn Missing() -> impl IntoView {
    view! {
        <main class="missing">
            <h1>{t("Nothing here")}</h1>
            <p>{t("This address leads nowhere in the lab.")}</p>
            <a class="button" href=at("/")>{t("To the lab")}</a>
        </main>
    }
}
