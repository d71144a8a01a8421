//! The overlay on the picture: cells, what was pruned, and the patch that is chosen, by pointer,
//! touch or keyboard.

use leptos::prelude::*;
use shared::{PreparedPicture, Target};

use crate::components::behind::Behind;
use crate::kept::Kept;
use crate::language::t;
use crate::sequence;
use crate::state::{RunView, use_lab};
use crate::words;
use plots::map as overlay;

/// The cells over the picture.
#[component]
pub fn Overlay(
    /// The run.
    run: RunView,
    /// The picture's geometry.
    p: PreparedPicture,
    /// The map.
    cells: Kept<Option<overlay::Cells>>,
    /// Where the map's scale ends.
    top: Kept<f32>,
    /// The cell under the pointer.
    under: RwSignal<Option<usize>>,
) -> impl IntoView {
    let lab = use_lab();
    let (cols, rows) = (usize::from(p.cols), usize::from(p.rows));
    let drawn = move || {
        let ends = lab.palette.with(|p| p.scale);
        cells.with(|c| {
            c.as_ref().map_or_else(String::new, |c| overlay::rectangles(c, cols, top.get(), ends))
        })
    };
    let pruned = move || {
        run.observation.with(|o| {
            let copies =
                o.layout.as_ref().and_then(|l| l.copies(run.medium.get())).unwrap_or_default();
            overlay::pruned(&copies, cols)
        })
    };
    let pruned = Kept::new(pruned);
    let find = move |event: web_sys::PointerEvent| {
        let target = event_target::<web_sys::Element>(&event);
        let size = (f64::from(target.client_width()), f64::from(target.client_height()));
        let at = (f64::from(event.offset_x()), f64::from(event.offset_y()));
        under.set(overlay::cell_at(at.0, at.1, size, cols, rows));
    };
    let pin = move |event: web_sys::PointerEvent| {
        find(event);
        if let Some(i) = under.get_untracked() {
            let medium = run.medium.get_untracked();
            run.aim(Target::Patch { medium, row: (i / cols) as u16, col: (i % cols) as u16 });
        }
    };
    let chosen = move || match run.target.get() {
        Some(Target::Patch { medium, row, col }) if medium == run.medium.get() => Some((row, col)),
        _ => None,
    };
    let keys = move |event: web_sys::KeyboardEvent| {
        let by = match event.key().as_str() {
            "ArrowUp" => (-1, 0),
            "ArrowDown" => (1, 0),
            "ArrowLeft" => (0, -1),
            "ArrowRight" => (0, 1),
            _ => return,
        };
        event.prevent_default();
        let (row, col) = overlay::step(untrack(chosen), by, (p.rows, p.cols));
        let medium = run.medium.get_untracked();
        run.target.set(Some(Target::Patch { medium, row, col }));
    };
    view! {
        <svg
            class="overlay"
            data-testid="overlay"
            data-token=move || run.token.get().map(|t| t.to_string())
            data-layer=move || run.layer.get().map(|l| l.to_string())
            data-shown=move || run.maps.shown.get().name()
            viewBox=format!("0 0 {cols} {rows}")
            preserveAspectRatio="none"
            aria-hidden="true"
        >
            <g class="cells" inner_html=drawn/>
            <g class="pruned" data-testid="pruned" inner_html=move || pruned.get()/>
            {move || under.get().map(|i| view! {
                <rect class="under" x=i % cols y=i / cols width="1" height="1"/>
            })}
            {move || chosen().map(|(row, col)| view! {
                <rect class="under pinned" data-testid="patch" x=col y=row width="1" height="1"/>
            })}
        </svg>
        // Takes the pointer: offsets are then the picture's own, whatever is drawn above.
        <div
            class="glass"
            data-testid="patches"
            data-keys=""
            role="application"
            tabindex="0"
            aria-label=t("Patches of the picture. Arrow keys choose one; Escape lets go of it.")
            aria-describedby="seen-told"
            on:pointermove=find
            on:pointerdown=pin
            on:pointerleave=move |_| under.set(None)
            on:keydown=keys
        ></div>
    }
}

/// Every patch in numbers: how much the chosen token looked at it, and who looked at it most.
#[component]
pub fn PatchTable(
    /// The run.
    run: RunView,
    /// The picture's geometry.
    picture: Kept<Option<PreparedPicture>>,
    /// The map.
    cells: Kept<Option<overlay::Cells>>,
) -> impl IntoView {
    let columns = Signal::derive(|| {
        [t("row"), t("column"), t("tokens of it"), t("share"), t("looked at most by"), t("with")]
            .map(str::to_owned)
            .to_vec()
    });
    let rows = Signal::derive(move || {
        let (Some(p), Some(layer)) = (picture.get(), run.layer.get()) else { return Vec::new() };
        let cells = cells.get();
        run.with_rows(|o, rows| {
            let copies =
                o.layout.as_ref().and_then(|l| l.copies(run.medium.get())).unwrap_or_default();
            let cols = usize::from(p.cols);
            let line = |i: usize| {
                let (row, col) = ((i / cols) as u16, (i % cols) as u16);
                let share = cells.as_ref().and_then(|c| *c.get(i)?);
                let looks = o.looks(rows, Target::Patch { medium: run.medium.get(), row, col });
                let most = looks.ranked(layer).into_iter().next();
                let word = |token: usize| o.shown(token).map(|t| sequence::exact(&t.text));
                let percent = |s: f32| words::percent(f64::from(s));
                let dash = || "–".to_owned();
                vec![
                    row.to_string(),
                    col.to_string(),
                    copies[i].to_string(),
                    share.map_or_else(dash, percent),
                    most.and_then(|(t, _)| Some(format!("{t} {}", word(t)?))).unwrap_or_else(dash),
                    most.map_or_else(dash, |(_, share)| percent(share)),
                ]
            };
            (0..copies.len()).map(line).collect()
        })
    });
    view! { <Behind run testid="patch-table" caption=t("Attention on every patch of the picture in the chosen layer") columns rows/> }
}
