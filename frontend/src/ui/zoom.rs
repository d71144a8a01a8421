//! Which layers curve and heads show, and the ways to show others without a pointer.

use leptos::prelude::*;
use plots::frame::Window;

use crate::language::{fill, t};
use crate::run::Run;

/// What is shown where that is not every layer, and the buttons for more and less.
#[component]
pub fn Zoom(
    /// The run.
    run: Run,
) -> impl IntoView {
    let told = move || {
        let Window { first, last } = run.shown_layers()?;
        Some(fill("layers {first} to {last}", &[("first", &first), ("last", &last)]))
    };
    view! {
        <div class="switch zoom" role="group" aria-label=t("Layers that are shown")>
            <button type="button" data-testid="zoom-in" aria-label=t("Fewer layers, larger") title=t("Fewer layers, larger; or draw across the plot")
                on:click=move |_| run.zoom_in()>"+"</button>
            <Show when=move || run.shown_layers().is_some()>
                <button type="button" data-testid="zoom-out" aria-label=t("More layers") title=t("More layers")
                    on:click=move |_| run.zoom_out()>"−"</button>
                <button type="button" data-testid="zoom-all" title=t("Show all layers")
                    on:click=move |_| run.view.window.set(None)>{told}" ✕"</button>
            </Show>
        </div>
    }
}
