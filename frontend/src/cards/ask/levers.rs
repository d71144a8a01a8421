//! The levers of the form: what is done to the picture before the model reads it, and to its
//! attention while it does.

use leptos::prelude::*;
use shared::api::ModelEntry;
use shared::options::MAX_REPLICATE;
use shared::{LayerBand, PictureUse};

use crate::compare::counterfactual::{NOISE_SEED, hidden};
use crate::glossary::Term;
use crate::lab::{Lab, use_lab};
use crate::language::{mark, t};
use crate::run::kept::Kept;
use crate::ui::term::Explained;

/// Shares that can be dropped: the paper's.
const PRUNE: [(f32, &str); 4] =
    [(0.0, mark("all")), (0.75, "−75 %"), (0.9, "−90 %"), (0.95, "−95 %")];

/// The levers, to stand in a list of class `levers`.
#[component]
pub fn Levers() -> impl IntoView {
    let lab = use_lab();
    let prune = RwSignal::new(lab.options.with_untracked(|o| o.prune.unwrap_or_default()));
    Effect::new(move |_| {
        let prune = prune.get();
        if lab.options.with_untracked(|o| o.prune.unwrap_or_default()) != prune {
            lab.options.update(|o| o.prune = Some(prune));
            lab.touched.set(true);
        }
    });
    // A run that is opened brings its options along.
    Effect::new(move |_| prune.set(lab.options.with(|o| o.prune.unwrap_or_default())));
    view! {
        <div class="lever">
            <Explained term=Term::Prune word=t("Picture tokens")/>
            <div class="switch" role="group" aria-label=t("Picture tokens kept")>
                {PRUNE.into_iter().map(|(value, text)| view! {
                    <button
                        type="button"
                        data-testid="prune"
                        title=t("Drops those that the vision tower attends to least (FasterVLM)")
                        aria-pressed=move || (prune.get() == value).to_string()
                        on:click=move |_| prune.set(value)
                    >{t(text)}</button>
                }).collect_view()}
            </div>
        </div>
        <div class="lever">
            <Explained term=Term::Replicate word=t("Copies of the picture")/>
            <input
                type="number"
                aria-label=t("Copies of the picture")
                min="1"
                max=MAX_REPLICATE
                data-testid="replicate"
                prop:value=move || lab.options.with(|o| o.replicate.unwrap_or(1))
                on:change=move |event| {
                    if let Ok(n) = event_target_value(&event).parse::<u32>() {
                        lab.options.update(|o| o.replicate = Some(n.clamp(1, MAX_REPLICATE)));
                    }
                }
            />
        </div>
        <div class="lever">
            <Explained term=Term::Counterfactual word=t("Instead of the picture")/>
            <select
                aria-label=t("Instead of the picture")
                title=t("The same question about another picture: does the answer move?")
                data-testid="picture-use"
                on:change=move |event| {
                    let picture = match event_target_value(&event).as_str() {
                        "blank" => PictureUse::Blank,
                        "noise" => PictureUse::Noise(NOISE_SEED),
                        "none" => PictureUse::None,
                        _ => PictureUse::Own,
                    };
                    lab.options.update(|o| o.picture = Some(picture));
                }
            >
                {[
                    ("own", t("the picture itself")),
                    ("blank", t("a blank one")),
                    ("noise", t("noise")),
                    ("none", t("nothing: the question alone")),
                ]
                    .into_iter()
                    .map(|(value, text)| view! {
                        <option value=value selected=move || use_name(lab) == value>{text}</option>
                    })
                    .collect_view()}
            </select>
        </div>
        <Size/>
        // Where it must be chosen, the choice stands above.
        <Show when=move || of_model(lab, ModelEntry::refusal).is_none()><Template/></Show>
        <div class="lever">
            <label class="check" title=t("Forbids every row of text, prompt and answer, to look at the picture, in all layers: if the answer stays, it did not need that attention")>
                <input
                    type="checkbox"
                    data-testid="knockout"
                    prop:checked=move || lab.options.with(|o| o.knockout.is_some())
                    on:change=move |event| {
                        let on = event_target_checked(&event);
                        lab.options.update(|o| o.knockout = on.then(|| hidden(None)));
                    }
                />
                " "{t("hide the picture from the words")}
            </label>
            <small><Explained term=Term::Knockout word=t("knockout")/></small>
        </div>
        <Show when=move || lab.options.with(|o| o.knockout.is_some())>
            <Band/>
        </Show>
        <label class="check" title=t("Goes on after the end-of-sequence token, up to the longest answer")>
            <input
                type="checkbox"
                prop:checked=move || lab.options.with(|o| o.ignore_eos == Some(true))
                on:change=move |event| {
                    let on = event_target_checked(&event);
                    lab.options.update(|o| o.ignore_eos = Some(on));
                }
            />
            " "{t("write on after the end")}
        </label>
    }
}

/// What the lab says of the chosen model.
pub(super) fn of_model<T: Default>(lab: Lab, read: impl Fn(&ModelEntry) -> T) -> T {
    let name = lab.options.with(|o| o.model.clone());
    lab.models.with(|all| {
        let found = all.iter().find(|m| m.name == name).or(all.iter().find(|m| m.default));
        found.map(read).unwrap_or_default()
    })
}

/// The prepared picture's size, for models that read any.
#[component]
fn Size() -> impl IntoView {
    let lab = use_lab();
    let any = Kept::new(move || of_model(lab, ModelEntry::reads_any_size));
    // Another model may refuse a size.
    Effect::new(move |_| {
        let known = lab.models.with(|all| !all.is_empty());
        if known && !any.get() && lab.options.with_untracked(|o| o.max_pixels.is_some()) {
            lab.options.update(|o| o.max_pixels = None);
        }
    });
    view! {
        <Show when=move || any.get()>
            <label class="lever" title=t("A smaller picture has fewer tokens; the model’s own limit stays in force")>
                <span>{t("Most pixels of the picture")}</span>
                <input
                    type="number"
                    min="1"
                    step="1"
                    placeholder=t("as it is")
                    data-testid="max-pixels"
                    prop:value=move || lab.options.with(|o| o.max_pixels.map(|n| n.to_string())).unwrap_or_default()
                    on:change=move |event| {
                        let most = event_target_value(&event).trim().parse::<u32>().ok().filter(|n| *n > 0);
                        lab.options.update(|o| o.max_pixels = most);
                    }
                />
            </label>
        </Show>
    }
}

/// The prompt's template, for models that have several.
#[component]
pub(super) fn Template() -> impl IntoView {
    let lab = use_lab();
    let all = Kept::new(move || of_model(lab, |m| m.templates.clone()));
    // Another model has others.
    Effect::new(move |_| {
        let foreign = |name: &String| all.with(|all| !all.is_empty() && !all.contains(name));
        if lab.options.with_untracked(|o| o.template.as_ref().is_some_and(foreign)) {
            lab.options.update(|o| o.template = None);
        }
    });
    let chosen = move || lab.options.with(|o| o.template.clone());
    // Then none of them is the model's own, and none is taken where nobody chooses.
    let refused = Kept::new(move || of_model(lab, ModelEntry::refusal).is_some());
    view! {
        <Show when=move || all.with(|all| all.len() > 1) || refused.get()>
            <label class="lever" title=t("What stands around your question: role words, and a system sentence or none")>
                <span>{t("Prompt template")}</span>
                <select
                    data-testid="template"
                    on:change=move |event| {
                        let name = event_target_value(&event);
                        lab.options.update(|o| o.template = Some(name).filter(|n| !n.is_empty()));
                        lab.touched.set(true);
                    }
                >
                    {move || refused.get().then(|| view! {
                        <option value="" selected=move || chosen().is_none()>{t("choose one")}</option>
                    })}
                    {move || all.get().into_iter().enumerate().map(|(i, name)| {
                        let own = name.clone();
                        let selected = move || chosen().map_or(i == 0 && !refused.get(), |c| c == own);
                        let value = name.clone();
                        view! { <option value=value selected=selected>{name}</option> }
                    }).collect_view()}
                </select>
            </label>
        </Show>
    }
}

fn use_name(lab: Lab) -> &'static str {
    lab.options.with(|o| match o.picture.unwrap_or_default() {
        PictureUse::Own => "own",
        PictureUse::Blank => "blank",
        PictureUse::Noise(_) => "noise",
        PictureUse::None => "none",
    })
}

/// The layers in which attention is knocked out: all, or from one to another.
#[component]
fn Band() -> impl IntoView {
    let lab = use_lab();
    let band = move || lab.options.with(|o| o.knockout.as_ref().and_then(|k| k.layers));
    let set = move |band: Option<LayerBand>| {
        lab.options.update(|o| {
            if let Some(knockout) = &mut o.knockout {
                knockout.layers = band;
            }
        });
    };
    let layers = move || lab.run.facts.observation.with(|o| o.layers() as u32);
    let end = move |first: bool| {
        view! {
            <input
                type="number"
                min="0"
                placeholder=if first { t("first") } else { t("last") }
                aria-label=if first { t("First layer without the picture") } else { t("Last layer without the picture") }
                data-testid=if first { "knockout-first" } else { "knockout-last" }
                prop:value=move || band().map(|b| if first { b.first } else { b.last }.to_string()).unwrap_or_default()
                on:change=move |event| {
                    let last = layers().saturating_sub(1);
                    let now = band().unwrap_or(LayerBand { first: 0, last });
                    set(event_target_value(&event).parse::<u32>().ok().map(|n| match first {
                        true => LayerBand { first: n, last: now.last.max(n) },
                        false => LayerBand { first: now.first.min(n), last: n },
                    }));
                }
            />
        }
    };
    view! {
        <div class="lever">
            <span>{t("in layers")}" "<small>{t("empty: all")}</small></span>
            <span class="band">{end(true)}"–"{end(false)}</span>
        </div>
    }
}
