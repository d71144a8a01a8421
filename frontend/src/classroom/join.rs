//! `/j`: type a code.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;
use shared::classroom::{CODE_LENGTH, read_code};

use crate::language::{fill, t};
use crate::ui::header::Header;

/// The page.
#[component]
pub fn JoinPage() -> impl IntoView {
    let typed = RwSignal::new(String::new());
    let wrong = RwSignal::new(false);
    let navigate = use_navigate();
    let join = move |event: leptos::ev::SubmitEvent| {
        event.prevent_default();
        match read_code(&typed.get_untracked()) {
            Some(code) => navigate(&format!("/j/{code}"), NavigateOptions::default()),
            None => wrong.set(true),
        }
    };
    view! {
        <Header/>
        <main class="join">
            <h1>{t("Join a class")}</h1>
            <p>{fill("Type the {n} signs that stand on the wall.", &[("n", &CODE_LENGTH)])}</p>
            <form on:submit=join>
                <label class="sr-only" for="class-code">{t("Code")}</label>
                <input id="class-code" data-testid="code-input" autocomplete="off" autocapitalize="characters"
                    spellcheck="false" inputmode="text" maxlength="16" autofocus
                    prop:value=move || typed.get()
                    on:input=move |event| {
                        typed.set(event_target_value(&event));
                        wrong.set(false);
                    }/>
                <button type="submit" class="button strong" data-testid="join">{t("Join")}</button>
            </form>
            <p class="join-wrong" role="alert">
                {move || wrong.get().then(|| fill("That is no code: codes have {n} letters and digits, without vowels, 0 and 1. Look once more: a sign may have been misread.", &[("n", &CODE_LENGTH)]))}
            </p>
            <p class="quiet">{t("No account, no name: the lab only counts how many are there and what they guess.")}</p>
        </main>
    }
}
