//! How often the question is asked in one request, and what its words claim.

use leptos::prelude::*;
use shared::Repeat;

use crate::language::t;

/// The controls, to stand in a list of class `levers`: the number of times and, where it is more than
/// once, the claim.
#[component]
pub fn Times(
    /// What is asked now.
    #[prop(into)]
    asked: Signal<Option<Repeat>>,
    /// Asks otherwise; for nothing to ask once.
    set: Callback<Option<Repeat>>,
) -> impl IntoView {
    let several = move || asked.with(Option::is_some);
    view! {
        <label class="lever" title=t("Draws the answer so many times, each from another seed, and says how often each comes; takes a temperature above 0 for answers to differ")>
            <span>{t("Ask it so many times")}</span>
            <input
                type="number" min="1" max=*Repeat::TIMES.end() step="1"
                data-testid="times"
                prop:value=move || asked.with(|r| r.as_ref().map_or(1, |r| r.times))
                on:change=move |event| {
                    let times = times(&event_target_value(&event));
                    let claim = asked.with_untracked(|r| r.clone().unwrap_or_default().claim);
                    set.run(times.map(|times| Repeat { times, claim }));
                }
            />
        </label>
        <Show when=several>
            <label class="lever" title=t("Answers that say this are counted. Left empty, it is what the question says where it begins with “The picture shows …” or “This is a photo of …”")>
                <span>{t("What the words claim")}</span>
                <input
                    type="text" maxlength=Repeat::CLAIM_CHARS
                    data-testid="claim"
                    prop:value=move || asked.with(|r| r.clone().unwrap_or_default().claim)
                    on:change=move |event| {
                        let claim = event_target_value(&event).trim().to_owned();
                        set.run(asked.get_untracked().map(|repeat| Repeat { claim, ..repeat }));
                    }
                />
            </label>
        </Show>
    }
}

/// How often a person wants to ask, brought into the range; `None` for once and for what is no number.
fn times(text: &str) -> Option<u32> {
    let times = text.trim().parse::<u32>().ok()?;
    (times >= *Repeat::TIMES.start()).then(|| times.min(*Repeat::TIMES.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_something_that_can_be_asked() {
        assert_eq!(["1", "0", "", "x", "-3"].map(times), [None; 5]);
        assert_eq!([" 2", "32", "99"].map(times), [Some(2), Some(32), Some(32)]);
        for times in ["2", "32", "4000000000"].map(times).into_iter().flatten() {
            assert!(Repeat { times, claim: String::new() }.check().is_ok());
        }
    }
}
