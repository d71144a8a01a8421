//! Tabs of a run's page on a phone.

use leptos::prelude::*;

use crate::lab::{Lab, Tab};
use crate::language::t;

/// The tabs; the style sheet shows them, and hides what is not in the chosen one, where the screen is narrow.
#[component]
pub fn Tabs(
    /// The page's state.
    lab: Lab,
) -> impl IntoView {
    let name = |tab: Tab| match tab {
        Tab::Answer => t("Answer"),
        Tab::Layers => t("Layers"),
        Tab::Heads => t("Heads"),
        Tab::Flow => t("Flow"),
        Tab::Ask => t("Ask"),
    };
    view! {
        <nav class="tabs" aria-label=t("Parts of this page")>
            {Tab::ALL.map(|tab| view! {
                <button
                    type="button"
                    data-testid=format!("tab-{}", tab.name())
                    aria-pressed=move || (lab.tab.get() == tab).to_string()
                    on:click=move |_| {
                        lab.tab.set(tab);
                        crate::browser::to_the_top();
                    }
                >{name(tab)}</button>
            })}
        </nav>
    }
}
