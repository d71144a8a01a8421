//! The answers side by side, and whether they are the same.

use leptos::prelude::*;
use shared::observation::Generated;
use shared::pair::parting;

use super::difference::Swapped;
use super::opened::Opened;
use super::outcome::{answer, meaning};
use crate::language::t;
use crate::run::phase::Phase;
use crate::words;
use plots::curves::letter;

/// The card.
#[component]
pub(super) fn Answers(first: Opened, others: Vec<Opened>) -> impl IntoView {
    view! {
        <section class="card" aria-labelledby="answers-title">
            <header class="card-head"><h2 id="answers-title">{t("The answers")}</h2></header>
            <div class="answers">
                <Answer run=first first/>
                {others.into_iter().map(|run| view! { <Answer run first/> }).collect_view()}
            </div>
        </section>
    }
}

/// One run's answer and, for all but the first, what became of it.
#[component]
fn Answer(run: Opened, first: Opened) -> impl IntoView {
    let letter = letter(run.place);
    let own = run.place == 0;
    let parted = Memo::new(move |_| {
        first
            .run
            .facts
            .observation
            .with(|a| run.run.facts.observation.with(|b| parting(&a.tokens, &b.tokens)))
    });
    // Before both have answered, a difference may be only that one is still writing.
    let both = Memo::new(move |_| first.answered() && run.answered());
    let changed = move || (!own && both.get()).then(|| !parted.with(|p| p.is_none()));
    // As it reads, with the token at which it parts from the first one's made plain to see.
    let written = move || {
        // From an answer that is not there nothing parts.
        let alone = own || first.missing.with(Option::is_some);
        let same = if alone { usize::MAX } else { parted.with(|p| p.same) };
        run.run.facts.observation.with(|o| {
            let joined =
                |tokens: &[Generated]| tokens.iter().map(|t| t.text.as_str()).collect::<String>();
            let (before, after) = o.tokens.split_at(same.min(o.tokens.len()));
            let parted = o.shown(before.len()).map(|t| {
                view! { <span class="parted">{words::token(&t.text)}</span> }
            });
            let rest = after.get(1..).map(joined);
            view! { {joined(before).trim_start().to_owned()}" "{parted}{rest} }
        })
    };
    let outcome = move || match changed() {
        None => None,
        Some(changed) => {
            let told = parted.with(answer);
            // Before the pictures were compared nothing is said of them.
            let swapped = run.swapped.get();
            let meant = |s: Swapped| {
                meaning(&first.options(), &run.options(), !s.which.is_empty(), !changed)
            };
            let why = swapped.and_then(meant);
            Some(view! {
                <p class="outcome" data-testid="outcome" data-changed=changed.to_string()>
                    <b>{told}</b>" "{why}
                </p>
            })
        }
    };
    // Of the others only what was asked otherwise.
    let asked = move || {
        let asked = run.run.facts.options.with(|o| o.prompt.clone());
        let same = !own && first.run.facts.options.with(|o| o.prompt == asked);
        (!same).then_some(asked)
    };
    let waiting = move || {
        let text = run.run.facts.observation.with(|o| o.tokens.is_empty());
        text.then(|| match run.run.facts.phase.get() {
            _ if run.missing.with(Option::is_some) => run.missing.get().unwrap_or_default(),
            Phase::Done(_) => t("Nothing was written.").to_owned(),
            phase => phase.sentence(),
        })
    };
    view! {
        <div class="answer-beside" data-testid="compared-answer"
            data-text=move || run.run.facts.observation.with(|o| o.answer())>
            <b class="letter">{letter}</b>
            <div>
                <p class="question">{asked}</p>
                <p class="tokens" lang="">{written}<span class="quiet">{waiting}</span></p>
                {outcome}
            </div>
        </div>
    }
}
