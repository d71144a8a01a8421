//! Attention over time: where the row that predicted each token of the answer looked.

use leptos::html;
use leptos::prelude::*;
use shared::{Group, Heads, Seen};

use crate::browser::watch_width;
use crate::chart::ribbons::End;
use crate::chart::sides::{Kind, Side, sides};
use crate::chart::time::{Columns, Grid, svg};
use crate::chart::view_box;
use crate::components::behind::Behind;
use crate::components::term::Explained;
use crate::components::transport::PlayButton;
use crate::glossary::Term;
use crate::kept::Kept;
use crate::language::{fill, t};
use crate::link::Pick;
use crate::sequence;
use crate::state::{Play, RunView, use_lab};
use crate::words;

/// What the plot shows of a run: its sides, the picture at the bottom, and their shares by token.
fn columns_of(run: RunView) -> (Vec<Side>, Columns) {
    let lab = use_lab();
    let (definition, layer) = (run.definition.get(), run.chosen_layer.get());
    let palette = lab.palette.get();
    let knockout = run.options.with(|o| o.knockout.clone());
    run.observation.with(|o| {
        let Some(layout) = &o.layout else { return Default::default() };
        let prompt = layout.counts();
        let counts = prompt.with(Group::Generated, o.tokens.len().saturating_sub(1) as u32);
        let mut all = sides(&definition, &counts);
        all.sort_by_key(|s| match s.kind {
            Kind::Picture => 0,
            Kind::Words => 1,
            Kind::Sink(_) => 2,
            Kind::Other => 3,
            Kind::Answer(_) => 4,
        });
        let mut shares = Vec::with_capacity(o.tokens.len() * all.len());
        let mut even = Vec::new();
        for token in 0..o.tokens.len() {
            let on = o.token_groups(token, layer, definition.heads).unwrap_or_default();
            shares.extend(all.iter().map(|s| s.groups.iter().map(|g| on[g.index()]).sum::<f64>()));
            let seen = Seen { knockout: knockout.as_ref(), layer, heads: definition.heads };
            let groups = o.even_groups(token, seen).filter(|_| prompt.get(Group::Image) > 0);
            even.extend(groups.map(|on| on[Group::Image.index()]));
        }
        let end = |s: &Side| End { name: s.name(), colour: s.colour(&palette) };
        let sides = all.iter().map(end).collect();
        let words = sequence::words_of(o);
        (all, Columns { sides, shares, words, even })
    })
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
    let count = move || data.with(|d| d.1.words.len());
    let height = move || (lab.type_size.get() * 14.0).round();
    let grid = Kept::new(move || Grid::new(width.get(), height(), lab.type_size.get(), count()));
    let drawing = Kept::new(move || data.with(|d| svg(&d.1, &grid.get(), &lab.palette.get())));
    let under = RwSignal::new(None::<usize>);
    let find = move |event: &web_sys::PointerEvent| {
        let at = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        grid.get_untracked()
            .at(at.0, at.1)
            .filter(|t| *t < data.with_untracked(|d| d.1.words.len()))
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
        data.with(|(_, plot)| {
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
        let sides = data.with(|d| d.1.sides.iter().map(|s| s.name.to_owned()).collect::<Vec<_>>());
        let head = [t("number").to_owned(), t("token").to_owned()];
        head.into_iter().chain(sides).chain([t("picture, even").to_owned()]).collect()
    });
    let rows = Signal::derive(move || {
        data.with(|(_, plot)| {
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
                {move || data.with(|d| d.1.sides.iter().map(|s| view! {
                    <span class="legend"><i class="dot" style:background=s.colour.css()></i>{s.name}</span>
                }).collect_view())}
                {move || data.with(|d| !d.1.even.is_empty()).then(|| view! {
                    <span class="legend"><i class="dash"></i><Explained term=Term::Even word=t("picture, if attention were even")/></span>
                })}
            </p>
            <p class="card-foot one-line" data-testid="time-told">{move || told().unwrap_or_default()}</p>
            <Behind run testid="time-table" caption=t("Share of each answer token’s attention on every side") columns rows/>
        </section>
    }
}
