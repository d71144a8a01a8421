//! `/runs`: the runs that this browser asked for.

use std::collections::BTreeSet;

use leptos::prelude::*;

use crate::base::at;
use crate::browser;
use crate::compare::link::{Compared, MOST};
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::own::OwnRun;
use crate::owner;
use crate::ui::header::Header;
use crate::ui::notes::Notes;
use crate::ui::own_run::Named;

/// The page.
#[component]
pub fn RunsPage() -> impl IntoView {
    let lab = use_lab();
    lab.said.set(String::new());
    let runs = RwSignal::new(owner::runs());
    let chosen = lab.chosen_runs;
    // In the order of the list, the newest last: what came first is what others are compared with.
    let compared = Memo::new(move |_| {
        let chosen = chosen.get();
        let all = runs.with(|runs| runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>());
        all.into_iter().rev().filter(|id| chosen.contains(id)).collect::<Vec<_>>()
    });
    let full = Memo::new(move |_| compared.with(|c| c.len() >= MOST));
    view! {
        <a class="skip" href="#runs">{t("Skip to the runs")}</a>
        <Header/>
        <Notes/>
        <main class="experiments">
            <section class="card list" id="runs" tabindex="-1" aria-labelledby="runs-title">
                <header class="card-head">
                    <h1 id="runs-title">{t("Your runs")}</h1>
                    <p class="card-note">{t("what this browser asked for, the newest first; the list is kept here alone, the runs on the lab")}</p>
                </header>
                <Show when=move || runs.with(Vec::is_empty)>
                    <p class="quiet" data-testid="no-runs">{t("None yet. Ask about a picture on the lab’s page; what you ask is listed here.")}</p>
                </Show>
                <ul class="own-runs">
                    <For each=move || runs.get() key=|run| run.id.clone() let:run>
                        <Row run runs chosen full/>
                    </For>
                </ul>
                <Show when=move || runs.with(|runs| runs.len() > 1)>
                    <footer class="own-foot">
                        <a class="button strong" data-testid="compare-chosen" role="link"
                            class:off=move || compared.with(|c| c.len() < 2)
                            aria-disabled=move || compared.with(|c| c.len() < 2).to_string()
                            href=move || compared.with(|c| {
                                (c.len() > 1).then(|| at(&Compared { runs: c.clone(), ..Compared::default() }.address()))
                            })>
                            {t("Compare the chosen")}
                        </a>
                        <p class="card-note" role="status">{move || match compared.with(Vec::len) {
                            0 | 1 => t("choose two or more").to_owned(),
                            MOST => fill("{n} chosen, which is as many as fit", &[("n", &MOST)]),
                            n => fill("{n} chosen", &[("n", &n)]),
                        }}</p>
                    </footer>
                </Show>
            </section>
        </main>
    }
}

#[component]
fn Row(
    run: OwnRun,
    runs: RwSignal<Vec<OwnRun>>,
    chosen: RwSignal<BTreeSet<String>>,
    full: Memo<bool>,
) -> impl IntoView {
    let id = StoredValue::new(run.id.clone());
    let on = Memo::new(move |_| chosen.with(|c| c.contains(&id.get_value())));
    let toggle = move |_| {
        chosen.update(|c| {
            if !c.remove(&id.get_value()) {
                c.insert(id.get_value());
            }
        });
    };
    let remove = move |_| {
        let id = id.get_value();
        owner::unlist(&id);
        chosen.update(|c| {
            c.remove(&id);
        });
        runs.update(|all| all.retain(|run| run.id != id));
        // The button that was pressed is gone with its row.
        browser::focus("#runs");
    };
    let name = run.id.clone();
    // A run and its tests ask the same question: when it was asked tells them apart.
    let said = format!("{}, {}", run.title(), browser::local_time(&run.asked));
    let label = fill("Choose “{run}”", &[("run", &said)]);
    let off = fill("Take “{run}” off this list", &[("run", &said)]);
    view! {
        <li data-testid="own-run" data-id=name>
            <input type="checkbox" aria-label=label data-testid="choose-run"
                prop:checked=move || on.get()
                disabled=move || full.get() && !on.get()
                on:change=toggle/>
            <Named run/>
            <button type="button" class="beside-remove" data-testid="unlist-run" on:click=remove
                aria-label=off title=t("Take it off this list; the run itself stays")>"✕"</button>
        </li>
    }
}
