//! Attention over time: where the row that predicted each token of the answer looked.

use leptos::prelude::*;
use shared::{Counted, Heads};

use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::kept::Kept;
use crate::run::link::Pick;
use crate::run::{Play, Run};
use crate::ui::behind::Behind;
use crate::ui::glass::{At, Handler, Key, Reads};
use crate::ui::plot_glass::PlotGlass;
use crate::ui::term::Explained;
use crate::ui::transport::PlayButton;
use crate::words;
use plots::bars::{Columns, Grid, svg};
use plots::flow::End;
use plots::view_box;

/// What the plot shows of a run.
fn columns_of(run: Run) -> Columns {
    let lab = use_lab();
    let (definition, layer) = (run.derived.lens.get(), run.derived.chosen_layer.get());
    let counted = run.view.counted.get();
    run.facts
        .plotted(|plotted| plots::run::columns(plotted, &definition, layer, counted, &lab.style()))
}

/// The card.
#[component]
pub fn TimeCard() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let width = RwSignal::new(640.0_f64);
    let data = Kept::new(move || columns_of(run));
    let count = move || data.with(|d| d.words.len());
    let height = move || (lab.type_size.get() * 14.0).round();
    let grid = Kept::new(move || Grid::new(width.get(), height(), lab.type_size.get(), count()));
    let drawing = Kept::new(move || data.with(|d| svg(d, &grid.get(), &lab.style())));
    let under = RwSignal::new(None::<usize>);
    let find = move |at: At| {
        grid.get_untracked().at(at.x, at.y).filter(|t| *t < data.with_untracked(|d| d.words.len()))
    };
    let keys = move |key: Key| {
        match key {
            Key::Left => run.step_token(-1),
            Key::Right => run.step_token(1),
            Key::Up => run.step_layer(1),
            Key::Down => run.step_layer(-1),
            Key::Home => run.view.token.set(Pick::Token(0)),
            Key::End | Key::Choose | Key::Nearer | Key::Farther => return false,
        }
        true
    };
    let of = move || match (run.derived.chosen_layer.get(), run.derived.lens.get().heads) {
        (Some(layer), Heads::One(head)) => {
            fill("layer {layer} · head {head}", &[("layer", &layer), ("head", &head)])
        }
        (Some(layer), _) => fill("layer {n}", &[("n", &layer)]),
        (None, Heads::One(head)) => fill("mean of all layers, head {head}", &[("head", &head)]),
        (None, _) => t("mean of all layers").to_owned(),
    };
    let note = move || format!("{} · {}", of(), words::counted(run.view.counted.get()));
    let told = move || {
        let token = under.get().or(run.derived.token.get())?;
        data.with(|plot| {
            let word = plot.words.get(token)?;
            let side = |(i, end): (usize, &End)| {
                format!("{} {}", end.name, words::percent(plot.get(token, i)))
            };
            let shares: Vec<String> = plot.sides.iter().enumerate().map(side).collect();
            let shares = shares.join(", ");
            let named: [(&str, &dyn std::fmt::Display); 2] = [("word", word), ("shares", &shares)];
            let looked = match run.view.counted.get() {
                Counted::InTotal => fill("“{word}” looked at {shares}", &named),
                Counted::PerToken => fill("“{word}” looked, per token, at {shares}", &named),
            };
            Some(match plot.even.get(token) {
                Some(even) => {
                    let even = words::percent(*even);
                    format!("{looked}; {}", fill("even: picture {even}", &[("even", &even)]))
                }
                None => looked,
            })
        })
    };
    let reads = Reads::Slider {
        last: Signal::derive(move || count().saturating_sub(1)),
        now: Signal::derive(move || run.derived.token.get()),
        told: Signal::derive(told),
    };
    let look = move |at: Option<At>| under.set(at.and_then(find));
    let choose = move |at| {
        if let Some(token) = find(at) {
            run.view.token.set(Pick::Token(token));
        }
    };
    let glass = Handler::new(t("Token of the answer"), reads, look, choose).keys(keys);
    let empty = move || {
        let none = count() == 0;
        none.then(|| t("A column for each word of the answer, as it is written.").to_owned())
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
            <PlotGlass
                class="heat"
                testid="time"
                width
                height=Signal::derive(height)
                drawing
                glass
                empty=Signal::derive(empty)
            >
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
                            {run.derived.token.get().filter(there).map(|t| outline("chosen", t))}
                        }
                    }}
                </svg>
            </PlotGlass>
            <p class="keys">
                {move || data.with(|d| d.sides.iter().map(|s| view! {
                    <span class="legend"><i class="dot" style:background=s.colour.css()></i>{s.name}</span>
                }).collect_view())}
                {move || data.with(|d| !d.even.is_empty()).then(|| view! {
                    <span class="legend"><i class="dash"></i><Explained term=Term::Even word=t("picture, if attention were even")/></span>
                })}
            </p>
            <p class="card-foot one-line" data-testid="time-told">{move || told().unwrap_or_default()}</p>
            <Behind run testid="time-table" caption=t("Where each answer token’s attention goes") columns rows/>
        </section>
    }
}
