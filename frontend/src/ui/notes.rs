//! Errors: they stay until they are dismissed.

use leptos::prelude::*;

use crate::lab::use_lab;
use crate::language::t;

/// The list of errors.
#[component]
pub fn Notes() -> impl IntoView {
    let notes = use_lab().notes;
    view! {
        <div class="notes" role="alert">
            <For each=move || notes.get() key=|n| n.key let:note>
                <div class="note" data-testid="error" data-code=note.code>
                    <svg viewBox="0 0 20 20" aria-hidden="true">
                        <path d="M10 2.2 18.6 17.4H1.4Z"/>
                        <path d="M10 8v4.2M10 14.6v.2"/>
                    </svg>
                    <p>{note.message.clone()}<code>{note.code}</code></p>
                    <button
                        type="button"
                        aria-label=t("Dismiss this error")
                        on:click=move |_| notes.update(|all| all.retain(|n| n.key != note.key))
                    >
                        "✕"
                    </button>
                </div>
            </For>
        </div>
    }
}
