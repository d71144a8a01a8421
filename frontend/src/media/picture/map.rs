//! A picture as the model saw it, and where one token of the answer looked.

use leptos::prelude::*;
use shared::{Heads, PreparedPicture, Target};

use super::original::Original;
use super::overlay::{Overlay, PatchTable};
use super::{Cells, cells_of, top_of};
use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::media::Map;
use crate::run::Run;
use crate::run::kept::Kept;
use crate::sequence;
use crate::ui::scale_bar::{Ramp, ScaleBar, scale_end};
use crate::ui::term::Explained;
use crate::words;
use plots::map as overlay;

/// The map of the picture that is looked at, and the line beside the card's title.
pub(super) fn map(run: Run) -> Map {
    let lab = use_lab();
    let picture = Kept::new(move || {
        run.facts.observation.with(|o| o.layout.as_ref()?.picture_of(run.view.medium.get()))
    });
    let cells = cells_of(run, run.view.medium.into());
    let top = top_of(run, cells);
    // The prepared picture exists once the layout does; before that, the person's own.
    let source = Signal::derive_local(move || {
        let id = run.facts.id.get();
        match (id, picture.get().is_some()) {
            (Some(id), true) => Some(run.facts.source.prepared_url(&id, run.view.medium.get())),
            _ => lab.picture.get().filter(|s| !s.is_sound()).map(|s| s.url()),
        }
    });
    // Before a run there is no layout that would choose the lens.
    let sound = Signal::derive_local(move || {
        let chosen = lab.picture.get().filter(|s| s.is_sound() && picture.get().is_none());
        chosen.map(|s| s.url())
    });
    let token_text = move || {
        let i = run.derived.token.get()?;
        run.facts.observation.with(|o| o.shown(i).map(|t| words::token(&t.text)))
    };
    let about = move || {
        let mut parts: Vec<String> = Vec::new();
        if let Some(p) = picture.get() {
            parts.extend(words::fitted(&p).map(str::to_owned));
        } else if run.facts.observation.with(|o| o.layout.is_some()) {
            parts.push(t("the model was shown no picture").into());
        }
        if cells.with(Option::is_some) {
            parts.extend(token_text().map(|t| format!("“{t}”")));
            parts.extend(run.derived.layer.get().map(|l| fill("layer {layer}", &[("layer", &l)])));
            parts.push(run.derived.maps.shown.get().name());
        }
        parts.join(" · ")
    };
    let patches = move || {
        picture.get().map(|p| {
            let word = fill("{rows} × {cols} patches", &[("rows", &p.rows), ("cols", &p.cols)]);
            let more = move || !about().is_empty();
            view! {
                <Explained term=Term::Patch word/>
                {move || more().then_some(" · ")}
            }
        })
    };
    let under = RwSignal::new(None::<usize>);
    let ends = Signal::derive(move || {
        let end = words::percent(top.get().into());
        ("0".to_owned(), scale_end(run.view.scale.get(), &end))
    });

    let medium = view! {
            <div
                class="picture"
                class:coarse=move || picture.get().is_some_and(|p| p.width < 128)
                class:covered=move || cells.with(Option::is_some)
                style:aspect-ratio=move || {
                    picture.get().map_or("1".into(), |p| format!("{} / {}", p.width, p.height))
                }
                // A tall picture is made narrower instead of pushing the answer off the screen.
                style:max-width=move || {
                    let tall = picture.get().filter(|p| p.height > p.width);
                    tall.map(|p| format!("{:.3}rem", 24.0 * p.width as f32 / p.height as f32))
                }
                style:min-width=move || {
                    picture.get().filter(|p| p.height > p.width).map(|_| "0")
                }
            >
                // One element for all pictures: the old one stays until the new one is there.
                <Show
                    when=move || source.get().is_some()
                    fallback=move || match sound.get() {
                        Some(url) => view! {
                            <audio controls src=url aria-label=t("Your sound")></audio>
                        }
                        .into_any(),
                        None => view! {
                            <label class="drop-here" for="picture-input">
                                <b>{t("Drop a picture here")}</b>
                                <span>{t("paste one, or click to choose")}</span>
                            </label>
                        }
                        .into_any(),
                    }
                >
                    <img src=move || source.get() alt=t("The picture as the model received it")/>
                </Show>
                {move || picture.get().map(|p| view! { <Overlay run p cells top under/> })}
                <HeadChip run/>
            </div>
    };
    let below = view! {
            <p class="card-note" data-testid="seen-note" title=move || picture.get().map(|p| words::preparation(&p))>{patches}{about}</p>
            <p class="card-foot" id="seen-told" data-testid="seen-told" aria-live="polite">
                {move || foot(run, under.get(), cells, picture.get())}
            </p>
            <ScaleBar run ramp=Ramp::Attention ends/>
            <Original run picture/>
            {move || {
                let done = run.facts.model.with(|m| m.as_ref().map(|m| {
                    run.facts.options.with(|o| words::interventions(o, m))
                }));
                done.filter(|d| !d.is_empty()).map(|done| view! {
                    <p class="done-to" data-testid="done-to">{done.join(" ")}</p>
                })
            }}
            <Kept run/>
            <PatchTable run picture cells/>
    };
    Map { medium: medium.into_any(), below: below.into_any() }
}

/// The sentence below the picture.
fn foot(run: Run, under: Option<usize>, cells: Cells, picture: Option<PreparedPicture>) -> String {
    let Some(p) = picture else { return String::new() };
    if let Some(i) = under.filter(|_| cells.with(Option::is_some)) {
        let at: [(&str, &dyn std::fmt::Display); 2] =
            [("row", &(i / usize::from(p.cols))), ("col", &(i % usize::from(p.cols)))];
        return match cells.with(|c| c.as_ref().and_then(|c| *c.get(i)?)) {
            Some(share) => fill(
                "Patch in row {row}, column {col}: {share} of this token’s attention",
                &[at[0], at[1], ("share", &words::percent(share.into()))],
            ),
            None => fill("Patch in row {row}, column {col}: dropped before the model saw it", &at),
        };
    }
    if let Some(told) = looked_at(run) {
        return told;
    }
    if cells.with(Option::is_some) {
        return match run.derived.maps.shown.get().is_head() {
            true => {
                t("Colour: share of the token’s attention on one patch, on this head’s own scale.")
            }
            false => t("Colour: share of the token’s attention on one patch."),
        }
        .to_owned();
    }
    match run.facts.observation.with(|o| o.tokens.is_empty()) {
        true => t("Where each word of the answer looked appears here.").to_owned(),
        false => t("Choose a word of the answer to see where it looked.").to_owned(),
    }
}

/// Which tokens of the answer looked at the chosen patch: the most in this layer, and in any.
fn looked_at(run: Run) -> Option<String> {
    let target = run.view.target.get().filter(|t| matches!(t, Target::Patch { .. }))?;
    let layer = run.derived.layer.get()?;
    run.derived.maps.looks.with(|looks| {
        let looks = looks.as_ref()?;
        run.facts.observation.with(|o| {
            let name = sequence::target_name(o, target);
            let word = |i: usize| o.shown(i).map(|t| words::token(&t.text)).unwrap_or_default();
            let told = |(i, share): &(usize, f32)| {
                format!("“{}” {}", word(*i), words::percent((*share).into()))
            };
            let most: Vec<String> = looks.ranked(layer).iter().take(3).map(told).collect();
            let Some((token, best, share)) = looks.most().filter(|_| !most.is_empty()) else {
                return Some(fill("No word of the answer saw {name}.", &[("name", &name)]));
            };
            Some(fill(
                "Who looked most at {name}: in layer {layer} {words}; of all layers “{word}” in layer \
                 {best}, {share}.",
                &[
                    ("name", &name),
                    ("layer", &layer),
                    ("words", &most.join(", ")),
                    ("best", &best),
                    ("word", &word(token)),
                    ("share", &words::percent(share.into())),
                ],
            ))
        })
    })
}

/// The head that is chosen, on the picture: a click goes back to the mean of all. It takes no room, so that
/// choosing a head moves nothing under the pointer.
#[component]
fn HeadChip(run: Run) -> impl IntoView {
    let back = move |_| match run.view.look.get_untracked() {
        Some(_) => run.view.look.set(None),
        None => run.view.definition.update(|d| d.heads = Heads::MeanFirst),
    };
    view! {
        {move || run.view.pinned_head().map(|head| view! {
            <button
                type="button"
                class="pill head-chip"
                data-testid="to-mean"
                title=t("Back to the mean of all heads")
                on:click=back
            >
                {fill("head {head}", &[("head", &head)])}" "<span aria-hidden="true">"×"</span>
                <span class="sr-only">{t("Back to the mean of all heads")}</span>
            </button>
        })}
    }
}

/// How many patches the model got, and how often, where that is not each of them once.
#[component]
fn Kept(run: Run) -> impl IntoView {
    let kept = Kept::new(move || {
        run.facts.observation.with(|o| {
            let copies = o.layout.as_ref()?.copies(run.view.medium.get())?;
            overlay::kept(&copies).map(|(kept, most)| (kept, copies.len(), most))
        })
    });
    let told = |(kept, all, most): (usize, usize, u16)| {
        let mut told = Vec::new();
        if kept < all {
            told.push(fill(
                "{kept} of {all} patches kept; the hatched ones were dropped before the model saw \
                 them.",
                &[("kept", &kept), ("all", &all)],
            ));
        }
        if most > 1 {
            told.push(fill(
                "Every patch stands {n} times: its share is the sum over its copies.",
                &[("n", &most)],
            ));
        }
        told.join(" ")
    };
    move || {
        let kept = kept.get()?;
        Some(view! { <p class="done-to" data-testid="kept">{told(kept)}</p> })
    }
}
