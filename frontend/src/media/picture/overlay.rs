//! The overlay on the picture: cells, what was pruned, and the patch that is chosen, by pointer,
//! touch or keyboard.

use leptos::prelude::*;
use shared::{PreparedPicture, Target};

use super::{Cells, drawn};
use crate::lab::use_lab;
use crate::language::t;
use crate::run::Run;
use crate::run::kept::Kept;
use crate::sequence;
use crate::ui::behind::Behind;
use crate::ui::glass::{At, Glass, Handler, Key, Reads};
use crate::words;
use plots::map as overlay;

/// The cells over the picture.
#[component]
pub fn Overlay(
    /// The run.
    run: Run,
    /// The picture's geometry.
    p: PreparedPicture,
    /// The map.
    cells: Cells,
    /// Where the map's scale ends.
    top: Kept<f32>,
    /// The cell under the pointer.
    under: RwSignal<Option<usize>>,
) -> impl IntoView {
    let lab = use_lab();
    let (cols, rows) = (usize::from(p.cols), usize::from(p.rows));
    let drawn = move || drawn(lab, cells, top, cols);
    let pruned = move || {
        run.facts.observation.with(|o| {
            let copies =
                o.layout.as_ref().and_then(|l| l.copies(run.view.medium.get())).unwrap_or_default();
            overlay::pruned(&copies, cols)
        })
    };
    let pruned = Kept::new(pruned);
    let find = move |at: At| overlay::cell_at(at.x, at.y, at.size, cols, rows);
    let patch = move |i: usize| Target::Patch {
        medium: run.view.medium.get_untracked(),
        row: (i / cols) as u16,
        col: (i % cols) as u16,
    };
    let pin = move |at: At| {
        if let Some(i) = find(at) {
            run.view.aim(patch(i));
        }
    };
    let chosen = move || match run.view.target.get() {
        Some(Target::Patch { medium, row, col }) if medium == run.view.medium.get() => {
            Some((row, col))
        }
        _ => None,
    };
    let keys = move |key: Key| {
        let by = match key {
            Key::Up => (-1, 0),
            Key::Down => (1, 0),
            Key::Left => (0, -1),
            Key::Right => (0, 1),
            Key::Home | Key::End | Key::Choose | Key::Nearer | Key::Farther => return false,
        };
        let (row, col) = overlay::step(untrack(chosen), by, (p.rows, p.cols));
        let medium = run.view.medium.get_untracked();
        run.view.target.set(Some(Target::Patch { medium, row, col }));
        true
    };
    // Takes the pointer: offsets are then the picture's own, whatever is drawn above.
    let glass = Handler::new(
        t("Patches of the picture. Arrow keys choose one; Escape lets go of it."),
        Reads::Surface { described_by: "seen-told" },
        move |at: Option<At>| {
            let cell = at.and_then(find);
            if cell != under.get_untracked() {
                under.set(cell);
                run.over.target.set(cell.map(patch));
            }
        },
        pin,
    )
    .keys(keys)
    .named("patches");
    view! {
        <svg
            class="overlay"
            data-testid="overlay"
            data-token=move || run.derived.token.get().map(|t| t.to_string())
            data-layer=move || run.derived.layer.get().map(|l| l.to_string())
            data-shown=move || run.derived.maps.shown.get().name()
            viewBox=format!("0 0 {cols} {rows}")
            preserveAspectRatio="none"
            aria-hidden="true"
        >
            <g class="cells" inner_html=drawn/>
            <g class="pruned" data-testid="pruned" inner_html=move || pruned.get()/>
            {move || under.get().map(|i| view! {
                <rect class="halo" x=i % cols y=i / cols width="1" height="1"/>
                <rect class="under" x=i % cols y=i / cols width="1" height="1"/>
            })}
            {move || chosen().map(|(row, col)| view! {
                <rect class="halo pinned" x=col y=row width="1" height="1"/>
                <rect class="under pinned" data-testid="patch" x=col y=row width="1" height="1"/>
            })}
        </svg>
        <Glass handler=glass/>
    }
}

/// Every patch in numbers: how much the chosen token looked at it, and who looked at it most.
#[component]
pub fn PatchTable(
    /// The run.
    run: Run,
    /// The picture's geometry.
    picture: Kept<Option<PreparedPicture>>,
    /// The map.
    cells: Cells,
) -> impl IntoView {
    let columns = Signal::derive(|| {
        [t("row"), t("column"), t("tokens of it"), t("share"), t("looked at most by"), t("with")]
            .map(str::to_owned)
            .to_vec()
    });
    let rows = Signal::derive(move || {
        let (Some(p), Some(layer)) = (picture.get(), run.derived.layer.get()) else {
            return Vec::new();
        };
        let cells = cells.get();
        run.with_rows(|o, rows| {
            let copies =
                o.layout.as_ref().and_then(|l| l.copies(run.view.medium.get())).unwrap_or_default();
            let cols = usize::from(p.cols);
            let line = |i: usize| {
                let (row, col) = ((i / cols) as u16, (i % cols) as u16);
                let share = cells.as_ref().and_then(|c| *c.get(i)?);
                let looks =
                    o.looks(rows, Target::Patch { medium: run.view.medium.get(), row, col });
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
