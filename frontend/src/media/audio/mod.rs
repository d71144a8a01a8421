//! The lens for sounds: the waveform with the attention below it, and the sound to be heard.

mod track;
mod wave;

use leptos::prelude::*;

use super::{Lens, Map};
use crate::language::{fill, t};
use crate::run::Run;
use crate::run::kept::Kept;
use crate::ui::scale_bar::{Ramp, ScaleBar, scale_end};
use crate::words;
use track::Track;

/// How sounds are looked at.
pub const LENS: Lens = Lens { map, still, given };

fn map(run: Run) -> Map {
    let about = Kept::new(move || {
        let mut parts = Vec::new();
        if let Some(heard) = track::heard(run, run.view.medium.get()) {
            parts.push(fill("{n} s heard", &[("n", &words::number(heard))]));
        }
        let token = run.derived.token.get();
        let word = token.and_then(|i| run.facts.observation.with(|o| o.shown(i)));
        parts.extend(word.map(|word| format!("“{}”", words::token(&word.text))));
        parts.extend(run.derived.layer.get().map(|l| fill("layer {layer}", &[("layer", &l)])));
        parts.push(run.derived.maps.shown.get().name());
        parts.join(" · ")
    });
    let ends = Signal::derive(move || {
        let end = words::percent(track::top(run, run.view.medium.get()).into());
        ("0".to_owned(), scale_end(run.view.scale.get(), &end))
    });
    let medium = view! { <Track run medium=run.view.medium.into() plays=true/> };
    let below = view! {
        <p class="card-note" data-testid="seen-note">{move || about.get()}</p>
        <p class="card-foot">{t("Height: share of the token’s attention on 40 ms of the sound. A click plays from there.")}</p>
        <ScaleBar run ramp=Ramp::Attention ends/>
    };
    Map { medium: medium.into_any(), below: below.into_any() }
}

fn still(run: Run, medium: Signal<u8>) -> AnyView {
    view! { <Track run medium plays=false/> }.into_any()
}

fn given(run: Run, medium: u8) -> AnyView {
    let source = move || run.facts.id.get().map(|id| run.facts.source.sound_url(&id, medium));
    view! {
        {move || source().map(|url| view! {
            <audio controls src=url aria-label=t("The sound that the model was given") data-testid="class-picture"></audio>
        })}
    }
    .into_any()
}
