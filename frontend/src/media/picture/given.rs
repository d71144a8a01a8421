//! The prompt's pictures as they were given, with nothing over them.

use leptos::prelude::*;

use crate::language::t;
use crate::run::Run;

/// One of them.
pub(super) fn given(run: Run, medium: u8) -> AnyView {
    let source = move || run.facts.id.get().map(|id| run.facts.source.picture_url(&id, medium));
    view! {
        {move || source().map(|url| view! {
            <img src=url alt=t("The picture that the model was shown") data-testid="class-picture"/>
        })}
    }
    .into_any()
}
