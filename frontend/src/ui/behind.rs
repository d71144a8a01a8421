//! The table behind a plot: its numbers, for whoever wants to read or copy them.

use leptos::prelude::*;

use crate::lab::Lab;
use crate::language::t;
use crate::run::Run;
use crate::run::panels::{Panel, is_open};
use crate::ui::value::Partial;

/// A table that is made when it is opened.
#[component]
pub fn Behind(
    /// For tests.
    testid: &'static str,
    /// What the table holds.
    caption: &'static str,
    /// What is opened, where a card has more than one.
    #[prop(optional)]
    label: Option<&'static str>,
    /// Whose numbers they are: of a run that did not finish the table says so.
    run: Run,
    /// Heads of the columns.
    columns: Signal<Vec<String>>,
    /// Rows; the first cell of each is its head.
    rows: Signal<Vec<Vec<String>>>,
) -> impl IntoView {
    // Those of a run are part of its link.
    let open = match (Panel::from_name(testid), use_context::<Lab>()) {
        (Some(panel), Some(lab)) => is_open(lab.run, panel),
        _ => RwSignal::new(false),
    };
    view! {
        <details class="behind" prop:open=move || open.get() on:toggle=move |event| {
            let details = event_target::<web_sys::Element>(&event);
            open.set(details.has_attribute("open"));
        }>
            <summary data-testid=format!("{testid}-open")>{label.unwrap_or(t("Table"))}<span class="sr-only">": "{caption}</span><Partial run/></summary>
            <Show when=move || open.get()>
                <div class="scroll" tabindex="0" role="region" aria-label=caption>
                    <table class="numbers" data-testid=testid>
                        <caption class="sr-only">{caption}<Partial run/></caption>
                        <thead><tr>
                            {move || columns.get().into_iter().map(|c| view! { <th scope="col">{c}</th> }).collect_view()}
                        </tr></thead>
                        <tbody>
                            {move || rows.get().into_iter().map(|row| {
                                let mut cells = row.into_iter();
                                let head = cells.next();
                                view! {
                                    <tr>
                                        <th scope="row">{head}</th>
                                        {cells.map(|c| view! { <td>{c}</td> }).collect_view()}
                                    </tr>
                                }
                            }).collect_view()}
                        </tbody>
                    </table>
                </div>
            </Show>
        </details>
    }
}
