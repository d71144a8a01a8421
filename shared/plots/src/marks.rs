//! What the page marks on a curve, for a file that has no page around it: the layer that is pinned,
//! and where words draw most and least.

use std::fmt::Write;

use crate::colour::Palette;
use crate::curve::{Plot, side};
use crate::frame::Frame;
use crate::words;

/// What is marked.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Marked {
    /// The layer that is pinned.
    pub pinned: Option<usize>,
    /// Layers and values where words draw most and least.
    pub extremes: Option<[(usize, f64); 2]>,
}

/// The marks as SVG elements in the frame's pixels.
pub fn svg(marked: &Marked, plot: &Plot, frame: &Frame, palette: &Palette) -> String {
    let (em, domain) = (frame.type_size, plot.domain());
    let side = |v: f64| palette.role(side(v));
    let mut out = String::new();
    if let Some(layer) = marked.pinned.filter(|l| *l < plot.layers && frame.shows(*l)) {
        let x = frame.x(layer, plot.layers);
        let (top, bottom, ink) = (frame.top, frame.bottom, palette.ink.css());
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\" stroke=\"{ink}\"/>"
        );
        for series in &plot.series {
            let value = series.values.get(layer).copied().flatten().filter(|v| *v > 0.0);
            let Some(v) = value else { continue };
            let fill = series.role.map_or_else(|| side(v), |role| palette.role(role));
            let _ = writeln!(
                out,
                "<circle cx=\"{x:.1}\" cy=\"{:.1}\" r=\"{:.1}\" fill=\"{}\" stroke=\"{}\"/>",
                frame.y(v, domain),
                em * 0.5,
                fill.css(),
                palette.surface.css()
            );
        }
        let _ = writeln!(
            out,
            "<rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{:.1}\" fill=\"{ink}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"{em:.1}\" text-anchor=\"middle\" fill=\"{}\">{layer}</text>",
            x - em * 1.1,
            bottom + em * 0.4,
            em * 2.2,
            em * 1.6,
            em * 0.4,
            bottom + em * 1.58,
            palette.surface.css(),
        );
    }
    let shown = |(layer, _): &(usize, f64)| frame.shows(*layer);
    for (layer, mdi) in marked.extremes.into_iter().flatten().filter(shown) {
        let (x, y) = (frame.x(layer, plot.layers), frame.y(mdi, domain));
        let above = if mdi >= 1.0 { -1.1 } else { 1.9 };
        let _ = writeln!(
            out,
            "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{:.1}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" font-size=\"{:.1}\" font-weight=\"600\" text-anchor=\"middle\" fill=\"{}\">{}×</text>",
            em * 0.62,
            side(mdi).css(),
            y + above * em,
            em * 0.9,
            palette.ink.css(),
            words::number(mdi),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curve::Series;

    #[test]
    fn marks_stand_where_the_curve_is() {
        let plot = Plot {
            layers: 3,
            value: "MDI",
            series: vec![Series {
                role: None,
                label: "",
                values: vec![Some(4.0), None, Some(0.25)],
            }],
            bands: vec![],
            ghosts: vec![],
            ghost_label: "",
            nulls: vec![],
            knocked_out: false,
            spread: vec![],
        };
        let (frame, palette) = (Frame::new(640.0, 12.0), Palette::default());
        let drawn = |pinned, extremes| svg(&Marked { pinned, extremes }, &plot, &frame, &palette);
        assert_eq!(drawn(None, None), "");
        assert_eq!(drawn(Some(3), None), "", "no such layer");
        let pinned = drawn(Some(2), None);
        let (x, y) = (frame.x(2, 3), frame.y(0.25, plot.domain()));
        assert!(pinned.contains(&format!("cx=\"{x:.1}\" cy=\"{y:.1}\"")) && pinned.contains(">2<"));
        assert_eq!(
            drawn(Some(1), None).matches("<circle").count(),
            0,
            "nothing was observed there"
        );
        let both = drawn(None, Some([(0, 4.0), (2, 0.25)]));
        assert_eq!(both.matches("<circle").count(), 2);
        assert!(both.contains("4.00×") || both.contains("4×"), "{both}");
    }
}
