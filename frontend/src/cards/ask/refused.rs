//! A model whose own chat template cannot be used: why, and the choice of another one.

use leptos::prelude::*;
use shared::api::ModelEntry;

use crate::cards::ask::levers::{Template, of_model};
use crate::lab::use_lab;
use crate::language::message;
use crate::run::kept::Kept;

/// The sentence and the choice; nothing for models that have a template of their own.
#[component]
pub fn TemplateRefused() -> impl IntoView {
    let lab = use_lab();
    let why = Kept::new(move || of_model(lab, ModelEntry::refusal));
    view! {
        <Show when=move || why.with(Option::is_some)>
            <div class="refused levers">
                <p data-testid="template-refused">{move || why.get().map(|why| message(&why))}</p>
                <Template/>
            </div>
        </Show>
    }
}
