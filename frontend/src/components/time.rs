//! Attention over time: where the row that predicted each token of the answer looked.

use leptos::html;
use leptos::prelude::*;
use shared::Heads;

use crate::browser::watch_width;
use crate::components::behind::Behind;
use crate::components::term::Explained;
use crate::components::transport::PlayButton;
use crate::glossary::Term;
use crate::kept::Kept;
use crate::language::{fill, t};
use crate::link::Pick;
use crate::state::{Play, RunView, use_lab};
use crate::words;
use plots::bars::{Columns, Grid, svg};
use plots::flow::End;
use plots::view_box;

/// What the plot shows of a run.
fn columns_of(run: RunView) -> Columns {
    let lab = use_lab();
    let (definition, layer) = (run.definition.get(), run.chosen_layer.get());
    run.plotted(|plotted| plots::run::columns(plotted, &definition, layer, &lab.style()))
}

/// The card.
#[component]
pub fn TimeCard() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let holder = NodeRef::<html::Div>::new();
    let width = RwSignal::new(640.0_f64);
    watch_width(holder, width);
    let data = Kept::new(move || columns_of(run));
    let count = move || data.with(|d| d.words.len());
    let height = move || (lab.type_size.get() * 14.0).round();
    let grid = Kept::new(move || Grid::new(width.get(), height(), lab.type_size.get(), count()));
    let drawing = Kept::new(move || data.with(|d| svg(d, &grid.get(), &lab.style())));
    let under = RwSignal::new(None::<usize>);
    let find = move |event: &web_sys::PointerEvent| {
        let at = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        grid.get_untracked().at(at.0, at.1).filter(|t| *t < data.with_untracked(|d| d.words.len()))
    };
    let keys = move |event: web_sys::KeyboardEvent| {
        match event.key().as_str() {
            "ArrowLeft" => run.step_token(-1),
            "ArrowRight" => run.step_token(1),
            "ArrowUp" => run.step_layer(1),
            "ArrowDown" => run.step_layer(-1),
            "Home" => run.pick.set(Pick::Token(0)),
            _ => return,
        }
        event.prevent_default();
    };
    let note = move || match (run.chosen_layer.get(), run.definition.get().heads) {
        (Some(layer), Heads::One(head)) => {
            fill("layer {layer} · head {head}", &[("layer", &layer), ("head", &head)])
        }
        (Some(layer), _) => fill("layer {n}", &[("n", &layer)]),
        (None, Heads::One(head)) => fill("mean of all layers, head {head}", &[("head", &head)]),
        (None, _) => t("mean of all layers").to_owned(),
    };
    let told = move || {
        let token = under.get().or(run.token.get())?;
        data.with(|plot| {
            let word = plot.words.get(token)?;
            let side = |(i, end): (usize, &End)| {
                format!("{} {}", end.name, words::percent(plot.get(token, i)))
            };
            let shares: Vec<String> = plot.sides.iter().enumerate().map(side).collect();
            let shares = shares.join(", ");
            Some(match plot.even.get(token) {
                Some(even) => fill(
                    "“{word}” looked at {shares}; even: picture {even}",
                    &[("word", word), ("shares", &shares), ("even", &words::percent(*even))],
                ),
                None => fill("“{word}” looked at {shares}", &[("word", word), ("shares", &shares)]),
            })
        })
    };
    let columns = Signal::derive(move || {
        let sides = data.with(|d| d.sides.iter().map(|s| s.name.to_owned()).collect::<Vec<_>>());
        let head = [t("number").to_owned(), t("token").to_owned()];
        head.into_iter().chain(sides).chain([t("picture, even").to_owned()]).collect()
    });
    let rows = Signal::derive(move || {
        data.with(|plot| {
            let row = |(token, word): (usize, &String)| {
                let mut row = vec![token.to_string(), word.clone()];
                row.extend((0..plot.sides.len()).map(|s| words::percent(plot.get(token, s))));
                row.push(plot.even.get(token).map_or("–".into(), |e| words::percent(*e)));
                row
            };
            plot.words.iter().enumerate().map(row).collect()
        })
    });
    view! {
        <section class="card time" aria-labelledby="time-title">
            <header class="card-head">
                <h2 id="time-title">{t("Attention, word by word")}</h2>
                <p class="card-note">{note}</p>
                <PlayButton run what=Play::Tokens/>
            </header>
            <div class="heat" data-testid="time" node_ref=holder style:height=move || format!("{}px", height())>
                <div class="drawing" aria-hidden="true" inner_html=move || drawing.get()></div>
                <svg class="marks" viewBox=move || view_box(grid.get().width, grid.get().height) aria-hidden="true">
                    {move || {
                        let grid = grid.get();
                        let outline = move |class: &'static str, token: usize| {
                            let (x0, x1) = grid.column(token);
                            view! { <rect class=class x=x0 y=grid.top width=x1 - x0 height=grid.bottom - grid.top rx="2"/> }
                        };
                        let there = move |t: &usize| *t < count();
                        view! {
                            {under.get().filter(there).map(|t| outline("under", t))}
                            {run.token.get().filter(there).map(|t| outline("chosen", t))}
                        }
                    }}
                </svg>
                <div
                    class="glass"
                    data-keys=""
                    role="slider"
                    tabindex="0"
                    aria-label=t("Token of the answer")
                    aria-valuemin="0"
                    aria-valuemax=move || count().saturating_sub(1)
                    aria-valuenow=move || run.token.get()
                    aria-valuetext=told
                    on:pointermove=move |event| under.set(find(&event))
                    on:pointerleave=move |_| under.set(None)
                    on:pointerup=move |event| if let Some(token) = find(&event) {
                        run.pick.set(Pick::Token(token));
                    }
                    on:keydown=keys
                ></div>
                <Show when=move || count() == 0>
                    <p class="chart-empty">{t("A column for each word of the answer, as it is written.")}</p>
                </Show>
            </div>
            <p class="keys">
                {move || data.with(|d| d.sides.iter().map(|s| view! {
                    <span class="legend"><i class="dot" style:background=s.colour.css()></i>{s.name}</span>
                }).collect_view())}
                {move || data.with(|d| !d.even.is_empty()).then(|| view! {
                    <span class="legend"><i class="dash"></i><Explained term=Term::Even word=t("picture, if attention were even")/></span>
                })}
            </p>
            <p class="card-foot one-line" data-testid="time-told">{move || told().unwrap_or_default()}</p>
            <Behind run testid="time-table" caption=t("Share of each answer token’s attention on every side") columns rows/>
        </section>
    }
}
