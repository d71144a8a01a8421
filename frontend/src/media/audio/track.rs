//! A sound as a track: its waveform, the attention below it, and where it is being played.

use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use plots::sound::{Lane, Sound, Stretch, svg};
use plots::view_box;
use shared::{Medium, Target};

use super::wave::{self, Wave};
use crate::lab::use_lab;
use crate::language::{fill, t};
use crate::run::Run;
use crate::run::kept::Kept;
use crate::run::link::Scale;
use crate::ui::glass::{At, Handler, Key, Reads};
use crate::ui::plot_glass::PlotGlass;
use crate::words;

/// How much of a sound the model heard, in seconds; `None` before there is a layout.
pub(super) fn heard(run: Run, medium: u8) -> Option<f64> {
    run.facts.observation.with(|o| match o.layout.as_ref()?.media.get(usize::from(medium))? {
        Medium::Audio { length } => Some(f64::from(*length) / 1e3),
        _ => None,
    })
}

/// The stretches of a sound, with what the token that is looked at looked at.
fn stretches(run: Run, medium: u8) -> Vec<Stretch> {
    let (Some(token), Some(layer)) = (run.derived.token.get(), run.derived.layer.get()) else {
        return Vec::new();
    };
    let all = run.with_rows(|o, rows| o.sound(rows, medium, token, layer));
    let seconds = |ms: u32| f64::from(ms) / 1e3;
    let one = |(span, share): (shared::media::Span, f32)| Stretch {
        start: seconds(span.start),
        end: seconds(span.end),
        share: Some(share),
    };
    all.unwrap_or_default().into_iter().map(one).collect()
}

/// Where the axis of a sound's attention ends.
pub(super) fn top(run: Run, medium: u8) -> f32 {
    match run.view.scale.get() {
        Scale::Absolute => run.derived.maps.scales.get().key,
        Scale::Relative => {
            let all = stretches(run, medium);
            all.iter().filter_map(|s| s.share).fold(0.0, f32::max).max(1e-6)
        }
    }
}

/// The track of one sound.
#[component]
pub(super) fn Track(run: Run, medium: Signal<u8>, plays: bool) -> impl IntoView {
    let lab = use_lab();
    let width = RwSignal::new(420.0_f64);
    let wave = RwSignal::new(None::<Wave>);
    Effect::new(move |_| {
        let (id, medium) = (run.facts.id.get(), medium.get());
        wave.set(None);
        let Some(id) = id else { return };
        spawn_local(async move {
            let Ok(bytes) = run.facts.source.sound_bytes(&id, medium).await else { return };
            let read = wave::read(&bytes).await;
            // Meanwhile another run may be on the screen.
            if run.facts.id.get_untracked().as_ref() == Some(&id) {
                wave.try_set(read);
            }
        });
    });
    let sound = Kept::new(move || {
        let heard = heard(run, medium.get()).unwrap_or(0.0);
        let (seconds, peaks) =
            wave.with(|w| w.as_ref().map(|w| (w.seconds, w.peaks.clone())).unwrap_or_default());
        Sound {
            seconds: seconds.max(heard),
            heard,
            peaks,
            stretches: stretches(run, medium.get()),
            top: top(run, medium.get()),
        }
    });
    let lane =
        Kept::new(move || Lane::new(width.get(), lab.type_size.get(), sound.with(|s| s.seconds)));
    let drawing = Kept::new(move || sound.with(|s| svg(s, &lane.get(), &lab.style())));
    let player = NodeRef::<html::Audio>::new();
    let playing_at = RwSignal::new(None::<f64>);
    let under = RwSignal::new(None::<f64>);
    let find = move |at: At| lane.get_untracked().seconds_at(at.x, at.y);
    let play_from = move |seconds: f64| {
        if let Some(player) = player.get_untracked() {
            player.set_current_time(seconds);
            // A browser that does not play without being asked again shows its own button.
            let _ = player.play();
        }
    };
    // The tokens of a stretch, to see who looked at it.
    let token_at = move |seconds: f64| {
        let ms = (seconds * 1e3) as u32;
        run.facts.observation.with_untracked(|o| {
            let layout = o.layout.as_ref()?;
            let here = |t: &&shared::Token| {
                let span = match t.place {
                    Some(shared::Place::Span(span)) => span,
                    _ => return false,
                };
                t.medium == Some(medium.get_untracked()) && (span.start..span.end).contains(&ms)
            };
            layout.tokens.iter().find(here).map(|t| t.index)
        })
    };
    let choose = move |at: At| {
        let Some(seconds) = find(at) else { return };
        play_from(seconds);
        if let Some(token) = token_at(seconds) {
            run.view.aim(Target::Position(token));
        }
    };
    let now = move || {
        let seconds = under.get().or(playing_at.get())?;
        sound.with(|s| s.stretch_at(seconds))
    };
    let told = move || {
        let at = now()?;
        sound.with(|s| {
            let stretch = s.stretches.get(at)?;
            let share = words::percent(stretch.share?.into());
            Some(fill(
                "{start} to {end} s: {share} of this token’s attention",
                &[
                    ("start", &format!("{:.2}", stretch.start)),
                    ("end", &format!("{:.2}", stretch.end)),
                    ("share", &share),
                ],
            ))
        })
    };
    let step = move |by: isize| {
        let last = sound.with_untracked(|s| s.stretches.len()).saturating_sub(1);
        let from = under.get_untracked().and_then(|at| sound.with_untracked(|s| s.stretch_at(at)));
        let next = from.map_or(0, |at| at.saturating_add_signed(by).min(last));
        under.set(sound.with_untracked(|s| s.stretches.get(next).map(|s| s.start)));
    };
    let keys = move |key: Key| {
        match key {
            Key::Left => step(-1),
            Key::Right => step(1),
            Key::Up => run.step_layer(1),
            Key::Down => run.step_layer(-1),
            Key::Choose => match under.get_untracked() {
                Some(seconds) => play_from(seconds),
                None => return false,
            },
            Key::Home | Key::End | Key::Nearer | Key::Farther => return false,
        }
        true
    };
    let reads = Reads::Slider {
        last: Signal::derive(move || sound.with(|s| s.stretches.len()).saturating_sub(1)),
        now: Signal::derive(now),
        told: Signal::derive(told),
    };
    let look = move |at: Option<At>| under.set(at.and_then(find));
    let glass = Handler::new(t("Time in the sound"), reads, look, choose).keys(keys);
    let source = move || {
        let id = run.facts.id.get()?;
        Some(run.facts.source.sound_url(&id, medium.get()))
    };
    view! {
        <div class="sound" data-testid="sound" data-stretches=move || sound.with(|s| s.stretches.len())>
            <PlotGlass
                class="heat"
                width
                height=Signal::derive(move || lane.get().height)
                drawing
                glass
            >
                <svg class="marks" viewBox=move || view_box(lane.get().width, lane.get().height) aria-hidden="true">
                    {move || playing_at.get().map(|at| {
                        let lane = lane.get();
                        let x = lane.x(at);
                        view! { <line class="playing" x1=x x2=x y1=lane.wave.0 y2=lane.mass.1/> }
                    })}
                    {move || {
                        let (at, lane) = (now()?, lane.get());
                        sound.with(|s| s.stretches.get(at).map(|s| {
                            let (x, end) = (lane.x(s.start), lane.x(s.end));
                            view! {
                                <rect class="under" x=x y=lane.wave.0 width=end - x height=lane.mass.1 - lane.wave.0/>
                            }
                        }))
                    }}
                </svg>
            </PlotGlass>
            {plays.then(|| view! {
                <p class="card-foot one-line" data-testid="sound-told">{move || told().unwrap_or_default()}</p>
            })}
            <Show when=move || plays && source().is_some()>
                <audio
                    node_ref=player
                    controls
                    preload="none"
                    src=source
                    aria-label=t("The sound that the model was given")
                    on:timeupdate=move |event| {
                        let player: web_sys::HtmlAudioElement = event_target(&event);
                        playing_at.set((!player.paused()).then(|| player.current_time()));
                    }
                    on:ended=move |_| playing_at.set(None)
                ></audio>
            </Show>
        </div>
    }
}
