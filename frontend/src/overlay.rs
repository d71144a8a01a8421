//! The attention overlay: cells of the picture's token grid as colours.

use std::fmt::Write;

use shared::Observation;

use crate::colour::Rgb;

/// One map: shares of a token's attention by cell, row-major; `None` where a patch was pruned.
pub type Cells = Vec<Option<f32>>;

/// The top of an absolute scale, for all maps of a run: a round number that all but the strongest
/// half percent of cells stay below, so that one sink patch does not flatten every map.
pub fn absolute_top(observation: &Observation) -> f32 {
    let mut values: Vec<f32> = Vec::new();
    for token in 0..observation.tokens.len() {
        for layer in 0..observation.layers() {
            values.extend(observation.overlay(token, layer).into_iter().flatten().flatten());
        }
    }
    if values.is_empty() {
        return 0.01;
    }
    let at = ((values.len() as f64 * 0.995) as usize).min(values.len() - 1);
    let (_, top, _) = values.select_nth_unstable_by(at, f32::total_cmp);
    round_up(*top)
}

/// The largest share of one map.
pub fn relative_top(cells: &Cells) -> f32 {
    cells.iter().flatten().copied().fold(0.0, f32::max)
}

/// The next of 1, 1.5, 2, 3, 4, 5, 6, 8 times a power of ten.
fn round_up(value: f32) -> f32 {
    if value.is_nan() || value <= 1e-6 {
        return 1e-6;
    }
    let unit = 10f32.powf(value.log10().floor());
    let steps = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    let step = steps.into_iter().find(|s| s * unit >= value * 0.999).unwrap_or(10.0);
    (step * unit).min(1.0)
}

/// Opacity of a cell at the low and at the high end of the scale: where little attention lies, the
/// picture shows through.
const OPACITY: (f64, f64) = (0.12, 0.9);

/// The cells as SVG rectangles in a view box of `cols` × `rows`.
pub fn rectangles(cells: &Cells, cols: usize, top: f32, (low, high): (Rgb, Rgb)) -> String {
    let mut svg = String::with_capacity(cells.len() * 80);
    for (i, cell) in cells.iter().enumerate() {
        let (x, y) = (i % cols.max(1), i / cols.max(1));
        let result = match cell {
            Some(share) => {
                let t = if top > 0.0 { f64::from(share / top).clamp(0.0, 1.0) } else { 0.0 };
                let fill = low.mix(high, t).css();
                let opacity = OPACITY.0 + (OPACITY.1 - OPACITY.0) * t;
                write!(
                    svg,
                    "<rect x='{x}' y='{y}' width='1' height='1' fill='{fill}' fill-opacity='{opacity:.3}'/>"
                )
            }
            // Pruned: the model never saw this patch.
            None => write!(
                svg,
                "<rect x='{x}' y='{y}' width='1' height='1' fill='#000' fill-opacity='.72'/>"
            ),
        };
        debug_assert!(result.is_ok(), "writing to a string cannot fail");
    }
    svg
}

/// The cell under a point of a picture drawn at `width` × `height`.
pub fn cell_at(
    x: f64,
    y: f64,
    (width, height): (f64, f64),
    cols: usize,
    rows: usize,
) -> Option<usize> {
    if width <= 0.0 || height <= 0.0 || x < 0.0 || y < 0.0 || x >= width || y >= height {
        return None;
    }
    let col = (x / width * cols as f64) as usize;
    let row = (y / height * rows as f64) as usize;
    (col < cols && row < rows).then_some(row * cols + col)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_end_at_round_numbers() {
        for (value, top) in [(0.0372, 0.04), (0.011, 0.015), (0.04, 0.04), (0.97, 1.0)] {
            assert!((round_up(value) - top).abs() < 1e-6, "{value}: {}", round_up(value));
        }
        assert!(round_up(0.0) > 0.0 && round_up(f32::NAN) > 0.0);
    }

    #[test]
    fn points_find_their_cell() {
        assert_eq!(cell_at(0.0, 0.0, (120.0, 60.0), 12, 6), Some(0));
        assert_eq!(cell_at(119.9, 59.9, (120.0, 60.0), 12, 6), Some(71));
        assert_eq!(cell_at(15.0, 25.0, (120.0, 60.0), 12, 6), Some(25));
        assert_eq!(cell_at(120.0, 1.0, (120.0, 60.0), 12, 6), None);
        assert_eq!(cell_at(0.0, 0.0, (0.0, 0.0), 12, 6), None);
    }

    #[test]
    fn every_cell_is_drawn_and_pruned_ones_differ() {
        let ends = (Rgb(255, 255, 255), Rgb(0, 0, 0));
        let svg = rectangles(&vec![Some(0.0), Some(0.1), None, Some(0.2)], 2, 0.1, ends);
        assert_eq!(svg.matches("<rect").count(), 4);
        assert_eq!(svg.matches(".72").count(), 1);
        // Beyond the top of the scale is the top's colour.
        assert_eq!(svg.matches("#000000").count(), 2);
    }
}
