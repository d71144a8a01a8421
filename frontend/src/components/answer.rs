//! The answer, token by token, each coloured by where the row that wrote it looked.

use leptos::prelude::*;

use crate::components::said::views;
use crate::components::term::Explained;
use crate::components::value::plain;
use crate::glossary::Term;
use crate::language::{fill, t};
use crate::link::Pick;
use crate::phase::Phase;
use crate::state::use_lab;
use crate::words;

/// The card.
#[component]
pub fn Answer() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let count = Memo::new(move |_| run.observation.with(|o| o.tokens.len()));
    let note = move || match run.phase.get() {
        Phase::Done(timing) => words::millis(timing.total_ms),
        Phase::Generating { .. } => t("writing …").into(),
        Phase::Cancelled if count.get() > 0 => t("stopped early").into(),
        _ => String::new(),
    };
    let question = move || run.options.with(|o| o.prompt.clone());
    // What the colours of the words say; of one layer where one is pinned.
    let colours = move || {
        let words = view! { <b class="words">{t("words")}</b> }.into_any();
        let picture = view! { <b class="picture">{t("picture")}</b> }.into_any();
        let token = view! { <Explained term=Term::Token word=t("token")/> }.into_any();
        match run.pinned.get() {
            Some(l) => views(
                "Colour: what drew more per {token}, {words} or {picture}, in layer {layer}.",
                [("token", token), ("words", words), ("picture", picture), ("layer", l.into_any())],
            )
            .into_any(),
            None => views(
                "Colour: what drew more per {token}, {words} or {picture}.",
                [("token", token), ("words", words), ("picture", picture)],
            )
            .into_any(),
        }
    };
    view! {
        <section class="card answer" data-tour="answer" aria-labelledby="answer-title">
            <header class="card-head">
                <h2 id="answer-title">{t("Answer")}</h2>
                <p class="card-note">{note}</p>
            </header>
            <p class="question" title=question>{question}</p>
            <div
                class="chips"
                role="group"
                aria-label=t("Tokens of the answer")
                data-testid="answer"
                data-keys=""
                data-text=move || run.observation.with(|o| o.answer())
                on:keydown=move |event| match event.key().as_str() {
                    "ArrowLeft" => run.step_token(-1),
                    "ArrowRight" => run.step_token(1),
                    _ => {}
                }
            >
                {move || (0..count.get()).map(|i| view! { <Chip i/> }).collect_view()}
                {move || (count.get() == 0).then(|| view! {
                    <p class="quiet">{if matches!(run.phase.get(), Phase::Done(_) | Phase::Failed { .. } | Phase::Cancelled) { t("Nothing was written.") } else { t("Nothing written yet.") }}</p>
                })}
            </div>
            <p class="card-foot" class:hidden=move || count.get() == 0>{colours}</p>
        </section>
    }
}

/// One token.
#[component]
fn Chip(i: usize) -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let measure = Memo::new(move |_| {
        let (layer, definition) = (run.pinned.get(), run.definition.get());
        run.observation.with(|o| o.token_measure(i, layer, &definition))
    });
    let (text, chance) = run.observation.with_untracked(|o| {
        o.tokens.get(i).map_or_else(Default::default, |t| {
            (words::token(&t.text), words::percent(f64::from(t.logprob).exp()))
        })
    });
    let chosen = move || run.token.get() == Some(i);
    let colour = move || {
        let palette = lab.palette.get();
        measure.get().mdi.map_or(palette.neutral, |m| palette.ground(m)).css()
    };
    view! {
        <button
            type="button"
            class="chip"
            class:chosen=chosen
            class:unknown=move || measure.get().mdi.is_err()
            data-testid="token-chip"
            data-index=i
            aria-pressed=move || chosen().to_string()
            style:background=colour
            title=move || fill(
                "token {i} · MDI {mdi} · words get {share} of the attention on words and picture · probability {chance}",
                &[
                    ("i", &i),
                    ("mdi", &plain(measure.get().mdi, words::number)),
                    ("share", &plain(measure.get().share_text, words::percent)),
                    ("chance", &chance),
                ],
            )
            on:click=move |_| run.pick.set(if chosen() { Pick::Nothing } else { Pick::Token(i) })
        >
            {text}
        </button>
    }
}
