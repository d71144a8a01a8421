//! Draws the chart with plotters, on any backend.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::frame::Frame;
use super::{Null, Plot, scale};
use crate::colour::{Palette, Rgb, Role};
use crate::language::t;

/// plotters places things at whole units; drawn at four units a pixel, curves stay smooth and
/// lines sharp on any screen.
pub const UNITS: f64 = 4.0;

type Error<DB> = DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>;

/// A stretch of a curve on one side of balance: points as (x in layers, value).
pub type Stretch = (Role, Vec<(f64, f64)>);

/// Cuts a curve where it is undefined and where it crosses 1, so that each stretch lies on one
/// side; the crossing is where the straight line on the logarithmic axis crosses.
pub fn stretches(values: &[Option<f64>]) -> Vec<Stretch> {
    let side = |v: f64| if v >= 1.0 { Role::Words } else { Role::Picture };
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
                let cross = x - 1.0 + before.ln() / (before.ln() - v.ln());
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
pub fn svg(plot: &Plot, frame: &Frame, palette: &Palette) -> String {
    let size = ((frame.width * UNITS) as u32, (frame.height * UNITS) as u32);
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        // Writing to a string cannot fail; a chart that is not drawn shows in the tests.
        let drawn = draw(&root, plot, frame, palette);
        debug_assert!(drawn.is_ok());
    }
    text
}

/// Draws the chart on an area of the frame's size times [`UNITS`].
///
/// # Errors
/// Whatever the backend reports.
pub fn draw<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    plot: &Plot,
    frame: &Frame,
    palette: &Palette,
) -> Result<(), Error<DB>> {
    let domain = plot.domain();
    let at = |v: f64| (v * UNITS).round() as i32;
    let layers = plot.layers.max(1);
    let x_range = -0.5..layers as f64 - 0.5;
    let mut chart = ChartBuilder::on(root)
        .margin_left(at(frame.left))
        .margin_top(at(frame.top))
        .margin_right(at(frame.width - frame.right))
        .margin_bottom(at(frame.height - frame.bottom))
        .build_cartesian_2d(x_range.clone(), (domain.0..domain.1).log_scale())?;

    // Bands: behind everything.
    for (_, range) in &plot.bands {
        let (from, to) = (range.start as f64 - 0.5, range.end as f64 - 0.5);
        chart.draw_series([Rectangle::new(
            [(from, domain.0), (to, domain.1)],
            colour(palette.band).filled(),
        )])?;
    }
    let ticks = scale::ticks(domain, frame.bottom - frame.top, frame.type_size * 1.9);
    let hairline = colour(palette.line).stroke_width(at(1.0) as u32);
    for tick in &ticks {
        chart.draw_series([PathElement::new(
            vec![(x_range.start, *tick), (x_range.end, *tick)],
            hairline,
        )])?;
    }

    // What no preference would give: thin, and lighter than the line at 1.
    for null in &plot.nulls {
        let layers: Vec<(usize, Option<f64>)> = null.values.iter().copied().enumerate().collect();
        // One line over neighbours of one value: a knockout makes steps.
        for same in layers.chunk_by(|a, b| a.1 == b.1) {
            let [(first, Some(value)), ..] = same else { continue };
            let ends = (*first as f64 - 0.5, (first + same.len()) as f64 - 0.5);
            chart.draw_series(DashedLineSeries::new(
                [(ends.0, *value), (ends.1, *value)],
                at(2.0),
                at(4.0),
                colour(palette.muted).stroke_width(at(1.25) as u32),
            ))?;
        }
    }

    // Curves.
    for series in &plot.series {
        let cut = stretches(&series.values);
        if series.role.is_none() {
            for (role, points) in &cut {
                let mut outline: Vec<(f64, f64)> = points.clone();
                outline.extend(points.last().map(|p| (p.0, 1.0)));
                outline.extend(points.first().map(|p| (p.0, 1.0)));
                let fill = colour(palette.role(*role)).mix(0.11).filled();
                chart.draw_series([Polygon::new(outline, fill)])?;
            }
        }
        for (side, points) in &cut {
            let style = colour(palette.role(series.role.unwrap_or(*side)));
            chart.draw_series(LineSeries::new(
                points.iter().copied(),
                style.stroke_width(at(2.25) as u32),
            ))?;
        }
    }
    // The line at 1: balance.
    if !plot.knocked_out {
        chart.draw_series(DashedLineSeries::new(
            [(x_range.start, 1.0), (x_range.end, 1.0)],
            at(4.0),
            at(3.0),
            colour(palette.ink).stroke_width(at(1.25) as u32),
        ))?;
    }
    // Printed values: dots over the layers they speak of; hollow where they are in doubt.
    for ghost in &plot.ghosts {
        let width = ghost.layers.len() as f64 * frame.step(layers);
        let dots = (width / (frame.type_size * 0.7)).max(2.0) as usize;
        let from = ghost.layers.start as f64 - 0.5;
        for i in 0..dots {
            let x = from + (i as f64 + 0.5) / dots as f64 * ghost.layers.len() as f64;
            let radius = at(if ghost.doubtful { 1.9 } else { 1.5 });
            let style = colour(palette.ink);
            let style =
                if ghost.doubtful { style.stroke_width(at(0.75) as u32) } else { style.filled() };
            chart.draw_series([Circle::new((x, ghost.value), radius, style)])?;
        }
    }
    // Points above everything, ringed by the card's colour; fewer pixels where layers are many.
    let radius = if frame.step(layers) < 14.0 { 2.4 } else { 3.6 };
    for series in &plot.series {
        for (layer, value) in series.values.iter().enumerate() {
            let Some(v) = value.filter(|v| v.is_finite() && *v > 0.0) else { continue };
            let side = if v >= 1.0 { Role::Words } else { Role::Picture };
            let fill = colour(palette.role(series.role.unwrap_or(side)));
            let centre = (layer as f64, v);
            chart.draw_series([
                Circle::new(centre, at(radius + 1.25), colour(palette.surface).filled()),
                Circle::new(centre, at(radius), fill.filled()),
            ])?;
        }
    }

    labels(root, plot, frame, palette, &ticks)?;
    root.present()
}

/// The words around the curves. Drawn on the whole area by the frame's own geometry: no text is
/// ever measured, which plotters does differently in and outside the browser.
fn labels<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    plot: &Plot,
    frame: &Frame,
    palette: &Palette,
    ticks: &[f64],
) -> Result<(), Error<DB>> {
    let domain = plot.domain();
    let at = |v: f64| (v * UNITS).round() as i32;
    // plotters writes a font's size divided by 1.24.
    let size = frame.type_size * UNITS * 1.24;
    let style = |rgb: Rgb, h: HPos, v: VPos| {
        let mut style = TextStyle::from(("sans-serif", size).into_font());
        style.color = colour(rgb).to_backend_color();
        style.pos = Pos::new(h, v);
        style
    };
    let gap = frame.type_size * 0.6;

    for tick in ticks {
        let place = (at(frame.left - gap), at(frame.y(*tick, domain)));
        root.draw_text(
            &scale::label(*tick),
            &style(palette.muted, HPos::Right, VPos::Center),
            place,
        )?;
    }
    let every = scale::label_every(frame.step(plot.layers), frame.type_size * 2.2);
    for layer in (0..plot.layers).step_by(every) {
        let place = (at(frame.x(layer, plot.layers)), at(frame.bottom + gap * 1.2));
        root.draw_text(&layer.to_string(), &style(palette.muted, HPos::Center, VPos::Top), place)?;
    }
    for (name, range) in &plot.bands {
        let middle = (range.start + range.end) as f64 / 2.0;
        let width = range.len() as f64 * frame.step(plot.layers);
        // A band narrower than its name keeps its colour and loses its name.
        // Letters are about half as wide as high, Korean syllables as wide as high.
        let ems: f64 = name.chars().map(|c| if c.is_ascii() { 0.55 } else { 1.0 }).sum();
        if width < ems * frame.type_size {
            continue;
        }
        let place = (at(frame.left + middle * frame.step(plot.layers)), at(frame.top - gap * 0.4));
        root.draw_text(name, &style(palette.muted, HPos::Center, VPos::Bottom), place)?;
    }
    // A narrow chart has no place for names that no curve would run through.
    if !frame.has_end_labels() {
        return Ok(());
    }
    // Thin type needs more contrast than a curve.
    let strong = |rgb: Rgb| rgb.mix(palette.ink, 0.3);
    let mut ends: Vec<(&str, f64, Rgb)> = Vec::new();
    if !plot.knocked_out {
        ends.push((t("balance"), 1.0, palette.ink));
    }
    for series in plot.series.iter().filter(|s| !s.label.is_empty()) {
        let Some(v) = series.values.last().copied().flatten().filter(|v| *v > 0.0) else {
            continue;
        };
        let role = series.role.unwrap_or(if v >= 1.0 { Role::Words } else { Role::Picture });
        ends.push((series.label, v, strong(palette.role(role))));
    }
    if let Some(ghost) = plot.ghosts.last() {
        ends.push((plot.ghost_label, ghost.value, palette.ink));
    }
    let last = |n: &Null| n.values.iter().flatten().last().copied();
    ends.extend(plot.nulls.iter().filter_map(|n| Some((n.label, last(n)?, palette.muted))));
    let wanted: Vec<f64> = ends.iter().map(|e| frame.y(e.1, domain)).collect();
    let places = scale::spread(&wanted, frame.type_size * 1.25, (frame.top, frame.bottom));
    for ((label, _, rgb), y) in ends.into_iter().zip(places) {
        let place = (at(frame.right + gap), at(y));
        root.draw_text(label, &style(rgb, HPos::Left, VPos::Center), place)?;
    }
    Ok(())
}

fn colour(Rgb(r, g, b): Rgb) -> RGBColor {
    RGBColor(r, g, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chart::{Ghost, Null, Series};
    use plotters::coord::combinators::LogCoord;
    use plotters::coord::types::RangedCoordf64;

    /// plotters' own projection of a point.
    fn projected(plot: &Plot, frame: &Frame, layer: f64, value: f64) -> (i32, i32) {
        let size = ((frame.width * UNITS) as u32, (frame.height * UNITS) as u32);
        let mut text = String::new();
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        let at = |v: f64| (v * UNITS).round() as i32;
        let (lo, hi) = plot.domain();
        let area: DrawingArea<_, Cartesian2d<RangedCoordf64, _>> = root
            .margin(
                at(frame.top),
                at(frame.height - frame.bottom),
                at(frame.left),
                at(frame.width - frame.right),
            )
            .apply_coord_spec(Cartesian2d::<RangedCoordf64, LogCoord<f64>>::new(
                -0.5..plot.layers as f64 - 0.5,
                (lo..hi).log_scale(),
                (at(frame.left)..at(frame.right), at(frame.bottom)..at(frame.top)),
            ));
        area.map_coordinate(&(layer, value))
    }

    fn plot(values: Vec<Option<f64>>) -> Plot {
        Plot {
            layers: values.len(),
            bands: vec![("early", 0..2), ("late", values.len() - 2..values.len())],
            series: vec![Series { role: None, label: "this run", values }],
            ghosts: vec![],
            ghost_label: "",
            nulls: vec![],
            knocked_out: false,
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
    fn the_page_and_plotters_agree_on_where_things_are() {
        let plot = plot(vec![Some(1.4), Some(1.7), Some(0.3), Some(17.4), Some(9.0)]);
        for width in [320.0, 701.0, 1100.0] {
            let frame = Frame::new(width, 12.0);
            for (layer, value) in [(0, 1.4), (1, 1.0), (2, 0.3), (4, 9.0)] {
                let ours = (frame.x(layer, 5), frame.y(value, plot.domain()));
                let theirs = projected(&plot, &frame, layer as f64, value);
                let theirs = (f64::from(theirs.0) / UNITS, f64::from(theirs.1) / UNITS);
                assert!(
                    (ours.0 - theirs.0).abs() < 0.6 && (ours.1 - theirs.1).abs() < 0.6,
                    "{ours:?} {theirs:?}"
                );
            }
        }
    }

    #[test]
    fn the_drawing_holds_every_point_band_and_label() {
        let frame = Frame::new(700.0, 12.0);
        let text =
            svg(&plot(vec![Some(1.4), None, Some(0.3), Some(17.4)]), &frame, &Palette::default());
        assert_eq!(text.matches("<circle").count(), 6);
        for word in ["early", "late", "balance", "this run", "10"] {
            assert!(text.contains(word), "{word}");
        }
        let hidden = Plot { knocked_out: true, ..plot(vec![Some(1.4), Some(17.4)]) };
        assert!(!svg(&hidden, &frame, &Palette::default()).contains("balance"));
        let mut compared = plot(vec![Some(1.4), Some(2.0), Some(0.3), Some(17.4)]);
        compared.ghosts = vec![Ghost { layers: 2..4, value: 40.0, doubtful: true }];
        compared.ghost_label = "paper";
        compared.nulls = vec![Null { label: "half each", values: vec![Some(5.1); 8] }];
        assert!(compared.domain().1 > 40.0, "the axis covers what is compared with");
        let text = svg(&compared, &frame, &Palette::default());
        assert!(text.matches("<circle").count() > 8 + 10 && text.contains("half each"));
        let bare = svg(&plot(vec![None, None]), &frame, &Palette::default());
        assert_eq!(bare.matches("<circle").count(), 0);
    }
}
