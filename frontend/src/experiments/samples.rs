//! The samples worth a look, each one click from its run.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::hooks::use_navigate;
use shared::experiment::tables::{ConditionResult, short};
use shared::experiment::{ItemRecord, Verdict};

use super::told;
use super::watched::{Watched, is_over};
use crate::browser;
use crate::errors;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::source::experiments::{self, Wanted};
use crate::ui::value::Switch;

/// While the experiment runs, samples are looked for this often.
const EVERY: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    Highest,
    Lowest,
    Claimed,
    LeftOut,
}

impl Sort {
    const fn name(self) -> &'static str {
        match self {
            Sort::Highest => "highest",
            Sort::Lowest => "lowest",
            Sort::Claimed => "claimed",
            Sort::LeftOut => "left_out",
        }
    }

    fn nothing(self) -> &'static str {
        match self {
            Sort::Highest | Sort::Lowest => t("Samples appear here as they are measured."),
            Sort::Claimed => t("No answer says what a false claim says."),
            Sort::LeftOut => t("No sample was left out."),
        }
    }
}

/// The card.
#[component]
pub(super) fn Samples(w: Watched) -> impl IntoView {
    let lab = use_lab();
    let sort = RwSignal::new(Sort::Highest);
    let condition = RwSignal::new(Some(0_u32));
    let items = RwSignal::new(None::<Vec<ItemRecord>>);
    let conditions = Memo::new(move |_| {
        w.tables.with(|t| {
            let Some(tables) = t else { return Vec::new() };
            let label = |c: &ConditionResult| told::of(tables, &c.label);
            tables.conditions.iter().map(|c| (c.condition.index, label(c))).collect::<Vec<_>>()
        })
    });
    let wanted = Memo::new(move |_| {
        let wanted = Wanted {
            condition: condition.get(),
            sort: sort.get().name(),
            definition: w.definition.get(),
        };
        (w.id.get(), wanted)
    });
    let read = move || {
        let (id, asked) = wanted.get_untracked();
        if id.is_empty() {
            return;
        }
        spawn_local(async move {
            let found = experiments::items(&id, &asked).await;
            // Chosen anew meanwhile, or gone: this answer is nobody's.
            if wanted.try_get_untracked() != Some((id, asked)) {
                return;
            }
            match found {
                Ok(found) => items.set(Some(found)),
                Err(failure) if failure.code == Some(shared::ErrorCode::NotFound) => {}
                Err(failure) => lab.complain(failure.code_name(), failure.message),
            }
        });
    };
    Effect::new(move |_| {
        wanted.track();
        read();
    });
    // While it runs now and then, and once at its end.
    let over = Memo::new(move |_| w.progress.with(|p| p.as_ref().map(|p| is_over(p.state))));
    let first = Memo::new(move |_| w.progress.with(|p| p.as_ref().is_some_and(|p| p.done > 0)));
    Effect::new(move |_| {
        first.track();
        over.track();
        read();
    });
    browser::every(EVERY, move || over.get() == Some(false), read);
    view! {
        <section class="card samples" aria-labelledby="samples-title">
            <header class="card-head">
                <h2 id="samples-title">{t("Samples")}</h2>
                <p class="card-note">{t("click one to see its run")}</p>
                <select class="series" aria-label=t("Under which condition") data-testid="samples-condition"
                    on:change=move |event| condition.set(event_target_value(&event).parse().ok())>
                    {move || conditions.get().into_iter().map(|(index, label)| {
                        let chosen = condition.get_untracked() == Some(index);
                        view! { <option value=index selected=chosen>{label}</option> }
                    }).collect_view()}
                    <option value="">{t("all conditions")}</option>
                </select>
                <Switch
                    label=t("Which samples")
                    choices=vec![
                        (Sort::Highest, t("text-leaning"), t("Highest MDI of the late layers first")),
                        (Sort::Lowest, t("picture-leaning"), t("Lowest MDI of the late layers first")),
                        (Sort::Claimed, t("as claimed"), t("Answers that say what the prompt falsely claims")),
                        (Sort::LeftOut, t("left out"), t("Samples that could not be run")),
                    ]
                    chosen=sort
                />
            </header>
            {move || items.with(|i| i.as_ref().is_some_and(Vec::is_empty)).then(|| view! { <p class="quiet">{sort.get().nothing()}</p> })}
            <ul class="strip">
                <For each=move || items.get().unwrap_or_default() key=|i| (i.item, i.mdi.map(f64::to_bits), i.run.clone()) let:item>
                    <Sample id=w.id.get_untracked() item/>
                </For>
            </ul>
        </section>
    }
}

#[component]
fn Sample(id: String, item: ItemRecord) -> impl IntoView {
    let lab = use_lab();
    let navigate = use_navigate();
    let opening = RwSignal::new(false);
    let number = item.item;
    let picture = experiments::picture_url(&id, number);
    let open = move |_| {
        if opening.get_untracked() {
            return;
        }
        opening.set(true);
        let (id, navigate) = (id.clone(), navigate.clone());
        spawn_local(async move {
            let opened = experiments::open_item(&id, number).await;
            opening.try_set(false);
            match opened {
                Ok(run) => {
                    if let Some(token) = &run.owner_token {
                        browser::store(&browser::owner_key(&run.id), token);
                    }
                    navigate(&format!("/r/{}", run.id), Default::default());
                }
                Err(failure) => lab.complain(failure.code_name(), failure.message),
            }
        });
    };
    let says = match (&item.answer, &item.left_out) {
        (Some(answer), _) => answer.trim().to_owned(),
        (None, Some(left_out)) => {
            errors::said(left_out.code, &left_out.message, left_out.sentence.as_ref())
        }
        (None, None) => String::new(),
    };
    let expected = item.sample.expected.clone();
    let verdict = item.verdict;
    let mark = verdict.map(told::verdict).unwrap_or_default();
    let mdi = item.mdi.map(|m| format!("{}×", short(m)));
    let title = match expected.as_str() {
        "" => item.sample.prompt.clone(),
        right => fill(
            "{prompt}\nExpected: {right}",
            &[("prompt", &item.sample.prompt), ("right", &right)],
        ),
    };
    view! {
        <li>
            <button type="button" class="sample" data-testid="sample-item" title=title
                disabled=move || opening.get() on:click=open>
                <span class="sample-picture"><img src=picture alt="" loading="lazy"/></span>
                <span class="sample-prompt">{item.sample.prompt.clone()}</span>
                <span class="sample-says">
                    {item.answer.is_some().then(|| t("says:"))}" "
                    <b class:words=verdict == Some(Verdict::Claimed) class:quiet=item.left_out.is_some()>{says}</b>
                </span>
                <span class="sample-foot">
                    <span class="verdict" data-verdict=verdict.map(told::verdict_name)>{mark}</span>
                    {mdi.map(|mdi| view! { <b>{mdi}</b> })}
                </span>
            </button>
        </li>
    }
}
