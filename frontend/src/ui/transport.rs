//! Playing: from layer to layer, or from word to word, as a film.

use std::time::Duration;

use leptos::prelude::*;

use crate::language::t;
use crate::run::kept::Kept;
use crate::run::{Play, Run};

/// Time of one step: long enough to see what changed.
const STEP: Duration = Duration::from_millis(650);

/// Steps whatever plays; belongs on the page once.
pub fn keep_playing(run: Run) {
    let playing = Kept::new(move || run.playing.get().is_some());
    Effect::new(move |_| {
        if playing.get()
            && let Ok(timer) = set_interval_with_handle(move || run.play_on(), STEP)
        {
            on_cleanup(move || timer.clear());
        }
    });
}

/// Plays, or stops what plays.
#[component]
pub fn PlayButton(
    /// The run.
    run: Run,
    /// What is played.
    what: Play,
) -> impl IntoView {
    let on = move || run.playing.get() == Some(what);
    let (name, testid) = match what {
        Play::Layers => (t("Play from layer to layer (P)"), "play-layers"),
        Play::Tokens => (t("Play from word to word"), "play-tokens"),
    };
    let empty = move || {
        run.facts.observation.with(|o| match what {
            Play::Layers => o.layers() < 2,
            Play::Tokens => o.tokens.len() < 2,
        })
    };
    view! {
        <button
            type="button"
            class="play"
            data-testid=testid
            title=name
            aria-label=name
            aria-pressed=move || on().to_string()
            disabled=empty
            on:click=move |_| run.play(what)
        >
            <svg viewBox="0 0 16 16" aria-hidden="true">
                <path d=move || if on() { "M4 3h3v10H4ZM9 3h3v10H9Z" } else { "M4.5 2.5 13 8l-8.5 5.5Z" }/>
            </svg>
        </button>
    }
}
