//! The answer, token by token, each coloured by where the row that wrote it looked.

use leptos::prelude::*;

use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::kept::Kept;
use crate::run::link::Pick;
use crate::run::phase::Phase;
use crate::sequence;
use crate::ui::said::views;
use crate::ui::term::Explained;
use crate::ui::value::plain;
use crate::words;

/// The card.
#[component]
pub fn Answer() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let count = Kept::new(move || run.facts.observation.with(|o| o.tokens.len()));
    let note = move || match run.facts.phase.get() {
        Phase::Done(timing) => words::millis(timing.total_ms),
        Phase::Generating { .. } => t("writing …").into(),
        Phase::Cancelled if count.get() > 0 => t("stopped early").into(),
        _ => String::new(),
    };
    let question = move || run.facts.options.with(|o| o.prompt.clone());
    // What the colours of the words say; of one layer where one is pinned.
    let colours = move || {
        let words = view! { <b class="words">{t("words")}</b> }.into_any();
        let picture = view! { <b class="picture">{t("picture")}</b> }.into_any();
        let token = view! { <Explained term=Term::Token word=t("token")/> }.into_any();
        match run.view.layer.get() {
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
    let looks_note = move || {
        let name = run
            .view
            .target
            .get()
            .map(|t| run.facts.observation.with(|o| sequence::target_name(o, t)));
        fill(
            "Colour: share of each token’s attention on {name} in layer {layer}, 0 to {end}.",
            &[
                ("name", &name.unwrap_or_default()),
                ("layer", &run.derived.layer.get().unwrap_or_default()),
                ("end", &words::percent(run.derived.maps.looks_end.get().into())),
            ],
        )
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
                data-text=move || run.facts.observation.with(|o| o.answer())
                on:keydown=move |event| match event.key().as_str() {
                    "ArrowLeft" => run.step_token(-1),
                    "ArrowRight" => run.step_token(1),
                    _ => {}
                }
            >
                {move || (0..count.get()).map(|i| view! { <Chip i/> }).collect_view()}
                {move || (count.get() == 0).then(|| view! {
                    <p class="quiet">{if matches!(run.facts.phase.get(), Phase::Done(_) | Phase::Failed(_) | Phase::Cancelled) { t("Nothing was written.") } else { t("Nothing written yet.") }}</p>
                })}
            </div>
            <Show when=move || run.view.target.get().is_some() && count.get() != 0>
                <p class="card-foot" data-testid="answer-looks">{looks_note}</p>
            </Show>
            <p class="card-foot" class:hidden=move || count.get() == 0 || run.view.target.get().is_some()>{colours}</p>
        </section>
    }
}

/// One token.
#[component]
fn Chip(i: usize) -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let measure = Kept::new(move || {
        let (layer, definition) = (run.view.layer.get(), run.view.definition.get());
        run.facts.observation.with(|o| o.token_measure(i, layer, &definition))
    });
    let (text, chance) = run.facts.observation.with_untracked(|o| {
        let text = o.shown(i).map(|t| words::token(&t.text)).unwrap_or_default();
        (text, o.tokens.get(i).map(|t| sequence::chance(t.logprob)).unwrap_or_default())
    });
    let chosen = move || run.derived.token.get() == Some(i);
    // Where something is looked at, how much this token looked at it; else what drew it more.
    let looked = Kept::new(move || {
        run.derived.maps.looks.with(|l| l.as_ref()?.get(i, run.derived.layer.get()?))
    });
    let style = move || {
        let palette = lab.palette.get();
        let ground = match (run.view.target.get(), looked.get(), run.derived.maps.looks_end.get()) {
            (None, ..) => measure.get().mdi.map_or(palette.neutral, |m| palette.ground(m)),
            (Some(_), Some(share), end) if end > 0.0 => {
                palette.scale.0.mix(palette.scale.1, f64::from(share / end))
            }
            (Some(_), ..) => palette.neutral,
        };
        match run.view.target.get() {
            None => format!("background:{}", ground.css()),
            Some(_) => format!("background:{};color:{}", ground.css(), ground.type_on().css()),
        }
    };
    let looked_share = move || match (run.view.target.get(), looked.get()) {
        (Some(_), Some(share)) => fill(
            " · {share} of its attention on what you chose",
            &[("share", &words::percent(share.into()))],
        ),
        _ => String::new(),
    };
    let nearly = run
        .facts
        .observation
        .with_untracked(|o| o.tokens.get(i).map(sequence::nearly).filter(|n| !n.is_empty()));
    let nearly = nearly.map_or_else(String::new, |nearly| format!(" · {nearly}"));
    view! {
        <button
            type="button"
            class="chip"
            class:chosen=chosen
            class:unknown=move || measure.get().mdi.is_err()
            data-testid="token-chip"
            data-index=i
            aria-pressed=move || chosen().to_string()
            style=style
            data-looked=move || looked.get().map(|share| share.to_string())
            title=move || fill(
                "token {i} · MDI {mdi} · words get {share} of the attention on words and picture · probability {chance}",
                &[
                    ("i", &i),
                    ("mdi", &plain(measure.get().mdi, words::number)),
                    ("share", &plain(measure.get().share_text, words::percent)),
                    ("chance", &chance),
                ],
            ) + &nearly + &looked_share(
            )
            on:click=move |_| run.view.token.set(if chosen() { Pick::Nothing } else { Pick::Token(i) })
        >
            {text}
        </button>
    }
}
