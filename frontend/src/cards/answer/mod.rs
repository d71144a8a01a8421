//! The answer, token by token, each coloured by where the row that wrote it looked.

use leptos::prelude::*;
use shared::Counted;

use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::Run;
use crate::run::kept::Kept;
use crate::run::link::Pick;
use crate::run::phase::Phase;
use crate::sequence;
use crate::ui::said::views;
use crate::ui::term::Explained;
use crate::ui::value::plain;
use crate::words;

/// Letters up to which an answer is written large, and up to which in middle size.
const SIZES: (usize, usize) = (40, 140);

/// The card, as a class sees it.
#[component]
pub fn Answer() -> impl IntoView {
    let lab = use_lab();
    let question = move || lab.run.facts.options.with(|o| o.prompt.clone());
    view! {
        <section class="card answer" aria-labelledby="answer-title">
            <header class="card-head">
                <h2 id="answer-title">{t("Answer")}</h2>
                <p class="card-note">{move || match lab.run.facts.phase.get() {
                    Phase::Done(timing) => words::millis(timing.total_ms),
                    Phase::Generating { .. } => t("writing …").into(),
                    _ => String::new(),
                }}</p>
            </header>
            <p class="question" title=question>{question}</p>
            <Chips/>
            <p class="card-foot">{move || colours(lab.run)}</p>
        </section>
    }
}

/// What the colours of the words say, of the layer that is looked at.
fn colours(run: Run) -> Option<AnyView> {
    if run.facts.observation.with(|o| o.tokens.is_empty()) || run.derived.target.get().is_some() {
        return None;
    }
    let layer = run.derived.layer.get()?;
    let words = view! { <b class="words">{t("words")}</b> }.into_any();
    let picture = view! { <b class="picture">{t("picture")}</b> }.into_any();
    let token = view! { <Explained term=Term::Token word=t("token")/> }.into_any();
    let places = [("words", words), ("picture", picture), ("layer", layer.into_any())];
    Some(match run.view.counted.get() {
        Counted::PerToken => {
            let [words, picture, layer] = places;
            views(
                "Colour: what drew more per {token}, {words} or {picture}, in layer {layer}.",
                [("token", token), words, picture, layer],
            )
            .into_any()
        }
        Counted::InTotal => {
            views("Colour: what drew more in all, {words} or {picture}, in layer {layer}.", places)
                .into_any()
        }
    })
}

/// The tokens.
#[component]
pub fn Chips() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let count = Kept::new(move || run.facts.observation.with(|o| o.tokens.len()));
    let size = Kept::new(move || {
        let letters = run.facts.observation.with(|o| o.answer().chars().count());
        match letters {
            n if n <= SIZES.0 => "large",
            n if n <= SIZES.1 => "middle",
            _ => "small",
        }
    });
    let ended = move || {
        matches!(run.facts.phase.get(), Phase::Done(_) | Phase::Failed(_) | Phase::Cancelled)
    };
    let looks_note = move || {
        let name = run
            .derived
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
            <div
                class=move || {
                    let looking = run.derived.target.get().is_some();
                    ["chips", size.get(), if looking { "looking" } else { "" }].join(" ")
                }
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
                    <p class="quiet">{if ended() { t("Nothing was written.") } else { t("Nothing written yet.") }}</p>
                })}
            </div>
            // Of what is only pointed at the words' grounds tell: a line would move all that stands below.
            <Show when=move || run.view.target.get().is_some() && count.get() != 0>
                <p class="card-foot" data-testid="answer-looks">{looks_note}</p>
            </Show>
    }
}

/// One token.
#[component]
fn Chip(i: usize) -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let measure = Kept::new(move || {
        let (layer, definition) = (run.derived.layer.get(), run.derived.lens.get());
        run.facts.observation.with(|o| o.token_measure(i, layer, &definition))
    });
    let (text, chance, apart, end) = run.facts.observation.with_untracked(|o| {
        let shown = o.shown(i).map(|t| t.text).unwrap_or_default();
        let chance = o.tokens.get(i).map(|t| sequence::chance(t.logprob)).unwrap_or_default();
        let apart = shown.starts_with([' ', '\u{2581}', '\n']) || shown.is_empty();
        (words::token(&shown), chance, apart && i > 0, shown.is_empty())
    });
    let chosen = move || run.derived.token.get() == Some(i);
    // What is chosen for good: the pointer is over what it clicks.
    let picked = move || run.view.token.get_untracked() == Pick::Token(i);
    // Where something is looked at, how much this token looked at it; else what drew it more.
    let looked = Kept::new(move || {
        run.derived.maps.looks.with(|l| l.as_ref()?.get(i, run.derived.layer.get()?))
    });
    let style = move || {
        let palette = lab.palette.get();
        let ground =
            match (run.derived.target.get(), looked.get(), run.derived.maps.looks_end.get()) {
                (None, ..) => {
                    let ratio = measure.get().ratio(run.view.counted.get());
                    ratio.map_or(palette.neutral, |ratio| palette.ground(ratio))
                }
                (Some(_), Some(share), end) if end > 0.0 => {
                    palette.scale.0.mix(palette.scale.1, f64::from(share / end))
                }
                (Some(_), ..) => palette.neutral,
            };
        match run.derived.target.get() {
            None => format!("--ground:{}", ground.css()),
            Some(_) => format!("--ground:{};color:{}", ground.css(), ground.type_on().css()),
        }
    };
    let looked_share = move || match (run.derived.target.get(), looked.get()) {
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
        // As far apart as the words themselves.
        {apart.then_some(" ")}
        <button
            type="button"
            class="chip"
            class:chosen=chosen
            class:unknown=move || measure.get().mdi.is_err()
            class:end=end
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
            on:pointerenter=move |event| if event.pointer_type() == "mouse" {
                run.over.token.set(Some(i));
            }
            on:pointerleave=move |_| run.over.token.set(None)
            on:click=move |_| run.view.token.set(if picked() { Pick::Nothing } else { Pick::Token(i) })
        >
            {text}
        </button>
    }
}
