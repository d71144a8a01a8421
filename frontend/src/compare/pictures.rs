//! The runs' pictures, number by number: where each run looked on it, and its measure against this picture alone.

use leptos::prelude::*;
use shared::{Definition, Media, Stage, Value};

use super::opened::{Chosen, Opened};
use crate::language::{fill, t};
use crate::media::lens;
use crate::run::kept::Kept;
use crate::run::kinds::kinds;
use crate::run::link::Curve;
use crate::ui::value::value;
use crate::words;
use plots::curves::letter;

/// The card; nothing while no run is known to have been shown a picture.
#[component]
pub(super) fn Pictures(
    all: StoredValue<Vec<Opened>>,
    first: Opened,
    chosen: Chosen,
) -> impl IntoView {
    let most = Kept::new(move || {
        let shown = |run: &Opened| kinds(run.run).len() as u8;
        all.with_value(|runs| runs.iter().map(shown).max()).unwrap_or(0)
    });
    let where_measured = move || {
        let place = match chosen.layer.get() {
            Some(layer) => fill("layer {layer}", &[("layer", &layer)]),
            None => words::stage(Stage::Late).to_owned(),
        };
        fill(
            "Each map on its own scale; {measure}: {place}",
            &[("measure", &named(chosen.curve.get())), ("place", &place)],
        )
    };
    move || {
        let most = most.get();
        (most > 0).then(|| view! {
            <section class="card" aria-labelledby="compared-pictures-title">
                <header class="card-head">
                    <h2 id="compared-pictures-title">{t("The pictures")}</h2>
                    <p class="card-note">{where_measured}</p>
                </header>
                {(0..most).map(|medium| view! { <Picture all first chosen medium alone={most == 1}/> }).collect_view()}
            </section>
        })
    }
}

fn named(curve: Curve) -> &'static str {
    match curve {
        Curve::Mdi => "MDI",
        Curve::Aei => t("AEI of the words"),
    }
}

/// A run's measure with this picture alone on the other side.
fn against(run: Opened, medium: u8, chosen: Chosen) -> Value {
    let definition = Definition { other: Media::Item(medium), ..chosen.definition.get() };
    let measure = run.run.facts.observation.with(|o| match chosen.layer.get() {
        Some(layer) if layer < o.layers() => o.measure(layer, &definition),
        _ => o.stage(Stage::Late, &definition),
    });
    match chosen.curve.get() {
        Curve::Mdi => measure.mdi,
        Curve::Aei => measure.aei_text,
    }
}

/// One picture of the prompt, in every run.
#[component]
fn Picture(
    all: StoredValue<Vec<Opened>>,
    first: Opened,
    chosen: Chosen,
    medium: u8,
    alone: bool,
) -> impl IntoView {
    let figure = move |run: Opened| {
        let kind = Kept::new(move || kinds(run.run).get(usize::from(medium)).copied());
        let measured = move || against(run, medium, chosen);
        // How far the run is from the first one, as ratios are compared.
        let times = move || match (against(first, medium, chosen), measured()) {
            (Ok(a), Ok(own)) if run.place > 0 && a > 0.0 => Some(own / a),
            _ => None,
        };
        let differs = move || {
            let which = |s: &super::difference::Swapped| s.which.contains(&medium);
            run.swapped.with(|s| s.as_ref().is_some_and(which))
        };
        view! {
            <figure class="compared-map" data-testid="compared-picture" data-picture=medium + 1
                data-differs=move || differs().to_string()>
                {move || kind.get().map(|kind| (lens(kind).still)(run.run, Signal::stored(medium)))}
                <figcaption>
                    <b class="letter">{letter(run.place)}</b>
                    {move || match kind.get() {
                        None => view! { <span>{t("no such picture")}</span> }.into_any(),
                        Some(_) => view! {
                            <span data-cell="measure">{move || value(measured(), words::number)}</span>
                            {move || times().map(|times| view! {
                                <small data-cell="times" data-value=times.to_string()>
                                    {fill("{times} × A’s", &[("times", &words::number(times))])}
                                </small>
                            })}
                        }.into_any(),
                    }}
                    {move || differs().then(|| view! { <small>{t("another picture")}</small> })}
                </figcaption>
            </figure>
        }
    };
    view! {
        {(!alone).then(|| view! { <h3>{fill("Picture {n}", &[("n", &(medium + 1))])}</h3> })}
        <div class="compared-maps">
            {all.with_value(|runs| runs.iter().map(|run| figure(*run)).collect_view())}
        </div>
    }
}
