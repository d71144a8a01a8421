//! The runs' curves on one axis; a click chooses a layer in all of them.

use leptos::prelude::*;
use shared::{Observation, Stages, Undefined};

use super::opened::{Chosen, Opened};
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::kept::Kept;
use crate::run::link::Curve;
use crate::ui::glass::{At, Handler, Key, Reads};
use crate::ui::plot_glass::PlotGlass;
use crate::ui::value::plain;
use crate::words;
use plots::comparison;
use plots::curves::{Beside, letter};
use plots::frame::Frame;
use plots::view_box;

/// A run's value in a layer, of the measure that is shown.
pub(super) fn value_of(run: Opened, layer: usize, curve: Curve) -> Option<shared::Value> {
    run.run.derived.measures.with(|all| all.get(layer).map(|m| comparison::value(m, curve)))
}

fn chart_of(runs: &[Opened], chosen: Chosen) -> Beside {
    let curve = chosen.curve.get();
    let values = runs.iter().map(|run| {
        let depth = run.run.facts.observation.with(Observation::layers);
        (0..depth).map(|l| value_of(*run, l, curve).and_then(Result::ok)).collect()
    });
    let knocked_out = runs.iter().any(|run| run.run.facts.options.with(|o| o.knockout.is_some()));
    comparison::chart(
        values.collect(),
        &chosen.definition.get(),
        curve,
        knocked_out,
        &words::plot_words(),
    )
}

/// The card.
#[component]
pub(super) fn Curves(all: StoredValue<Vec<Opened>>, chosen: Chosen) -> impl IntoView {
    let lab = use_lab();
    let width = RwSignal::new(720.0_f64);
    let frame = Memo::new(move |_| Frame::new(width.get(), lab.type_size.get()));
    let chart = Memo::new(move |_| all.with_value(|runs| chart_of(runs, chosen)));
    let drawing = Kept::new(move || chart.with(|c| c.svg(&frame.get(), &lab.style())));
    let layers = move || chart.with(|c| c.layers);
    let now = move || chosen.hover.get().or(chosen.layer.get()).filter(|l| *l < layers());
    let find = move |at: At| {
        frame.get_untracked().layer_at(at.x, at.y, chart.with_untracked(|c| c.layers))
    };
    let pin = move |layer: Option<usize>| {
        chosen.layer.update(|now| *now = if *now == layer { None } else { layer });
    };
    let step = move |by: isize| {
        let last = chart.with_untracked(|c| c.layers).saturating_sub(1);
        let from = chosen.layer.get_untracked();
        chosen.layer.set(Some(from.map_or(0, |l| l.saturating_add_signed(by).min(last))));
    };
    let keys = move |key: Key| {
        match key {
            Key::Left | Key::Down => step(-1),
            Key::Right | Key::Up => step(1),
            Key::Home => chosen.layer.set(Some(0)),
            Key::End => chosen.layer.set(chart.with_untracked(|c| c.layers).checked_sub(1)),
            Key::Choose | Key::Nearer | Key::Farther => return false,
        }
        true
    };
    let told = move || {
        let Some(layer) = now() else { return t("no layer").to_owned() };
        let curve = chosen.curve.get();
        let values = all.with_value(|runs| {
            let one = |run: &Opened| {
                let value = value_of(*run, layer, curve)?;
                let letter = letter(run.place);
                Some(format!("{letter} {}", plain(value, words::number)))
            };
            runs.iter().filter_map(one).collect::<Vec<_>>().join(" · ")
        });
        fill("layer {layer}: {values}", &[("layer", &layer), ("values", &values)])
    };
    let reads = Reads::Slider {
        last: Signal::derive(move || layers().saturating_sub(1)),
        now: Signal::derive(now),
        told: Signal::derive(move || Some(told())),
    };
    let look = move |at: Option<At>| chosen.hover.set(at.and_then(find));
    let glass = Handler::new(t("Layer"), reads, look, move |at| pin(find(at))).keys(keys);
    let empty = move || {
        let none = layers() == 0;
        none.then(|| t("The curves grow here, layer by layer, while the models read.").to_owned())
    };
    let title = move || match chosen.curve.get() {
        Curve::Mdi => t("MDI by layer"),
        Curve::Aei => t("AEI of the words by layer"),
    };
    let marker = move || {
        let (layer, frame) = (now()?, frame.get());
        let (x, step) = (frame.x(layer, layers()), frame.step(layers()));
        let pinned = chosen.layer.get() == Some(layer);
        Some(view! {
            <g data-testid="compared-layer" data-layer=layer class:pinned=pinned>
                <rect class="column" x=x - step / 2.0 y=frame.top width=step height=frame.bottom - frame.top/>
                <line x1=x x2=x y1=frame.top y2=frame.bottom/>
                <rect class="tag" x=x - frame.type_size * 1.1 y=frame.bottom + frame.type_size * 0.4
                    width=frame.type_size * 2.2 height=frame.type_size * 1.6 rx=frame.type_size * 0.4/>
                <text x=x y=frame.bottom + frame.type_size * 1.58 text-anchor="middle">{layer}</text>
            </g>
        })
    };
    let differ = move || {
        let chart = chart.get();
        chart.bands.is_empty() && chart.layers > 0 && chosen.definition.get().stages != Stages::All
    };
    // A gap in a curve has its reason.
    let gaps = move || {
        let curve = chosen.curve.get();
        let gap = |run: &Opened| {
            let depth = run.run.facts.observation.with(Observation::layers);
            let reasons = (0..depth).filter_map(|l| value_of(*run, l, curve)?.err());
            let reasons: Vec<Undefined> =
                reasons.filter(|r| *r != Undefined::NotObserved).collect();
            let first = reasons.first()?;
            Some(fill(
                "{letter} has no value in {n} of its layers: {reason}.",
                &[
                    ("letter", &letter(run.place)),
                    ("n", &reasons.len()),
                    ("reason", &words::reason(*first)),
                ],
            ))
        };
        all.with_value(|runs| runs.iter().filter_map(gap).collect::<Vec<_>>().join(" "))
    };
    view! {
        <section class="card curve" aria-labelledby="curves-title">
            <header class="card-head">
                <h2 id="curves-title">{title}</h2>
                <p class="card-note">{t("log scale · click a layer to choose it in all runs, Esc releases it")}</p>
            </header>
            <PlotGlass
                class="chart"
                testid="compared-chart"
                width
                height=Signal::derive(move || frame.get().height)
                drawing
                glass
                empty=Signal::derive(empty)
            >
                <svg class="marks" viewBox=move || view_box(frame.get().width, frame.get().height) aria-hidden="true">{marker}</svg>
            </PlotGlass>
            <p class="card-foot one-line" data-testid="compared-values">{move || match now() {
                Some(_) => told(),
                None if differ() => t("The models differ in their number of layers, so their stages lie at different places; the table has each run’s own.").into(),
                None => t("Above 1, a text token gets more attention than a picture token.").into(),
            }}</p>
            <p class="card-foot gaps" data-testid="compared-gaps">{gaps}</p>
        </section>
    }
}
