//! The band that opens a run's page: the picture with where the model looked, the question with its words
//! lit alike, the answer, what happened, and the two things to try, other layers and other claims.

pub mod bar;
pub mod claim;
pub mod question;
pub mod scrub;
pub mod told;

use leptos::prelude::*;
use shared::Counted;

use crate::browser;
use crate::cards::answer::Chips;
use crate::cards::opener::bar::Bar;
use crate::cards::opener::claim::Claims;
use crate::cards::opener::question::Question;
use crate::cards::opener::scrub::Scrub;
use crate::cards::opener::told::Told;
use crate::cards::seen::Looked;
use crate::lab::{Lab, use_lab};
use crate::language::{either, t};
use crate::run::phase::Phase;
use crate::ui::value::Switch;
use crate::words;

/// The band.
#[component]
pub fn Opener() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    view! {
        <section class="card opener" data-testid="opener" aria-label=t("The run at a glance")>
            <div class="seen" data-tour="seen">
                <h2 class="sr-only">{t("What the model saw")}</h2>
                <Looked/>
            </div>
            <div class="glance">
                <div class="meta-row">
                    <p class="meta" data-testid="meta">{move || meta(lab)}</p>
                    <button type="button" class="button" data-testid="ask-own" on:click=move |_| ask_own()>
                        {t("Ask your own")}
                    </button>
                </div>
                <Question/>
                <div class="answer" data-tour="answer">
                    <h2 class="sr-only">{t("Answer")}</h2>
                    <Chips/>
                </div>
                <Told/>
                <Bar/>
                <Scrub/>
                <div class="try">
                    <Claims/>
                    <Switch
                        label=t("What attention is counted by")
                        choices=vec![
                            (Counted::PerToken, t("per token"), t("One token of the words against one of the picture")),
                            (Counted::InTotal, t("in total"), t("All words together against the whole picture")),
                        ]
                        chosen=run.view.counted
                    />
                </div>
            </div>
        </section>
    }
}

/// Leads to the form.
fn ask_own() {
    browser::to_the_top_of(".ask");
    browser::focus("#prompt");
}

/// Who answered, what it learned from, and how long it took.
fn meta(lab: Lab) -> String {
    let (run, mut parts) = (lab.run, Vec::new());
    let name = run.facts.options.with(|o| o.model.clone());
    let entry = lab.models.with(|all| all.iter().find(|m| m.name == name).cloned());
    match entry {
        Some(entry) => {
            let title = either(&entry.title, &entry.ko.title);
            parts.push(title.split(": ").next().unwrap_or_default().to_owned());
            if entry.demo {
                parts.push(t("learned from drawings, not photographs").to_owned());
            }
        }
        None if !name.is_empty() => parts.push(name),
        None => {}
    }
    match run.facts.phase.get() {
        Phase::Done(timing) => parts.push(words::millis(timing.total_ms)),
        Phase::Cancelled if run.facts.observation.with(|o| !o.tokens.is_empty()) => {
            parts.push(t("stopped early").into());
        }
        _ => {}
    }
    parts.join(" · ")
}
