//! Small shared pieces: a value or the reason why there is none, and a two-way switch.

use leptos::prelude::*;
use shared::{Undefined, Value};

use crate::language::{fill, t};
use crate::run::Run;
use crate::run::phase::Phase;
use crate::words::reason as why;

/// A value in words, or a mark that says why there is none.
pub fn value(value: Value, words: fn(f64) -> String) -> AnyView {
    match value {
        Ok(v) => {
            view! { <span class="value" data-value=v.to_string()>{words(v)}</span> }.into_any()
        }
        // Still to come, or never reached: not a property of the run's numbers.
        Err(reason @ Undefined::NotObserved) => view! {
            <span class="pending" title=why(reason) data-undefined="">
                "–"<span class="sr-only">{why(reason)}</span>
            </span>
        }
        .into_any(),
        Err(reason) => view! {
            <span class="undefined" title=why(reason) data-undefined="">
                {t("undefined")}<span class="sr-only">": "{why(reason)}</span>
            </span>
        }
        .into_any(),
    }
}

/// A value for a hidden table: words only.
pub fn plain(value: Value, words: fn(f64) -> String) -> String {
    match value {
        Ok(v) => words(v),
        Err(reason) => fill("undefined: {reason}", &[("reason", &why(reason))]),
    }
}

/// What stands beside numbers that are of a part of a run; nothing where it is done.
#[component]
pub fn Partial(
    /// The run.
    run: Run,
) -> impl IntoView {
    let said = Memo::new(move |_| run.facts.phase.with(Phase::partial));
    view! {
        {move || said.get().map(|said| view! { <span data-testid="partial">" · "{said}</span> })}
    }
}

/// Choices of which exactly one is in force, as a row of buttons.
#[component]
pub fn Switch<T>(
    /// Name of what is chosen, for screen readers.
    label: &'static str,
    /// Value, label and explanation of each choice.
    choices: Vec<(T, &'static str, &'static str)>,
    /// The choice.
    chosen: RwSignal<T>,
) -> impl IntoView
where
    T: Copy + PartialEq + Send + Sync + 'static,
{
    let buttons = choices
        .into_iter()
        .map(|(value, text, note)| {
            view! {
                <button
                    type="button"
                    title=note
                    aria-pressed=move || (chosen.get() == value).to_string()
                    on:click=move |_| chosen.set(value)
                >
                    {text}
                </button>
            }
        })
        .collect_view();
    view! { <div class="switch" role="group" aria-label=label>{buttons}</div> }
}
