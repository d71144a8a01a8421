//! Where a run stands, in sight of its answer: place in line, what is loaded, tokens to go, time so far and
//! time to go, and the way to stop; a failure stays here with its reason and what to do.

use std::time::Duration;

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use crate::cards::ask::estimate::expected_ms;
use crate::lab::{Lab, use_lab};
use crate::language::{fill, t};
use crate::run::kept::Kept;
use crate::run::phase::{Phase, to_go};
use crate::{actions, browser, claims, words};

/// How often the clock is looked at while somebody waits.
pub(super) const TICK: Duration = Duration::from_millis(500);

/// Where the run stands.
#[component]
pub fn Waiting() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let navigate = StoredValue::new_local(use_navigate());
    let live = move || run.facts.phase.with(Phase::is_live) || lab.sending.get();
    let sentence = move || {
        if lab.sending.get() {
            t("Sending the picture …").to_owned()
        } else if run.facts.lost.get() {
            t("Connection lost: the lab does not answer. What was seen stays; trying again …")
                .to_owned()
        } else {
            run.facts.phase.with(Phase::sentence)
        }
    };
    // A screen reader hears the step, not every token of it.
    let step = Kept::new(move || match run.facts.phase.get() {
        Phase::Prefill { .. } => t("The model is reading.").to_owned(),
        Phase::Generating { .. } => t("The model is answering.").to_owned(),
        Phase::Asking { .. } => t("The model is asked again.").to_owned(),
        Phase::Loading { .. } => t("The model is loading.").to_owned(),
        Phase::Done(_) => {
            let answer = run.facts.observation.with_untracked(|o| o.answer());
            fill("Done. The answer: {answer}", &[("answer", &answer)])
        }
        other => other.sentence(),
    });
    let failed = Kept::new(move || run.facts.phase.with(|p| matches!(p, Phase::Failed(_))));
    let over = Kept::new(move || {
        run.facts.phase.with(|p| matches!(p, Phase::Failed(_) | Phase::Cancelled))
    });
    let may_stop = Kept::new(move || {
        run.facts.phase.with(Phase::is_live)
            && run.facts.id.get().is_some_and(|id| actions::is_owner(&id))
    });
    let known = move || run.facts.phase.with(Phase::progress);
    let again = move |_| {
        let go = navigate.get_value();
        claims::again(lab, move |path, options| go(path, options));
    };
    view! {
        <div
            class="waiting status"
            class:live=live
            class:quiet-now=move || run.facts.phase.with(|p| matches!(p, Phase::Done(_))) && !lab.sending.get()
            class:failed=move || failed.get()
            class:lost=move || run.facts.lost.get()
        >
            <div class="bar" class:waiting=move || live() && known().is_none()>
                <i style:width=move || format!("{:.1}%", known().unwrap_or(0.0) * 100.0)></i>
            </div>
            <div class="waiting-row">
                <p data-testid="status" data-phase=move || run.facts.phase.with(Phase::name)>{sentence}</p>
                <Show when=move || live()><Clock lab/></Show>
                <Show when=move || may_stop.get()><Stop lab testid="stop-here"/></Show>
                <Show when=move || over.get() && !lab.sending.get()>
                    <button type="button" class="button" data-testid="ask-again"
                        on:click=again>{t("Ask again")}</button>
                </Show>
            </div>
            <p class="sr-only" role="status" aria-live="polite">{move || step.get()}</p>
        </div>
    }
}

/// The way to stop the run; pressed, it says so until the run has ended.
#[component]
pub(super) fn Stop(lab: Lab, testid: &'static str) -> impl IntoView {
    let pressed = RwSignal::new(false);
    let stop = move |_| {
        pressed.set(true);
        actions::cancel(lab);
    };
    view! {
        <button type="button" class="button" data-testid=testid disabled=move || pressed.get() on:click=stop>
            {move || if pressed.get() { t("Stopping …") } else { t("Stop") }}
        </button>
    }
}

/// Time so far and time to go, and how many tokens.
#[component]
pub(super) fn Clock(lab: Lab) -> impl IntoView {
    let run = lab.run;
    let began = browser::now();
    let now = RwSignal::new(began);
    // When the step that is at work began: what is to go follows from it.
    let step = StoredValue::new((run.facts.phase.with_untracked(Phase::name), began));
    browser::every(
        TICK,
        || true,
        move || {
            let _ = now.try_set(browser::now());
        },
    );
    let told = move || {
        let (now, phase) = (now.get(), run.facts.phase.get());
        if step.with_value(|(name, _)| *name != phase.name()) {
            step.set_value((phase.name(), now));
        }
        let so_far = now - began;
        let mut parts = vec![fill("{time} so far", &[("time", &words::seconds(so_far))])];
        if let Some(n) = phase.tokens_to_go() {
            parts.push(fill("at most {n} tokens to go", &[("n", &n)]));
        }
        let here = now - step.with_value(|(_, began)| *began);
        let left = phase.progress().and_then(|done| to_go(done, here));
        match (left, expected_ms(lab)) {
            (Some(left), _) => {
                parts.push(fill("about {time} to go", &[("time", &words::seconds(left))]));
            }
            // Less than a second is not told in seconds.
            (None, Some(all)) if all > so_far && all >= 1000.0 => {
                parts.push(fill("reading takes about {time}", &[("time", &words::seconds(all))]));
            }
            _ => {}
        }
        parts.join(" · ")
    };
    view! { <p class="clock" data-testid="clock">{told}</p> }
}
