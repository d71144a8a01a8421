//! One sentence of what happened: whom the answer follows, and what the row that wrote its word looked at.

use leptos::prelude::*;
use shared::repeat::Claim;
use shared::{Counted, Followed, followed};

use crate::claims::{known, said, sample_of};
use crate::lab::{Lab, use_lab};
use crate::language::{fill, t};
use crate::run::Run;
use crate::run::kept::Kept;
use crate::run::kinds::name_of;
use crate::run::phase::Phase;
use crate::run::shown::Shown;
use crate::ui::said::views;
use crate::words;

/// Two looks that differ by less than this factor are called alike.
const ALIKE: f64 = 1.15;

/// The sentence.
#[component]
pub fn Told() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let whom = Kept::new(move || whom(lab));
    let looked = move || looked(run);
    view! {
        <p class="told" data-testid="told">
            {move || whom.get().map(|text| view! { <b data-testid="whom">{text}</b> " " })}
            {looked}
        </p>
    }
}

/// Whom the answer follows, as far as that is known; nothing of a run that is not over.
fn whom(lab: Lab) -> Option<String> {
    let run = lab.run;
    if !run.facts.phase.with(|p| matches!(p, Phase::Done(_))) {
        return None;
    }
    let answer = run.facts.observation.with(shared::Observation::answer);
    let (beginning, what, question) = said(lab);
    let shows = sample_of(lab).filter(|s| !s.shows.is_empty());
    if let Some(sample) = &shows {
        let claimed = if beginning.is_empty() { &sample.claim } else { &what };
        let text = match (beginning, followed(&answer, &question, claimed, &sample.shows)) {
            ("", Followed::Picture) => t("Nothing is claimed, and the model names what it sees."),
            ("", _) => t("Nothing is claimed, and still the model does not name what it sees."),
            (_, Followed::Words) => t("In the answer, the words overruled the picture."),
            (_, Followed::Picture) => t("In the answer, the picture overruled the words."),
            (_, Followed::Unclear) => t("The answer follows neither words nor picture."),
        };
        return Some(text.to_owned());
    }
    if beginning.is_empty() {
        return None;
    }
    let says = Claim::beyond(&what, &question)?.is_said_by(&answer);
    // What the words did is known once the same was asked without them.
    let without = known(lab, "", &what);
    Some(match (says, without) {
        (_, Some(without)) if without == answer.trim() => {
            t("The claim changed nothing: without it the answer is the same.").to_owned()
        }
        (true, Some(without)) => fill(
            "The words decided: without them the answer is “{answer}”",
            &[("answer", &without)],
        ),
        (false, Some(without)) => fill(
            "The claim changed the answer, which does not say it: without it, “{answer}”",
            &[("answer", &without)],
        ),
        (true, None) => t("The answer says what the words claim.").to_owned(),
        (false, None) => t("The answer does not say what the words claim.").to_owned(),
    })
}

/// What the row that wrote the chosen word looked at, in the layer that is looked at.
fn looked(run: Run) -> Option<AnyView> {
    let (token, layer) = (run.derived.token.get()?, run.derived.layer.get()?);
    let word = run
        .facts
        .observation
        .with(|o| o.shown(token).map(|t| words::token(&t.text)).filter(|word| !word.is_empty()))?;
    let bold = |text: String| view! { <b>{text}</b> }.into_any();
    // A single head may look elsewhere than all of them, whom the first sentence is about.
    let place = match run.derived.maps.shown.get() {
        Shown::Head(head) => {
            let place = fill("{layer}, head {head} alone", &[("layer", &layer), ("head", &head)]);
            ("layer", place.into_any())
        }
        _ => ("layer", layer.into_any()),
    };
    let written = || ("word", format!("“{word}”").into_any());
    let glance = run.derived.glance.get().unwrap_or_default();
    let times = |n: f64| bold(words::number(n));
    if let Some(n) = glance.times() {
        let looked = ("looked", view! { <b class="words">{word.clone()}</b> }.into_any());
        return Some(match n {
            n if n >= ALIKE => views(
                "Writing {word} in layer {layer}, the model looked at the word {looked} {n} times as much as \
                 at any patch of the picture.",
                [place, written(), looked, ("n", times(n))],
            )
            .into_any(),
            n if n <= 1.0 / ALIKE => views(
                "Writing {word} in layer {layer}, the model looked at one patch of the picture {n} times \
                 as much as at the word {looked}.",
                [place, written(), looked, ("n", times(1.0 / n))],
            )
            .into_any(),
            _ => views(
                "Writing {word} in layer {layer}, the model looked at the word {looked} as much as at \
                 the patch that it looked at most.",
                [place, written(), looked],
            )
            .into_any(),
        });
    }
    let split = run.derived.split.get()?;
    let medium = ("medium", name_of(run).into_any());
    if run.view.counted.get() == Counted::PerToken {
        let split = split.counted(Counted::PerToken);
        let n = split.words / split.picture;
        return n.is_finite().then(|| per_token(n, place, written(), medium));
    }
    let picture = view! { <b class="picture">{words::percent(split.picture)}</b> }.into_any();
    let share = view! { <b class="words">{words::percent(split.words)}</b> }.into_any();
    let told = views(
        "Writing {word} in layer {layer}, the model gave {picture} of its attention to the whole {medium} and \
         {share} to all the words.",
        [place, written(), medium, ("picture", picture), ("share", share)],
    );
    Some(told.into_any())
}

/// The same by one token of each side: the words' drew `n` times the attention of the medium's.
fn per_token(
    n: f64,
    place: (&'static str, AnyView),
    written: (&'static str, AnyView),
    medium: (&'static str, AnyView),
) -> AnyView {
    let times = |n: f64| ("n", view! { <b>{words::number(n)}</b> }.into_any());
    match n {
        n if n >= ALIKE => views(
            "Writing {word} in layer {layer}, the model looked, per token, at the words {n} times as much as \
             at the {medium}.",
            [place, written, medium, times(n)],
        )
        .into_any(),
        n if n <= 1.0 / ALIKE => views(
            "Writing {word} in layer {layer}, the model looked, per token, at the {medium} {n} times as much \
             as at the words.",
            [place, written, medium, times(1.0 / n)],
        )
        .into_any(),
        _ => views(
            "Writing {word} in layer {layer}, the model looked, per token, at words and {medium} alike.",
            [place, written, medium],
        )
        .into_any(),
    }
}
