//! A picture that was chosen and not asked about yet: large, with its question and the way to ask.

use leptos::prelude::*;
use leptos_router::hooks::use_navigate;

use crate::actions;
use crate::lab::use_lab;
use crate::language::t;

/// The picture at the left.
#[component]
pub fn Draft() -> impl IntoView {
    let lab = use_lab();
    let source = Signal::derive_local(move || lab.picture.get().map(|s| s.url()));
    view! {
        <div class="picture draft" data-testid="draft">
            <img src=move || source.get() alt=t("The picture that is going to be asked about")/>
        </div>
    }
}

/// The question and the way to ask it.
#[component]
pub fn NotAsked() -> impl IntoView {
    let lab = use_lab();
    let navigate = StoredValue::new_local(use_navigate());
    let has_run = move || lab.run.facts.id.with(Option::is_some);
    view! {
        <p class="question" data-testid="draft-question">{move || lab.prompt.get()}</p>
        <div class="answer" data-tour="answer">
            <h2 class="sr-only">{t("Answer")}</h2>
            <p class="quiet" data-testid="not-asked">{t("Not asked yet.")}</p>
        </div>
        <div class="try-draft">
            <button
                type="button"
                class="button strong"
                data-testid="run-here"
                disabled=move || lab.sending.get()
                on:click=move |_| {
                    let go = navigate.get_value();
                    actions::ask(lab, move |path: &str, options| go(path, options));
                }
            >{t("Run")}</button>
            <button type="button" class="button" data-testid="edit-question" on:click=move |_| actions::to_the_form(lab)>
                {t("Change the question")}
            </button>
            <Show when=has_run>
                <button type="button" class="button" data-testid="draft-back" on:click=move |_| lab.drafting.set(false)>
                    {t("Back to the last run")}
                </button>
            </Show>
        </div>
    }
}
