//! Search, choices and order of the list.

use leptos::prelude::*;

use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::listing::{Column, Listing, each_once};
use crate::own::{OwnRun, Standing};

/// What a column is called.
pub(super) fn column_name(column: Column) -> &'static str {
    match column {
        Column::When => t("When"),
        Column::Question => t("Question"),
        Column::Answer => t("Answer"),
        Column::Mdi => t("Late MDI"),
        Column::Status => t("Status"),
        Column::Model => t("Model"),
    }
}

/// Where a run stands, in a word.
pub(super) fn standing_name(standing: Standing) -> &'static str {
    match standing {
        Standing::Unknown => "…",
        Standing::Queued => t("waiting"),
        Standing::Running => t("at work"),
        Standing::Done => t("done"),
        Standing::Failed => t("failed"),
        Standing::Cancelled => t("stopped"),
        Standing::Gone => t("gone"),
        Standing::Unreadable => t("unreadable"),
    }
}

/// The line above the list.
#[component]
pub(super) fn Narrow(runs: RwSignal<Vec<OwnRun>>, listed: Memo<Vec<OwnRun>>) -> impl IntoView {
    let lab = use_lab();
    let listing = lab.listing;
    let models = Memo::new(move |_| runs.with(|all| each_once(all.iter().map(|run| &run.model))));
    let tags = Memo::new(move |_| runs.with(|all| each_once(all.iter().flat_map(|run| &run.tags))));
    let counted = move || {
        let (n, all) = (listed.with(Vec::len), runs.with(Vec::len));
        match n == all {
            true if all == 1 => t("one run").to_owned(),
            true => fill("{n} runs", &[("n", &all)]),
            false => fill("{n} of {all} runs", &[("n", &n), ("all", &all)]),
        }
    };
    let standings = Standing::ALL.map(|one| (one.name().to_owned(), standing_name(one).to_owned()));
    let columns = Column::ALL
        .map(|column| (column.name().to_owned(), column_name(column).to_owned()))
        .to_vec();
    let choose_standing = move |name: Option<String>| {
        let chosen = name.and_then(|name| Standing::ALL.into_iter().find(|one| one.name() == name));
        listing.update(|l| l.standing = chosen);
    };
    let plain = |names: Vec<String>| names.into_iter().map(|n| (n.clone(), n)).collect::<Vec<_>>();
    view! {
        <div class="narrow" role="search" aria-label=t("Find runs")>
            <input type="search" data-testid="search-runs" placeholder=t("Search questions, answers, names, tags")
                aria-label=t("Search questions, answers, names, tags") maxlength="120"
                prop:value=move || listing.with(|l| l.search.clone())
                on:input=move |event| listing.update(|l| l.search = event_target_value(&event))/>
            <Choice id="filter-model" all=t("all models") choices=Signal::derive(move || plain(models.get()))
                chosen=Signal::derive(move || listing.with(|l| l.model.clone()))
                choose=move |model| listing.update(|l| l.model = model)/>
            <Choice id="filter-status" all=t("any status") choices=Signal::derive(move || standings.to_vec())
                chosen=Signal::derive(move || listing.with(|l| l.standing.map(|one| one.name().to_owned())))
                choose=choose_standing/>
            <Show when=move || tags.with(|tags| !tags.is_empty())>
                <Choice id="filter-tag" all=t("all tags") choices=Signal::derive(move || plain(tags.get()))
                    chosen=Signal::derive(move || listing.with(|l| l.tag.clone()))
                    choose=move |tag| listing.update(|l| l.tag = tag)/>
            </Show>
            // Where there is no head of a table to be pressed.
            <label class="narrow-order">
                <span>{t("order by")}</span>
                <select data-testid="order-by" on:change=move |event| {
                    if let Some(column) = Column::from_name(&event_target_value(&event)) {
                        listing.update(|l| if l.column != column { l.order_by(column) });
                    }
                }>
                    {columns.into_iter().map(|(name, text)| {
                        let value = name.clone();
                        view! { <option value=value selected=move || listing.with(|l| l.column.name() == name)>{text}</option> }
                    }).collect_view()}
                </select>
            </label>
            <p class="card-note" role="status" data-testid="counted">{counted}</p>
            <Show when=move || listing.with(Listing::narrows)>
                <button type="button" class="button" data-testid="show-all" on:click=move |_| listing.update(Listing::widen)>
                    {t("Show all")}
                </button>
            </Show>
        </div>
    }
}

/// One choice, or all.
#[component]
fn Choice(
    id: &'static str,
    all: &'static str,
    choices: Signal<Vec<(String, String)>>,
    chosen: Signal<Option<String>>,
    choose: impl Fn(Option<String>) + 'static,
) -> impl IntoView {
    view! {
        <select data-testid=id aria-label=all on:change=move |event| {
            choose(Some(event_target_value(&event)).filter(|value| !value.is_empty()));
        }>
            <option value="" selected=move || chosen.with(Option::is_none)>{all}</option>
            {move || choices.get().into_iter().map(|(value, text)| {
                let this = value.clone();
                view! { <option value=value selected=move || chosen.with(|c| c.as_ref() == Some(&this))>{text}</option> }
            }).collect_view()}
        </select>
    }
}
