//! `/experiments`: start one, and those there are.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::experiment::{ExperimentList, ExperimentProgress};

use super::form::Form;
use super::told;
use super::watched::is_over;
use crate::base::at;
use crate::browser;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::source::experiments;
use crate::ui::header::Header;
use crate::ui::notes::Notes;

/// Experiments that this browser keeps in mind.
const MOST: usize = 30;
/// The list is read this often while something in it runs.
const EVERY: Duration = Duration::from_secs(2);
const KEY: &str = "experiments";

/// Keeps in mind that this browser started or opened an experiment.
pub fn remember(id: &str) {
    let mut all = remembered();
    all.retain(|known| known != id);
    all.insert(0, id.to_owned());
    all.truncate(MOST);
    browser::store(KEY, &all.join(" "));
}

/// Forgets an experiment that is gone.
pub fn forget(id: &str) {
    let mut all = remembered();
    all.retain(|known| known != id);
    browser::store(KEY, &all.join(" "));
}

fn remembered() -> Vec<String> {
    browser::stored(KEY).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// What the lab lists, or what this browser knows.
async fn read() -> Option<ExperimentList> {
    let listed = experiments::list().await.ok()?;
    if listed.shown {
        return Some(listed);
    }
    let mut own = ExperimentList::default();
    for id in remembered() {
        match experiments::status(&id).await {
            Ok(status) => own.experiments.push(ExperimentProgress::from(&status)),
            Err(failure) if failure.code == Some(shared::ErrorCode::NotFound) => forget(&id),
            Err(_) => {}
        }
    }
    Some(own)
}

/// The experiments that this page can name.
pub(super) async fn known() -> Vec<ExperimentProgress> {
    read().await.map(|list| list.experiments).unwrap_or_default()
}

/// The page.
#[component]
pub fn ListPage() -> impl IntoView {
    let lab = use_lab();
    let list = RwSignal::new(None::<ExperimentList>);
    let refresh = move || {
        spawn_local(async move {
            if let Some(found) = read().await {
                list.try_set(Some(found));
            }
        });
    };
    refresh();
    let running = Memo::new(move |_| {
        list.with(|l| l.as_ref().is_some_and(|l| l.experiments.iter().any(|e| !is_over(e.state))))
    });
    browser::every(EVERY, move || running.get(), refresh);
    lab.said.set(String::new());
    view! {
        <a class="skip" href="#experiments">{t("Skip to the experiments")}</a>
        <Header/>
        <Notes/>
        <main class="experiments">
            <h1 class="sr-only">{t("Experiments")}</h1>
            <Form/>
            <section class="card list" id="experiments" tabindex="-1" aria-labelledby="list-title">
                <header class="card-head">
                    <h2 id="list-title">{t("Experiments")}</h2>
                    <p class="card-note">{move || match list.get() {
                        Some(l) if !l.shown => t("those that this browser started or opened; others open by their links"),
                        _ => t("the newest first"),
                    }}</p>
                </header>
                {move || match list.get() {
                    None => view! { <p class="quiet">{t("Reading …")}</p> }.into_any(),
                    Some(l) if l.experiments.is_empty() && l.damaged.is_empty() => view! {
                        <p class="quiet">{t("None yet. Start one: a hundred samples of the demo set take about a minute.")}</p>
                    }.into_any(),
                    Some(l) => view! {
                        <ul class="rows">
                            {l.experiments.into_iter().map(row).collect_view()}
                            {l.damaged.into_iter().map(damaged).collect_view()}
                        </ul>
                    }.into_any(),
                }}
            </section>
        </main>
    }
}

/// An experiment of which nothing can be shown.
fn damaged(id: String) -> impl IntoView {
    let said = fill(
        "Experiment {id} is damaged: the disk does not hold any more what was written, so nothing of it is shown.",
        &[("id", &id)],
    );
    view! { <li class="problem" data-testid="damaged">{said}</li> }
}

fn row(e: ExperimentProgress) -> impl IntoView {
    let ended = e.done + e.left_out;
    let share = 100.0 * f64::from(ended) / f64::from(e.items.max(1));
    let mut parts = vec![fill(
        "{done} of {all}",
        &[("done", &told::count(ended.into())), ("all", &told::count(e.items.into()))],
    )];
    if e.left_out > 0 {
        parts.push(fill("{n} left out", &[("n", &e.left_out)]));
    }
    parts.extend(e.seconds_left.map(|s| fill("{time} left", &[("time", &told::time(s))])));
    let day = e.created.get(..16).unwrap_or_default().replace('T', " ");
    view! {
        <li>
            <a href=at(&format!("/e/{}", e.id)) data-testid="experiment">
                <b>{e.title.clone()}</b>
                <span class="state" data-state=told::state_name(e.state)>{told::state(e.state)}</span>
                <span class="bar" aria-hidden="true"><i style:width=format!("{share:.1}%")></i></span>
                <small>{parts.join(" · ")}</small>
                <time>{day}</time>
            </a>
        </li>
    }
}
