//! The curve as the track of a scrubber: MDI by layer in a strip, with nothing written on it. The control
//! over it, whose thumb is as wide as twice the margin, stands at the same places.

use plotters::prelude::DrawingBackend;

use crate::canvas::{self, Canvas, Drawn};
use crate::curve::stretches;
use crate::scale;
use crate::theme::Style;

/// Where layers and values are, in CSS pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Track {
    /// Width of the strip.
    pub width: f64,
    /// Height of the strip.
    pub height: f64,
    /// From the left edge to the first layer, and from the last one to the right edge.
    pub margin: f64,
    /// Number of layers.
    pub layers: usize,
}

impl Track {
    /// Centre of a layer; the middle of the strip where there is but one.
    pub fn x(&self, layer: usize) -> f64 {
        match self.layers {
            0 | 1 => self.width / 2.0,
            layers => {
                let part = layer as f64 / (layers - 1) as f64;
                self.margin + part * (self.width - 2.0 * self.margin).max(0.0)
            }
        }
    }

    /// Height of a value on the logarithmic axis; inside the strip whatever the value is.
    pub fn y(&self, value: f64, (low, high): (f64, f64)) -> f64 {
        let edge = self.margin / 2.0;
        let part = libm::log(value.max(1e-9) / low) / libm::log(high / low);
        self.height - edge - part.clamp(0.0, 1.0) * (self.height - 2.0 * edge)
    }
}

/// The values that the strip covers.
pub fn domain(values: &[Option<f64>]) -> (f64, f64) {
    scale::domain(values.iter().flatten().copied())
}

/// The strip as an SVG document; a line at 1 says where words and picture are even, but where attention
/// is `knocked_out`.
pub fn svg(values: &[Option<f64>], track: &Track, knocked_out: bool, style: &Style) -> String {
    canvas::svg((track.width, track.height), |canvas| {
        draw(canvas, values, track, knocked_out, style)
    })
}

fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    values: &[Option<f64>],
    track: &Track,
    knocked_out: bool,
    style: &Style,
) -> Drawn<DB> {
    let (palette, domain) = (&style.palette, domain(values));
    if !knocked_out {
        let y = track.y(1.0, domain);
        let ends = [(track.margin, y), (track.width - track.margin, y)];
        canvas.dashes(&ends, (4.0, 3.0), palette.muted, 1.0)?;
    }
    // Between layers as the straight line on the logarithmic axis goes.
    let x = |at: f64| {
        let first = track.x(0);
        let step = if track.layers > 1 { track.x(1) - first } else { 0.0 };
        first + at * step
    };
    for (role, points) in stretches(values) {
        let points: Vec<_> = points.iter().map(|(l, v)| (x(*l), track.y(*v, domain))).collect();
        match points.as_slice() {
            [one] => canvas.disc(*one, 2.5, palette.role(role))?,
            points => canvas.line(points, palette.role(role), 2.5)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_stand_where_a_slider_has_them() {
        let track = Track { width: 120.0, height: 40.0, margin: 10.0, layers: 5 };
        assert_eq!([0, 2, 4].map(|l| track.x(l)), [10.0, 60.0, 110.0]);
        assert_eq!(Track { layers: 1, ..track }.x(0), 60.0);
        let (low, high) = (track.y(0.25, (0.25, 4.0)), track.y(4.0, (0.25, 4.0)));
        assert_eq!((low, high), (35.0, 5.0));
        assert!((track.y(1.0, (0.25, 4.0)) - 20.0).abs() < 1e-9);
        assert_eq!(track.y(0.0, (0.25, 4.0)), 35.0, "inside");
    }

    #[test]
    fn the_strip_has_both_sides_and_balance() {
        let track = Track { width: 120.0, height: 40.0, margin: 10.0, layers: 4 };
        let style = Style::default();
        let values = [Some(2.0), Some(0.5), None, Some(3.0)];
        let text = svg(&values, &track, false, &style);
        assert!(text.matches("<polyline").count() + text.matches("<line").count() > 3);
        assert_eq!(text.matches("<circle").count(), 1, "a layer alone is a point");
        for colour in [style.palette.words, style.palette.picture] {
            assert!(text.to_lowercase().contains(&colour.css()), "{text}");
        }
        assert!(!text.contains("<text"), "nothing is written on it");
        let hidden = svg(&values, &track, true, &style);
        assert!(hidden.len() < text.len(), "no balance where rows cannot see");
        assert!(!svg(&[], &Track { layers: 0, ..track }, false, &style).contains("<circle"));
    }
}
