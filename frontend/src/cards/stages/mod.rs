//! The stage table: what the paper's tables show, for this run.

use leptos::prelude::*;
use shared::{Observation, Stage};

use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::kept::Kept;
use crate::ui::said::views;
use crate::ui::term::Explained;
use crate::ui::value::{Partial, value};
use crate::words;

/// The card.
#[component]
pub fn StageCard() -> impl IntoView {
    let run = use_lab().run;
    let layers = Kept::new(move || run.facts.observation.with(Observation::layers));
    let row = move |i: usize, stage: Stage| {
        let m = Kept::new(move || run.derived.stages.get()[i]);
        let range = move || {
            let range = stage.layers(run.view.definition.get().stages, layers.get());
            match (range.start, range.end) {
                (a, b) if a >= b => String::new(),
                (a, b) if a + 1 == b => format!("{a}"),
                (a, b) => format!("{a}–{}", b - 1),
            }
        };
        let whole = |n: f64| format!("{n:.0}");
        view! {
            <tr data-stage=stage.name()>
                <th scope="row">{words::stage(stage)}<small>{range}</small></th>
                <td data-cell="mdi">{move || value(m.get().mdi, words::number)}</td>
                <td data-cell="aei-text">{move || value(m.get().aei_text, words::number)}</td>
                <td data-cell="aei-image">{move || value(m.get().aei_image, words::number)}</td>
                <td>{move || value(m.get().share_text, words::percent)}</td>
                <td>{move || value(m.get().attention.map(|a| f64::from(a.text_tokens)), whole)}</td>
                <td>{move || value(m.get().attention.map(|a| f64::from(a.image_tokens)), whole)}</td>
            </tr>
        }
    };
    // Every reason on the card once, in full: a tooltip is not enough on a phone.
    let reasons = move || {
        let mut reasons: Vec<String> = Vec::new();
        for m in run.derived.stages.get() {
            for v in [m.mdi, m.aei_text, m.aei_image, m.share_text] {
                let text = v.err().map(|r| words::reason(r).to_owned());
                reasons.extend(text.filter(|t| !reasons.contains(t)));
            }
        }
        reasons
    };
    view! {
        <section class="card stage-card" aria-labelledby="stages-title">
            <header class="card-head">
                <h2 id="stages-title"><Explained term=Term::Stage word=t("Stages")/></h2>
                <p class="card-note">
                    {move || words::stages(run.view.definition.get().stages)}
                    " · " {move || words::ratio(run.view.definition.get().layers)}
                    <Partial run/>
                </p>
            </header>
            <div class="scroll" tabindex="0" role="region" aria-labelledby="stages-title">
                <table class="stages" data-testid="stage-table">
                    <thead>
                        <tr>
                            <th scope="col"><Explained term=Term::Layer word=t("layers")/></th>
                            <th scope="col"><Explained term=Term::Mdi word="MDI"/></th>
                            <th scope="col"><Explained term=Term::Aei word=t("AEI text")/></th>
                            <th scope="col" title=t("Attention efficiency of the picture")>{t("AEI picture")}</th>
                            <th scope="col" title=t("P_T: text’s share of the attention on text and picture")>{t("on text")}</th>
                            <th scope="col" title=t("n_T: tokens that count as text")>{t("text tokens")}</th>
                            <th scope="col" title=t("n_O: picture tokens")>{t("picture tokens")}</th>
                        </tr>
                    </thead>
                    <tbody>
                        {Stage::ALL.into_iter().enumerate().map(|(i, s)| row(i, s)).collect_view()}
                    </tbody>
                </table>
            </div>
            <Formula/>
            {move || (layers.get() > 0).then(|| reasons().into_iter().map(|r| view! {
                <p class="card-foot">{fill("Undefined: {reason}.", &[("reason", &r)])}</p>
            }).collect_view())}
        </section>
    }
}

/// The formula with the numbers of the layer that is looked at.
#[component]
fn Formula() -> impl IntoView {
    let run = use_lab().run;
    let now = move || {
        let layer = run.derived.layer.get()?;
        let measure = run.derived.measures.with(|m| m.get(layer).copied())?;
        Some((layer, measure.attention.ok()?, measure.mdi.ok()?))
    };
    let fraction = |above: String, below: u32| {
        view! { <span class="fraction"><span>{above}</span><span>{below}</span></span> }
    };
    view! {
        {move || now().map(|(layer, a, mdi)| view! {
            <details class="formula" data-testid="formula" open>
                <summary>{t("How is this computed?")}</summary>
                <p class="formula-line">
                    <span>{fill("MDI of layer {n} =", &[("n", &layer)])}</span>
                    {fraction(words::number(a.text), a.text_tokens)}
                    <span>"÷"</span>
                    {fraction(words::number(a.image), a.image_tokens)}
                    <span>"= "<b>{words::number(mdi)}</b></span>
                </p>
                <p class="card-foot">
                    {views(
                        "Above: attention on text and on the picture, summed over the queries and \
                         averaged over heads as the definition says. Below: how many tokens share \
                         it. A stage is the {average} of its layers.",
                        [("average", (move || words::ratio(run.view.definition.get().layers)).into_any())],
                    )}
                </p>
            </details>
        })}
    }
}
