//! A run in the list.

use std::collections::BTreeSet;

use leptos::prelude::*;
use plots::Role;

use super::narrow::{column_name, standing_name};
use crate::base::at;
use crate::browser;
use crate::errors;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::listing::Column;
use crate::own::{LONGEST_TAG, MOST_TAGS, OwnRun, Standing, ToldOf};
use crate::owner;
use crate::source::Source;
use crate::words;

/// A row of the table; on a phone, a card.
#[component]
pub(super) fn Row(
    run: OwnRun,
    runs: RwSignal<Vec<OwnRun>>,
    chosen: RwSignal<BTreeSet<String>>,
    full: Memo<bool>,
    /// Whose tags are edited.
    editing: RwSignal<Option<String>>,
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
    // A run and its tests ask the same question: when it was asked tells them apart.
    let when = browser::local_time(&run.asked);
    let said = format!("{}, {when}", run.title());
    let label = fill("Choose “{run}”", &[("run", &said)]);
    let off = fill("Take “{run}” off this list", &[("run", &said)]);
    // A run that failed early or was stopped in the line has no picture, and one that is gone has none any more.
    let seen = matches!(run.told.standing, Standing::Done | Standing::Running);
    let shown = RwSignal::new(seen);
    let picture = Source::default().prepared_url(&run.id, 0);
    let asked = (!run.name.is_empty()).then(|| run.prompt.clone());
    let answer = run.answer.trim().to_owned();
    let cell = |column: Column| (format!("cell-{}", column.name()), column_name(column));
    let (answer_id, answer_name) = cell(Column::Answer);
    let (model_id, model_name) = cell(Column::Model);
    let (when_id, when_name) = cell(Column::When);
    view! {
        <tr role="row" data-testid="own-run" data-id=run.id.clone() data-standing=run.told.standing.name() class:chosen=move || on.get()>
            <td role="cell" class="col-choose">
                <input type="checkbox" aria-label=label data-testid="choose-run"
                    prop:checked=move || on.get()
                    disabled=move || full.get() && !on.get()
                    on:change=toggle/>
            </td>
            <td role="cell" class="col-question"><div class="run-what">
                <Show when=move || shown.get() fallback=|| view! { <span class="no-picture"></span> }>
                    <img src=picture.clone() alt="" loading="lazy" decoding="async" on:error=move |_| shown.set(false)/>
                </Show>
                <span class="beside-name">
                    <a href=at(&format!("/r/{}", run.id))><bdi>{run.title().to_owned()}</bdi></a>
                    {asked.map(|asked| view! { <small><bdi>{asked}</bdi></small> })}
                    <Tags id tags=run.tags.clone() runs editing/>
                </span>
            </div></td>
            <td role="cell" class="col-answer" data-testid=answer_id data-name=answer_name>
                {match answer.as_str() {
                    "" => view! { <span class="quiet">"–"</span> }.into_any(),
                    _ => view! { <bdi>{answer}</bdi> }.into_any(),
                }}
            </td>
            <Number told=run.told.clone()/>
            <Status told=run.told.clone()/>
            <td role="cell" class="col-model" data-testid=model_id data-name=model_name><bdi>{run.model.clone()}</bdi></td>
            <td role="cell" class="col-when" data-testid=when_id data-name=when_name><time datetime=run.asked.clone()>{when}</time></td>
            <td role="cell" class="col-off">
                <button type="button" class="beside-remove" data-testid="unlist-run" on:click=remove
                    aria-label=off title=t("Take it off this list; the run itself stays")>"✕"</button>
            </td>
        </tr>
    }
}

/// The late layers' MDI, as the lab told it.
#[component]
fn Number(told: ToldOf) -> impl IntoView {
    let name = column_name(Column::Mdi);
    let number = match (told.late_mdi, told.undefined) {
        (Some(mdi), _) => {
            let (side, verdict) = words::verdict(mdi);
            let class = match side {
                Some(Role::Words) => "words",
                Some(Role::Picture) => "picture",
                _ => "",
            };
            view! { <b class=class title=verdict>{words::number(mdi)}</b> }.into_any()
        }
        (None, Some(why)) if !told.standing.is_open() => {
            let why = words::reason(why);
            view! { <span class="quiet" title=why>"–"<span class="sr-only">{why}</span></span> }
                .into_any()
        }
        _ if told.standing.is_open() => view! { <span class="quiet">"…"</span> }.into_any(),
        _ => view! { <span class="quiet">"–"</span> }.into_any(),
    };
    view! {
        <td role="cell" class="col-mdi" data-testid="cell-mdi" data-name=name data-value=told.late_mdi.map(|mdi| mdi.to_string())>{number}</td>
    }
}

/// Where it stands, and why it failed.
#[component]
fn Status(told: ToldOf) -> impl IntoView {
    let why = match told.standing {
        Standing::Gone => Some(t("The lab does not have it any more.").to_owned()),
        _ => told.why.as_ref().map(errors::of),
    };
    view! {
        <td role="cell" class="col-status" data-testid="cell-status" data-name=column_name(Column::Status)>
            <span class="standing" data-standing=told.standing.name()>{standing_name(told.standing)}</span>
            {why.map(|why| view! { <small class="run-why" data-testid="why" title=why.clone()>{why.clone()}</small> })}
        </td>
    }
}

/// A run's tags, and what adds and takes them.
#[component]
fn Tags(
    id: StoredValue<String>,
    tags: Vec<String>,
    runs: RwSignal<Vec<OwnRun>>,
    editing: RwSignal<Option<String>>,
) -> impl IntoView {
    let lab = use_lab();
    let typed = RwSignal::new(String::new());
    let field = NodeRef::<leptos::html::Input>::new();
    let edits = move || editing.with(|editing| editing.as_ref() == Some(&id.get_value()));
    let add = move |event: web_sys::SubmitEvent| {
        event.prevent_default();
        if owner::tag(&id.get_value(), &typed.get_untracked()) {
            // The row is drawn anew, with its field open for the next one.
            runs.set(owner::runs());
        }
        typed.try_set(String::new());
    };
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            let _ = field.focus();
        }
    });
    let full = tags.len() >= MOST_TAGS;
    let chips = tags.into_iter().map(|tag| {
        let (named, removed) = (tag.clone(), tag.clone());
        let off = fill("Take the tag “{tag}” off", &[("tag", &tag)]);
        let narrow = fill("Show runs tagged “{tag}”", &[("tag", &tag)]);
        view! {
            <span class="tag">
                <button type="button" data-testid="tag" title=narrow
                    on:click=move |_| lab.listing.update(|l| l.tag = Some(named.clone()))><bdi>{tag}</bdi></button>
                <button type="button" class="tag-off" data-testid="untag" aria-label=off
                    on:click=move |_| {
                        owner::untag(&id.get_value(), &removed);
                        runs.set(owner::runs());
                    }>"✕"</button>
            </span>
        }
    });
    view! {
        <span class="tags">
            {chips.collect_view()}
            <Show when=edits fallback=move || (!full).then(|| view! {
                <button type="button" class="tag-add" data-testid="add-tag" on:click=move |_| editing.set(Some(id.get_value()))>
                    {t("+ tag")}
                </button>
            })>
                <form on:submit=add>
                    <input type="text" node_ref=field data-testid="tag-field" maxlength=LONGEST_TAG.to_string()
                        aria-label=t("A tag for this run") placeholder=t("a tag")
                        prop:value=move || typed.get()
                        on:input=move |event| typed.set(event_target_value(&event))
                        on:keydown=move |event| if event.key() == "Escape" {
                            event.prevent_default();
                            editing.set(None);
                        }/>
                    <button type="submit" class="tag-add" data-testid="keep-tag">{t("Add")}</button>
                </form>
            </Show>
        </span>
    }
}
