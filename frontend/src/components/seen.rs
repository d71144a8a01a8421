//! What the model saw: the prepared picture, and where one token of the answer looked.

use std::fmt::Display;

use leptos::prelude::*;
use shared::{Heads, PreparedPicture};

use crate::colour::Rgb;
use crate::components::term::Explained;
use crate::components::value::Switch;
use crate::glossary::Term;
use crate::language::{fill, t};
use crate::link::Scale;
use crate::overlay;
use crate::state::{RunView, use_lab};
use crate::words;

/// The card.
#[component]
pub fn Seen() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let picture =
        Memo::new(move |_| run.observation.with(|o| o.layout.as_ref().and_then(|l| l.picture)));
    let cells = Memo::new(move |_| {
        let (token, layer) = (run.token.get()?, run.layer.get()?);
        run.observation.with(|o| o.overlay(token, layer))
    });
    let top = Memo::new(move |_| match run.scale.get() {
        Scale::Absolute => run.top.get(),
        Scale::Relative => cells.with(|c| c.as_ref().map_or(0.01, overlay::relative_top)),
    });
    // The prepared picture exists once the layout does; before that, the person's own.
    let source = Signal::derive_local(move || {
        let id = run.id.get();
        match (id, picture.get().is_some()) {
            (Some(id), true) => Some(format!("/api/runs/{id}/prepared.png")),
            _ => lab.source.get().map(|s| s.url()),
        }
    });
    let token_text = move || {
        let i = run.token.get()?;
        run.observation.with(|o| o.tokens.get(i).map(|t| words::token(&t.text)))
    };
    let about = move || {
        let mut parts: Vec<String> = Vec::new();
        if let Some(p) = picture.get() {
            parts.extend(words::fitted(&p).map(str::to_owned));
        } else if run.observation.with(|o| o.layout.is_some()) {
            parts.push(t("the model was shown no picture").into());
        }
        if cells.with(Option::is_some) {
            parts.extend(token_text().map(|t| format!("“{t}”")));
            parts.extend(run.layer.get().map(|l| fill("layer {n}", &[("n", &l)])));
            // Rows are kept as means; a head chosen elsewhere does not reach them.
            if matches!(run.definition.get().heads, Heads::One(_)) {
                parts.push(t("mean of heads").into());
            }
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

    view! {
        <section class="card seen" data-tour="seen" aria-labelledby="seen-title">
            <header class="card-head">
                <h2 id="seen-title">{t("What the model saw")}</h2>
                <p class="card-note" title=move || picture.get().map(|p| words::preparation(&p))>{patches}{about}</p>
            </header>
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
                    fallback=|| view! {
                        <label class="drop-here" for="picture-input">
                            <b>{t("Drop a picture here")}</b>
                            <span>{t("paste one, or click to choose")}</span>
                        </label>
                    }
                >
                    <img src=move || source.get() alt=t("The picture as the model received it")/>
                </Show>
                {move || picture.get().map(|p| view! { <Overlay run p cells top under/> })}
            </div>
            {move || {
                let done = run.model.with(|m| m.as_ref().map(|m| {
                    run.options.with(|o| words::interventions(o, m))
                }));
                done.filter(|d| !d.is_empty()).map(|done| view! {
                    <p class="done-to" data-testid="done-to">{done.join(" ")}</p>
                })
            }}
            <div class="scale-row">
                <Switch
                    label=t("Scale of the overlay")
                    choices=vec![
                        (Scale::Absolute, t("absolute"), t("Share of the token’s whole attention: one scale for all tokens and layers of this run")),
                        (Scale::Relative, t("relative"), t("Each map from 0 to its own largest share")),
                    ]
                    chosen=run.scale
                />
                <ColourBar top/>
            </div>
            <p class="card-foot" aria-live="polite">
                {move || if let Some(told) = looked_at(run) { told } else { match (under.get(), cells.get(), picture.get()) {
                    (Some(i), Some(cells), Some(p)) => {
                        let (row, col) = (i / usize::from(p.cols), i % usize::from(p.cols));
                        let (row, col): (&dyn Display, &dyn Display) = (&row, &col);
                        match cells.get(i) {
                            Some(Some(share)) => fill(
                                "Patch in row {row}, column {col}: {share} of this token’s attention",
                                &[("row", row), ("col", col), ("share", &words::percent((*share).into()))],
                            ),
                            _ => fill(
                                "Patch in row {row}, column {col}: dropped before the model saw it",
                                &[("row", row), ("col", col)],
                            ),
                        }
                    }
                    (_, None, Some(_)) if run.observation.with(|o| o.tokens.is_empty()) => {
                        t("Where each word of the answer looked appears here.").into()
                    }
                    (_, None, Some(_)) => t("Choose a word of the answer to see where it looked.").into(),
                    (_, Some(_), _) => t("Colour: share of the token’s attention on one patch.").into(),
                    _ => String::new(),
                } }}
            </p>
        </section>
    }
}

/// Which words of the answer looked at the patch that stays chosen, the most first.
fn looked_at(run: RunView) -> Option<String> {
    let (row, col) = run.patch.get()?;
    let layer = run.layer.get()?;
    run.observation.with(|o| {
        let looks = o.patch_looks(layer, row, col).into_iter().enumerate();
        let mut looks: Vec<(usize, f32)> = looks.filter_map(|(i, l)| Some((i, l?))).collect();
        looks.sort_by(|a, b| b.1.total_cmp(&a.1));
        let told = |(i, share): &(usize, f32)| {
            let word = words::token(&o.tokens.get(*i)?.text);
            Some(format!("“{word}” {}", words::percent((*share).into())))
        };
        let words: Vec<String> = looks.iter().take(4).filter_map(told).collect();
        Some(match words.is_empty() {
            true => fill(
                "Patch in row {row}, column {col}: no word of the answer saw it.",
                &[("row", &row), ("col", &col)],
            ),
            false => fill(
                "Patch in row {row}, column {col} in layer {layer}, looked at by {words}.",
                &[("row", &row), ("col", &col), ("layer", &layer), ("words", &words.join(", "))],
            ),
        })
    })
}

/// The cells over the picture.
#[component]
fn Overlay(
    run: RunView,
    p: PreparedPicture,
    cells: Memo<Option<overlay::Cells>>,
    top: Memo<f32>,
    under: RwSignal<Option<usize>>,
) -> impl IntoView {
    let lab = use_lab();
    let (cols, rows) = (usize::from(p.cols), usize::from(p.rows));
    let drawn = move || {
        let ends = lab.palette.with(|p| p.scale);
        cells.with(|c| {
            c.as_ref().map_or_else(String::new, |c| overlay::rectangles(c, cols, top.get(), ends))
        })
    };
    let find = move |event: web_sys::PointerEvent| {
        let target = event_target::<web_sys::Element>(&event);
        let size = (f64::from(target.client_width()), f64::from(target.client_height()));
        let at = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        under.set(overlay::cell_at(at.0, at.1, size, cols, rows));
    };
    let cell = move |i: usize| ((i / cols) as u16, (i % cols) as u16);
    let pin = move |event: web_sys::PointerEvent| {
        find(event);
        let cell = under.get_untracked().map(cell);
        run.patch.update(|now| *now = if *now == cell { None } else { cell });
    };
    // The way to a patch without a pointer: from the chosen one, or the middle.
    let keys = move |event: web_sys::KeyboardEvent| {
        let (row, col) = run.patch.get_untracked().unwrap_or(cell(rows / 2 * cols + cols / 2));
        let next = match event.key().as_str() {
            "ArrowLeft" => (row, col.saturating_sub(1)),
            "ArrowRight" => (row, (col + 1).min(p.cols - 1)),
            "ArrowUp" => (row.saturating_sub(1), col),
            "ArrowDown" => ((row + 1).min(p.rows - 1), col),
            _ => return,
        };
        event.prevent_default();
        run.patch.set(Some(next));
    };
    view! {
        <svg
            class="overlay"
            data-testid="overlay"
            data-token=move || run.token.get().map(|t| t.to_string())
            data-layer=move || run.layer.get().map(|l| l.to_string())
            viewBox=format!("0 0 {cols} {rows}")
            preserveAspectRatio="none"
            aria-hidden="true"
        >
            <g class="cells" inner_html=drawn/>
            {move || under.get().map(|i| view! {
                <rect class="under" x=i % cols y=i / cols width="1" height="1"/>
            })}
            {move || run.patch.get().map(|(row, col)| view! {
                <rect class="under pinned" data-testid="patch" x=col y=row width="1" height="1"/>
            })}
        </svg>
        // Takes the pointer: offsets are then the picture's own, whatever is drawn above.
        <div
            class="glass"
            data-testid="patches"
            data-keys=""
            role="application"
            tabindex="0"
            aria-label=t("Patches of the picture. Arrow keys choose one; Escape lets go of it.")
            on:keydown=keys
            on:pointermove=find
            // Not when it goes down: a finger that goes on to scroll has chosen nothing.
            on:pointerup=pin
            on:pointerleave=move |_| under.set(None)
        ></div>
        <OverlayTable p cells/>
    }
}

/// The overlay's strongest cells for screen readers: all of them would be hundreds.
#[component]
fn OverlayTable(p: PreparedPicture, cells: Memo<Option<overlay::Cells>>) -> impl IntoView {
    let strongest = move || {
        let cells = cells.get().unwrap_or_default();
        let mut all: Vec<(usize, f32)> =
            cells.iter().enumerate().filter_map(|(i, c)| c.map(|c| (i, c))).collect();
        all.sort_by(|a, b| b.1.total_cmp(&a.1));
        all.truncate(10);
        all.into_iter()
            .map(|(i, share)| {
                view! {
                    <tr>
                        <td>{i / usize::from(p.cols)}</td>
                        <td>{i % usize::from(p.cols)}</td>
                        <td>{words::percent(share.into())}</td>
                    </tr>
                }
            })
            .collect_view()
    };
    view! {
        <div class="sr-only"><table>
            <caption>{t("The ten patches that the chosen token looked at most")}</caption>
            <thead><tr><th>{t("row")}</th><th>{t("column")}</th><th>{t("share of its attention")}</th></tr></thead>
            <tbody>{strongest}</tbody>
        </table></div>
    }
}

/// The colour scale with its ends and unit.
#[component]
fn ColourBar(top: Memo<f32>) -> impl IntoView {
    let lab = use_lab();
    let gradient = move || {
        let (low, high) = lab.palette.with(|p| p.scale);
        let stop = |i: u32| Rgb::css(low.mix(high, f64::from(i) / 6.0));
        let stops: Vec<String> = (0..=6).map(stop).collect();
        format!("linear-gradient(90deg, {})", stops.join(", "))
    };
    view! {
        <div class="colour-bar" title=t("Share of the token’s whole attention that falls on one patch")>
            <span>"0"</span>
            <i style:background=gradient></i>
            <span>{move || words::percent(top.get().into())}</span>
        </div>
    }
}
