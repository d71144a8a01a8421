//! The band that opens a run's page: the picture with where the model looked, the question with its words
//! lit alike, the answer, what happened, and the two things to try, other layers and other claims.

pub mod bar;
pub mod claim;
pub mod draft;
pub mod elsewhere;
pub mod question;
pub mod scrub;
pub mod told;
pub mod waiting;

use leptos::prelude::*;
use shared::{Counted, Group};

use crate::actions;
use crate::cards::answer::Chips;
use crate::cards::opener::bar::Bar;
use crate::cards::opener::claim::Claims;
use crate::cards::opener::draft::{Draft, NotAsked};
use crate::cards::opener::question::Question;
use crate::cards::opener::scrub::Scrub;
use crate::cards::opener::told::Told;
use crate::cards::opener::waiting::Waiting;
use crate::cards::seen::Looked;
use crate::lab::{Lab, use_lab};
use crate::language::{either, t};
use crate::run::kept::Kept;
use crate::run::kinds::kind_of;
use crate::run::phase::Phase;
use crate::ui::value::Switch;
use crate::words;

/// The band.
#[component]
pub fn Opener() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let live = move || run.facts.phase.with(Phase::is_live) || lab.sending.get();
    let unseen = Kept::new(move || live() || lab.drafting.get());
    let over = Kept::new(move || {
        run.facts.phase.with(|p| matches!(p, Phase::Failed(_) | Phase::Cancelled))
            && !lab.drafting.get()
    });
    view! {
        <section class="card opener" data-testid="opener" aria-label=t("The run at a glance")>
            <div class="seen" data-tour="seen">
                <h2 class="sr-only">{t("What the model saw")}</h2>
                <Show when=move || lab.drafting.get() fallback=|| view! { <Looked/> }><Draft/></Show>
            </div>
            <div class="glance">
                <div class="meta-row">
                    <p class="meta" data-testid="meta">{move || meta(lab)}</p>
                    <button type="button" class="button" data-testid="ask-own" on:click=move |_| actions::to_the_form(lab)>
                        {t("Ask your own")}
                    </button>
                </div>
                <Show when=move || lab.drafting.get()><NotAsked/></Show>
                // What was there of the run before stays where it is, unseen: it comes back as it was.
                <div class="glance-run" class:hidden=move || lab.drafting.get()>
                <Question/>
                <div class="answer" data-tour=move || (!lab.drafting.get()).then_some("answer")>
                    <h2 id="answer-title" class="sr-only">{t("Answer")}</h2>
                    <Chips/>
                </div>
                </div>
                // What happened stands where it is waited for: nothing moves when the one makes room.
                <div class="happened" class:over=move || over.get()>
                    <Waiting/>
                    <div class:unseen=move || unseen.get()><Told/></div>
                </div>
                <div class="glance-run" class:hidden=move || lab.drafting.get()>
                <Bar/>
                <Scrub/>
                <div class="try">
                    // Claims are of what a picture shows.
                    <Show when=move || !matches!(kind_of(run), Some(Group::Audio | Group::Video))><Claims/></Show>
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
            </div>
        </section>
    }
}

/// Who answered, what it learned from, and how long it took.
fn meta(lab: Lab) -> String {
    let (run, mut parts) = (lab.run, Vec::new());
    let drafting = lab.drafting.get();
    let name = match drafting {
        true => lab.options.with(|o| o.model.clone()),
        false => run.facts.options.with(|o| o.model.clone()),
    };
    let entry = lab.models.with(|all| {
        let named = all.iter().find(|m| m.name == name);
        named.or_else(|| all.iter().find(|m| m.default).filter(|_| drafting)).cloned()
    });
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
        _ if drafting => {}
        Phase::Done(timing) => parts.push(words::millis(timing.total_ms)),
        Phase::Cancelled if run.facts.observation.with(|o| !o.tokens.is_empty()) => {
            parts.push(t("stopped early").into());
        }
        _ => {}
    }
    parts.join(" · ")
}
