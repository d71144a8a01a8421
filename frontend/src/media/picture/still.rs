//! One picture with its map, and nothing to do: for frames in other pages, and for runs beside each other.

use leptos::prelude::*;

use super::{cells_of, drawn, top_of};
use crate::lab::use_lab;
use crate::language::t;
use crate::run::Run;
use crate::run::kept::Kept;

/// The picture as the model saw it, and where the chosen word looked.
pub(super) fn still(run: Run, medium: Signal<u8>) -> AnyView {
    let lab = use_lab();
    let picture = Kept::new(move || {
        run.facts.observation.with(|o| o.layout.as_ref()?.picture_of(medium.get()))
    });
    let cells = cells_of(run, medium);
    let top = top_of(run, cells);
    let drawn = move |cols: usize| drawn(lab, cells, top, cols);
    view! {
        {move || picture.get().map(|p| {
            let id = run.facts.id.get().unwrap_or_default();
            let source = run.facts.source.prepared_url(&id, medium.get());
            let (cols, rows) = (usize::from(p.cols), usize::from(p.rows));
            view! {
                <div class="embed-picture" style=format!("--ratio:{}", f64::from(p.width) / f64::from(p.height.max(1)))>
                    <img src=source alt=t("The picture as the model received it")/>
                    <svg class="overlay" viewBox=format!("0 0 {cols} {rows}") preserveAspectRatio="none" aria-hidden="true">
                        <g class="cells" inner_html=move || drawn(cols)/>
                    </svg>
                </div>
            }
        })}
    }
    .into_any()
}
