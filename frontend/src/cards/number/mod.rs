//! The number: MDI of the late layers, in words, with what it is made of.

pub mod definition;

use leptos::prelude::*;
use shared::{Definition, Group, Stage, Undefined};

use crate::cards::number::definition::{DefinitionBar, DefinitionPanel};
use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::kept::Kept;
use crate::run::panels::{Panel, is_open};
use crate::run::phase::Phase;
use crate::run::{Run, sink_toggled};
use crate::ui::said::views;
use crate::ui::term::Explained;
use crate::ui::value::{Partial, value};
use crate::words;
use plots::Role;

/// The card.
#[component]
pub fn NumberCard() -> impl IntoView {
    let run = use_lab().run;
    let late = Kept::new(move || run.derived.stages.get()[2]);
    let side = move || late.get().mdi.ok().and_then(|m| words::verdict(m).0);
    let open = is_open(run, Panel::Definition);
    let attention = move || late.get().attention;
    view! {
        <section class="card number" data-tour="number" aria-labelledby="number-title">
            <h2 id="number-title" class="sr-only">{t("Text dominance in the late layers")}</h2>
            <div class="number-row">
                <div class="number-main">
                    <p
                        class="big"
                        data-testid="big-number"
                        data-value=move || late.get().mdi.ok().map(|m| m.to_string())
                    >
                        {move || match late.get().mdi {
                            Ok(mdi) => view! { <strong>{words::number(mdi)}"×"</strong> }.into_any(),
                            Err(Undefined::NotObserved) => view! { <strong class="quiet">"—"</strong> }.into_any(),
                            Err(_) => view! { <strong class="none" data-undefined="">{t("undefined")}</strong> }.into_any(),
                        }}
                        <span><Explained term=Term::Stage word=t("late layers")/><Partial run/></span>
                    </p>
                    <p class="sentence">
                        {move || match late.get().mdi {
                            Ok(mdi) => {
                                let (_, verdict) = words::verdict(mdi);
                                let verdict = view! {
                                    <b class:words=side() == Some(Role::Words) class:picture=side() == Some(Role::Picture)>
                                        {verdict}
                                    </b>
                                };
                                let share = value(late.get().share_text, words::percent);
                                let sentence = views(
                                    "One text token gets {mdi} times the attention of one picture token. {verdict} \
                                     All words together get {share} of the attention on words and picture.",
                                    [
                                        ("mdi", words::number(mdi).into_any()),
                                        ("verdict", verdict.into_any()),
                                        ("share", share.into_any()),
                                    ],
                                );
                                let blocked = hidden(run).then(|| t(
                                    " Attention is knocked out in these layers: 1 is not balance here.",
                                ));
                                view! { {sentence}{blocked} }.into_any()
                            }
                            Err(Undefined::NotObserved) => waiting(&run.facts.phase.get()).into_any(),
                            Err(reason) => fill("There is no value: {reason}.", &[("reason", &words::reason(reason))]).into_any(),
                        }}
                    </p>
                </div>
                <dl class="parts">
                    <div>
                        <dt><Explained term=Term::Aei word=t("AEI text")/></dt><dd>{move || value(late.get().aei_text, words::number)}</dd>
                    </div>
                    <div title=t("Tokens that count as text under this definition")>
                        <dt>{t("text tokens")}</dt>
                        <dd>{move || value(attention().map(|a| f64::from(a.text_tokens)), |n| format!("{n:.0}"))}</dd>
                    </div>
                    <div title=t("Picture tokens in the sequence")>
                        <dt>{t("picture tokens")}</dt>
                        <dd>
                            {move || value(attention().map(|a| f64::from(a.image_tokens)), |n| format!("{n:.0}"))}
                            <LineEnds/>
                        </dd>
                    </div>
                    <div title=t("Words’ share of the attention on words and picture")>
                        <dt>{t("attention on text")}</dt><dd>{move || value(late.get().share_text, words::percent)}</dd>
                    </div>
                    <div title=move || words::shares(&late.get())>
                        <dt>{t("of the tokens")}</dt>
                        <dd data-testid="share-tokens">{move || value(late.get().share_tokens_text, words::percent)}</dd>
                    </div>
                    <div>
                        <dt><Explained term=Term::Identity word=t("identity ±")/></dt>
                        <dd data-testid="identity" title=move || words::shares(&late.get())>{move || value(late.get().identity_residual(), words::residual)}</dd>
                    </div>
                </dl>
            </div>
            <div class="number-foot" data-tour="test">
                <DefinitionBar run open/>
                <Sink/>
                <Badge/>
                <Changed/>
                <Show when=move || open.get()>
                    <DefinitionPanel run/>
                </Show>
            </div>
        </section>
    }
}

/// Whether a knockout hides something in the late layers.
fn hidden(run: Run) -> bool {
    let stages = run.view.definition.get().stages;
    let late = Stage::Late.layers(stages, run.facts.observation.with(shared::Observation::layers));
    run.facts.options.with(|o| {
        let knockout = o.knockout.as_ref();
        knockout.is_some_and(|k| late.into_iter().any(|layer| k.is_in(layer as u32)))
    })
}

fn waiting(phase: &Phase) -> &'static str {
    match phase {
        Phase::Empty => t("Ask about a picture to see how words and picture share the attention."),
        Phase::Failed(_) | Phase::Cancelled => t("The run ended before its late layers were seen."),
        _ => t("The late layers have not been seen yet."),
    }
}

/// Of the picture's tokens those that lie in none of its cells.
#[component]
fn LineEnds() -> impl IntoView {
    let run = use_lab().run;
    let ends = Kept::new(move || {
        run.facts.observation.with(|o| o.layout.as_ref().map_or(0, shared::Layout::line_ends))
    });
    view! {
        {move || (ends.get() > 0).then(|| view! {
            " "
            <small data-testid="line-ends" title=t("Learned features that the model puts behind the rows of a picture’s features; they lie on no part of the picture")>
                {words::line_ends(ends.get())}
            </small>
        })}
    }
}

/// The same number with the sink out, or in where it is out; one click makes it the definition.
#[component]
fn Sink() -> impl IntoView {
    let run = use_lab().run;
    let other: Kept<Definition> = Kept::new(move || sink_toggled(&run.view.definition.get()));
    let mdi =
        Kept::new(move || run.facts.observation.with(|o| o.stage(Stage::Late, &other.get()).mdi));
    view! {
        {move || mdi.get().ok().map(|mdi| {
            let name = if other.get().text.contains(Group::Begin) { t("with the sink") } else { t("without the sink") };
            view! {
                <button type="button" class="compare" data-testid="sink-compare"
                    title=t("Position 0 draws attention whatever it holds. Click to count it the other way.")
                    on:click=move |_| run.view.definition.set(other.get_untracked())>
                    {name}": "<b>{words::number(mdi)}"×"</b>
                </button>
            }
        })}
    }
}

/// What the last change of definition did to the number.
#[component]
fn Changed() -> impl IntoView {
    let run = use_lab().run;
    let sentence = move || {
        let (before, now) = (run.before.get()?, run.view.definition.get());
        let what = words::changed(&before, &now);
        let late = |d: &Definition| run.facts.observation.with(|o| o.stage(Stage::Late, d).mdi);
        match (late(&before), late(&now)) {
            _ if what.is_empty() => None,
            (Ok(from), Ok(to)) => Some(fill(
                "{what}, late MDI {moved}.",
                &[("what", &what), ("moved", &words::moved(from, to))],
            )),
            (Ok(from), Err(reason)) => {
                let (from, reason) = (words::number(from), words::reason(reason));
                Some(fill(
                    "{what}, late MDI was {from} and is undefined: {reason}.",
                    &[("what", &what), ("from", &from), ("reason", &reason)],
                ))
            }
            (Err(_), _) => None,
        }
    };
    view! { <p class="changed" role="status" data-testid="changed">{sentence}</p> }
}

/// Whether observing changed anything, where that was checked.
#[component]
fn Badge() -> impl IntoView {
    let run = use_lab().run;
    view! {
        {move || run.facts.fidelity.get().map(|fidelity| {
            let quant = run.facts.model.with(|m| m.as_ref().map(|m| m.quant)).unwrap_or_default();
            let (sentence, title) = words::fidelity(&fidelity, quant);
            let more = title.clone();
            let same = fidelity.observed.agrees();
            view! {
                <p class="badge" class:differs=!same data-testid="fidelity" title=title>
                    <span aria-hidden="true">{if same { "✓" } else { "≠" }}</span>" "{sentence}
                    <span class="sr-only">" "{more}</span>
                </p>
            }
        })}
    }
}
