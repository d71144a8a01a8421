//! The definition beside the number: presets, and every choice of a custom one.

use leptos::prelude::*;
use shared::{Definition, Group, Heads, Media, Observation, Preset, Queries, Ratio, Stages};

use crate::glossary::Term;
use crate::language::{fill, t};
use crate::run::link;
use crate::run::{Run, sink_toggled};
use crate::ui::term::Explained;
use crate::words;

/// The row of choices, which opens the panel.
#[component]
pub fn DefinitionBar(
    /// The run it belongs to.
    run: Run,
    /// Whether the panel with all choices is open.
    open: RwSignal<bool>,
) -> impl IntoView {
    let definition = run.view.definition;
    let toggle = move |_| open.update(|o| *o = !*o);
    let chip = move |name: &'static str, term: Term, value: Signal<String>| {
        view! {
            <button
                type="button"
                class="pill"
                title=term.meaning()
                aria-expanded=move || open.get().to_string()
                aria-controls="definition-panel"
                on:click=toggle
            >
                {name}" "<b>{value}</b>
            </button>
        }
    };
    view! {
        <div class="definition">
            <span class="pill strong">
                <Explained term=Term::Definition word=t("Definition:")/>" "
                <select
                    data-testid="definition-select"
                    aria-label=t("Definition")
                    on:change=move |event| match Preset::from_name(&event_target_value(&event)) {
                        Some(preset) => definition.update(|d| {
                            let Definition { other, instead, .. } = *d;
                            *d = Definition { other, instead, ..preset.definition() };
                        }),
                        None => open.set(true),
                    }
                    prop:value=move || definition.get().between_all().name()
                >
                    {Preset::ALL.map(|p| view! {
                        <option value=p.name() selected=definition.get_untracked().between_all().preset() == Some(p)>{p.name()}</option>
                    })}
                    <option value="custom" selected=definition.get_untracked().between_all().preset().is_none()>{t("custom")}</option>
                </select>
            </span>
            {chip(t("queries"), Term::Queries, Signal::derive(move || words::queries(definition.get().queries).into()))}
            {chip(t("text"), Term::TextKeys, Signal::derive(move || words::text_groups(definition.get().text)))}
            <Sides run/>
            <button
                type="button"
                class="pill"
                data-testid="sink"
                aria-pressed=move || definition.get().text.contains(Group::Begin).to_string()
                title=words::group_note(Group::Begin)
                on:click=move |_| definition.update(|d| *d = sink_toggled(d))
            >
                {t("sink")}" "<b>{move || if definition.get().text.contains(Group::Begin) { t("in") } else { t("out") }}</b>
            </button>
            {chip(t("heads"), Term::Head, Signal::derive(move || words::heads(definition.get().heads)))}
        </div>
    }
}

/// What stands on the two sides, where a prompt has several pictures.
#[component]
fn Sides(run: Run) -> impl IntoView {
    let definition = run.view.definition;
    let pictures = Memo::new(move |_| {
        run.facts.observation.with(|o| o.layout.as_ref().map_or(0, |l| l.media.len() as u8))
    });
    let picture = |i: u8| fill("picture {n}", &[("n", &(i + 1))]);
    move || {
        let n = pictures.get();
        if n < 2 && definition.with(|d| *d == d.between_all()) {
            return None;
        }
        let Definition { instead, other, .. } = definition.get();
        // A link may name a side that this prompt does not have.
        let own = |side: Media, i: u8| side == Media::Item(i);
        let firsts = (0..n).map(|i| view! {
            <option value=i + 1 selected=instead.is_some_and(|s| own(s, i))>{picture(i)}</option>
        });
        let others = (0..n).map(|i| {
            view! {
                <option value=i + 1 selected=own(other, i)>{picture(i)}</option>
            }
        });
        Some(view! {
            <span class="pill">
                <select
                    data-testid="side-first"
                    aria-label=t("What is held against the other side")
                    on:change=move |event| {
                        let chosen = event_target_value(&event).parse().ok();
                        definition.update(|d| d.instead = chosen);
                    }
                >
                    <option value="words" selected=instead.is_none()>{t("words")}</option>
                    {firsts.collect_view()}
                </select>
                " : "
                <select
                    data-testid="side-other"
                    aria-label=t("The other side")
                    on:change=move |event| {
                        let chosen = event_target_value(&event).parse().unwrap_or_default();
                        definition.update(|d| d.other = chosen);
                    }
                >
                    <option value="all" selected=other == Media::All>{t("all pictures")}</option>
                    {others.collect_view()}
                </select>
            </span>
        })
    }
}

/// Every choice a definition makes.
#[component]
pub fn DefinitionPanel(
    /// The run it belongs to.
    run: Run,
) -> impl IntoView {
    let definition = run.view.definition;
    let counts = move || run.facts.observation.with(|o| o.layout.as_ref().map(|l| l.counts()));
    let heads = move || run.facts.observation.with(Observation::heads);
    let group = move |g: Group| {
        view! {
            <label class="check" title=words::group_note(g)>
                <input
                    type="checkbox"
                    data-testid=format!("text-{}", g.name())
                    prop:checked=move || definition.get().text.contains(g)
                    on:change=move |event| {
                        let on = event_target_checked(&event);
                        definition.update(|d| d.text = if on { d.text.with(g) } else { d.text.without(g) });
                    }
                />
                {words::group(g)}
                {move || counts().filter(|_| g != Group::Generated).map(|c| view! { <small>{c.get(g)}</small> })}
            </label>
        }
    };
    let note = move || match definition.get().preset() {
        Some(preset) => words::preset_note(preset).to_owned(),
        None => fill("Custom: {text}", &[("text", &link::definition_to_text(&definition.get()))]),
    };
    view! {
        <div class="panel" id="definition-panel">
            <fieldset>
                <legend><Explained term=Term::TextKeys word=t("Counts as text")/></legend>
                {words::TEXT_GROUPS.map(group)}
            </fieldset>
            <div class="panel-selects">
                <div>
                    <Explained term=Term::Queries word=t("Queries")/>
                    <select
                        aria-label=t("Queries")
                        data-testid="queries"
                        prop:value=move || link::name_of(&definition.get().queries)
                        on:change=move |e| set(definition, &e, |d, q: Queries| d.queries = q)
                    >
                        {words::QUERIES.map(|(q, name, note)| view! {
                            <option value=link::name_of(&q) title=t(note) selected=definition.get_untracked().queries == q>{t(name)}</option>
                        })}
                    </select>
                </div>
                <div>
                    <Explained term=Term::Head word=t("Heads")/>
                    <select
                        aria-label=t("Heads")
                        data-testid="heads"
                        on:change=move |event| {
                            let text = event_target_value(&event);
                            let heads = match text.parse() {
                                Ok(h) => Some(Heads::One(h)),
                                Err(_) => link::of_name(&text),
                            };
                            if let Some(heads) = heads {
                                definition.update(|d| d.heads = heads);
                            }
                        }
                    >
                        {move || {
                            let now = definition.get().heads;
                            let ways = [(Heads::MeanFirst, "mean_first"), (Heads::ShareThenMean, "share_then_mean")];
                            let ways = ways.map(|(way, value)| view! {
                                <option value=value selected=way == now>{words::heads(way)}</option>
                            });
                            let single = (0..heads() as u32).map(|h| view! {
                                <option value=h selected=Heads::One(h) == now>{words::heads(Heads::One(h))}</option>
                            }).collect_view();
                            view! { {ways} {single} }
                        }}
                    </select>
                </div>
                <div>
                    <Explained term=Term::Stage word=t("Stages")/>
                    <select
                        aria-label=t("Stages")
                        data-testid="stages"
                        prop:value=move || link::name_of(&definition.get().stages)
                        on:change=move |e| set(definition, &e, |d, s: Stages| d.stages = s)
                    >
                        {[Stages::Two, Stages::Thirds, Stages::All].map(|s| view! {
                            <option value=link::name_of(&s) selected=definition.get_untracked().stages == s>{words::stages(s)}</option>
                        })}
                    </select>
                </div>
                <div>
                    <Explained term=Term::MeanOfRatios word=t("Layers")/>
                    <select
                        aria-label=t("Layers")
                        data-testid="ratio"
                        prop:value=move || link::name_of(&definition.get().layers)
                        on:change=move |e| set(definition, &e, |d, r: Ratio| d.layers = r)
                    >
                        {[Ratio::MeanOfRatios, Ratio::RatioOfMeans].map(|r| view! {
                            <option value=link::name_of(&r) selected=definition.get_untracked().layers == r>{words::ratio(r)}</option>
                        })}
                    </select>
                </div>
            </div>
            <p class="quiet">{note}</p>
        </div>
    }
}

/// Takes a choice over from a select.
fn set<T: serde::de::DeserializeOwned>(
    definition: RwSignal<Definition>,
    event: &web_sys::Event,
    put: impl FnOnce(&mut Definition, T),
) {
    if let Some(choice) = link::of_name(&event_target_value(event)) {
        definition.update(|d| put(d, choice));
    }
}
