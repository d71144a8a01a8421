//! A film's steps beside each other: the first frame of each, the map over it, and the step's part of the
//! attention.

use leptos::prelude::*;
use shared::Medium;

use crate::lab::use_lab;
use crate::language::fill;
use crate::run::Run;
use crate::run::kept::Kept;
use crate::run::link::Scale;
use crate::words;

/// Frames beside each other in the picture that the lab makes of them (`engine`'s `prepare/any_film.rs`).
const ACROSS: usize = 8;
/// Frames of a step.
const FRAMES: usize = 2;

/// What is shown of a film.
#[derive(Clone, PartialEq)]
pub(super) struct Film {
    /// Frames that the model saw.
    pub(super) frames: usize,
    /// Frames that the film has.
    pub(super) of: usize,
    /// When each step begins, in seconds.
    times: Vec<f64>,
    /// Rows and columns of a step's tokens.
    grid: (usize, usize),
    /// A frame's width over its height.
    ratio: f64,
}

/// The film of a prompt; `None` before there is a layout.
pub(super) fn film(run: Run, medium: u8) -> Option<Film> {
    run.facts.observation.with(|o| match o.layout.as_ref()?.media.get(usize::from(medium))? {
        Medium::Video { view, times, frames, of, .. } => Some(Film {
            frames: frames.len(),
            of: *of as usize,
            times: times.iter().map(|ms| f64::from(*ms) / 1e3).collect(),
            grid: (view.rows.into(), view.cols.into()),
            ratio: f64::from(view.width) / f64::from(view.height.max(1)),
        }),
        _ => None,
    })
}

/// Shares of the row that wrote the token that is looked at, by step and cell.
fn moments(run: Run, medium: u8) -> Option<Vec<plots::map::Cells>> {
    let (token, layer) = (run.derived.token.get()?, run.derived.layer.get()?);
    run.with_rows(|o, rows| o.layout.as_ref()?.on_moments(medium, rows.row(token, layer)?))
}

/// Where the scale of a film's maps ends.
pub(super) fn top(run: Run, medium: u8) -> f32 {
    match run.view.scale.get() {
        Scale::Absolute => run.derived.maps.scales.get().key,
        Scale::Relative => {
            let all = moments(run, medium).unwrap_or_default();
            all.iter().flatten().flatten().copied().fold(0.0, f32::max).max(1e-6)
        }
    }
}

/// The steps.
#[component]
pub(super) fn Frames(run: Run, medium: Signal<u8>) -> impl IntoView {
    let lab = use_lab();
    let film = Kept::new(move || film(run, medium.get()));
    let cells = Kept::new(move || moments(run, medium.get()));
    let top = Kept::new(move || top(run, medium.get()));
    let step = move |film: &Film, at: usize, time: f64| {
        let frame = at * FRAMES;
        let (across, down) = (film.cells().0.max(1), film.cells().1.max(1));
        let place = |at: usize, of: usize| match of {
            0 | 1 => 0.0,
            _ => 100.0 * at as f64 / (of - 1) as f64,
        };
        let id = run.facts.id.get().unwrap_or_default();
        let url = run.facts.source.prepared_url(&id, medium.get());
        let style = format!(
            "aspect-ratio:{};background-image:url('{url}');background-size:{}% {}%;\
             background-position:{}% {}%",
            film.ratio,
            100 * across,
            100 * down,
            place(frame % ACROSS, across),
            place(frame / ACROSS, down),
        );
        let (rows, cols) = film.grid;
        let drawn = move || {
            let ends = lab.palette.with(|p| p.scale);
            cells.with(|all| {
                let of_step = all.as_ref().and_then(|all| all.get(at));
                of_step.map_or_else(String::new, |cells| {
                    plots::map::rectangles(cells, cols, top.get(), ends)
                })
            })
        };
        let share = Kept::new(move || {
            cells.with(|all| Some(all.as_ref()?.get(at)?.iter().flatten().sum::<f32>()))
        });
        view! {
            <li data-testid="film-step" data-share=move || share.get().map(|share| share.to_string())>
                <div class="film-frame" style=style>
                    <svg class="overlay" viewBox=format!("0 0 {cols} {rows}") preserveAspectRatio="none" aria-hidden="true">
                        <g class="cells" inner_html=drawn/>
                    </svg>
                </div>
                <p>
                    {fill("{time} s", &[("time", &words::number(time))])}
                    {move || share.get().map(|share| view! { " " <b>{words::percent(share.into())}</b> })}
                </p>
            </li>
        }
    };
    view! {
        <ol class="film" data-testid="overlay" data-layer=move || run.derived.layer.get().map(|l| l.to_string())>
            {move || film.get().map(|film| {
                film.times.iter().enumerate().map(|(at, time)| step(&film, at, *time)).collect_view()
            })}
        </ol>
    }
}

impl Film {
    /// Columns and rows of frames in the picture of all of them.
    fn cells(&self) -> (usize, usize) {
        let frames = self.times.len() * FRAMES;
        (frames.clamp(1, ACROSS), frames.div_ceil(ACROSS))
    }
}
