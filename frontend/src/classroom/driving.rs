//! What a presenter does with a class beside going on: open and close the question, show what was answered,
//! call everybody back, save the record, end it.

use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use shared::classroom::ShowResults;

use super::steps::Presenting;
use super::{api, told};
use crate::language::{fill, t};
use crate::ui::header::close_when_left;

/// Who is where, in counts.
#[component]
pub fn WhoIsWhere(
    /// The class from its presenter's side.
    presenting: Presenting,
) -> impl IntoView {
    let class = presenting.class;
    let state = move |of: fn(&shared::classroom::ClassState) -> u32| {
        class.state.with(|s| s.as_ref().map_or(0, of))
    };
    let here = Memo::new(move |_| state(|s| s.present));
    let answered = Memo::new(move |_| state(|s| s.answered));
    let around = Memo::new(move |_| state(|s| s.around));
    view! {
        <p class="who" data-testid="who" data-here=move || here.get() data-answered=move || answered.get() data-around=move || around.get()>
            <span>{move || fill("{n} here", &[("n", &here.get())])}</span>
            <span>{move || fill("{n} answered", &[("n", &answered.get())])}</span>
            {move || (around.get() > 0).then(|| view! { <span>{fill("{n} look around", &[("n", &around.get())])}</span> })}
        </p>
    }
}

/// The menu of all that.
#[component]
pub fn Driving(
    /// The class from its presenter's side.
    presenting: Presenting,
    /// Its code.
    code: String,
) -> impl IntoView {
    let lab = presenting.lab;
    let class = presenting.class;
    let board = presenting.board;
    let asked = Memo::new(move |_| board.with(|b| b.run.is_some()));
    let open = Memo::new(move |_| class.is_open());
    // Closed by hand it can be opened again; what closed because more is shown cannot.
    let by_hand = Memo::new(move |_| board.with(|b| b.closed));
    let may_close = move || asked.get() && (open.get() || by_hand.get());
    let shown =
        Memo::new(move |_| class.state.with(|s| s.as_ref().is_some_and(|s| s.results.is_some())));
    let around = Memo::new(move |_| class.state.with(|s| s.as_ref().map_or(0, |s| s.around)));
    let (sure, navigate) = (RwSignal::new(false), use_navigate());
    let record_code = code.clone();
    let record = move |_| {
        let code = record_code.clone();
        spawn_local(async move {
            if let Err(failure) = api::save_record(&code).await {
                lab.complain(failure.code_name(), failure.message);
            }
        });
    };
    // Ending is for everybody: it takes a second click.
    let ending = move |_| {
        if !sure.get_untracked() {
            sure.set(true);
            // The page may be left by then.
            let unsure = move || {
                let _ = sure.try_set(false);
            };
            return set_timeout(unsure, Duration::from_secs(4));
        }
        let (code, navigate) = (code.clone(), navigate.clone());
        let Some(kept) = api::presenter(&code) else { return };
        spawn_local(async move {
            match api::end(&code, &kept.token).await {
                Ok(()) => navigate("/present", NavigateOptions::default()),
                Err(failure) => lab.complain(failure.code_name(), failure.message),
            }
        });
    };
    view! {
        <details class="menu upward" on:focusout=close_when_left>
            <summary class="button" data-testid="class-menu">{t("Class")}</summary>
            <div class="menu-list">
                <button type="button" data-testid="close-question" disabled=move || !may_close()
                    on:click=move |_| board.update(|b| b.closed = !b.closed)>
                    {move || if by_hand.get() { t("Open the question again") } else { t("Close the question") }}
                    <small>{t("the answer stays hidden")}</small>
                </button>
                <button type="button" data-testid="show-results" disabled=move || !asked.get()
                    on:click=move |_| board.update(|b| {
                        b.results = if shown.get_untracked() { ShowResults::Later } else { ShowResults::Now };
                    })>
                    {move || told::onto_results(shown.get())}
                    <small>{t("without a word from you it comes when the question closes")}</small>
                </button>
                <button type="button" data-testid="gather" disabled=move || around.get() == 0
                    on:click=move |_| board.update(|b| b.gather = b.gather.wrapping_add(1))>
                    {t("Everybody back to the class")}
                    <small>{move || fill("{n} look around by themselves", &[("n", &around.get())])}</small>
                </button>
                <button type="button" data-testid="save-record" on:click=record>
                    {t("Save the record (CSV)")}
                    <small>{t("questions and answers; names only where somebody typed one")}</small>
                </button>
                <button type="button" data-testid="end-class" on:click=ending>
                    {move || if sure.get() { t("End it for everybody?") } else { t("End the class") }}
                    <small>{t("its record can be saved for seven days")}</small>
                </button>
            </div>
        </details>
    }
}
