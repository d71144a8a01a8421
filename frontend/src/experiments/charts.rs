//! The plots: MDI by layer, and what dropping or repeating the picture's tokens does.

use leptos::prelude::*;
use shared::Stage;
use shared::experiment::paper::PaperRow;
use shared::experiment::stats::Means;
use shared::experiment::tables::{
    LayerCells, Lever, LeverRow, LeverSeries, LeverTable, TableCell, Tables, short,
};

use super::told;
use crate::glossary::Term;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::kept::Kept;
use crate::ui::plot_glass::PlotGlass;
use crate::ui::term::Explained;
use crate::ui::value::Switch;
use plots::means::{Curve, Form, Plot, Point};
use plots::{Palette, Rgb};

/// Most curves of one plot; the table has them all.
const MOST: usize = 8;

/// The tables on the screen: the experiment's, and the one it is compared with.
pub(super) type Shown = Signal<Vec<(String, Tables)>>;

/// What the curves differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Model,
    Definition,
}

fn point(at: f64, cell: &TableCell, means: Means) -> Point {
    let centre = cell.estimate.by(means);
    let (low, high) = centre.interval.unzip();
    Point { at, mean: centre.value, low, high }
}

fn along(layers: &[LayerCells], means: Means) -> Vec<Point> {
    layers.iter().map(|l| point(f64::from(l.layer), &l.mdi, means)).collect()
}

/// Whether attention is knocked out in any of the experiments.
fn knocked_out(all: &[(String, Tables)]) -> bool {
    all.iter().any(|(_, tables)| tables.provenance.options.knockout.is_some())
}

/// A plot with its legend and its numbers.
#[component]
fn Drawn(
    /// What it shows.
    plot: Memo<Plot>,
    /// What its columns are, for the table.
    columns: &'static str,
    /// Its name for tests.
    testid: &'static str,
) -> impl IntoView {
    let lab = use_lab();
    let width = RwSignal::new(560.0_f64);
    let frame = Memo::new(move |_| plot.with(|p| p.frame(width.get(), lab.type_size.get())));
    let drawing = Kept::new(move || plot.with(|p| p.svg(&frame.get(), &lab.style())));
    let empty =
        move || plot.with(|p| p.curves.iter().all(|c| c.points.iter().all(|p| p.mean.is_none())));
    let legend = move || {
        plot.with(|p| {
            if p.named(&frame.get()) {
                return None;
            }
            let curves = p.curves.iter().map(|c| {
                view! { <li><i style:background=c.colour.css()></i>{c.label.clone()}</li> }
            });
            Some(view! { <ul class="legend-list" aria-hidden="true">{curves.collect_view()}</ul> })
        })
    };
    let percent = |form: Form, v: f64| match form {
        Form::Share => format!("{:.0}\u{a0}%", v * 100.0),
        _ => short(v),
    };
    let cell = move |form: Form, p: &Point| match (p.mean, p.low, p.high) {
        (Some(m), Some(low), Some(high)) => {
            format!("{} ({} – {})", percent(form, m), percent(form, low), percent(form, high))
        }
        (Some(m), ..) => percent(form, m),
        _ => "–".to_owned(),
    };
    let table = move || {
        plot.with(|p| {
            let measured: Vec<&Curve> = p.curves.iter().filter(|c| c.form != Form::Ghost).collect();
            let head = measured
                .iter()
                .map(|c| view! { <th scope="col">{c.label.clone()}</th> })
                .collect_view();
            let rows = p.columns.iter().enumerate().map(|(at, name)| {
                let cells = measured.iter().map(|c| {
                    let found = c.points.iter().find(|p| p.at == at as f64);
                    view! { <td>{found.map_or_else(|| "–".to_owned(), |p| cell(c.form, p))}</td> }
                });
                view! { <tr><th scope="row">{name.clone()}</th>{cells.collect_view()}</tr> }
            });
            let rows = rows.collect_view();
            view! {
                <table class="stages">
                    <thead><tr><th scope="col">{columns}</th>{head}</tr></thead>
                    <tbody>{rows}</tbody>
                </table>
            }
        })
    };
    view! {
        <PlotGlass
            class="chart"
            testid
            width
            height=Signal::derive(move || frame.get().height)
            drawing
            empty=Signal::derive(move || empty().then(|| {
                t("The curve comes with the first samples and sharpens with each.").to_owned()
            }))
        />
        {legend}
        <details class="more numbers">
            <summary>{t("Numbers")}</summary>
            <div class="scroll" tabindex="0">{table}</div>
        </details>
    }
}

/// The paper's row as points at its stages' places.
fn ghost(row: &PaperRow, tables: &Tables, layers: usize, palette: &Palette) -> Curve {
    let stages = tables.choice.definition.stages;
    let points = row.cells.iter().filter(|cell| cell.mdi.doubts.is_empty()).map(|cell| {
        let range = cell.stage.layers(stages, layers);
        let at = (range.start + range.end) as f64 / 2.0 - 0.5;
        Point { at, mean: Some(cell.mdi.value), low: None, high: None }
    });
    Curve {
        label: fill("paper {model}", &[("model", &row.model)]),
        colour: palette.muted,
        form: Form::Ghost,
        points: points.collect(),
    }
}

/// MDI by layer.
#[component]
pub(super) fn LayersCard(shown: Shown, means: RwSignal<Means>) -> impl IntoView {
    let lab = use_lab();
    let by = RwSignal::new(By::Model);
    let chosen = RwSignal::new(None::<u32>);
    let plain = Memo::new(move |_| {
        shown.with(|all| {
            let Some((_, t)) = all.first() else { return Vec::new() };
            let first = &t.stages.rows;
            first.iter().map(|r| (r.condition, told::of(t, &r.label))).collect::<Vec<_>>()
        })
    });
    let plot = Memo::new(move |_| {
        let palette = lab.palette.get();
        shown.with(|all| layers_plot(all, by.get(), chosen.get(), means.get(), &palette))
    });
    let n = move || {
        shown.with(|all| {
            let n = all.iter().flat_map(|(_, t)| &t.stages.rows).map(|r| r.n).max().unwrap_or(0);
            match means.get() {
                Means::Geometric => {
                    fill("geometric mean and 95 % interval, n = {n} · log scale", &[("n", &n)])
                }
                Means::Arithmetic => {
                    fill("arithmetic mean, without an interval, n = {n} · log scale", &[("n", &n)])
                }
            }
        })
    };
    view! {
        <section class="card" aria-labelledby="layers-title">
            <header class="card-head">
                <h2 id="layers-title"><Explained term=Term::Mdi word=t("MDI by layer")/></h2>
                <p class="card-note">{move || view! { <Explained term=Term::Interval word=n()/> }}</p>
                <Switch
                    label=t("What the curves differ in")
                    choices=vec![
                        (By::Model, t("by model"), t("A curve for each model, under the definition chosen above")),
                        (By::Definition, t("by definition"), t("The same samples under each definition")),
                    ]
                    chosen=by
                />
            </header>
            <Show when=move || by.get() == By::Definition && plain.with(|p| p.len() > 1)>
                <select class="series" aria-label=t("Which model") on:change=move |event| chosen.set(event_target_value(&event).parse().ok())>
                    {move || plain.get().into_iter().map(|(index, label)| view! { <option value=index>{label}</option> }).collect_view()}
                </select>
            </Show>
            <Drawn plot columns=t("layer") testid="layers-plot"/>
        </section>
    }
}

fn layers_plot(
    all: &[(String, Tables)],
    by: By,
    chosen: Option<u32>,
    means: Means,
    palette: &Palette,
) -> Plot {
    let mut curves: Vec<Curve> = Vec::new();
    let mut add = |label: String, layers: &[LayerCells]| {
        if curves.len() < MOST && !layers.is_empty() {
            let colour = palette.series(curves.len());
            curves.push(Curve { label, colour, form: Form::Band, points: along(layers, means) });
        }
    };
    for (prefix, tables) in all {
        let plain = tables.conditions.iter().filter(|c| c.condition.is_plain());
        match by {
            By::Model => {
                for result in plain {
                    let layers = result.choices.first().map(|c| &c.layers[..]).unwrap_or_default();
                    add(format!("{prefix}{}", told::of(tables, &result.label)), layers);
                }
            }
            By::Definition => {
                let mut plain =
                    plain.filter(|c| chosen.is_none_or(|wanted| c.condition.index == wanted));
                for choice in plain.next().map(|c| &c.choices[..]).unwrap_or_default() {
                    add(format!("{prefix}{}", choice.choice), &choice.layers);
                }
            }
        }
    }
    let layers = curves.iter().map(|c| c.points.len()).max().unwrap_or(0);
    if let Some((_, tables)) = all.first().filter(|_| layers > 0 && by == By::Model) {
        curves.extend(tables.stages.paper.iter().map(|row| ghost(row, tables, layers, palette)));
    }
    let columns = (0..layers.max(1)).map(|l| l.to_string()).collect();
    Plot { titles: (t("layer"), "MDI"), columns, curves, knocked_out: knocked_out(all) }
}

fn lever_table(tables: &Tables, lever: Lever) -> Option<&LeverTable> {
    match lever {
        Lever::Prune => tables.prune.as_ref(),
        Lever::Replicate => tables.replicate.as_ref(),
    }
}

fn lever_name(lever: Lever) -> &'static str {
    match lever {
        Lever::Prune => t("Prune"),
        Lever::Replicate => t("Replicate"),
    }
}

/// What moving a lever does; nothing where it was not moved.
#[component]
pub(super) fn LeverCard(shown: Shown, means: RwSignal<Means>, lever: Lever) -> impl IntoView {
    let lab = use_lab();
    let chosen = RwSignal::new(0_usize);
    let (id, title, note, testid) = match lever {
        Lever::Prune => (
            "prune-title",
            lever_name(lever),
            t("late MDI and right answers, tokens dropped"),
            "prune-plot",
        ),
        Lever::Replicate => (
            "replicate-title",
            lever_name(lever),
            t("late MDI and right answers, tokens repeated"),
            "replicate-plot",
        ),
    };
    let series = Memo::new(move |_| {
        shown.with(|all| {
            let Some((_, t)) = all.first() else { return Vec::new() };
            let series = lever_table(t, lever).map(|table| &table.series[..]).unwrap_or_default();
            series.iter().map(|s| told::of(t, &s.label)).collect::<Vec<_>>()
        })
    });
    let plot = Memo::new(move |_| {
        let palette = lab.palette.get();
        shown.with(|all| lever_plot(all, lever, chosen.get(), means.get(), &palette))
    });
    view! {
        <Show when=move || series.with(|s| !s.is_empty())>
            <section class="card" aria-labelledby=id>
                <header class="card-head">
                    <h2 id=id>{title}</h2>
                    <p class="card-note">{note}</p>
                    <Show when=move || series.with(|s| s.len() > 1)>
                        <select class="series" aria-label=t("Which series") on:change=move |event| chosen.set(event_target_value(&event).parse().unwrap_or(0))>
                            {move || series.get().into_iter().enumerate().map(|(at, label)| view! { <option value=at>{label}</option> }).collect_view()}
                        </select>
                    </Show>
                </header>
                <Drawn plot columns=title testid=testid/>
            </section>
        </Show>
    }
}

fn lever_plot(
    all: &[(String, Tables)],
    lever: Lever,
    chosen: usize,
    means: Means,
    palette: &Palette,
) -> Plot {
    let titles = (lever_name(lever), "MDI");
    let mut plot = Plot { titles, knocked_out: knocked_out(all), ..Plot::default() };
    let first =
        all.first().and_then(|(_, t)| lever_table(t, lever)).and_then(|t| t.series.get(chosen));
    let Some(first) = first else { return plot };
    // Rows drawn by chance stand at the place of those they are measured against.
    let scored = || first.rows.iter().filter(|r| !r.random);
    plot.columns = scored().map(|r| r.label.clone()).collect();
    for (at, (prefix, tables)) in all.iter().enumerate() {
        let Some(table) = lever_table(tables, lever) else { continue };
        let same = table.series.iter().find(|s| s.label == first.label);
        let Some(series) = same.or_else(|| table.series.get(chosen)) else { continue };
        let columns = &plot.columns;
        plot.curves.extend(series_curves(
            series,
            prefix,
            columns,
            palette.series(at),
            (means, palette),
        ));
    }
    if let Some(table) =
        all.first().and_then(|(_, t)| lever_table(t, lever)).filter(|_| lever == Lever::Prune)
    {
        let points = table.paper.iter().filter_map(|row| {
            let at = scored().position(|r| r.value == row.prune)?;
            let late = row
                .cells
                .iter()
                .find(|c| c.stage == Stage::Late)
                .filter(|c| c.mdi.doubts.is_empty())?;
            Some(Point { at: at as f64, mean: Some(late.mdi.value), low: None, high: None })
        });
        let points: Vec<Point> = points.collect();
        if let Some(model) = table.paper.first().map(|r| &r.model).filter(|_| !points.is_empty()) {
            plot.curves.push(Curve {
                label: fill("paper {model}", &[("model", model)]),
                colour: palette.muted,
                form: Form::Ghost,
                points,
            });
        }
    }
    plot
}

/// Late MDI, what of it token counts alone would give, the words' share of the late attention and the
/// share of right answers of one series.
fn series_curves(
    series: &LeverSeries,
    prefix: &str,
    columns: &[String],
    colour: Rgb,
    (means, palette): (Means, &Palette),
) -> Vec<Curve> {
    let at = |label: &String| columns.iter().position(|c| c == label).map(|at| at as f64);
    let mdi =
        series.rows.iter().filter_map(|r| Some(point(at(&r.label)?, &r.stages.last()?.mdi, means)));
    let right = series.rows.iter().filter_map(|r| {
        let right = r.verdicts?.right;
        Some(Point { at: at(&r.label)?, mean: right.share, low: right.low, high: right.high })
    });
    let right: Vec<Point> = right.collect();
    let mut curves = vec![Curve {
        label: format!("{prefix}MDI"),
        colour,
        form: Form::Whiskers,
        points: mdi.collect(),
    }];
    let unmoved = series.rows.iter().filter_map(|r| {
        let mean = match r.changes.last() {
            Some(late) => late.null_mdi.by(means).value,
            None => r.stages.last()?.mdi.estimate.by(means).value,
        };
        Some(Point { at: at(&r.label)?, mean, low: None, high: None })
    });
    curves.push(Curve {
        label: format!("{prefix}{}", t("if shares had stayed")),
        colour,
        form: Form::Ghost,
        points: unmoved.collect(),
    });
    let shares = series.rows.iter().filter_map(|r| {
        let e = &r.stages.last()?.share_text.estimate;
        Some(Point { at: at(&r.label)?, mean: e.mean, low: e.low, high: e.high })
    });
    curves.push(Curve {
        label: format!("{prefix}P_T"),
        colour: palette.words.mix(colour, 0.5),
        form: Form::Share,
        points: shares.collect(),
    });
    let place = |value: f64| {
        let same = |r: &&LeverRow| !r.random && r.value == value;
        series.rows.iter().find(same).and_then(|r| at(&r.label))
    };
    let chance = series.rows.iter().filter(|r| r.random).filter_map(|r| {
        let right = r.verdicts?.right;
        Some(Point { at: place(r.value)?, mean: right.share, low: right.low, high: right.high })
    });
    let chance: Vec<Point> = chance.collect();
    if !chance.is_empty() {
        curves.push(Curve {
            label: format!("{prefix}{}", t("right, by chance")),
            colour: palette.muted,
            form: Form::Share,
            points: chance,
        });
    }
    if !right.is_empty() {
        let colour = if prefix.starts_with('B') {
            palette.picture.mix(palette.muted, 0.5)
        } else {
            palette.picture
        };
        curves.push(Curve {
            label: format!("{prefix}{}", t("right")),
            colour,
            form: Form::Share,
            points: right,
        });
    }
    curves
}
