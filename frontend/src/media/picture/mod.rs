//! The lens for pictures.

mod given;
mod map;
mod original;
mod overlay;
mod still;

use leptos::prelude::*;
use plots::map::relative_top;

use super::Lens;
use crate::lab::Lab;
use crate::run::Run;
use crate::run::kept::Kept;
use crate::run::link::Scale;

/// How pictures are looked at.
pub const LENS: Lens = Lens { map: map::map, still: still::still, given: given::given };

/// A map's shares by patch; `None` where no token looks.
type Cells = Kept<Option<plots::map::Cells>>;

/// The map of one picture: where the token that is looked at looked, in the layer that is looked at.
fn cells_of(run: Run, medium: Signal<u8>) -> Cells {
    Kept::new(move || {
        let (token, layer) = (run.derived.token.get()?, run.derived.layer.get()?);
        run.with_rows(|o, rows| o.map(rows, medium.get(), token, layer))
    })
}

/// Where that map's scale ends.
fn top_of(run: Run, cells: Cells) -> Kept<f32> {
    Kept::new(move || match run.view.scale.get() {
        Scale::Absolute => run.derived.maps.scales.get().patch,
        Scale::Relative => cells.with(|c| c.as_ref().map_or(0.01, relative_top)),
    })
}

/// That map as a drawing of so many columns, in the colours that are chosen; nothing where there is no
/// map.
fn drawn(lab: Lab, cells: Cells, top: Kept<f32>, cols: usize) -> String {
    let ends = lab.palette.with(|p| p.scale);
    cells.with(|c| {
        c.as_ref().map_or_else(String::new, |c| plots::map::rectangles(c, cols, top.get(), ends))
    })
}
