//! The lens for films: the frames that the model saw, step by step, with where the token that is looked at
//! looked.

mod frames;

use leptos::prelude::*;

use super::{Lens, Map};
use crate::language::{fill, t};
use crate::run::Run;
use crate::run::kept::Kept;
use crate::ui::scale_bar::{Ramp, ScaleBar, scale_end};
use crate::words;
use frames::Frames;

/// How films are looked at.
pub const LENS: Lens = Lens { map, still, given };

fn map(run: Run) -> Map {
    let about = Kept::new(move || {
        let mut parts = Vec::new();
        if let Some(film) = frames::film(run, run.view.medium.get()) {
            let (seen, of) = (film.frames, film.of.max(film.frames));
            parts.push(fill("{n} of {of} frames", &[("n", &seen), ("of", &of)]));
        }
        let token = run.derived.token.get();
        let word = token.and_then(|i| run.facts.observation.with(|o| o.shown(i)));
        parts.extend(word.map(|word| format!("“{}”", words::token(&word.text))));
        parts.extend(run.derived.layer.get().map(|l| fill("layer {layer}", &[("layer", &l)])));
        parts.push(run.derived.maps.shown.get().name());
        parts.join(" · ")
    });
    let ends = Signal::derive(move || {
        let end = words::percent(frames::top(run, run.view.medium.get()).into());
        ("0".to_owned(), scale_end(run.view.scale.get(), &end))
    });
    let medium = view! { <Frames run medium=run.view.medium.into()/> };
    let below = view! {
        <p class="card-note" data-testid="seen-note">{move || about.get()}</p>
        <p class="card-foot">{t("Two frames are one step, of which the first is shown. Colour: share of the token’s attention on one patch. Number: on the whole step.")}</p>
        <ScaleBar run ramp=Ramp::Attention ends/>
    };
    Map { medium: medium.into_any(), below: below.into_any() }
}

fn still(run: Run, medium: Signal<u8>) -> AnyView {
    view! { <Frames run medium/> }.into_any()
}

fn given(run: Run, medium: u8) -> AnyView {
    let source = move || run.facts.id.get().map(|id| run.facts.source.prepared_url(&id, medium));
    view! {
        {move || source().map(|url| view! {
            <img src=url alt=t("The frames that the model was shown") data-testid="class-picture"/>
        })}
    }
    .into_any()
}
