//! What the experiment is, how far it is, and what its owner can do.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;
use shared::experiment::stats::Means;
use shared::experiment::{ExperimentProgress, ExperimentState, ExperimentStatus};

use super::definitions::DefinitionSwitch;
use super::watched::{Watched, is_over};
use super::{list, told};
use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, message, t};
use crate::owner;
use crate::source::experiments;
use crate::ui::term::Explained;
use crate::ui::value::Switch;

/// The card.
#[component]
pub(super) fn Head(w: Watched) -> impl IntoView {
    let title = move || w.progress.with(|p| p.as_ref().map(|p| p.title.clone()));
    let about = move || w.status.with(|s| s.as_ref().map(about));
    let state = Memo::new(move |_| w.progress.with(|p| p.as_ref().map(|p| p.state)));
    let of = move |pick: fn(&ExperimentProgress) -> String| {
        move || w.progress.with(|p| p.as_ref().map_or_else(|| "–".to_owned(), pick))
    };
    let share = move || w.progress.with(|p| p.as_ref().map_or(0.0, share));
    let problem = move || w.progress.with(|p| p.as_ref().and_then(told::problem));
    view! {
        <section class="card head" aria-labelledby="experiment-title">
            <div class="head-row">
                <div class="head-main">
                    <h1 id="experiment-title" data-testid="experiment-title">
                        {move || title().unwrap_or_else(|| t("Opening …").to_owned())}
                    </h1>
                    <p class="card-note">{move || about().unwrap_or_else(|| "\u{a0}".to_owned())}</p>
                </div>
                <dl class="parts">
                    <div>
                        <dt>{move || match state.get() { Some(ExperimentState::Running) | None => t("done"), Some(s) => told::state(s) }}</dt>
                        <dd data-testid="done"
                            data-done=move || w.progress.with(|p| p.as_ref().map(|p| p.done))
                            data-state=move || state.get().map(told::state_name)>
                            {of(|p| format!("{} / {}", told::count(p.done.into()), told::count(p.items.into())))}
                        </dd>
                    </div>
                    <div><dt>{t("left out")}</dt><dd>{of(|p| told::count(p.left_out.into()))}<Why w/></dd></div>
                    <div><dt>{t("rate")}</dt><dd>{of(|p| p.rate.filter(|_| !is_over(p.state)).map_or_else(|| "–".to_owned(), told::rate))}</dd></div>
                    <div><dt>{t("left")}</dt><dd>{of(|p| p.seconds_left.filter(|_| !is_over(p.state)).map_or_else(|| "–".to_owned(), told::time))}</dd></div>
                </dl>
                <Buttons w state/>
            </div>
            <div class="progress" role="progressbar" aria-label=t("Items that have ended")
                aria-valuemin="0" aria-valuemax="100" aria-valuenow=move || format!("{:.0}", share())>
                <i style:width=move || format!("{:.2}%", share())></i>
            </div>
            {move || problem().map(|problem| view! {
                <p class="problem" role="alert"><b>{t("Paused by the lab.")}</b>" "{problem}" "{t("Mend that and resume.")}</p>
            })}
            {move || w.lost.get().then(|| view! {
                <p class="problem">{t("Connection lost: the lab does not answer. What was measured stays; trying again …")}</p>
            })}
            <div class="head-foot">
                <span class="card-note"><Explained term=Term::Definition word=t("Numbers under the definition")/></span>
                <DefinitionSwitch definition=w.definition/>
                <Switch
                    label=t("Means of ratios over samples")
                    choices=vec![
                        (Means::Geometric, t("geometric means"), t("On the log scale, with 95 % intervals: what suits ratios")),
                        (Means::Arithmetic, t("arithmetic means"), t("As the paper prints them; they have no interval that holds")),
                    ]
                    chosen=w.means
                />
            </div>
            <p class="sr-only" role="status">{move || state.get().map(|s| fill("The experiment is {state}.", &[("state", &told::state(s))]))}</p>
        </section>
    }
}

fn share(p: &ExperimentProgress) -> f64 {
    100.0 * f64::from(p.done + p.left_out) / f64::from(p.items.max(1))
}

/// Where the numbers come from, in a line.
fn about(status: &ExperimentStatus) -> String {
    let (samples, conditions) = (status.grid.samples, status.grid.conditions.len());
    let mut parts = vec![told::product(&status.spec, Some(samples), conditions)];
    parts.push(format!("{} ({})", status.dataset.name, short(&status.dataset.revision)));
    parts.push(fill("seed {n}", &[("n", &status.spec.seed)]));
    let mut quants: Vec<&str> = status.grid.conditions.iter().map(|c| c.quant.name()).collect();
    quants.sort_unstable();
    quants.dedup();
    parts.push(quants.join(", "));
    let mut devices: Vec<&str> = status.models.iter().map(|m| m.device.as_str()).collect();
    devices.dedup();
    if !devices.is_empty() {
        parts.push(devices.join(", "));
    }
    parts.push(fill("lab {version}", &[("version", &status.lab)]));
    parts.join(" · ")
}

/// The beginning of a hash.
fn short(revision: &str) -> &str {
    revision.get(..10).unwrap_or(revision)
}

/// Why items were left out.
#[component]
fn Why(w: Watched) -> impl IntoView {
    let any = Memo::new(move |_| w.progress.with(|p| p.as_ref().is_some_and(|p| p.left_out > 0)));
    let reasons = move || {
        w.tables.with(|t| {
            let Some(tables) = t else { return Vec::new() };
            let label = |condition: u32| {
                let found = tables.conditions.iter().find(|c| c.condition.index == condition);
                found.map(|c| told::of(tables, &c.label)).unwrap_or_default()
            };
            let all = tables.provenance.left_out.iter();
            all.map(|l| (l.count, l.code.name(), label(l.condition), message(&l.said()))).collect()
        })
    };
    view! {
        <Show when=move || any.get()>
            <details class="menu why">
                <summary data-testid="why">{t("why")}</summary>
                <div class="menu-list">
                    <ul>
                        {move || reasons().into_iter().map(|(count, code, label, example)| view! {
                            <li><b>{count}</b>" × "<code>{code}</code>" · "{label}<small>{example}</small></li>
                        }).collect_view()}
                    </ul>
                </div>
            </details>
        </Show>
    }
}

#[component]
fn Buttons(w: Watched, state: Memo<Option<ExperimentState>>) -> impl IntoView {
    let lab = use_lab();
    let navigate = use_navigate();
    let delete = move |_| {
        let sure =
            window().confirm_with_message(t("Delete this experiment with everything it measured?"));
        if !sure.unwrap_or(false) {
            return;
        }
        let (id, navigate) = (w.id.get_untracked(), navigate.clone());
        spawn_local(async move {
            match experiments::delete(&id, &owner::token(&id).unwrap_or_default()).await {
                Ok(()) => {
                    list::forget(&id);
                    navigate("/experiments", Default::default());
                }
                Err(failure) => lab.complain(failure.code_name(), failure.message),
            }
        });
    };
    let delete = StoredValue::new_local(delete);
    let paused = move || state.get() == Some(ExperimentState::Paused);
    let over = Memo::new(move |_| state.get().is_none_or(is_over));
    view! {
        <Show when=move || w.own.get()>
            <div class="buttons">
                <Show
                    when=move || !over.get()
                    fallback=move || view! {
                        <button type="button" class="button" data-testid="delete"
                            disabled=move || state.get().is_none()
                            on:click=move |event| delete.with_value(|delete| delete(event))>{t("Delete")}</button>
                    }
                >
                    <button type="button" class="button" data-testid="pause"
                        on:click=move |_| w.act(if paused() { "resume" } else { "pause" })>
                        {move || if paused() { t("Resume") } else { t("Pause") }}
                    </button>
                    <button type="button" class="button" data-testid="cancel"
                        on:click=move |_| w.act("cancel")>{t("Cancel")}</button>
                </Show>
            </div>
        </Show>
    }
}
