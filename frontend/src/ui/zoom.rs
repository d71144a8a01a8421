//! Which layers curve and heads show, and the ways to show others without a pointer.

use leptos::html;
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
    // Where the focus goes when the button that has it is no longer needed.
    let nearer = NodeRef::<html::Button>::new();
    let part = move || run.shown_layers().is_some();
    view! {
        <div class="switch zoom" role="group" aria-label=t("Layers that are shown")>
            <span class="sr-only" role="status">{move || told().unwrap_or_default()}</span>
            <button type="button" node_ref=nearer data-testid="zoom-in" aria-label=t("Fewer layers, larger") title=t("Fewer layers, larger; or draw across the plot")
                disabled=move || run.nearer().is_none() on:click=move |_| run.zoom_in()>"+"</button>
            <button type="button" data-testid="zoom-out" aria-label=t("More layers") title=t("More layers")
                disabled=move || !part() on:click=move |_| run.zoom_out()>"−"</button>
            <button type="button" data-testid="zoom-all" aria-label=t("Show all layers") title=t("Show all layers")
                hidden=move || !part() on:click=move |_| {
                    run.view.window.set(None);
                    if let Some(nearer) = nearer.get_untracked() {
                        let _ = nearer.focus();
                    }
                }>{told}" ✕"</button>
        </div>
    }
}
