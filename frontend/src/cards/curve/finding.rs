//! What the curve says, in a sentence: where words draw most and least, and where a word of the
//! answer was looked up in the question.

use leptos::prelude::*;
use shared::{Echo, Extremes};

use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::Run;
use crate::run::kept::Kept;
use crate::ui::said::views;
use crate::ui::term::Explained;
use crate::ui::value::Partial;
use crate::words;

/// The line under the curve.
#[component]
pub fn Finding() -> impl IntoView {
    let run = use_lab().run;
    let found = Kept::new(move || {
        run.derived.measures.with(|all| Extremes::of(all)).filter(|_| run.derived.whole.get())
    });
    let echo = Kept::new(move || {
        let (token, echo) = run.derived.echo.get()?;
        let word = run.facts.observation.with(|o| Some(words::token(&o.shown(token)?.text)))?;
        Some((word, echo))
    });
    view! {
        <p class="finding" data-testid="finding">
            // Another sentence is another element: its layers do not wander through the line.
            <For each=move || echo.get() key=|echo| format!("{echo:?}") let:found>
                {looked_up(run, found.0, &found.1)}" "
            </For>
            <For each=move || found.get() key=|found| format!("{found:?}") let:found>
                {extremes(run, &found)}
            </For>
            <Show when=move || found.with(Option::is_some) || echo.with(Option::is_some)>
                <Partial run/>
            </Show>
        </p>
        <p class="card-foot" data-testid="caveat">{views(
            "{attention} shows where the model looked, not why it answered so: change the picture \
             or the words and run again to test it.",
            [("attention", view! { <Explained term=Term::Attention word=t("Attention")/> }.into_any())],
        )}</p>
    }
}

/// A layer by its number; a click pins it.
fn layer(run: Run, layer: usize) -> AnyView {
    view! {
        <button type="button" class="link" data-testid="finding-layer" data-layer=layer
            on:click=move |_| run.view.layer.set(Some(layer))>
            {fill("layer {n}", &[("n", &layer)])}
        </button>
    }
    .into_any()
}

/// Where words draw most, and where the picture does.
fn extremes(run: Run, found: &Extremes) -> AnyView {
    let (most, least) = (found.most, found.least);
    let times = |class: &'static str, mdi: f64| {
        view! { <b class=class>{words::number(mdi)}"×"</b> }.into_any()
    };
    let side = |mdi: f64| if mdi > 1.0 { "words" } else { "picture" };
    let places = [
        ("most", layer(run, most.0)),
        ("high", times(side(most.1), most.1)),
        ("least", layer(run, least.0)),
        ("low", times(side(least.1), least.1)),
    ];
    let sentence = if least.1 > 1.0 && found.undefined == 0 {
        views(
            "Token for token, words draw more in every layer: most in {most} ({high}), least in \
             {least} ({low}).",
            places,
        )
        .into_any()
    } else if most.1 < 1.0 && found.undefined == 0 {
        views(
            "Token for token, the picture draws more in every layer: most in {least} ({low}), \
             least in {most} ({high}).",
            places,
        )
        .into_any()
    } else {
        views(
            "Token for token, words draw most in {most} ({high}) and least in {least} ({low}).",
            places,
        )
        .into_any()
    };
    let missing = (found.undefined > 0).then(|| {
        let all = found.defined + found.undefined;
        fill(
            " {n} of {all} layers have no value and are not spoken of.",
            &[("n", &found.undefined), ("all", &all)],
        )
    });
    let (low, high) = found.shares;
    let shares = fill(
        " All words together get {low} to {high} of the attention on words and picture.",
        &[("low", &words::percent(low)), ("high", &words::percent(high))],
    );
    view! { {sentence}{missing}<span data-testid="finding-share">{shares}</span> }.into_any()
}

/// Where the row that wrote a word looked at the same word in the question.
fn looked_up(run: Run, word: String, echo: &Echo) -> AnyView {
    let share = view! { <b>{words::percent(echo.share())}</b> };
    views(
        "{word} stands in the question, too: the model looked at it there when it wrote it, most of all in \
         {layer}, with {share} of its attention.",
        [
            ("word", view! { <b>"“"{word}"”"</b> }.into_any()),
            ("layer", layer(run, echo.layer)),
            ("share", share.into_any()),
        ],
    )
    .into_any()
}
