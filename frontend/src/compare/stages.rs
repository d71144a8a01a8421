//! The runs' numbers in a table: stages, the chosen layer, and how probable the first answer was.

use leptos::prelude::*;
use shared::pair::likelihood;
use shared::{Stage, Value};

use super::curves::value_of;
use super::opened::{Chosen, Opened};
use super::outcome;
use crate::language::{fill, t};
use crate::run::link::Curve;
use crate::ui::value::{Partial, value};
use crate::words;
use plots::curves::letter;

/// The card.
#[component]
pub(super) fn Stages(
    all: StoredValue<Vec<Opened>>,
    first: Opened,
    chosen: Chosen,
) -> impl IntoView {
    let measure = move || match chosen.curve.get() {
        Curve::Mdi => "MDI",
        Curve::Aei => t("AEI of the words"),
    };
    let layer = move || chosen.layer.get();
    let row = move |run: Opened| {
        let letter = letter(run.place);
        let cell = move |place: usize| -> Value {
            let m = run.run.derived.stages.get()[place];
            match chosen.curve.get() {
                Curve::Mdi => m.mdi,
                Curve::Aei => m.aei_text,
            }
        };
        let attention = move || run.run.derived.stages.get()[2].attention;
        let whole = |n: f64| format!("{n:.0}");
        let at_layer = move || {
            layer().map(|l| {
                let v = value_of(run, l, chosen.curve.get());
                view! { <td data-cell="layer">{v.map(|v| value(v, words::number))}</td> }
            })
        };
        let likely = move || {
            let found = first.run.facts.observation.with(|a| {
                // Ids mean the same only in the same vocabulary.
                let hash =
                    |r: Opened| r.run.facts.model.with(|m| m.as_ref().map(|m| m.hash.clone()));
                let same = hash(first).is_some() && hash(first) == hash(run);
                same.then(|| run.run.facts.observation.with(|b| likelihood(&a.tokens, b))).flatten()
            });
            outcome::likelihood(found)
        };
        view! {
            <tr data-testid="compared-row">
                <th scope="row"><b class="letter">{letter}</b>" "<small>{move || run.name(first)}<Partial run=run.run/></small></th>
                {Stage::ALL.into_iter().enumerate().map(|(i, stage)| view! {
                    <td data-cell=stage.name()>{move || value(cell(i), words::number)}</td>
                }).collect_view()}
                {at_layer}
                <td data-cell="share">{move || value(run.run.derived.stages.get()[2].share_text, words::percent)}</td>
                <td>{move || value(attention().map(|a| f64::from(a.text_tokens)), whole)}</td>
                <td>{move || value(attention().map(|a| f64::from(a.image_tokens)), whole)}</td>
                <td data-cell="likelihood">{likely}</td>
            </tr>
        }
    };
    view! {
        <section class="card" aria-labelledby="compared-stages-title">
            <header class="card-head">
                <h2 id="compared-stages-title">{move || fill("{measure} by stage", &[("measure", &measure())])}</h2>
                <p class="card-note">
                    {move || words::stages(chosen.definition.get().stages)}
                    " · " {move || words::ratio(chosen.definition.get().layers)}
                </p>
            </header>
            <div class="scroll" tabindex="0" role="region" aria-label=t("Numbers of the runs")>
                <table class="stages beside-table" data-testid="compared-table">
                    <thead><tr>
                        <th scope="col">{t("run")}</th>
                        {Stage::ALL.map(|s| view! { <th scope="col">{words::stage(s)}</th> })}
                        {move || layer().map(|l| view! {
                            <th scope="col">{fill("layer {l}", &[("l", &l)])}</th>
                        })}
                        <th scope="col" title=t("Words’ share of the attention on words and picture")>{t("late P_T")}</th>
                        <th scope="col">{t("text tokens")}</th>
                        <th scope="col">{t("picture tokens")}</th>
                        <th scope="col" title=t("Natural logarithm of the probability that the run gives to A’s answer, as far as its own answer and the words it nearly said tell")>
                            {t("log P of A’s answer")}
                        </th>
                    </tr></thead>
                    <tbody>{all.with_value(|runs| runs.iter().map(|run| row(*run)).collect_view())}</tbody>
                </table>
            </div>
        </section>
    }
}
