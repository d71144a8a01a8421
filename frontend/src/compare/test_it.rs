//! "Test it": one click asks the same question again with one thing changed, and puts both runs
//! beside each other.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use shared::experiment::paper::{PRUNE, REPLICATE};
use shared::{LayerBand, Observation, PictureUse};

use super::counterfactual::{Counterfactual, NOISE_SEED, contradicted};
use super::link::{Compared, MOST};
use crate::actions;
use crate::convert::{Converted, for_the_lab};
use crate::lab::{PictureFrom, use_lab};
use crate::language::{either, fill, t};
use crate::run::Run;
use crate::run::phase::Phase;
use crate::source::samples;
use crate::words;

/// What needs a choice before it can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Words,
    Picture,
    Layers,
    Tokens,
    Model,
}

/// The tests of a run.
#[component]
pub fn TestIt(
    /// The run that is tested.
    run: Run,
    /// Runs that stand beside it already, itself among them; empty on its own page.
    beside: Vec<String>,
    /// The layer that is chosen.
    chosen: Signal<Option<usize>>,
) -> impl IntoView {
    let lab = use_lab();
    let navigate = use_navigate();
    let full = beside.len() >= MOST;
    let beside = StoredValue::new(beside);
    let asked = RwSignal::new(None::<Asked>);
    let start = Callback::new(move |(change, source): (Counterfactual, Option<PictureFrom>)| {
        let Some(id) = run.facts.id.get_untracked().filter(|_| !lab.sending.get_untracked()) else {
            return;
        };
        let options = run.facts.options.with_untracked(|o| change.of(o).into());
        let source = source.unwrap_or_else(|| PictureFrom::Run(id.clone()));
        let of_run = actions::media_of(run, &source);
        let navigate = navigate.clone();
        lab.sending.set(true);
        spawn_local(async move {
            let created = actions::submit(run.facts.source, &source, &of_run, &[], &options).await;
            lab.sending.set(false);
            match created {
                Ok(created) => {
                    let mut runs = beside.try_get_value().unwrap_or_default();
                    if runs.is_empty() {
                        runs.push(id);
                    }
                    runs.push(created.id);
                    let view = Compared {
                        runs,
                        definition: run.view.definition.try_get_untracked().unwrap_or_default(),
                        layer: run.view.layer.try_get_untracked().flatten(),
                        curve: run.view.curve.try_get_untracked().unwrap_or_default(),
                    };
                    navigate(&view.address(), NavigateOptions::default());
                }
                Err(failure) => lab.complain(failure.code_name(), failure.message),
            }
        });
    });
    let changes = move |change: &Counterfactual| run.facts.options.with(|o| change.changes(o));
    let at_once = move |change: Counterfactual, text: &'static str, testid: &'static str| {
        let change = StoredValue::new(change);
        view! {
            <Show when=move || change.with_value(changes)>
                <button type="button" class="compare" data-testid=testid
                    disabled=move || lab.sending.get()
                    on:click=move |_| start.run((change.get_value(), None))>{text}</button>
            </Show>
        }
    };
    let choose = move |what: Asked, text: &'static str, testid: &'static str| {
        view! {
            <button type="button" class="compare" data-testid=testid
                aria-expanded=move || (asked.get() == Some(what)).to_string()
                on:click=move |_| asked.update(|a| *a = (*a != Some(what)).then_some(what))
            >{text}" …"</button>
        }
    };
    let ended = Memo::new(move |_| {
        run.facts.phase.with(|p| matches!(p, Phase::Done(_))) && run.facts.id.with(Option::is_some)
    });
    let ready = move || ended.get() && !full;
    let picture = |p| Counterfactual::Picture(p);
    view! {
        <Show when=move || ended.get() && full>
            <p class="card-note" data-testid="tests-full">
                {fill("{n} runs stand beside each other, which is as many as can be told apart; take one out to test on.", &[("n", &MOST)])}
            </p>
        </Show>
        <Show when=ready>
            <div class="test-it" data-testid="test-it" role="group" aria-label=t("Test it")>
                <b>{t("Test it:")}</b>
                {at_once(picture(PictureUse::Blank), t("blank the picture"), "test-blank")}
                {at_once(picture(PictureUse::Noise(NOISE_SEED)), t("noise instead"), "test-noise")}
                {at_once(picture(PictureUse::None), t("question only"), "test-none")}
                {at_once(picture(PictureUse::Own), t("the picture itself"), "test-own")}
                {choose(Asked::Words, t("contradict it"), "test-words")}
                {choose(Asked::Picture, t("another picture"), "test-swap")}
                {choose(Asked::Layers, t("hide it from the words"), "test-hide")}
                {at_once(Counterfactual::Unhide, t("hide nothing"), "test-unhide")}
                {choose(Asked::Tokens, t("fewer or more tokens"), "test-tokens")}
                {choose(Asked::Model, t("other weights or template"), "test-model")}
                {move || match asked.get() {
                    None => ().into_any(),
                    Some(Asked::Words) => view! { <Words run start/> }.into_any(),
                    Some(Asked::Picture) => view! { <Pictures start/> }.into_any(),
                    Some(Asked::Layers) => view! { <Layers run start chosen/> }.into_any(),
                    Some(Asked::Tokens) => view! { <Tokens run start/> }.into_any(),
                    Some(Asked::Model) => view! { <Held run start/> }.into_any(),
                }}
            </div>
        </Show>
    }
}

type Start = Callback<(Counterfactual, Option<PictureFrom>)>;

/// Another prompt.
#[component]
fn Words(run: Run, start: Start) -> impl IntoView {
    let lab = use_lab();
    let prompt = run.facts.options.with_untracked(|o| contradicted(&o.prompt));
    let text = RwSignal::new(prompt);
    let go = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let prompt = text.get_untracked().trim().to_owned();
        let change = Counterfactual::Say(prompt.clone());
        if prompt.is_empty() {
            lab.complain("prompt_empty", t("Type a question about the picture first."));
        } else if !run.facts.options.with_untracked(|o| change.changes(o)) {
            lab.complain(
                "nothing_changed",
                t("Those are the run’s own words; change them to test it."),
            );
        } else {
            start.run((change, None));
        }
    };
    view! {
        <form class="test-panel" on:submit=go>
            <label>
                <span>{t("Say something that the picture does not show, then ask:")}</span>
                <textarea rows="2" data-testid="test-prompt" prop:value=move || text.get()
                    on:input=move |event| text.set(event_target_value(&event))></textarea>
            </label>
            <button type="submit" class="button" data-testid="test-go" disabled=move || lab.sending.get()>{t("Run")}</button>
        </form>
    }
}

/// Another picture.
#[component]
fn Pictures(start: Start) -> impl IntoView {
    let lab = use_lab();
    let input = NodeRef::<html::Input>::new();
    let own = move |_| {
        let file = input.get().and_then(|input| {
            let file = input.files().and_then(|files| files.get(0));
            // So that choosing the same file again is a change again.
            input.set_value("");
            file
        });
        let Some(file) = file else { return };
        spawn_local(async move {
            match for_the_lab(file).await {
                Ok(Converted { file, note }) => {
                    lab.converted.set(note);
                    let file = PictureFrom::File { url: String::new(), file };
                    start.run((Counterfactual::Swap, Some(file)));
                }
                Err(unread) => actions::complain_of_file(lab, &unread),
            }
        });
    };
    view! {
        <div class="test-panel">
            <span>{t("The same question about:")}</span>
            <div class="pictures">
                <label class="thumb choose" title=t("Choose a picture of your own")>
                    <input node_ref=input type="file" accept="image/*" class="sr-only"
                        data-testid="test-file" aria-label=t("Choose a picture of your own") on:change=own/>
                    <svg class="plus" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 3v10M3 8h10"/></svg>
                </label>
                {move || lab.samples.get().into_iter().map(|sample| {
                    let (file, url) = (sample.file.clone(), samples::url(&sample.file));
                    let title = either(&sample.title, &sample.ko.title).to_owned();
                    let alt = title.clone();
                    view! {
                        <button type="button" class="thumb" data-testid="test-sample" title=title
                            disabled=move || lab.sending.get()
                            on:click=move |_| start.run((Counterfactual::Swap, Some(PictureFrom::Sample(file.clone()))))>
                            <img src=url alt=alt loading="lazy"/>
                        </button>
                    }
                }).collect_view()}
            </div>
        </div>
    }
}

/// The picture hidden from the words.
#[component]
fn Layers(run: Run, start: Start, chosen: Signal<Option<usize>>) -> impl IntoView {
    let lab = use_lab();
    let last = run.facts.observation.with_untracked(Observation::layers).saturating_sub(1);
    let begin = chosen.get_untracked();
    let first = RwSignal::new(begin.unwrap_or(0).to_string());
    let end = RwSignal::new(begin.unwrap_or(last).to_string());
    let field = move |signal: RwSignal<String>, name: &'static str, testid: &'static str| {
        view! {
            <input type="number" min="0" max=last aria-label=name data-testid=testid
                prop:value=move || signal.get()
                on:input=move |event| signal.set(event_target_value(&event))/>
        }
    };
    let go = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let number = |s: RwSignal<String>| s.get_untracked().trim().parse::<u32>().ok();
        match (number(first), number(end)) {
            (Some(first), Some(end)) if first <= end && end as usize <= last => {
                let all = first == 0 && end as usize == last;
                let band = (!all).then_some(LayerBand { first, last: end });
                start.run((Counterfactual::Hide(band), None));
            }
            _ => lab.complain(
                "bad_option",
                crate::language::fill(
                    "Name two layers from 0 to {last}, the first one first.",
                    &[("last", &last)],
                ),
            ),
        }
    };
    view! {
        <form class="test-panel" on:submit=go>
            <span>{t("No word, of prompt or answer, sees the picture in layers")}</span>
            {field(first, t("First layer without the picture"), "test-first")}
            "–"
            {field(end, t("Last layer without the picture"), "test-last")}
            <button type="submit" class="button" data-testid="test-go" disabled=move || lab.sending.get()>{t("Run")}</button>
        </form>
    }
}

/// A choice that is run at once.
fn button(
    run: Run,
    start: Start,
    change: Counterfactual,
    text: String,
    testid: &'static str,
) -> impl IntoView {
    let lab = use_lab();
    let there = run.facts.options.with_untracked(|o| change.changes(o));
    there.then(|| {
        view! {
            <button type="button" class="button" data-testid=testid disabled=move || lab.sending.get()
                on:click=move |_| start.run((change.clone(), None))>{text}</button>
        }
    })
}

/// Another number of picture tokens.
#[component]
fn Tokens(run: Run, start: Start) -> impl IntoView {
    let lab = use_lab();
    let dropped = PRUNE.map(|share| {
        let text = match share {
            0.0 => t("drop none").to_owned(),
            share => format!("−{}", words::percent(f64::from(share))),
        };
        button(run, start, Counterfactual::Prune(share), text, "test-prune")
    });
    let copies = REPLICATE.map(|n| {
        button(run, start, Counterfactual::Replicate(n), format!("×{n}"), "test-replicate")
    });
    let without = run.facts.options.with_untracked(|o| o.picture == PictureUse::None);
    // A quarter of the pixels is half the picture's width and height.
    let smaller = move || {
        let model = run.facts.options.with(|o| o.model.clone());
        let any = lab.models.with(|all| all.iter().any(|m| m.name == model && m.reads_any_size()));
        let pixels = run.facts.observation.with(|o| o.layout.as_ref().and_then(|l| l.picture()));
        let pixels = pixels.map(|p| p.width * p.height / 4).filter(|n| any && *n > 0)?;
        let change = Counterfactual::MaxPixels(Some(pixels));
        Some(button(run, start, change, t("half as wide and high").into(), "test-size"))
    };
    view! {
        <div class="test-panel">
            <span>{if without { t("Without a picture there are no picture tokens.") } else { t("Picture tokens:") }}</span>
            {(!without).then(|| view! { {dropped.into_iter().collect_view()} {copies.into_iter().collect_view()} {smaller} })}
        </div>
    }
}

/// The same model, held or asked in another way.
#[component]
fn Held(run: Run, start: Start) -> impl IntoView {
    let lab = use_lab();
    let entry = move || {
        let model = run.facts.options.with(|o| o.model.clone());
        lab.models.with(|all| all.iter().find(|m| m.name == model).cloned())
    };
    let quants = move || {
        let all = entry().map(|m| m.quants).unwrap_or_default().into_iter();
        let one =
            |q| button(run, start, Counterfactual::Quant(q), words::quant(q).into(), "test-quant");
        all.map(one).collect_view()
    };
    let templates = move || {
        // What a run of long ago left to the model it had.
        let own = run.facts.model.get().unwrap_or_default();
        let now = run.facts.options.with(|o| o.template_on(&own).to_owned());
        let all = entry().map(|m| m.templates).unwrap_or_default().into_iter();
        all.filter(|name| now != *name)
            .map(|name| {
                let change = Counterfactual::Template(name.clone());
                button(run, start, change, name, "test-template")
            })
            .collect_view()
    };
    view! {
        <div class="test-panel">
            <span>{t("The same model, held as:")}</span>
            {quants}
            {templates}
        </div>
    }
}
