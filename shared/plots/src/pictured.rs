//! A picture of the prompt with the map of the token that is looked at, as cards, files and documents show it.

use std::fmt::Write;

use shared::PreparedPicture;

use crate::map::{self, Tops};
use crate::run::{Run, View};
use crate::text::escaped;
use crate::theme::Style;
use crate::words::token;

/// The picture of the prompt that is shown where only one is, from 0: the one that the token that is looked
/// at looked at most, the first where none did.
pub fn medium(run: &Run<'_>, view: &View) -> u8 {
    let pictures = run.observation.layout.as_ref().map_or(0, |l| l.media.len()) as u8;
    if let Some(chosen) = view.medium.filter(|medium| *medium < pictures) {
        return chosen;
    }
    let Some((token, layer)) = looked(run, view).filter(|_| pictures > 1) else { return 0 };
    let share = |medium: u8| -> f32 {
        let cells = run.observation.overlay(medium, token, layer).unwrap_or_default();
        cells.into_iter().flatten().sum()
    };
    // Of equal ones the first.
    let most = (0..pictures).rev().max_by(|a, b| share(*a).total_cmp(&share(*b)));
    most.unwrap_or(0)
}

/// The token of the answer and the layer whose map is shown.
pub fn looked(run: &Run<'_>, view: &View) -> Option<(usize, usize)> {
    view.token.or_else(|| run.token()).zip(run.layer(view))
}

/// A picture at its place, and what lies over it.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Which of the prompt's pictures, from 0.
    pub medium: u8,
    /// The picture as it was prepared.
    pub prepared: PreparedPicture,
    /// Its address, or itself as a data address.
    pub address: Option<&'a str>,
    /// Left and top edge, width and height in pixels.
    pub at: [f64; 4],
}

impl<'a> Place<'a> {
    /// The picture in the middle of a square whose left upper corner is this; `None` of a run without it.
    pub fn in_square(
        run: &Run<'_>,
        medium: u8,
        address: Option<&'a str>,
        (left, top): (f64, f64),
        side: f64,
    ) -> Option<Self> {
        let prepared = run.observation.layout.as_ref()?.picture_of(medium)?;
        let (width, height) = (prepared.width, prepared.height);
        if width == 0 || height == 0 {
            return None;
        }
        let scale = side / f64::from(width.max(height));
        let (w, h) = (f64::from(width) * scale, f64::from(height) * scale);
        let at = [left + (side - w) / 2.0, top + (side - h) / 2.0, w, h];
        Some(Place { medium, prepared, address, at })
    }

    /// The picture alone, on the theme's ground.
    pub fn picture(&self, style: &Style) -> String {
        let [x, y, w, h] = self.at;
        let mut out = format!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" fill=\"{}\"/>\n",
            style.palette.band.css()
        );
        if let Some(href) = self.address {
            // A small picture shows its pixels, as on the page.
            let coarse =
                if self.prepared.width < 128 { " image-rendering=\"optimizeSpeed\"" } else { "" };
            // Writing to a string cannot fail.
            let _ = writeln!(
                out,
                "<image x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" \
                 preserveAspectRatio=\"none\"{coarse} href=\"{}\"/>",
                escaped(href)
            );
        }
        out
    }

    /// Where a token looked in a layer, with what was pruned; `None` where its row was not kept. `top` is
    /// where the scale ends.
    pub fn map(
        &self,
        run: &Run<'_>,
        (token, layer): (usize, usize),
        top: f32,
        style: &Style,
    ) -> Option<String> {
        let cells = run.observation.overlay(self.medium, token, layer)?;
        let (p, [x, y, w, h]) = (self.prepared, self.at);
        let cols = usize::from(p.cols);
        let layout = run.observation.layout.as_ref();
        let copies = layout.and_then(|l| l.copies(self.medium)).unwrap_or_default();
        Some(format!(
            "<g transform=\"translate({x:.2} {y:.2}) scale({:.4} {:.4})\">{}\
             <g fill=\"#000\" fill-opacity=\"0.5\" stroke=\"#fff\" stroke-width=\"0.05\">{}</g></g>",
            w / f64::from(p.cols.max(1)),
            h / f64::from(p.rows.max(1)),
            map::rectangles(&cells, cols, top, style.palette.scale),
            map::pruned(&copies, cols)
        ))
    }
}

/// Where the scale of all of a run's maps ends.
pub fn top(run: &Run<'_>) -> f32 {
    let mut tops = Tops::default();
    tops.take(run.observation, run.observation.mean_rows());
    tops.values().patch
}

/// Whose map it is, and of which layer.
pub fn caption(run: &Run<'_>, (index, layer): (usize, usize), style: &Style) -> String {
    format!(
        "{} · {} {layer} · {}",
        word(run, index, style),
        style.words.layer,
        style.words.mean_of_heads
    )
}

/// A token of the answer, in quotes.
pub fn word(run: &Run<'_>, index: usize, style: &Style) -> String {
    let word = run.observation.shown(index).map(|s| token(&s.text, &style.words));
    format!("“{}”", word.unwrap_or_default())
}
