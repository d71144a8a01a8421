//! The scrubber: a slider over the layers whose track is the curve, and a button that plays.

use leptos::html;
use leptos::prelude::*;

use crate::browser::watch_width;
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::Play;
use crate::run::kept::Kept;
use crate::ui::transport::PlayButton;
use crate::ui::value::plain;
use crate::words;
use plots::curve::side;
use plots::track::{self, Track};
use plots::view_box;

/// Half the width of the slider's thumb, in sizes of a plot's type; the style sheet has the thumb.
const MARGIN: f64 = 1.0;

/// The scrubber.
#[component]
pub fn Scrub() -> impl IntoView {
    let lab = use_lab();
    let run = lab.run;
    let holder = NodeRef::<html::Div>::new();
    let width = RwSignal::new(640.0_f64);
    watch_width(holder, width);
    let values = Kept::new(move || {
        run.derived.measures.with(|all| all.iter().map(|m| m.mdi.ok()).collect::<Vec<_>>())
    });
    let layers = Kept::new(move || values.with(Vec::len));
    let track = Kept::new(move || {
        let size = lab.type_size.get();
        let height = (size * 5.4).round();
        Track { width: width.get(), height, margin: size * MARGIN, layers: layers.get() }
    });
    let hidden = Kept::new(move || run.facts.options.with(|o| o.knockout.is_some()));
    let drawing = Kept::new(move || {
        values.with(|values| track::svg(values, &track.get(), hidden.get(), &lab.style()))
    });
    let dot = move || {
        let (layer, track) = (run.derived.layer.get().filter(|l| *l < layers.get())?, track.get());
        let value = values.with(|all| all.get(layer).copied().flatten());
        let y =
            value.map_or(track.height / 2.0, |v| track.y(v, values.with(|all| track::domain(all))));
        let fill = value.map(|v| lab.palette.get().role(side(v)).css());
        Some((track.x(layer), y, fill, track))
    };
    let told = move || {
        let layer = run.derived.layer.get()?;
        let mdi = run.derived.measures.with(|m| m.get(layer).map(|m| plain(m.mdi, words::number)));
        Some(fill("layer {l}, MDI {mdi}", &[("l", &layer), ("mdi", &mdi.unwrap_or_default())]))
    };
    let name = move || match (run.derived.layer.get(), layers.get().checked_sub(1)) {
        (Some(layer), Some(last)) => {
            fill("layer {layer} of 0–{last}", &[("layer", &layer), ("last", &last)])
        }
        _ => t("no layer yet").to_owned(),
    };
    view! {
        <div class="scrub-row">
            <PlayButton run what=Play::Layers/>
            <div class="scrub" node_ref=holder style:height=move || format!("{}px", track.get().height)>
                <div class="drawing" aria-hidden="true" inner_html=move || drawing.get()></div>
                <svg class="marks" viewBox=move || view_box(track.get().width, track.get().height) aria-hidden="true">
                    {move || dot().map(|(x, y, fill, track)| view! {
                        <line class="at" x1=x x2=x y1="0" y2=track.height/>
                        <circle class="halo" cx=x cy=y r=track.margin * 0.78/>
                        <circle class="dot" cx=x cy=y r=track.margin * 0.52 fill=fill/>
                    })}
                </svg>
                <input
                    type="range"
                    data-testid="scrub"
                    min="0"
                    max=move || layers.get().saturating_sub(1)
                    step="1"
                    disabled=move || layers.get() < 2
                    aria-label=t("Layer that is looked at")
                    aria-valuetext=told
                    prop:value=move || run.derived.layer.get().unwrap_or_default().to_string()
                    on:input=move |event| {
                        if let Ok(layer) = event_target_value(&event).parse() {
                            run.playing.set(None);
                            run.hover.set(None);
                            run.view.layer.set(Some(layer));
                        }
                    }
                />
            </div>
            <p class="scrub-name" data-testid="scrub-name">{name}</p>
        </div>
    }
}
