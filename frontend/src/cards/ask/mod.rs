//! The form: a picture, a question, a model.

use leptos::html;
use leptos::prelude::*;
use leptos_router::hooks::use_navigate;
use shared::Quant;
use shared::api::{ModelEntry, ModelState};
use shared::options::{MAX_NEW_TOKENS, NEW_TOKENS};

pub mod estimate;
pub mod levers;
pub mod photograph;
pub mod preparation;
pub mod pull;
pub mod refused;
pub mod sampling;
pub mod times;

use crate::actions;
use crate::cards::ask::estimate::Estimate;
use crate::cards::ask::levers::Levers;
use crate::cards::ask::photograph::DemoCannot;
use crate::cards::ask::preparation::{Fit, Resize};
use crate::cards::ask::pull::PullCard;
use crate::cards::ask::refused::TemplateRefused;
use crate::cards::ask::sampling::Choosing;
use crate::cards::ask::times::Times;
use crate::glossary::Term;
use crate::lab::{Lab, PictureFrom, use_lab};
use crate::language::{either, t};
use crate::run::SHIPPED;
use crate::run::kept::Kept;
use crate::run::phase::Phase;
use crate::source::samples;
use crate::words;

/// The card.
#[component]
pub fn Ask() -> impl IntoView {
    let lab = use_lab();
    let navigate = use_navigate();
    let run = lab.run;
    let live = move || run.facts.phase.with(Phase::is_live);
    let chosen = Kept::new(move || {
        let name = lab.options.with(|o| o.model.clone());
        lab.models.with(|all| {
            all.iter().find(|m| m.name == name).or(all.iter().find(|m| m.default)).cloned()
        })
    });
    let may_stop = move || live() && run.facts.id.get().is_some_and(|id| actions::is_owner(&id));
    view! {
        <section class="card ask" aria-labelledby="ask-title">
            <header class="card-head"><h2 id="ask-title">{t("Ask about a picture")}</h2></header>
            <form on:submit=move |event| {
                event.prevent_default();
                actions::ask(lab, navigate.clone());
            }>
                <Pictures lab/>
                <DemoCannot lab chosen/>
                <label class="sr-only" for="prompt">{t("Your question")}</label>
                <textarea
                    id="prompt"
                    data-testid="prompt"
                    rows="2"
                    placeholder=t("What is in the picture?")
                    prop:value=move || lab.prompt.get()
                    on:input=move |event| {
                        lab.prompt.set(event_target_value(&event));
                        lab.touched.set(true);
                    }
                ></textarea>
                <div class="ask-row">
                    <Model lab chosen/>
                    // Stop takes Run's place: nothing else moves.
                    <Show
                        when=may_stop
                        fallback=move || view! {
                            <button type="submit" class="button strong" data-testid="run" disabled=move || lab.sending.get()>
                                {t("Run")}" " <kbd aria-hidden="true">{shortcut()}</kbd>
                            </button>
                        }
                    >
                        <button type="button" class="button strong" data-testid="cancel"
                            on:click=move |_| actions::cancel(lab)>{t("Stop")}</button>
                    </Show>
                </div>
                // Also where the band that opens the page is out of sight.
                <Show when=live>
                    <p class="card-note" data-testid="ask-waiting">{move || run.facts.phase.with(Phase::sentence)}</p>
                </Show>
                <Estimate lab chosen/>
                <PullCard lab chosen/>
                <TemplateRefused/>
                <More lab/>
            </form>
        </section>
    }
}

/// The keys that run, as this system writes them.
fn shortcut() -> &'static str {
    let system = window().navigator().user_agent().unwrap_or_default();
    if system.contains("Mac") { "⌘↵" } else { "Ctrl ↵" }
}

/// The chosen picture, the way to one's own, and the samples.
#[component]
fn Pictures(lab: Lab) -> impl IntoView {
    let input = NodeRef::<html::Input>::new();
    let own = move || {
        lab.picture.get().filter(|s| match s {
            PictureFrom::File { .. } => true,
            // The shipped run's picture is the first sample.
            PictureFrom::Run(id) => id != SHIPPED,
            PictureFrom::Sample(_) => false,
        })
    };
    let own = move || own().map(|s| s.url());
    let sounds = move || lab.picture.get().is_some_and(|s| s.is_sound());
    let chosen = move |file: &str| match lab.picture.get() {
        Some(PictureFrom::Sample(f)) => f == file,
        Some(PictureFrom::Run(id)) if id == SHIPPED => {
            lab.samples.with(|all| all.first().is_some_and(|s| s.file == file))
        }
        _ => false,
    };
    view! {
        <div class="pictures" role="group" aria-label=t("Picture")>
            <label class="thumb choose" class:chosen=move || own().is_some()
                title=t("Choose a picture; or drop or paste one anywhere")>
                <input
                    node_ref=input
                    id="picture-input"
                    type="file"
                    accept="image/*,audio/*"
                    multiple=true
                    data-testid="picture-input"
                    class="sr-only"
                    aria-label=t("Choose a picture")
                    on:change=move |_| {
                        if let Some(input) = input.get() {
                            actions::take_files(lab, input.files());
                            // So that choosing the same file again is a change again.
                            input.set_value("");
                        }
                    }
                />
                {move || own().map(|url| match sounds() {
                    true => view! { <span class="note" title=t("Your sound")>"♪"</span> }.into_any(),
                    false => view! { <img src=url alt=t("Your picture")/> }.into_any(),
                })}
                {move || (!lab.more.with(Vec::is_empty)).then(|| view! {
                    <b data-testid="more-pictures">{format!("+{}", lab.more.with(Vec::len))}</b>
                })}
                <svg class="plus" viewBox="0 0 16 16" aria-hidden="true"><path d="M8 3v10M3 8h10"/></svg>
            </label>
            <For each=move || lab.samples.get() key=|s| s.file.clone() let:sample>
                {
                    let (file, prompt) = (sample.file.clone(), sample.prompt.clone());
                    let (mark, url) = (sample.file.clone(), samples::url(&file));
                    let mark = StoredValue::new(mark);
                    let is_chosen = move || mark.with_value(|m| chosen(m));
                    let title = either(&sample.title, &sample.ko.title).to_owned();
                    let note = match either(&sample.note, &sample.ko.note) {
                        "" => title.clone(),
                        note => format!("{title}: {note}"),
                    };
                    view! {
                        <button
                            type="button"
                            class="thumb"
                            class:chosen=is_chosen
                            aria-pressed=move || is_chosen().to_string()
                            title=note
                            data-testid="sample"
                            on:click=move |_| {
                                // A file that is still being read is not wanted any more.
                                lab.reading.update(|(turn, reading)| {
                                    (*turn, *reading) = (turn.wrapping_add(1), false);
                                });
                                lab.choose(Some(PictureFrom::Sample(file.clone())));
                                lab.prompt.set(prompt.clone());
                                lab.touched.set(true);
                            }
                        >
                            <img src=url alt=title loading="lazy"/>
                        </button>
                    }
                }
            </For>
        </div>
    }
}

/// Model and quantization.
#[component]
fn Model(lab: Lab, chosen: Kept<Option<ModelEntry>>) -> impl IntoView {
    let quants = move || chosen.get().map(|m| m.quants).unwrap_or_default();
    // Options come after the select's value is set, so the chosen one says so itself.
    view! {
        <div class="selects">
            <select
                aria-label=t("Model")
                data-testid="model"
                on:change=move |event| {
                    let before = chosen.with_untracked(|c| c.as_ref().map(|c| c.name.clone()));
                    actions::choose_model(lab, &before.unwrap_or_default(), event_target_value(&event));
                }
            >
                {move || lab.models.get().into_iter().map(|m| {
                    let selected = chosen.with(|c| c.as_ref().is_some_and(|c| c.name == m.name));
                    // The title's first words; the whole of it does not fit a phone.
                    let title = either(&m.title, &m.ko.title).to_owned();
                    let mut short = title.split(": ").next().unwrap_or_default().to_owned();
                    match (m.state, &m.unavailable) {
                        (ModelState::Ready, _) => {}
                        (_, None) => short += " ↓",
                        (_, Some(_)) => short += " ✕",
                    }
                    view! { <option value=m.name.clone() title=title selected=selected>{short}</option> }
                }).collect_view()}
                {move || lab.models.with(Vec::is_empty).then(|| view! { <option value="">{t("default model")}</option> })}
            </select>
            <select
                aria-label=t("Quantization")
                title=Term::Quantization.meaning()
                data-testid="quant"
                on:change=move |event| {
                    if let Some(quant) = Quant::from_name(&event_target_value(&event)) {
                        lab.options.update(|o| o.quant = Some(quant));
                        lab.touched.set(true);
                    }
                }
            >
                {move || {
                    let own = || chosen.with(|c| c.as_ref().map(|m| m.default_quant));
                    let now = lab.options.with(|o| o.quant).or_else(own).unwrap_or_default();
                    let mut all = quants();
                    if all.is_empty() {
                        all.push(now);
                    }
                    all.into_iter().map(|q| view! {
                        <option value=q.name() selected=q == now>{words::quant(q)}</option>
                    }).collect_view()
                }}
            </select>
        </div>
    }
}

/// Options that rarely change.
#[component]
fn More(lab: Lab) -> impl IntoView {
    view! {
        <details class="more" on:change=move |_| lab.touched.set(true)>
            <summary>{t("Options")}</summary>
            <div class="levers">
                <label class="lever">
                    <span>{t("Longest answer in tokens")}</span>
                    <input
                        type="number"
                        min="1"
                        max=MAX_NEW_TOKENS
                        prop:value=move || lab.options.with(|o| o.max_new_tokens.unwrap_or(NEW_TOKENS))
                        on:change=move |event| {
                            if let Ok(n) = event_target_value(&event).parse::<u32>() {
                                let n = n.clamp(1, MAX_NEW_TOKENS);
                                lab.options.update(|o| o.max_new_tokens = Some(n));
                            }
                        }
                    />
                </label>
                <Fit/>
                <Resize/>
                <Levers/>
                <Choosing
                    asked=Signal::derive(move || lab.options.with(|o| o.sampling))
                    set=Callback::new(move |asked| lab.options.update(|o| o.sampling = asked))
                />
                <Times
                    asked=Signal::derive(move || lab.options.with(|o| o.repeat.clone()))
                    set=Callback::new(move |asked| lab.options.update(|o| o.repeat = asked))
                />
                <label class="check" title=t("Runs the same question again with nobody looking, and in f32 where that fits, and says whether anything differs")>
                    <input
                        type="checkbox"
                        data-testid="verify"
                        prop:checked=move || lab.options.with(|o| o.verify == Some(true))
                        on:change=move |event| {
                            let verify = event_target_checked(&event);
                            lab.options.update(|o| o.verify = Some(verify));
                        }
                    />
                    " "{t("check that observing changes nothing")}
                </label>
            </div>
        </details>
    }
}
