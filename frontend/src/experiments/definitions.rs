//! Which definition the numbers are under.

use leptos::prelude::*;
use shared::{Definition, Preset};

use crate::language::t;
use crate::run::link;
use crate::words;

/// A button for each preset, and the definition of the link where it is none of them.
#[component]
pub(crate) fn DefinitionSwitch(
    /// The definition.
    definition: RwSignal<Definition>,
) -> impl IntoView {
    let custom = StoredValue::new(definition.get_untracked());
    let button = move |preset: Preset| {
        let own = preset.definition();
        view! {
            <button
                type="button"
                title=words::preset_note(preset)
                data-testid=format!("definition-{}", preset.name())
                aria-pressed=move || (definition.get() == own).to_string()
                on:click=move |_| definition.set(own)
            >
                {preset.name()}
            </button>
        }
    };
    view! {
        <div class="switch" role="group" aria-label=t("Definition")>
            {Preset::ALL.map(button)}
            {custom.get_value().preset().is_none().then(|| view! {
                <button
                    type="button"
                    title=move || link::definition_to_text(&custom.get_value())
                    aria-pressed=move || (definition.get() == custom.get_value()).to_string()
                    on:click=move |_| definition.set(custom.get_value())
                >
                    {t("custom")}
                </button>
            })}
        </div>
    }
}
