//! A run's values by layer on a logarithmic axis: the curve that is also the layer picker.

use std::ops::Range;

use plotters::prelude::DrawingBackend;

use crate::canvas::{self, Canvas, Drawn};
use crate::colour::{Rgb, Role};
use crate::frame::{Frame, Window};
use crate::scale;
use crate::text::{self, Across, Down, Type};
use crate::theme::Style;

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What its colour means; `None` for a curve coloured by the side of 1 it is on.
    pub role: Option<Role>,
    /// Short name at the curve's end.
    pub label: &'static str,
    /// Value by layer; `None` where undefined or not observed.
    pub values: Vec<Option<f64>>,
}

/// A printed value laid over some layers for comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Ghost {
    /// The layers it speaks of.
    pub layers: Range<usize>,
    /// The value.
    pub value: f64,
    /// Whether there is reason to doubt it.
    pub doubtful: bool,
}

/// What would be there without any preference.
#[derive(Clone, Debug, PartialEq)]
pub struct Null {
    /// Short name at the line's end.
    pub label: &'static str,
    /// The value by layer; `None` where there is none, as where the picture is hidden.
    pub values: Vec<Option<f64>>,
}

/// Everything the chart shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plot {
    /// Number of layers, also those not observed yet.
    pub layers: usize,
    /// What the values are.
    pub value: &'static str,
    /// The curves.
    pub series: Vec<Series>,
    /// Named ranges of layers, drawn as bands.
    pub bands: Vec<(&'static str, Range<usize>)>,
    /// Printed values to compare with.
    pub ghosts: Vec<Ghost>,
    /// Short name of the ghosts.
    pub ghost_label: &'static str,
    /// What no preference would give.
    pub nulls: Vec<Null>,
    /// Whether some rows cannot see some keys: then 1 is not balance, and no line says so.
    pub knocked_out: bool,
    /// Between which values several answers lie, by layer, behind the curves; empty of one answer.
    pub spread: Vec<Option<(f64, f64)>>,
}

impl Plot {
    /// The same plot without what lies outside some layers.
    #[must_use]
    pub fn within(mut self, window: Option<Window>) -> Self {
        let Some(window) = window else { return self };
        let clip = |range: &Range<usize>| {
            let clipped = range.start.max(window.first)..range.end.min(window.last + 1);
            (!clipped.is_empty()).then_some(clipped)
        };
        fn outside<T>(values: &mut [Option<T>], window: Window) {
            let all = values.iter_mut().enumerate();
            all.filter(|(layer, _)| !window.has(*layer)).for_each(|(_, value)| *value = None);
        }
        self.bands = self.bands.iter().filter_map(|(name, r)| Some((*name, clip(r)?))).collect();
        self.ghosts = (self.ghosts.iter())
            .filter_map(|ghost| Some(Ghost { layers: clip(&ghost.layers)?, ..ghost.clone() }))
            .collect();
        self.series.iter_mut().for_each(|s| outside(&mut s.values, window));
        self.nulls.iter_mut().for_each(|n| outside(&mut n.values, window));
        outside(&mut self.spread, window);
        self
    }

    /// The range of values the axis must cover.
    pub fn domain(&self) -> (f64, f64) {
        let curves = self.series.iter().flat_map(|s| s.values.iter().flatten().copied());
        let ghosts = self.ghosts.iter().map(|g| g.value);
        let nulls = self.nulls.iter().flat_map(|n| n.values.iter().flatten().copied());
        let spread = self.spread.iter().flatten().flat_map(|(low, high)| [*low, *high]);
        scale::domain(curves.chain(ghosts).chain(nulls).chain(spread))
    }
}

/// The side of balance that a value is on.
pub fn side(value: f64) -> Role {
    if value >= 1.0 { Role::Words } else { Role::Picture }
}

/// A stretch of a curve on one side of balance: points as (x in layers, value).
pub type Stretch = (Role, Vec<(f64, f64)>);

/// Cuts a curve where it is undefined and where it crosses 1, so that each stretch lies on one
/// side; the crossing is where the straight line on the logarithmic axis crosses.
pub fn stretches(values: &[Option<f64>]) -> Vec<Stretch> {
    let mut done: Vec<Stretch> = Vec::new();
    let mut open: Option<Stretch> = None;
    for (layer, value) in values.iter().enumerate() {
        let Some(v) = value.filter(|v| v.is_finite() && *v > 0.0) else {
            done.extend(open.take());
            continue;
        };
        let x = layer as f64;
        match open.take() {
            None => open = Some((side(v), vec![(x, v)])),
            Some((role, mut points)) if role == side(v) => {
                points.push((x, v));
                open = Some((role, points));
            }
            Some((role, mut points)) => {
                let before = points.last().map_or(1.0, |p| p.1);
                let cross = x - 1.0 + libm::log(before) / (libm::log(before) - libm::log(v));
                points.push((cross, 1.0));
                done.push((role, points));
                open = Some((side(v), vec![(cross, 1.0), (x, v)]));
            }
        }
    }
    done.extend(open);
    done
}

/// The chart as an SVG document whose size is the frame's.
pub fn svg(plot: &Plot, frame: &Frame, style: &Style) -> String {
    canvas::svg((frame.width, frame.height), |canvas| draw(canvas, plot, frame, style))
}

/// Draws the chart on a canvas of the frame's size.
///
/// # Errors
/// Whatever the backend reports.
pub fn draw<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    plot: &Plot,
    frame: &Frame,
    style: &Style,
) -> Drawn<DB> {
    let palette = &style.palette;
    let domain = plot.domain();
    let layers = plot.layers.max(1);
    let x = |at: f64| frame.at(at, layers);
    let y = |value: f64| frame.y(value, domain);
    let (left, right) = (frame.left, frame.right);

    // Bands: behind everything.
    for (_, range) in &plot.bands {
        let ends = (x(range.start as f64 - 0.5), x(range.end as f64 - 0.5));
        canvas.rect((ends.0, frame.top), (ends.1, frame.bottom), palette.band)?;
    }
    let ticks = scale::ticks(domain, frame.bottom - frame.top, frame.type_size * 1.9);
    for tick in &ticks {
        canvas.line(&[(left, y(*tick)), (right, y(*tick))], palette.line, 1.0)?;
    }

    // What no preference would give: thin, and lighter than the line at 1.
    for null in &plot.nulls {
        let layers: Vec<(usize, Option<f64>)> = null.values.iter().copied().enumerate().collect();
        // One line over neighbours of one value: a knockout makes steps.
        for same in layers.chunk_by(|a, b| a.1 == b.1) {
            let [(first, Some(value)), ..] = same else { continue };
            let ends = (x(*first as f64 - 0.5), x((first + same.len()) as f64 - 0.5));
            let line = [(ends.0, y(*value)), (ends.1, y(*value))];
            canvas.dashes(&line, (2.0, 4.0), palette.muted, 1.25)?;
        }
    }

    // How far answers lie apart: a band with gaps where there is nothing to lie apart.
    let whole = |band: &Option<(f64, f64)>| band.filter(|(low, _)| *low > 0.0);
    let bands: Vec<_> = plot.spread.iter().map(whole).enumerate().collect();
    for some in bands.split(|(_, band)| band.is_none()) {
        let end = |high: bool| {
            let one = move |(at, band): &(usize, Option<(f64, f64)>)| {
                band.map(|band| (x(*at as f64), y(if high { band.1 } else { band.0 })))
            };
            some.iter().filter_map(one).collect::<Vec<_>>()
        };
        let mut outline = end(true);
        outline.extend(end(false).into_iter().rev());
        if some.len() > 1 {
            canvas.shape(&outline, palette.ink, 0.14)?;
        }
    }

    for series in &plot.series {
        let cut = stretches(&series.values);
        let pixels = |points: &[(f64, f64)]| -> Vec<(f64, f64)> {
            points.iter().map(|(at, value)| (x(*at), y(*value))).collect()
        };
        if series.role.is_none() {
            for (role, points) in &cut {
                let mut outline = pixels(points);
                outline.extend(points.last().map(|p| (x(p.0), y(1.0))));
                outline.extend(points.first().map(|p| (x(p.0), y(1.0))));
                canvas.shape(&outline, palette.role(*role), 0.11)?;
            }
        }
        for (side, points) in &cut {
            let colour = palette.role(series.role.unwrap_or(*side));
            canvas.line(&pixels(points), colour, 2.25)?;
        }
    }
    // The line at 1: balance.
    if !plot.knocked_out {
        canvas.dashes(&[(left, y(1.0)), (right, y(1.0))], (4.0, 3.0), palette.ink, 1.25)?;
    }
    // Printed values: dots over the layers they speak of; hollow where they are in doubt.
    for ghost in &plot.ghosts {
        let wide = ghost.layers.len() as f64;
        let dots = (wide * frame.step(layers) / (frame.type_size * 0.7)).max(2.0) as usize;
        let from = ghost.layers.start as f64 - 0.5;
        for i in 0..dots {
            let at = (x(from + (i as f64 + 0.5) / dots as f64 * wide), y(ghost.value));
            match ghost.doubtful {
                true => canvas.ring(at, 1.9, palette.ink, 0.75)?,
                false => canvas.disc(at, 1.5, palette.ink)?,
            }
        }
    }
    // Points above everything, ringed by the card's colour; fewer pixels where layers are many.
    let radius = if frame.step(layers) < 14.0 { 2.4 } else { 3.6 };
    for series in &plot.series {
        for (layer, value) in series.values.iter().enumerate() {
            let Some(v) = value.filter(|v| v.is_finite() && *v > 0.0) else { continue };
            let at = (x(layer as f64), y(v));
            canvas.disc(at, radius + 1.25, palette.surface)?;
            canvas.disc(at, radius, palette.role(series.role.unwrap_or(side(v))))?;
        }
    }
    labels(canvas, plot, frame, style, &ticks)
}

/// The words around the curves.
fn labels<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    plot: &Plot,
    frame: &Frame,
    style: &Style,
    ticks: &[f64],
) -> Drawn<DB> {
    let palette = &style.palette;
    let domain = plot.domain();
    let size = frame.type_size;
    let gap = size * 0.6;
    let quiet = Type::new(size, palette.muted);
    let x = |at: f64| frame.at(at, plot.layers);

    for tick in ticks {
        let place = (frame.left - gap, frame.y(*tick, domain));
        canvas.text(&scale::label(*tick), place, quiet.at(Across::Right, Down::Center))?;
    }
    frame.titles(canvas, (style.words.layer, plot.value), palette)?;
    let every = scale::label_every(frame.step(plot.layers), size * 2.2);
    for layer in (0..plot.layers).filter(|l| frame.shows(*l)).step_by(every) {
        let place = (frame.x(layer, plot.layers), frame.bottom + gap * 1.2);
        canvas.text(&layer.to_string(), place, quiet.at(Across::Center, Down::Top))?;
    }
    for (name, range) in &plot.bands {
        let middle = (range.start + range.end) as f64 / 2.0 - 0.5;
        let width = range.len() as f64 * frame.step(plot.layers);
        // A band narrower than its name keeps its colour and loses its name.
        if width < text::width(name, false) * size {
            continue;
        }
        let place = (x(middle), frame.top - gap * 0.4);
        canvas.text(name, place, quiet.at(Across::Center, Down::Bottom))?;
    }
    // A narrow chart has no place for names that no curve would run through.
    if !frame.has_end_labels() {
        return Ok(());
    }
    // Thin type needs more contrast than a curve.
    let strong = |rgb: Rgb| rgb.mix(palette.ink, 0.3);
    let mut ends: Vec<(&str, f64, Rgb)> = Vec::new();
    if !plot.knocked_out {
        ends.push((style.words.balance, 1.0, palette.ink));
    }
    for series in plot.series.iter().filter(|s| !s.label.is_empty()) {
        let shown = frame.window.map_or(series.values.len(), |window| window.last + 1);
        let last = shown.checked_sub(1).and_then(|at| series.values.get(at)).copied().flatten();
        let Some(v) = last.filter(|v| *v > 0.0) else { continue };
        let role = series.role.unwrap_or(side(v));
        ends.push((series.label, v, strong(palette.role(role))));
    }
    if let Some(ghost) = plot.ghosts.last() {
        ends.push((plot.ghost_label, ghost.value, palette.ink));
    }
    let last = |n: &Null| n.values.iter().flatten().last().copied();
    ends.extend(plot.nulls.iter().filter_map(|n| Some((n.label, last(n)?, palette.muted))));
    let wanted: Vec<f64> = ends.iter().map(|e| frame.y(e.1, domain)).collect();
    let places = scale::spread(&wanted, size * 1.25, (frame.top, frame.bottom));
    for ((label, _, rgb), y) in ends.into_iter().zip(places) {
        let label = text::fit(label, frame.width - frame.right - gap, size, false);
        canvas.text(&label, (frame.right + gap, y), Type::new(size, rgb))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    fn plot(values: Vec<Option<f64>>) -> Plot {
        Plot {
            layers: values.len(),
            value: "MDI",
            bands: vec![("early", 0..2), ("late", values.len() - 2..values.len())],
            series: vec![Series { role: None, label: "this run", values }],
            ghosts: vec![],
            ghost_label: "",
            nulls: vec![],
            knocked_out: false,
            spread: vec![],
        }
    }

    #[test]
    fn a_window_leaves_out_what_lies_outside_it() {
        let all: Vec<Option<f64>> = (0..8).map(|n| Some(f64::from(n) + 2.0)).collect();
        let window = Window::between(5, 6).of(8);
        let part = plot(all).within(window);
        assert_eq!(part.layers, 8, "layers keep their numbers");
        assert_eq!(part.series[0].values[4..], [None, Some(7.0), Some(8.0), None]);
        assert_eq!(part.bands, [("late", 6..7)]);
        let frame = Frame::new(700.0, 12.0).windowed(window);
        let drawn = svg(&part, &frame, &Style::default());
        for (layer, there) in [("4", false), ("5", true), ("6", true), ("7", false)] {
            assert_eq!(drawn.contains(&format!(">\n{layer}\n</text>")), there, "{layer}: {drawn}");
        }
    }

    #[test]
    fn a_curve_is_cut_at_gaps_and_at_balance() {
        let cut = stretches(&[Some(2.0), Some(0.5), None, Some(0.0), Some(4.0), Some(4.0)]);
        assert_eq!(cut.len(), 3);
        assert_eq!(cut[0].0, Role::Words);
        // 2 to 1/2 crosses 1 half way on a logarithmic axis.
        assert!((cut[0].1[1].0 - 0.5).abs() < 1e-12 && cut[0].1[1].1 == 1.0);
        assert_eq!(cut[1].0, Role::Picture);
        assert_eq!(cut[2].1, [(4.0, 4.0), (5.0, 4.0)]);
        assert!(stretches(&[None, None]).is_empty());
    }

    #[test]
    fn the_drawing_holds_every_point_band_and_label() {
        let frame = Frame::new(700.0, 12.0);
        let text =
            svg(&plot(vec![Some(1.4), None, Some(0.3), Some(17.4)]), &frame, &Style::default());
        assert_eq!(text.matches("<circle").count(), 6);
        for word in ["early", "late", "balance", "this run", "10"] {
            assert!(text.contains(word), "{word}");
        }
        let hidden = Plot { knocked_out: true, ..plot(vec![Some(1.4), Some(17.4)]) };
        assert!(!svg(&hidden, &frame, &Style::default()).contains("balance"));
        let mut compared = plot(vec![Some(1.4), Some(2.0), Some(0.3), Some(17.4)]);
        compared.ghosts = vec![Ghost { layers: 2..4, value: 40.0, doubtful: true }];
        compared.ghost_label = "paper";
        compared.nulls = vec![Null { label: "half each", values: vec![Some(5.1); 8] }];
        assert!(compared.domain().1 > 40.0, "the axis covers what is compared with");
        let text = svg(&compared, &frame, &Style::default());
        assert!(text.matches("<circle").count() > 8 + 10 && text.contains("half each"));
        let around = Plot { spread: vec![Some((1.0, 90.0)); 2], ..plot(vec![Some(2.0); 2]) };
        let shapes = |plot: &Plot| svg(plot, &frame, &Style::default()).matches("<polygon").count();
        assert_eq!(shapes(&around), shapes(&plot(vec![Some(2.0); 2])) + 1);
        assert!(around.domain().1 >= 90.0, "the axis covers the band");
        let bare = svg(&plot(vec![None, None]), &frame, &Style::default());
        assert_eq!(bare.matches("<circle").count(), 0);
    }
}
