//! Who looked at one patch or one token of the prompt: tokens of the answer by layer.

use leptos::prelude::*;

use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::kept::Kept;
use crate::run::link::Pick;
use crate::sequence;
use crate::ui::behind::Behind;
use crate::ui::glass::{At, Handler, Key, Reads};
use crate::ui::plot_glass::PlotGlass;
use crate::ui::scale_bar::{Ramp, ScaleBar, scale_end};
use crate::words;
use plots::looked::{Grid, svg};
use plots::view_box;

/// The card.
#[component]
pub fn LookedCard() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let width = RwSignal::new(640.0_f64);
    let texts = Kept::new(move || run.facts.observation.with(sequence::words_of));
    let grid = Kept::new(move || {
        let (tokens, layers) =
            run.derived.maps.looks.with(|l| l.as_ref().map_or((0, 0), |l| (l.tokens, l.layers)));
        Grid::new(width.get(), lab.type_size.get(), tokens, layers)
    });
    let there = Kept::new(move || run.derived.maps.looks.with(Option::is_some));
    let drawing = Kept::new(move || {
        run.derived.maps.looks.with(|looks| {
            let Some(looks) = looks else { return String::new() };
            let (end, grid) = (run.derived.maps.looks_end.get(), grid.get());
            texts.with(|texts| svg(looks, texts, end, &grid, &lab.style()))
        })
    });
    let under = RwSignal::new(None::<(usize, usize)>);
    let find = move |at: At| {
        let cell = grid.get_untracked().at(at.x, at.y);
        cell.filter(|(token, _)| *token < texts.with_untracked(Vec::len))
    };
    let keys = move |key: Key| {
        match key {
            Key::Left => run.step_layer(-1),
            Key::Right => run.step_layer(1),
            Key::Up => run.step_token(-1),
            Key::Down => run.step_token(1),
            Key::Home | Key::End | Key::Choose | Key::Nearer | Key::Farther => return false,
        }
        true
    };
    let name = move || {
        let target = run.derived.target.get()?;
        Some(run.facts.observation.with(|o| sequence::target_name(o, target)))
    };
    let note = move || match name() {
        Some(name) => format!("{name} · {}", run.derived.maps.shown.get().name()),
        None => t("tokens of the answer by layer").to_owned(),
    };
    let word = move |token: usize| texts.with(|t| t.get(token).cloned()).unwrap_or_default();
    let told = move || {
        run.derived.maps.looks.with(|looks| {
            let looks = looks.as_ref()?;
            let chosen = || Some((run.derived.token.get()?, run.derived.layer.get()?));
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
    let reads = Reads::Slider {
        last: Signal::derive(move || texts.with(|t| t.len().saturating_sub(1))),
        now: Signal::derive(move || run.derived.token.get()),
        told: Signal::derive(told),
    };
    let look = move |at: Option<At>| under.set(at.and_then(find));
    let choose = move |at| {
        if let Some((token, layer)) = find(at) {
            run.view.token.set(Pick::Token(token));
            run.view.layer.set(Some(layer));
        }
    };
    let glass = Handler::new(t("Token of the answer and layer"), reads, look, choose).keys(keys);
    let ends = Signal::derive(move || {
        let end = words::percent(run.derived.maps.looks_end.get().into());
        ("0".to_owned(), scale_end(run.view.scale.get(), &end))
    });
    let columns = Signal::derive(move || {
        let layers = run.derived.maps.looks.with(|l| l.as_ref().map_or(0, |l| l.layers));
        let head = [t("number").to_owned(), t("token").to_owned()];
        let layers = (0..layers).map(|l| fill("layer {layer}", &[("layer", &l)]));
        head.into_iter().chain(layers).collect()
    });
    let rows = Signal::derive(move || {
        run.derived.maps.looks.with(|looks| {
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
                        on:click=move |_| run.view.target.set(None)
                    >{t("let go")}</button>
                </Show>
            </header>
            <div>
                <Show
                    when=move || there.get()
                    fallback=|| view! {
                        <p class="quiet">{t("Choose a patch of the picture or a token of the prompt to see which words of the answer looked at it, and in which layers.")}</p>
                    }
                >
                    <PlotGlass
                        class="heat"
                        testid="looked"
                        width
                        height=Signal::derive(move || grid.get().height)
                        drawing
                        glass
                    >
                        <svg class="marks" viewBox=move || view_box(grid.get().width, grid.get().height) aria-hidden="true">
                            {move || {
                                let grid = grid.get();
                                let outline = move |class: &'static str, (token, layer): (usize, usize)| {
                                    let [x, y, w, h] = grid.cell(token, layer);
                                    view! { <rect class=class x=x y=y width=w height=h rx="2"/> }
                                };
                                let chosen = run.derived.token.get().zip(run.derived.layer.get());
                                view! {
                                    {under.get().map(|at| outline("under", at))}
                                    {chosen.map(|at| outline("chosen", at))}
                                }
                            }}
                        </svg>
                    </PlotGlass>
                    <ScaleBar run ramp=Ramp::Attention ends/>
                    <p class="card-foot" data-testid="looked-told">{told}</p>
                    <Behind run testid="looked-table" caption=t("Share of each answer token’s attention on what was chosen, by layer") columns rows/>
                </Show>
            </div>
        </section>
    }
}
