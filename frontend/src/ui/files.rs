//! The plots of a run as files: what is on the screen, with its numbers inside.

use leptos::prelude::*;
use leptos::task::spawn_local;
use plots::export::{Asked, RunPlot, file};
use plots::run::View;
use plots::sheet::name;
use plots::{Style, Theme};
use shared::Group;

use crate::lab::Lab;
use crate::language::t;
use crate::run::kinds::kind_of;
use crate::words::plot_words;
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
    let run = lab.run;
    // The picture lies in the lab: what shows it is drawn there.
    let drawn_there = move |format: &'static str, plot: Option<RunPlot>| {
        move || {
            let id = run.facts.id.get().unwrap_or_default();
            run.facts.source.drawn_url(&id, format, &view_of(lab, plot), plot)
        }
    };
    let map = Some(RunPlot::Map);
    view! {
        <a href=drawn_there("html", None) download data-testid="export-html">
            "HTML "<small>{t("all of it in one file that needs no lab")}</small>
        </a>
        <a href=move || run.facts.source.card_url(&run.facts.id.get().unwrap_or_default()) download data-testid="export-card">
            "PNG "<small>{t("a card: picture, question, answer, curve and number")}</small>
        </a>
        {entry(RunPlot::Curve, t("The curve as it is shown"))}
        {entry(RunPlot::Heads, t("Heads × layers"))}
        {entry(RunPlot::Flow, t("Who looks at whom"))}
        {entry(RunPlot::Words, t("Attention, word by word"))}
        <Show when=move || kind_of(run) == Some(Group::Image)>
            <div class="menu-pair">
                <span>{t("The picture with its map")}</span>
                <a href=drawn_there("svg", map) download data-testid="export-map-svg">"SVG"</a>
                <a href=drawn_there("png", map) download data-testid="export-map-png">"PNG"</a>
            </div>
        </Show>
        {entry(RunPlot::Tokens, t("All tokens, lit"))}
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

/// How the run is looked at, as far as a file shows it.
fn view_of(lab: Lab, plot: Option<RunPlot>) -> View {
    let run = lab.run;
    // As on the screen, these are of the head that is looked at, and of the layer that is, whoever chose it.
    let (head, layer) = match plot {
        Some(RunPlot::Flow) => (true, true),
        Some(RunPlot::Words) => (true, false),
        None | Some(RunPlot::Map | RunPlot::Tokens) => (false, true),
        Some(RunPlot::Curve | RunPlot::Heads | RunPlot::Repeat) => (false, false),
    };
    View {
        definition: if head { run.derived.lens.get() } else { run.view.definition.get() },
        measured: run.view.curve.get(),
        compared: run.view.compared.get(),
        layer: if layer { run.derived.layer.get() } else { run.view.layer.get() },
        token: run.derived.token.get(),
        counted: run.view.counted.get(),
        window: run.shown_layers(),
        medium: (run.view.medium.get() > 0).then(|| run.view.medium.get()),
    }
}

/// A plot's file, of the run as it is looked at: dark on light whatever the page's theme, for it goes into
/// documents and onto paper.
fn drawn(lab: Lab, plot: RunPlot) -> plots::export::File {
    let run = lab.run;
    let view = view_of(lab, Some(plot));
    let address = browser::absolute(&actions::address(run));
    // What is on the screen is shown of a run that is not done, too, and says so.
    let version = env!("CARGO_PKG_VERSION");
    let asked = Asked { address: &address, version, partial: true, picture: None };
    let style = Style { palette: Theme::Light.palette(), words: plot_words() };
    run.facts.plotted(|plotted| file(plotted, plot, &view, &style, &asked))
}
