//! The form that starts an experiment.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;
use shared::api::ModelState;
use shared::experiment::Grid;
use shared::experiment::paper::{PRUNE, REPLICATE};
use shared::options::{MAX_NEW_TOKENS, NEW_TOKENS};
use shared::{AskedOptions, Message, Quant};

use super::more::{Controls, MoreOptions, OneAtATime, PaperGrid};
use super::told;
use crate::browser;
use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{either, fill, mark, message, t};
use crate::models::traits;
use crate::source::experiments;
use crate::ui::term::Explained;

const QUANTS: [Quant; 5] = [Quant::F32, Quant::F16, Quant::Q8_0, Quant::Q4k, Quant::Stored];
const DATASETS: [(&str, &str); 3] = [
    ("demo", mark("Demo set: small pictures, some questions with false claims")),
    ("mmmu-pro", mark("MMMU-Pro, vision: the question is in the picture")),
    ("mmmu-pro:standard-10", mark("MMMU-Pro, standard: ten options as text")),
];

/// The card.
#[component]
pub(super) fn Form() -> impl IntoView {
    let lab = use_lab();
    let navigate = use_navigate();
    let sending = RwSignal::new(false);
    let spec = lab.experiment;
    // Ready models alone: nothing waits for a download in the middle of an experiment.
    let ready = Memo::new(move |_| {
        let all = lab.models.get().into_iter().filter(|m| m.state == ModelState::Ready);
        let shown = all.map(|m| {
            let title = either(&m.title, &m.ko.title).to_owned();
            (m.name, title, m.default)
        });
        shown.collect::<Vec<_>>()
    });
    Effect::new(move |_| {
        let default = ready.with(|all| all.iter().find(|m| m.2).map(|m| m.0.clone()));
        if let Some(name) = default.filter(|_| spec.with_untracked(|s| s.models.is_empty())) {
            spec.update(|s| s.models.push(name));
        }
    });
    let planned = Memo::new(move |_| {
        let of_model = |name: &str| lab.models.with(|all| traits(all, name));
        let grid = spec.with(|s| Grid::new(s, s.samples.max(1), of_model))?;
        Ok::<_, Message>((grid.conditions.len(), grid.items()))
    });
    let said = move || match planned.get() {
        Err(why) => message(&why),
        Ok((conditions, items)) => spec.with(|s| {
            let samples = Some(s.samples).filter(|n| *n > 0);
            let product = told::product(s, samples, conditions);
            let runs = match items {
                1 => t("one run").to_owned(),
                _ => fill("{n} runs", &[("n", &told::count(items.into()))]),
            };
            match (s.samples, product.contains('×')) {
                (0, true) => {
                    fill("{product}, every sample of the dataset", &[("product", &product)])
                }
                (0, false) => product,
                (_, true) => format!("{product} = {runs}"),
                (_, false) => runs,
            }
        }),
    };
    let submit = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if sending.get_untracked() {
            return;
        }
        sending.set(true);
        lab.notes.set(Vec::new());
        let (wanted, navigate) = (spec.get_untracked(), navigate.clone());
        spawn_local(async move {
            let created = experiments::start(&wanted).await;
            sending.set(false);
            match created {
                Ok(created) => {
                    browser::store(&browser::owner_key(&created.id), &created.owner_token);
                    super::list::remember(&created.id);
                    navigate(&format!("/e/{}", created.id), Default::default());
                }
                Err(failure) => lab.complain(failure.code_name(), failure.message),
            }
        });
    };
    view! {
        <section class="card start" aria-labelledby="start-title">
            <header class="card-head">
                <h2 id="start-title">{t("Start an experiment")}</h2>
                <p class="card-note">{t("Every sample under every combination of what you choose.")}</p>
            </header>
            <form on:submit=submit>
                <fieldset>
                    <legend>{t("Models")}</legend>
                    <div class="boxes">
                        {move || ready.get().into_iter().map(|(name, title, ..)| {
                            let (own, of) = (name.clone(), name.clone());
                            view! {
                                <Box
                                    label=name.clone()
                                    note=title
                                    testid=format!("model-{name}")
                                    on=Signal::derive(move || spec.with(|s| s.models.contains(&of)))
                                    set=Callback::new(move |on: bool| spec.update(|s| put(&mut s.models, own.clone(), on)))
                                />
                            }
                        }).collect_view()}
                    </div>
                </fieldset>
                <div class="start-row">
                    <label class="wide">
                        {t("Dataset")}
                        <select data-testid="dataset" on:change=move |event| {
                            let name = event_target_value(&event);
                            spec.update(|s| s.dataset = name);
                        }>
                            {DATASETS.map(|(name, title)| {
                                let chosen = spec.with_untracked(|s| s.dataset == name);
                                view! { <option value=name selected=chosen>{t(title)}</option> }
                            })}
                        </select>
                    </label>
                    <label title=t("0 for all there are")>
                        {t("Samples")}
                        <input type="number" min="0" max="20000" data-testid="samples"
                            prop:value=move || spec.with(|s| s.samples)
                            on:change=move |event| number(&event, |n| spec.update(|s| s.samples = n))/>
                    </label>
                </div>
                <fieldset>
                    <legend><Explained term=Term::Prune word=t("Prune")/></legend>
                    <div class="boxes">
                        {PRUNE.map(|rate| view! {
                            <Box
                                label=shared::experiment::tables::percent((f64::from(rate) * 1e6).round() / 1e6)
                                note=String::new()
                                testid=format!("prune-{rate}")
                                on=Signal::derive(move || spec.with(|s| s.prune.contains(&rate)))
                                set=Callback::new(move |on: bool| spec.update(|s| {
                                    put(&mut s.prune, rate, on);
                                    s.prune.sort_by(f32::total_cmp);
                                }))
                            />
                        })}
                    </div>
                </fieldset>
                <fieldset>
                    <legend><Explained term=Term::Replicate word=t("Replicate")/></legend>
                    <div class="boxes">
                        {REPLICATE.map(|copies| view! {
                            <Box
                                label=format!("×{copies}")
                                note=String::new()
                                testid=format!("replicate-{copies}")
                                on=Signal::derive(move || spec.with(|s| s.replicate.contains(&copies)))
                                set=Callback::new(move |on: bool| spec.update(|s| {
                                    put(&mut s.replicate, copies, on);
                                    s.replicate.sort_unstable();
                                }))
                            />
                        })}
                    </div>
                </fieldset>
                <Controls spec/>
                <OneAtATime spec/>
                <details class="more">
                    <summary>{t("More")}</summary>
                    <MoreOptions spec/>
                    <fieldset>
                        <legend title=t("None chosen: each model’s own")><Explained term=Term::Quantization word=t("Weights")/></legend>
                        <div class="boxes">
                            {QUANTS.map(|quant| view! {
                                <Box
                                    label=quant.name().to_owned()
                                    note=String::new()
                                    testid=format!("quant-{}", quant.name())
                                    on=Signal::derive(move || spec.with(|s| s.quants.contains(&quant)))
                                    set=Callback::new(move |on: bool| spec.update(|s| put(&mut s.quants, quant, on)))
                                />
                            })}
                        </div>
                    </fieldset>
                    <div class="start-row">
                        <label class="wide">
                            {t("Title")}
                            <input type="text" maxlength="200" data-testid="title" placeholder=t("made from what is varied")
                                prop:value=move || spec.with(|s| s.title.clone())
                                on:input=move |event| spec.update(|s| s.title = event_target_value(&event))/>
                        </label>
                        <label title=t("Of the draw, and of the intervals")>
                            {t("Seed")}
                            <input type="number" min="0" data-testid="seed" prop:value=move || spec.with(|s| s.seed)
                                on:change=move |event| if let Ok(seed) = event_target_value(&event).parse() {
                                    spec.update(|s| s.seed = seed);
                                }/>
                        </label>
                        <label title=t("Most tokens the model may write")>
                            {t("Longest answer in tokens")}
                            <input type="number" min="1" max=MAX_NEW_TOKENS
                                prop:value=move || spec.with(|s| s.base.max_new_tokens.unwrap_or(NEW_TOKENS))
                                on:change=move |event| number(&event, |n| spec.update(|s| {
                                    s.base = AskedOptions { max_new_tokens: Some(n.clamp(1, MAX_NEW_TOKENS)), ..s.base.clone() };
                                }))/>
                        </label>
                    </div>
                </details>
                <div class="start-foot">
                    <p data-testid="planned" class:wrong=move || planned.get().is_err()>{said}</p>
                    <PaperGrid spec/>
                    <button type="submit" class="button strong" data-testid="start"
                        disabled=move || sending.get() || planned.get().is_err()>{t("Start")}</button>
                </div>
            </form>
        </section>
    }
}

fn number(event: &web_sys::Event, put: impl FnOnce(u32)) {
    if let Ok(n) = event_target_value(event).parse() {
        put(n);
    }
}

/// Puts a value into a list or takes it out.
pub(super) fn put<T: PartialEq>(list: &mut Vec<T>, value: T, on: bool) {
    list.retain(|v| *v != value);
    if on {
        list.push(value);
    }
}

/// A box to tick, shown as a chip.
#[component]
pub(super) fn Box(
    label: String,
    note: String,
    testid: String,
    on: Signal<bool>,
    set: Callback<bool>,
) -> impl IntoView {
    view! {
        <label class="box" class:on=move || on.get() title=note>
            <input type="checkbox" data-testid=testid prop:checked=move || on.get()
                on:change=move |event| set.run(event_target_checked(&event))/>
            <span>{label}</span>
        </label>
    }
}
