//! Another run beside those that are there, by its link.

use leptos::prelude::*;

use super::link::{MOST, runs_of};
use crate::language::{fill, t};

/// The field for a link.
#[component]
pub(super) fn Add(runs: Vec<String>, go: Callback<Vec<String>>) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let wrong = RwSignal::new(None::<String>);
    let full = runs.len() >= MOST;
    let runs = StoredValue::new(runs);
    let add = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        let links = text.get_untracked();
        let mut all = runs.get_value();
        let before = all.len();
        for name in links.split_whitespace().flat_map(runs_of) {
            if !all.contains(&name) {
                all.push(name);
            }
        }
        let sentence = match all.len() {
            n if n > MOST => Some(fill(
                "At most {n} runs stand beside each other; take one out first.",
                &[("n", &MOST)],
            )),
            n if n == before && !links.trim().is_empty() && !runs_of(&links).is_empty() => {
                Some(t("That run is here already.").to_owned())
            }
            n if n == before => Some(
                t("That is no link of a run. Copy one with “Copy link” on the run’s page.").into(),
            ),
            _ => None,
        };
        wrong.set(sentence.clone());
        if sentence.is_none() {
            go.run(all);
        }
    };
    view! {
        <form class="add-run" on:submit=add>
            <label>
                <span>{t("Add a run by its link")}</span>
                <input
                    type="text"
                    inputmode="url"
                    data-testid="add-link"
                    placeholder="/r/…"
                    disabled=full
                    prop:value=move || text.get()
                    on:input=move |event| text.set(event_target_value(&event))
                />
            </label>
            <button type="submit" class="button" data-testid="add-run" disabled=full>{t("Add")}</button>
            <p class="card-note" role="status">{move || wrong.get()}</p>
        </form>
    }
}
