//! Help in the header: the tour, and the list of terms.

use leptos::html;
use leptos::prelude::*;

use crate::lab::use_lab;
use crate::language::t;
use crate::source::api_page;
use crate::tour::Step;
use crate::ui::header::close_when_left;
use crate::ui::term::Glossary;

/// A menu with what helps.
#[component]
pub fn Help(
    /// Whether the page is one that the tour leads through.
    #[prop(into)]
    tour: Signal<bool>,
) -> impl IntoView {
    let lab = use_lab();
    let menu = NodeRef::<html::Details>::new();
    let dialog = NodeRef::<html::Dialog>::new();
    let shut = move || {
        if let Some(menu) = menu.get_untracked() {
            let _ = menu.remove_attribute("open");
        }
    };
    view! {
        <details node_ref=menu class="menu help" on:focusout=close_when_left>
            <summary class="button" data-testid="help" title=t("Help") aria-label=t("Help")>"?"</summary>
            <div class="menu-list">
                <Show when=move || tour.get()>
                    <button type="button" data-testid="help-tour" on:click=move |_| {
                        shut();
                        lab.tour.set(Some(Step::Seen));
                    }>
                        {t("Show me around")}<small>{t("five steps on the run on the screen")}</small>
                    </button>
                </Show>
                <button type="button" data-testid="help-words" on:click=move |_| {
                    shut();
                    if let Some(dialog) = dialog.get_untracked() {
                        let _ = dialog.show_modal();
                    }
                }>
                    {t("The words of the lab")}<small>{t("every term in plain words")}</small>
                </button>
                // A document of its own, which the page's router must not take for one of its places.
                <a href=api_page() rel="external" data-testid="help-api">
                    {t("For programs")}<small>{t("the lab’s interface, to try out")}</small>
                </a>
            </div>
        </details>
        <Glossary dialog/>
    }
}
