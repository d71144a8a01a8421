//! The plots of a run as files: what is on the screen, with its numbers inside.

use leptos::prelude::*;
use leptos::task::spawn_local;
use plots::export::{Asked, RunPlot, file};
use plots::run::View;
use plots::sheet::name;

use crate::lab::Lab;
use crate::language::t;
use crate::{actions, browser, save};

/// The entries of the export menu.
#[component]
pub fn PlotFiles(
    /// The page's state.
    lab: Lab,
) -> impl IntoView {
    let entry = move |plot: RunPlot, label: &'static str| {
        let button = move |png: bool, text: &'static str, end: &'static str| {
            view! {
                <button
                    type="button"
                    data-testid=format!("export-{}-{end}", plot.name())
                    on:click=move |_| write(lab, plot, png)
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
        {entry(RunPlot::Curve, t("The curve as it is shown"))}
        {entry(RunPlot::Heads, t("Heads × layers"))}
        {entry(RunPlot::Flow, t("Who looks at whom"))}
        {entry(RunPlot::Words, t("Attention, word by word"))}
        <Show when=move || lab.run.facts.options.with(|o| o.repeat.is_some())>
            {entry(RunPlot::Repeat, t("The curve of all answers"))}
        </Show>
    }
}

fn write(lab: Lab, plot: RunPlot, png: bool) {
    let Some(id) = lab.run.facts.id.get_untracked() else { return };
    let made = untrack(|| drawn(lab, plot));
    spawn_local(async move {
        let (file, end) = match png {
            true => (save::png(&made.svg, made.size).await, "png"),
            false => (save::file(&made.svg, "image/svg+xml"), "svg"),
        };
        let saved = file.and_then(|file| save::save(&file, &name(&id, plot.name(), end)));
        if saved.is_none() {
            lab.complain(
                "not_saved",
                t("This browser could not make the file; try the other kind."),
            );
        }
    });
}

/// A plot's file, of the run as it is looked at.
fn drawn(lab: Lab, plot: RunPlot) -> plots::export::File {
    let run = lab.run;
    let view = View {
        definition: match plot {
            // As on the screen, of the head that is looked at.
            RunPlot::Flow | RunPlot::Words => run.derived.lens.get(),
            _ => run.view.definition.get(),
        },
        measured: run.view.curve.get(),
        compared: run.view.compared.get(),
        // Ribbons are of the layer on the screen, whoever chose it.
        layer: if plot == RunPlot::Flow { run.derived.layer.get() } else { run.view.layer.get() },
        token: run.derived.token.get(),
    };
    let address = browser::absolute(&actions::address(run));
    // What is on the screen is shown of a run that is not done, too, and says so.
    let asked = Asked { address: &address, version: env!("CARGO_PKG_VERSION"), partial: true };
    run.facts.plotted(|plotted| file(plotted, plot, &view, &lab.style(), &asked))
}
