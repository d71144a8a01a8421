//! The header: name, theme, exports, link.

use leptos::prelude::*;
use wasm_bindgen::JsCast;

use crate::actions;
use crate::browser::{self, Theme};
use crate::link;
use crate::phase::Phase;
use crate::state::{Lab, use_lab};

/// The header.
#[component]
pub fn Header() -> impl IntoView {
    let lab = use_lab();
    let has_run = move || lab.run.id.with(Option::is_some);
    let copied = move || !lab.said.with(String::is_empty);
    view! {
        <header class="top">
            <a class="brand" href="/">
                <svg viewBox="0 0 30 20" aria-hidden="true">
                    <circle class="words" cx="10.5" cy="10" r="8.5"/>
                    <circle class="picture" cx="19.5" cy="10" r="8.5"/>
                </svg>
                <span>"LangOverrule Lab"</span>
            </a>
            <ThemeSwitch lab/>
            <Exports lab/>
            <button
                type="button"
                class="button strong"
                data-testid="share-link"
                aria-label="Copy the link of this view"
                disabled=move || !has_run()
                on:click=move |_| actions::share(lab)
            >
                <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M8.3 11.7a3.4 3.4 0 0 0 4.8 0l3-3a3.4 3.4 0 0 0-4.8-4.8l-1 1M11.7 8.3a3.4 3.4 0 0 0-4.8 0l-3 3a3.4 3.4 0 0 0 4.8 4.8l1-1"/></svg>
                <span>{move || if lab.said.with(|s| s == "Link copied") { "Link copied" } else { "Copy link" }}</span>
            </button>
            <div class="said" role="status" class:shown=move || copied() && lab.said.with(|s| s.starts_with("http"))>
                {move || lab.said.get()}
            </div>
        </header>
    }
}

#[component]
fn ThemeSwitch(lab: Lab) -> impl IntoView {
    let theme = RwSignal::new(Theme::current());
    let buttons = Theme::ALL
        .into_iter()
        .map(|choice| {
            let (name, icon) = match choice {
                Theme::Light => ("Light theme", "M10 6.2a3.8 3.8 0 1 0 0 7.6 3.8 3.8 0 0 0 0-7.6ZM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6 16 16M16 4l-1.4 1.4M5.4 14.6 4 16"),
                Theme::Dark => ("Dark theme", "M16.5 12.2A7 7 0 0 1 7.8 3.5a7 7 0 1 0 8.7 8.7Z"),
                Theme::Projector => ("Projector theme: large type", "M2.5 3.5h15v9.5h-15ZM10 13v3M6.5 17.5 10 16l3.5 1.5"),
            };
            view! {
                <button
                    type="button"
                    title=name
                    aria-label=name
                    aria-pressed=move || (theme.get() == choice).to_string()
                    on:click=move |_| {
                        choice.apply();
                        theme.set(choice);
                        let (palette, type_size) = browser::read_theme();
                        lab.palette.set(palette);
                        lab.type_size.set(type_size);
                    }
                >
                    <svg viewBox="0 0 20 20" aria-hidden="true"><path d=icon/></svg>
                </button>
            }
        })
        .collect_view();
    view! { <div class="switch icons" role="group" aria-label="Theme">{buttons}</div> }
}

#[component]
fn Exports(lab: Lab) -> impl IntoView {
    let run = lab.run;
    let done = move || run.phase.with(|p| matches!(p, Phase::Done(_)));
    let address = move |format: &'static str| {
        move || {
            let id = run.id.get().unwrap_or_default();
            let definition = link::definition_for_api(&run.definition.get());
            let definition = String::from(js_sys::encode_uri_component(&definition));
            format!("/api/runs/{id}/export.{format}?definition={definition}")
        }
    };
    view! {
        <Show when=done>
            <details class="menu" on:focusout=move |event| {
                // Closes when the focus goes elsewhere.
                let menu = event_target::<web_sys::Element>(&event).closest("details").ok().flatten();
                let inside = event
                    .related_target()
                    .and_then(|t| t.dyn_into::<web_sys::Node>().ok())
                    .is_some_and(|n| menu.as_ref().is_some_and(|m| m.contains(Some(&n))));
                if let (Some(menu), false) = (menu, inside) {
                    let _ = menu.remove_attribute("open");
                }
            }>
                <summary class="button" aria-label="Export">
                    <svg viewBox="0 0 20 20" aria-hidden="true"><path d="M10 3v9M6.5 8.8 10 12.3l3.5-3.5M3.5 13v3.5h13V13"/></svg>
                    <span>"Export"</span>
                </summary>
                <div class="menu-list">
                    <a href=address("json") download data-testid="export-json">
                        "JSON "<small>"every number, under this definition"</small>
                    </a>
                    <a href=address("csv") download data-testid="export-csv">
                        "CSV "<small>"one row for each layer"</small>
                    </a>
                </div>
            </details>
        </Show>
    }
}
