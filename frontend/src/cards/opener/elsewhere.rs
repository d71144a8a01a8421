//! What the opening band shows while it is out of sight, in a corner of the screen: where a run stands, and
//! the map of what is pointed at or chosen further down.

use leptos::prelude::*;

use super::waiting::{Clock, Stop, TICK};
use crate::lab::use_lab;
use crate::media::lens;
use crate::run::kept::Kept;
use crate::run::kinds::kind_of;
use crate::run::phase::Phase;
use crate::{actions, browser};

/// Both.
#[component]
pub fn Elsewhere() -> impl IntoView {
    view! {
        <div class="elsewhere">
            <MapElsewhere/>
            <WaitingElsewhere/>
        </div>
    }
}

/// Whether an element is out of sight, as far as anybody `asks`: looked up when that begins, at every tick
/// and while the page is scrolled.
fn out_of_sight(selector: &'static str, asks: Kept<bool>) -> RwSignal<bool> {
    let away = RwSignal::new(false);
    let look = move || {
        let now = browser::is_out_of_sight(selector);
        if away.try_get_untracked().is_some_and(|before| before != now) {
            away.set(now);
        }
    };
    Effect::new(move |_| {
        if asks.get() {
            look();
        }
    });
    browser::every(TICK, move || asks.get(), look);
    let scrolled = window_event_listener_untyped("scroll", move |_| {
        if asks.get_untracked() {
            look();
        }
    });
    on_cleanup(move || scrolled.remove());
    away
}

/// Where the run stands, and the way to stop it.
#[component]
fn WaitingElsewhere() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let live = Kept::new(move || run.facts.phase.with(Phase::is_live));
    let away = out_of_sight(".waiting.status", live);
    let may_stop = Kept::new(move || run.facts.id.get().is_some_and(|id| actions::is_owner(&id)));
    view! {
        <Show when=move || live.get() && away.get()>
            <div class="waiting-elsewhere" data-testid="waiting-elsewhere">
                <p>{move || run.facts.phase.with(Phase::sentence)}</p>
                <Clock lab/>
                <Show when=move || may_stop.get()><Stop lab testid="stop-elsewhere"/></Show>
            </div>
        </Show>
    }
}

/// The map of the head, the layer or the word that is pointed at, or of the head that is chosen.
#[component]
fn MapElsewhere() -> impl IntoView {
    let run = use_lab().run;
    let looked = Kept::new(move || {
        let pointed = run.hover.get().is_some()
            || run.over.head.get().is_some()
            || run.over.token.get().is_some()
            || run.over.target.get().is_some();
        let chosen = run.view.look.get().is_some();
        (pointed || chosen) && kind_of(run).is_some()
    });
    let away = out_of_sight("[data-testid=overlay]", looked);
    let shown = Kept::new(move || looked.get() && away.get());
    let medium = Signal::derive(move || run.view.medium.get());
    let kind = Kept::new(move || kind_of(run));
    let caption = move || {
        let (layer, maps) = (run.derived.layer.get()?, run.derived.maps.shown.get());
        Some(crate::language::fill(
            "layer {layer} · {heads}",
            &[("layer", &layer), ("heads", &maps.name())],
        ))
    };
    view! {
        <Show when=move || shown.get()>
            <div class="map-elsewhere" aria-hidden="true" data-testid="map-elsewhere">
                {move || kind.get().map(|kind| (lens(kind).still)(run, medium))}
                <p>{caption}</p>
            </div>
        </Show>
    }
}
