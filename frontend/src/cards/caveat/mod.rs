//! What attention does not say.

use leptos::prelude::*;

use crate::language::t;

/// The paragraph.
#[component]
pub fn Caveat() -> impl IntoView {
    view! {
        <p class="caveat">
            {t("Attention shows where the model looked, not why it answered as it did. A \
             layer that attends to the words may still carry the picture; test a claim by \
             changing the picture or the words and running again.")}
        </p>
    }
}
