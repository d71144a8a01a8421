//! A model whose own chat template cannot be used: why, and the choice of another one.

use leptos::prelude::*;
use shared::api::ModelEntry;

use crate::cards::ask::levers::{Template, of_model};
use crate::lab::use_lab;
use crate::language::server;
use crate::run::kept::Kept;

/// The sentence and the choice; nothing for models that have a template of their own.
#[component]
pub fn TemplateRefused() -> impl IntoView {
    let lab = use_lab();
    let why = Kept::new(move || of_model(lab, refusal));
    view! {
        <Show when=move || why.with(Option::is_some)>
            <div class="refused levers">
                <p data-testid="template-refused">{move || why.get().map(|why| server(&why))}</p>
                <Template/>
            </div>
        </Show>
    }
}

/// Why a model's own template cannot be used, where that is so.
pub fn refusal(model: &ModelEntry) -> Option<String> {
    model.template_refused.clone()
}
