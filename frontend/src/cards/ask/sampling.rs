//! How the next token of the answer is chosen: the most probable one, unless something is asked.

use std::ops::RangeInclusive;

use leptos::prelude::*;
use shared::Sampling;

use crate::glossary::Term;
use crate::language::t;
use crate::ui::term::Explained;

/// Reads a number that a person typed and brings it into its range; `None` where it is none.
fn within(text: &str, range: RangeInclusive<f64>) -> Option<f64> {
    let number = text.trim().parse::<f64>().ok().filter(|n| n.is_finite())?;
    Some(number.clamp(*range.start(), *range.end()))
}

/// A temperature as it was typed: 0, or what tokens can be drawn at.
fn temperature(text: &str) -> Option<f64> {
    let number = within(text, 0.0..=*Sampling::TEMPERATURES.end())?;
    Some(if number > 0.0 { number.max(*Sampling::TEMPERATURES.start()) } else { 0.0 })
}

/// The controls, to stand in a list of class `levers`: temperature, and where there is one top-p and
/// seed; the repetition penalty.
#[component]
pub fn Choosing(
    /// What is asked now.
    #[prop(into)]
    asked: Signal<Option<Sampling>>,
    /// Asks otherwise; for nothing where that is what a run does by itself.
    set: Callback<Option<Sampling>>,
) -> impl IntoView {
    let now = move || asked.get().unwrap_or_default();
    let drawn = move || now().temperature > 0.0;
    let change = move |sampling: Sampling| {
        set.run(Some(sampling).filter(|sampling| *sampling != Sampling::default()));
    };
    view! {
        <div class="lever">
            <Explained term=Term::Temperature word=t("Temperature")/>
            <input
                type="number" min="0" max=*Sampling::TEMPERATURES.end() step="any"
                aria-label=t("Temperature")
                title=t("0 takes the most probable token; above it tokens are drawn")
                data-testid="temperature"
                prop:value=move || now().temperature.to_string()
                on:change=move |event| {
                    let typed = temperature(&event_target_value(&event));
                    change(now().at_temperature(typed.unwrap_or(now().temperature)));
                }
            />
        </div>
        <Show when=drawn>
            <label class="lever" title=t("Tokens are drawn from the most probable ones that together have this probability; 1 for all")>
                <span>"top-p"</span>
                <input
                    type="number" min="0" max="1" step="any"
                    data-testid="top-p"
                    prop:value=move || now().top_p.to_string()
                    on:change=move |event| {
                        let typed = within(&event_target_value(&event), 0.0..=1.0);
                        let top_p = typed.filter(|p| *p > 0.0).unwrap_or(now().top_p);
                        change(Sampling { top_p, ..now() });
                    }
                />
            </label>
            <label class="lever" title=t("The same seed, model and question draw the same answer")>
                <span>{t("Seed")}</span>
                <input
                    type="number" min="0" max=u32::MAX step="1"
                    data-testid="seed"
                    prop:value=move || now().seed.to_string()
                    on:change=move |event| {
                        let seed = event_target_value(&event).trim().parse().unwrap_or(now().seed);
                        change(Sampling { seed, ..now() });
                    }
                />
            </label>
        </Show>
        <label class="lever" title=t("What the logits of tokens that the prompt or the answer already has are divided by, or multiplied where they are negative; 1 for none")>
            <span>{t("Repetition penalty")}</span>
            <input
                type="number" min=*Sampling::PENALTIES.start() max=*Sampling::PENALTIES.end() step="any"
                data-testid="repetition-penalty"
                prop:value=move || now().repetition_penalty.to_string()
                on:change=move |event| {
                    let typed = within(&event_target_value(&event), Sampling::PENALTIES);
                    let repetition_penalty = typed.unwrap_or(now().repetition_penalty);
                    change(Sampling { repetition_penalty, ..now() });
                }
            />
        </label>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_becomes_something_that_can_be_asked() {
        assert_eq!(temperature("0.7"), Some(0.7));
        assert_eq!(["0", "-1", "0.001", "99"].map(temperature), [0.0, 0.0, 0.01, 10.0].map(Some));
        assert_eq!(["", "warm", "NaN", "inf"].map(temperature), [None; 4]);
        for text in ["0", "0.001", "0.5", "10", "1e300"] {
            let asked = Sampling::default().at_temperature(temperature(text).unwrap_or_default());
            assert!(asked.check().is_ok(), "{text}");
        }
        assert_eq!(within("0", Sampling::PENALTIES), Some(0.1));
    }
}
