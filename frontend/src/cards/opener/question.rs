//! The question, each word lit by how much the chosen word of the answer looked at it: on the scale of the
//! picture's map, in the words' colour.

use leptos::prelude::*;
use shared::{Counted, Target};

use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::kept::Kept;
use crate::sequence::{self, Typed};
use crate::words;

/// The question.
#[component]
pub fn Question() -> impl IntoView {
    let run = use_lab().run;
    let typed = Kept::new(move || {
        run.facts.observation.with(|o| o.layout.as_ref().map(sequence::typed)).unwrap_or_default()
    });
    // Before there is a layout, what was asked as it was typed.
    let plain = move || run.facts.options.with(|o| o.prompt.clone());
    let end = run.derived.lit_end;
    let long = move || run.facts.options.with(|o| o.prompt.chars().count() > 160);
    view! {
        <p class="question" class:long=long data-testid="question">
            {move || match typed.with(Vec::is_empty) {
                true => plain().into_any(),
                false => {
                    let word = |typed: Typed| view! { <Lit typed end/> };
                    typed.get().into_iter().map(word).collect_view().into_any()
                }
            }}
        </p>
    }
}

/// One word. Chosen, it shows who looked at it.
#[component]
fn Lit(typed: Typed, end: Kept<f32>) -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let (blank, word, text) = (typed.apart, typed.is_word(), typed.text.clone());
    let target = Target::Position(typed.at.first().copied().unwrap_or_default());
    let named = text.clone();
    let share = Kept::new(move || {
        let on = |row: &Vec<f32>| {
            let all = typed.at.iter().map(|at| row.get(*at as usize).copied());
            all.sum::<Option<f32>>()
        };
        let sum = run.derived.row.with(|row| row.as_ref().and_then(on))?;
        Some(match run.view.counted.get() {
            Counted::PerToken => sum / typed.at.len().max(1) as f32,
            Counted::InTotal => sum,
        })
    });
    let ground = move || {
        let (share, end) = (share.get()?, end.get());
        // What rounds to nothing stays unlit.
        let light = if end > 0.0 { f64::from(share / end).clamp(0.0, 1.0) } else { 0.0 };
        let palette = lab.palette.get();
        let ground = palette.surface.mix(palette.words, light);
        (light >= 0.02).then(|| (ground.css(), ground.type_on().css()))
    };
    let style = move || {
        ground().map(|(ground, ink)| format!("background:{ground};color:{ink}")).unwrap_or_default()
    };
    let told = move || match share.get() {
        Some(share) => fill(
            "“{text}”: {share} of this token’s attention",
            &[("text", &named), ("share", &words::percent(share.into()))],
        ),
        None => t("Choose a word of the answer to see how much it looked here.").to_owned(),
    };
    let aimed = move || run.view.target.get() == Some(target);
    let shown = match word {
        true => view! {
            <button
                type="button"
                class="lit"
                class:aimed=aimed
                data-testid="lit-word"
                data-share=move || share.get().map(|share| share.to_string())
                aria-pressed=move || aimed().to_string()
                title=told
                style=style
                on:pointerenter=move |event| if event.pointer_type() == "mouse" {
                    run.over.target.set(Some(target));
                }
                on:pointerleave=move |_| run.over.target.set(None)
                on:click=move |_| run.view.aim(target)
            >{text}</button>
        }
        .into_any(),
        false => view! { <span class="lit mark" style=style>{text}</span> }.into_any(),
    };
    view! { {blank.then_some(" ")}{shown} }
}
