//! Another run beside those that are there: one of one's own, or one by its link.

use leptos::prelude::*;

use super::link::{MOST, runs_of};
use crate::base::at;
use crate::language::{fill, t};
use crate::owner;
use crate::ui::own_run::Named;

/// Runs of one's own that are offered; the rest are on their own page.
const OFFERED: usize = 6;

/// The field for a link, and runs of one's own.
#[component]
pub(super) fn Add(runs: Vec<String>, go: Callback<Vec<String>>) -> impl IntoView {
    let text = RwSignal::new(String::new());
    let wrong = RwSignal::new(None::<String>);
    let full = runs.len() >= MOST;
    let offered: Vec<_> =
        owner::runs().into_iter().filter(|own| !runs.contains(&own.id)).take(OFFERED).collect();
    let runs = StoredValue::new(runs);
    let put = move |name: String| {
        let mut all = runs.get_value();
        all.push(name);
        go.run(all);
    };
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
        {(!full && !offered.is_empty()).then(|| view! {
            <div class="own-offered">
                <p class="card-note">{t("or one of yours:")}" "<a href=at("/runs")>{t("all of them")}</a></p>
                <ul class="own-runs">
                    {offered.into_iter().map(|run| {
                        let id = run.id.clone();
                        let label = fill("Add “{run}”", &[("run", &run.title())]);
                        view! {
                            <li>
                                <button type="button" class="button" data-testid="add-own" aria-label=label
                                    on:click=move |_| put(id.clone())>{t("Add")}</button>
                                <Named run/>
                            </li>
                        }
                    }).collect_view()}
                </ul>
            </div>
        })}
    }
}
