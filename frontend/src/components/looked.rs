//! Who looked at one patch or one token of the prompt: tokens of the answer by layer.

use leptos::html;
use leptos::prelude::*;

use crate::browser::watch_width;
use crate::components::behind::Behind;
use crate::components::scale_bar::{Ramp, ScaleBar};
use crate::components::seen::scale_end;
use crate::kept::Kept;
use crate::language::{fill, t};
use crate::link::Pick;
use crate::sequence;
use crate::state::use_lab;
use crate::words;
use plots::looked::{Grid, svg};
use plots::view_box;

/// The card.
#[component]
pub fn LookedCard() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let holder = NodeRef::<html::Div>::new();
    let width = RwSignal::new(640.0_f64);
    watch_width(holder, width);
    let texts = Kept::new(move || run.observation.with(|o| sequence::words_of(o)));
    let grid = Kept::new(move || {
        let (tokens, layers) =
            run.maps.looks.with(|l| l.as_ref().map_or((0, 0), |l| (l.tokens, l.layers)));
        Grid::new(width.get(), lab.type_size.get(), tokens, layers)
    });
    let there = Kept::new(move || run.maps.looks.with(Option::is_some));
    let drawing = Kept::new(move || {
        run.maps.looks.with(|looks| {
            let Some(looks) = looks else { return String::new() };
            let (end, grid) = (run.maps.looks_end.get(), grid.get());
            texts.with(|texts| svg(looks, texts, end, &grid, &lab.style()))
        })
    });
    let under = RwSignal::new(None::<(usize, usize)>);
    let find = move |event: &web_sys::PointerEvent| {
        let cell =
            grid.get_untracked().at(f64::from(event.offset_x()), f64::from(event.offset_y()));
        cell.filter(|(token, _)| *token < texts.with_untracked(Vec::len))
    };
    let keys = move |event: web_sys::KeyboardEvent| {
        match event.key().as_str() {
            "ArrowLeft" => run.step_token(-1),
            "ArrowRight" => run.step_token(1),
            "ArrowUp" => run.step_layer(1),
            "ArrowDown" => run.step_layer(-1),
            _ => return,
        }
        event.prevent_default();
    };
    let name = move || {
        let target = run.target.get()?;
        Some(run.observation.with(|o| sequence::target_name(o, target)))
    };
    let note = move || match name() {
        Some(name) => format!("{name} · {}", run.maps.shown.get().name()),
        None => t("tokens of the answer by layer").to_owned(),
    };
    let word = move |token: usize| texts.with(|t| t.get(token).cloned()).unwrap_or_default();
    let told = move || {
        run.maps.looks.with(|looks| {
            let looks = looks.as_ref()?;
            let chosen = || Some((run.token.get()?, run.layer.get()?));
            let (token, layer) = under.get().or_else(chosen)?;
            let here: [(&str, &dyn std::fmt::Display); 2] =
                [("word", &word(token)), ("layer", &layer)];
            let mut told = match looks.get(token, layer) {
                Some(share) => fill(
                    "“{word}” in layer {layer}: {share} of its attention.",
                    &[here[0], here[1], ("share", &words::percent(share.into()))],
                ),
                None => fill("“{word}” could not see it, or its row was not kept.", &here),
            };
            if let Some((token, layer, share)) = looks.most() {
                told += " ";
                told += &fill(
                    "Most of all: “{word}” in layer {layer}, {share}.",
                    &[
                        ("word", &word(token)),
                        ("layer", &layer),
                        ("share", &words::percent(share.into())),
                    ],
                );
            }
            Some(told)
        })
    };
    let ends = Signal::derive(move || {
        let end = words::percent(run.maps.looks_end.get().into());
        ("0".to_owned(), scale_end(run.scale.get(), &end))
    });
    let columns = Signal::derive(move || {
        let layers = run.maps.looks.with(|l| l.as_ref().map_or(0, |l| l.layers));
        let head = [t("number").to_owned(), t("token").to_owned()];
        let layers = (0..layers).map(|l| fill("layer {layer}", &[("layer", &l)]));
        head.into_iter().chain(layers).collect()
    });
    let rows = Signal::derive(move || {
        run.maps.looks.with(|looks| {
            let Some(looks) = looks else { return Vec::new() };
            let row = |token: usize| {
                let shares = (0..looks.layers).map(|l| match looks.get(token, l) {
                    Some(share) => words::percent(share.into()),
                    None => "–".to_owned(),
                });
                [token.to_string(), word(token)].into_iter().chain(shares).collect()
            };
            (0..looks.tokens).map(row).collect()
        })
    });
    view! {
        <section class="card looked" aria-labelledby="looked-title">
            <header class="card-head">
                <h2 id="looked-title">{t("Who looked there")}</h2>
                <p class="card-note" data-testid="looked-note">{note}</p>
                <Show when=move || there.get()>
                    <button
                        type="button"
                        class="compare"
                        data-testid="looked-close"
                        on:click=move |_| run.target.set(None)
                    >{t("let go")}</button>
                </Show>
            </header>
            <div node_ref=holder>
                <Show
                    when=move || there.get()
                    fallback=|| view! {
                        <p class="quiet">{t("Choose a patch of the picture or a token of the prompt to see which words of the answer looked at it, and in which layers.")}</p>
                    }
                >
                    <div class="heat" data-testid="looked" style:height=move || format!("{}px", grid.get().height)>
                        <div class="drawing" aria-hidden="true" inner_html=move || drawing.get()></div>
                        <svg class="marks" viewBox=move || view_box(grid.get().width, grid.get().height) aria-hidden="true">
                            {move || {
                                let grid = grid.get();
                                let outline = move |class: &'static str, (token, layer): (usize, usize)| {
                                    let [x, y, w, h] = grid.cell(token, layer);
                                    view! { <rect class=class x=x y=y width=w height=h rx="2"/> }
                                };
                                let chosen = run.token.get().zip(run.layer.get());
                                view! {
                                    {under.get().map(|at| outline("under", at))}
                                    {chosen.map(|at| outline("chosen", at))}
                                }
                            }}
                        </svg>
                        <div
                            class="glass"
                            data-keys=""
                            role="slider"
                            tabindex="0"
                            aria-label=t("Token of the answer and layer")
                            aria-valuemin="0"
                            aria-valuemax=move || texts.with(|t| t.len().saturating_sub(1))
                            aria-valuenow=move || run.token.get()
                            aria-valuetext=told
                            on:pointermove=move |event| if event.pointer_type() == "mouse" {
                                under.set(find(&event));
                            }
                            on:pointerleave=move |_| under.set(None)
                            on:pointerup=move |event| if let Some((token, layer)) = find(&event) {
                                run.pick.set(Pick::Token(token));
                                run.pinned.set(Some(layer));
                            }
                            on:keydown=keys
                        ></div>
                    </div>
                    <ScaleBar run ramp=Ramp::Attention ends/>
                    <p class="card-foot" data-testid="looked-told">{told}</p>
                    <Behind run testid="looked-table" caption=t("Share of each answer token’s attention on what was chosen, by layer") columns rows/>
                </Show>
            </div>
        </section>
    }
}
