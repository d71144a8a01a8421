//! The plots of a run as files: what is on the screen, with its numbers inside.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::report::Numbers;
use shared::{Definition, Heads, Observation};

use crate::chart::file::{Bar, Sheet, Told, name};
use crate::chart::frame::Frame;
use crate::chart::heat::{Grid, svg as heat_svg};
use crate::chart::{draw, file as plot_file, marks};
use crate::components::curve::{marked, plot_of};
use crate::components::heads::heat_of;
use crate::language::{fill, t};
use crate::link::{Curve, definition_to_text};
use crate::phase::Phase;
use crate::state::{Lab, RunView};
use crate::{actions, browser, save, words};

/// Width of a plot's file, in pixels: that of a page of paper.
const WIDTH: f64 = 960.0;
/// Size of its type.
const TYPE_SIZE: f64 = 14.0;

/// Which plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Curve,
    Heads,
}

/// The entries of the export menu.
#[component]
pub fn PlotFiles(
    /// The page's state.
    lab: Lab,
) -> impl IntoView {
    let entry = move |which: Which, label: &'static str, testid: &'static str| {
        let button = move |png: bool, text: &'static str, end: &'static str| {
            view! {
                <button
                    type="button"
                    data-testid=format!("{testid}-{end}")
                    on:click=move |_| write(lab, which, png)
                >{text}</button>
            }
        };
        view! {
            <div class="menu-pair">
                <span>{label}</span>
                {button(false, "SVG", "svg")}
                {button(true, "PNG", "png")}
            </div>
        }
    };
    view! {
        {entry(Which::Curve, t("The curve as it is shown"), "export-curve")}
        {entry(Which::Heads, t("Heads × layers"), "export-heads")}
    }
}

fn write(lab: Lab, which: Which, png: bool) {
    let run = lab.run;
    let Some(id) = run.id.get_untracked() else { return };
    let (plot, svg, size) = untrack(|| drawn(lab, which));
    spawn_local(async move {
        let (file, end) = match png {
            true => (save::png(&svg, size).await, "png"),
            false => (save::file(&svg, "image/svg+xml"), "svg"),
        };
        let saved = file.and_then(|file| save::save(&file, &name(&id, plot, end)));
        if saved.is_none() {
            lab.complain(
                "not_saved",
                t("This browser could not make the file; try the other kind."),
            );
        }
    });
}

/// A plot's file: its name, the drawing with everything around it, and its size.
fn drawn(lab: Lab, which: Which) -> (&'static str, String, (f64, f64)) {
    let (run, palette) = (lab.run, lab.palette.get());
    let definition = run.definition.get();
    let (plot, title, drawing, marks, size, heads) = match which {
        Which::Curve => {
            let frame = Frame::new(WIDTH, TYPE_SIZE);
            let title = match run.curve.get() {
                Curve::Mdi => t("MDI by layer"),
                Curve::Aei => t("AEI by layer"),
            };
            let (plot, marked) = (plot_of(run), marked(run));
            let drawing = draw::svg(&plot, &frame, &palette);
            let marks = marks::svg(&marked, &plot, &frame, &palette);
            ("curve", title, drawing, marks, (frame.width, frame.height), Vec::new())
        }
        Which::Heads => {
            // Every head is shown, whichever one the definition looks at.
            let base = Definition { heads: Heads::MeanFirst, ..definition };
            let heat = run.observation.with(|o| heat_of(o, &base));
            let grid =
                Grid::new(WIDTH - 2.0 * TYPE_SIZE, TYPE_SIZE, heat.layers, heat.heads.max(1));
            let drawing = heat_svg(&heat, &grid, &palette);
            let rows = (0..heat.layers).map(|l| (0..heat.heads).map(|h| heat.get(l, h)).collect());
            let title = t("MDI by head and layer");
            ("heads", title, drawing, String::new(), (grid.width, grid.height), rows.collect())
        }
    };
    let told = told(run, plot, heads);
    let title = match told.label.name.as_str() {
        "" => title.to_owned(),
        name => format!("{name}: {title}"),
    };
    let source = source(run, &told);
    let bar = (which == Which::Heads).then(|| {
        let ends = [t("the picture draws more"), t("words draw more")].map(str::to_owned);
        Bar::dominance(&palette, ends.into())
    });
    let sheet = Sheet {
        title: &title,
        source: &source,
        drawing: &drawing,
        marks: &marks,
        size,
        margin: if which == Which::Heads { TYPE_SIZE } else { 0.0 },
        type_size: TYPE_SIZE,
        bar: bar.as_ref(),
        palette: &palette,
        told: &told,
    };
    (plot, sheet.svg(), sheet.outer())
}

/// What the file says of itself.
fn told(run: RunView, plot: &str, heads: Vec<Vec<Option<f64>>>) -> Told {
    let definition = run.definition.get();
    let layers = 0..run.observation.with(Observation::layers);
    Told {
        plot: plot.to_owned(),
        address: browser::absolute(&actions::address(run)),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        status: run.phase.with(Phase::name).to_owned(),
        label: run.label.get(),
        model: run.model.get().unwrap_or_default(),
        options: run.options.get(),
        definition,
        definition_name: definition_to_text(&definition),
        layers: run
            .measures
            .with(|all| layers.filter_map(|l| all.get(l).map(Numbers::from)).collect()),
        stages: run.stages.get().iter().map(Numbers::from).collect(),
        heads,
    }
}

/// Where it comes from, in lines that fit.
fn source(run: RunView, told: &Told) -> Vec<String> {
    let model = &told.model;
    let answer = run.observation.with(Observation::answer);
    let mut lines = vec![
        fill(
            "“{prompt}” → “{answer}”",
            &[
                ("prompt", &plot_file::short(&told.options.prompt, 70)),
                ("answer", &plot_file::short(answer.trim(), 40)),
            ],
        ),
        fill(
            "{model}, {quant} · definition {definition}",
            &[
                ("model", &model.name),
                ("quant", &words::quant(model.quant)),
                ("definition", &told.definition_name),
            ],
        ),
    ];
    if let Some(partial) = run.phase.with(Phase::partial)
        && let Some(line) = lines.last_mut()
    {
        *line = format!("{line} · {partial}");
    }
    let done = words::interventions(&told.options, model);
    if !done.is_empty() {
        lines.push(plot_file::short(&done.join(" "), 120));
    }
    lines.push(format!("LangOverrule Lab {} · {}", told.version, told.address));
    lines
}
