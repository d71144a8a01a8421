//! `/runs`: the runs that this browser asked for.

mod narrow;
mod refresh;
mod row;

use leptos::prelude::*;

use crate::base::at;
use crate::compare::link::{Compared, MOST};
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::listing::Column;
use crate::owner;
use crate::ui::header::Header;
use crate::ui::notes::Notes;
use narrow::{Narrow, column_name};
use row::Row;

/// Rows drawn at once: the rest come when they are asked for, so that a long list is as quick as a short one.
const ROWS: usize = 50;

/// The page.
#[component]
pub fn RunsPage() -> impl IntoView {
    let lab = use_lab();
    lab.said.set(String::new());
    let runs = RwSignal::new(owner::runs());
    refresh::keep_told(lab, runs);
    let chosen = lab.chosen_runs;
    // In the order of the list, the newest last: what came first is what others are compared with.
    let compared = Memo::new(move |_| {
        let chosen = chosen.get();
        let all = runs.with(|runs| runs.iter().map(|run| run.id.clone()).collect::<Vec<_>>());
        all.into_iter().rev().filter(|id| chosen.contains(id)).collect::<Vec<_>>()
    });
    let full = Memo::new(move |_| compared.with(|c| c.len() >= MOST));
    let none = Memo::new(move |_| runs.with(Vec::is_empty));
    let listed = Memo::new(move |_| {
        let listing = lab.listing.get();
        runs.with(|runs| listing.of(runs).into_iter().cloned().collect::<Vec<_>>())
    });
    let drawn = RwSignal::new(ROWS);
    // Another search or order begins at the top.
    Effect::new(move |_| {
        lab.listing.track();
        drawn.set(ROWS);
    });
    let rows = move || listed.with(|all| all.iter().take(drawn.get()).cloned().collect::<Vec<_>>());
    let more = move || listed.with(Vec::len).saturating_sub(drawn.get());
    let editing = RwSignal::new(None::<String>);
    view! {
        <a class="skip" href="#runs">{t("Skip to the runs")}</a>
        <Header/>
        <Notes/>
        <main class="experiments">
            <section class="card list" id="runs" tabindex="-1" aria-labelledby="runs-title">
                <header class="card-head">
                    <h1 id="runs-title">{t("Your runs")}</h1>
                    <p class="card-note">{t("what this browser asked for; the list and its tags are kept here alone, the runs on the lab")}</p>
                </header>
                <Show when=move || none.get()><Empty/></Show>
                <Show when=move || !none.get()>
                    <Narrow runs listed/>
                    <table class="runs-table" role="table" data-testid="runs-table" aria-label=t("Your runs")>
                        <thead role="rowgroup">
                            <tr role="row">
                                <th role="columnheader" scope="col"><span class="sr-only">{t("Choose")}</span></th>
                                {Column::ALL.map(|column| view! { <Head column/> })}
                                <th role="columnheader" scope="col"><span class="sr-only">{t("Off the list")}</span></th>
                            </tr>
                        </thead>
                        <tbody role="rowgroup">
                            // A row is drawn anew when something of it changed.
                            <For each=rows key=|run| (run.id.clone(), serde_json::to_string(run).unwrap_or_default()) let:run>
                                <Row run runs chosen full editing/>
                            </For>
                        </tbody>
                    </table>
                    <Show when=move || listed.with(Vec::is_empty)>
                        <p class="quiet" data-testid="none-fit">{t("No run fits what you look for.")}</p>
                    </Show>
                    <Show when=move || { more() > 0 }>
                        <p class="runs-more">
                            <button type="button" class="button" data-testid="more-runs"
                                on:click=move |_| drawn.update(|n| *n += ROWS)>
                                {move || fill("Show {n} more of {all}", &[("n", &more().min(ROWS)), ("all", &listed.with(Vec::len))])}
                            </button>
                        </p>
                    </Show>
                    <footer class="own-foot runs-foot">
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
                        <Show when=move || compared.with(|c| !c.is_empty())>
                            <button type="button" class="button" data-testid="choose-none" on:click=move |_| chosen.update(|c| c.clear())>
                                {t("Choose none")}
                            </button>
                        </Show>
                    </footer>
                </Show>
            </section>
        </main>
    }
}

/// A column's name, which orders by it.
#[component]
fn Head(column: Column) -> impl IntoView {
    let lab = use_lab();
    let sorted = move || {
        let falling = lab.listing.with(|l| (l.column == column).then_some(l.falling));
        falling.map(|falling| if falling { "descending" } else { "ascending" })
    };
    view! {
        <th role="columnheader" scope="col" class=format!("col-{}", column.name()) aria-sort=move || sorted().unwrap_or("none")>
            <button type="button" data-testid=format!("sort-{}", column.name())
                on:click=move |_| lab.listing.update(|l| l.order_by(column))>
                {column_name(column)}
                <span class="sort-mark" aria-hidden="true">{move || match sorted() {
                    Some("descending") => "▾",
                    Some(_) => "▴",
                    None => "",
                }}</span>
            </button>
        </th>
    }
}

/// Where nothing was asked yet: what this page is for, and the way there.
#[component]
fn Empty() -> impl IntoView {
    view! {
        <div class="runs-empty" data-testid="no-runs">
            <p>{t("Nothing yet. What you ask of the lab is listed here, with its answer and with how much its late layers looked at the words.")}</p>
            <ol>
                <li>{t("Ask about a picture, of your own or one of the samples.")}</li>
                <li>{t("Ask again with one thing changed: “The picture shows a dog. …” in the place of “I see a dog. …”.")}</li>
                <li>{t("Choose both here and compare them: two curves on one axis, and where the answers part.")}</li>
            </ol>
            <p class="runs-empty-ways">
                <a class="button strong" href=at("/")>{t("Ask about a picture")}</a>
                <a class="button" href=at("/lessons")>{t("Try a prepared lesson")}</a>
            </p>
        </div>
    }
}
