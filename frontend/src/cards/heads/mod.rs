//! Layers × heads: which heads lean to the words and which to the picture.

use leptos::prelude::*;
use shared::Heads;

use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::Run;
use crate::run::kept::Kept;
use crate::ui::behind::Behind;
use crate::ui::glass::{At, Handler, Key, Reads};
use crate::ui::plot_glass::PlotGlass;
use crate::ui::said::views;
use crate::ui::scale_bar::{Ramp, ScaleBar};
use crate::ui::term::Explained;
use crate::ui::value::plain;
use crate::ui::zoom::Zoom;
use crate::words;
use plots::heat::{Grid, Heat, svg};
use plots::view_box;

/// The card.
#[component]
pub fn HeadsCard() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let width = RwSignal::new(380.0_f64);
    // The choice of heads does not matter here: every head is shown.
    let base = Kept::new(move || shared::Definition {
        heads: Heads::MeanFirst,
        ..run.view.definition.get()
    });
    let heat = Kept::new(move || {
        let definition = base.get();
        run.facts.observation.with(|o| plots::run::heat(o, &definition))
    });
    let grid = Kept::new(move || {
        let (layers, heads) = heat.with(|h| (h.layers, h.heads));
        let grid = Grid::new(width.get(), lab.type_size.get(), layers, heads.max(1));
        grid.windowed(run.shown_layers())
    });
    let drawing = Kept::new(move || heat.with(|h| svg(h, &grid.get(), &lab.style())));
    let under = RwSignal::new(None::<(usize, usize)>);
    let note = move || match (under.get(), run.derived.head.get()) {
        (Some((layer, head)), _) => {
            let mdi =
                run.facts.observation.with(|o| o.measure_head(layer, head as u32, &base.get()).mdi);
            fill(
                "layer {layer} · head {head} · MDI {mdi}",
                &[("layer", &layer), ("head", &head), ("mdi", &plain(mdi, words::number))],
            )
        }
        (None, Some(head)) => {
            fill("head {head} alone; click it to go back to all", &[("head", &head)])
        }
        (None, None) => t("log₂ MDI · click a cell").into(),
    };
    let find = move |at: At| grid.get_untracked().at(at.x, at.y);
    let choose = move |layer: usize, head: usize| {
        // The same head in another layer is another map of it, not the way back.
        let now = (run.view.look.get_untracked(), run.view.layer.get_untracked());
        let same = now == (Some(head as u32), Some(layer));
        run.view.look.set((!same).then_some(head as u32));
        run.view.layer.set((!same).then_some(layer));
    };
    // The way to a cell without a pointer: from the chosen one, or the one that leans most.
    let start = move || match (run.derived.head.get_untracked(), run.derived.layer.get_untracked())
    {
        (Some(head), Some(layer)) => Some((layer, head as usize)),
        _ => heat.with_untracked(|h| h.extremes().map(|[_, words]| words)),
    };
    let look = move |cell: Option<(usize, usize)>| {
        if cell == under.get_untracked() {
            return;
        }
        under.set(cell);
        run.hover.set(cell.map(|c| c.0));
        run.over.head.set(cell.map(|c| c.1 as u32));
    };
    let keys = move |key: Key| {
        let Some((layer, head)) = under.get_untracked().or_else(start) else { return false };
        let (layers, heads) = heat.with_untracked(|h| (h.layers, h.heads));
        let shown = |layer: usize| {
            run.follow(layer);
            layer
        };
        let cell = match key {
            Key::Left => (shown(layer.saturating_sub(1)), head),
            Key::Right => (shown((layer + 1).min(layers.saturating_sub(1))), head),
            Key::Up => (layer, head.saturating_sub(1)),
            Key::Down => (layer, (head + 1).min(heads.saturating_sub(1))),
            Key::Home => (shown(0), head),
            Key::End => (shown(layers.saturating_sub(1)), head),
            Key::Choose => {
                choose(layer, head);
                (layer, head)
            }
            Key::Nearer | Key::Farther => {
                if key == Key::Nearer {
                    run.zoom_in()
                } else {
                    run.zoom_out()
                }
                (layer, head)
            }
        };
        look(Some(cell));
        true
    };
    let glass = Handler::new(
        t("MDI of every head in every layer. Arrow keys move, Enter chooses the head, Escape lets go."),
        Reads::Surface { described_by: "heads-note" },
        move |at: Option<At>| look(at.and_then(find)),
        move |at| {
            if let Some((layer, head)) = find(at) {
                choose(layer, head);
            }
        },
    )
    .keys(keys)
    .brushed(move |from, to| {
        let grid = grid.get_untracked();
        run.zoom_to(grid.nearest(from.x), grid.nearest(to.x))
    })
    .on_focus(move || {
        if under.get_untracked().is_none() {
            under.set(start());
        }
    })
    .named("heads-glass");
    let columns = Signal::derive(move || {
        let layers = heat.with(|h| h.layers);
        let layers = (0..layers).map(|l| fill("layer {layer}", &[("layer", &l)]));
        [t("head").to_owned()].into_iter().chain(layers).collect()
    });
    let rows = Signal::derive(move || {
        heat.with(|heat| {
            let row = |head: usize| {
                let cell = |l: usize| heat.get(l, head).map_or("–".to_owned(), words::number);
                [head.to_string()].into_iter().chain((0..heat.layers).map(cell)).collect()
            };
            (0..heat.heads).map(row).collect()
        })
    });
    let ends = Signal::derive(|| ("1/16".to_owned(), "16×".to_owned()));
    view! {
        <section class="card heads" aria-labelledby="heads-title">
            <header class="card-head">
                <h2 id="heads-title"><Explained term=Term::Head word=t("Heads × layers")/></h2>
                <p class="card-note" id="heads-note" aria-live="polite">{note}</p>
                <Zoom run/>
            </header>
            <PlotGlass
                class="heat"
                testid="heads"
                width
                height=Signal::derive(move || grid.get().height)
                drawing
                glass
            >
                <Outlines run heat grid under/>
            </PlotGlass>
            <Chosen run/>
            <Strongest heat choose=Callback::new(move |(l, h)| choose(l, h))/>
            <ScaleBar run ramp=Ramp::Dominance ends fixed=true/>
            <Behind run testid="heads-table" caption=t("MDI of every head in every layer") columns rows/>
        </section>
    }
}

/// Outlines: the strongest heads, the chosen head and layer, the cell under the pointer.
#[component]
fn Outlines(
    run: Run,
    heat: Kept<Heat>,
    grid: Kept<Grid>,
    under: RwSignal<Option<(usize, usize)>>,
) -> impl IntoView {
    let outline = move |class: &'static str, layer: usize, head: usize| {
        let grid = grid.get();
        let [x, y, width, height] = grid.cell(layer, head);
        let rect = || view! { <rect class=class x=x y=y width=width height=height rx="2"/> };
        grid.shows(layer).then(rect)
    };
    view! {
        <svg class="marks" viewBox=move || view_box(grid.get().width, grid.get().height) aria-hidden="true">
            {move || heat.with(Heat::extremes).map(|all| all.map(|(l, h)| outline("strongest", l, h)))}
            {move || {
                let head = run.view.pinned_head()?;
                let layer = run.view.layer.get().or(run.derived.layer.get())?;
                Some(outline("chosen", layer, head as usize))
            }}
            // A layer that is pointed at elsewhere.
            {move || run.hover.get().filter(|l| under.get().is_none() && grid.get().shows(*l)).map(|l| {
                let last = heat.with(|h| h.heads.saturating_sub(1));
                let ([x, y, width, _], [_, end, _, high]) = (grid.get().cell(l, 0), grid.get().cell(l, last));
                view! { <rect class="under" x=x y=y width=width height=end + high - y rx="2"/> }
            })}
            {move || under.get().map(|(l, h)| outline("under", l, h))}
        </svg>
    }
}

/// Whose map is shown where a head is chosen, and the way to make it the number's: looking alone changes
/// no number.
#[component]
fn Chosen(run: Run) -> impl IntoView {
    let told = move || {
        let head = run.view.pinned_head()?;
        let shown = run.derived.maps.shown.get();
        let layer = run.derived.layer.get().unwrap_or_default();
        let sees = || {
            fill("As head {head} of layer {layer} sees it.", &[("head", &head), ("layer", &layer)])
        };
        Some(shown.reason().unwrap_or_else(sees))
    };
    let looking = move || run.view.look.get().is_some();
    let take = move |_| {
        if let Some(head) = run.view.look.get_untracked() {
            run.view.definition.update(|d| d.heads = Heads::One(head));
            run.view.look.set(None);
        }
    };
    view! {
        <p class="head-line">
            {move || told().map(|told| view! { <span data-testid="shown">{told}</span> })}
            <Show when=looking>
                <button type="button" class="pill" data-testid="head-for-number" on:click=take>
                    {t("use this head for the number")}
                </button>
            </Show>
        </p>
    }
}

/// The strongest heads in words, which is also the way to them without a pointer.
#[component]
fn Strongest(heat: Kept<Heat>, choose: Callback<(usize, usize)>) -> impl IntoView {
    let button = move |class: &'static str, name: &'static str, (layer, head): (usize, usize)| {
        let mdi = heat.with(|h| h.get(layer, head)).map(words::number).unwrap_or_default();
        let places = [
            ("side", view! { <b class=class>{name}</b> }.into_any()),
            ("layer", layer.into_any()),
            ("head", head.into_any()),
            ("mdi", view! { <b>{mdi}"×"</b> }.into_any()),
        ];
        view! {
            <button type="button" class="compare" on:click=move |_| choose.run((layer, head))>
                {views("{side}: layer {layer}, head {head}, {mdi}", places)}
            </button>
        }
    };
    view! {
        <p class="card-foot strongest-row">
            {move || heat.with(Heat::extremes).map(|[picture, words]| view! {
                {button("words", t("most to words"), words)}
                {button("picture", t("most to picture"), picture)}
            })}
        </p>
    }
}
