//! The answer, token by token, each coloured by where the row that wrote it looked.

use leptos::prelude::*;

use crate::components::value::plain;
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
        Phase::Generating { .. } => "writing …".into(),
        Phase::Cancelled if count.get() > 0 => "stopped early".into(),
        _ => String::new(),
    };
    let question = move || run.options.with(|o| o.prompt.clone());
    let layer_note = move || match run.pinned.get() {
        Some(l) => format!(", in layer {l}"),
        None => String::new(),
    };
    view! {
        <section class="card answer" aria-labelledby="answer-title">
            <header class="card-head">
                <h2 id="answer-title">"Answer"</h2>
                <p class="card-note">{note}</p>
            </header>
            <p class="question" title=question>{question}</p>
            <div
                class="chips"
                role="group"
                aria-label="Tokens of the answer"
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
                    <p class="quiet">{if matches!(run.phase.get(), Phase::Done(_) | Phase::Failed { .. } | Phase::Cancelled) { "Nothing was written." } else { "Nothing written yet." }}</p>
                })}
            </div>
            <p class="card-foot" class:hidden=move || count.get() == 0>
                "Colour: what drew more per token, " <b class="words">"words"</b> " or "
                <b class="picture">"picture"</b> {layer_note} "."
            </p>
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
            title=move || format!(
                "token {i} · MDI {} · words get {} of the attention on words and picture · probability {chance}",
                plain(measure.get().mdi, words::number),
                plain(measure.get().share_text, words::percent),
            )
            on:click=move |_| run.pick.set(if chosen() { Pick::Nothing } else { Pick::Token(i) })
        >
            {text}
        </button>
    }
}
