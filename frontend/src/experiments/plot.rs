//! Means with their intervals over columns: layers, prune rates, copies. The axis, its ticks and
//! its line at 1 are the chart's of a single run.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::chart::draw::UNITS;
use crate::chart::frame::Frame;
use crate::chart::scale;
use crate::colour::{Palette, Rgb};
use crate::language::t;

/// A mean and the ends of its interval; each `None` where it does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Point {
    /// Where it is, in columns from the first one's centre.
    pub at: f64,
    /// The mean.
    pub mean: Option<f64>,
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

/// How a curve is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A line with its interval as a band.
    Band,
    /// A line with its intervals as whiskers.
    Whiskers,
    /// Another's values, to compare with: hollow and pale.
    Ghost,
    /// A share, on an axis of its own from 0 to 100 %: dashed, with squares.
    Share,
}

/// One curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name, at its end.
    pub label: String,
    /// Its colour.
    pub colour: Rgb,
    /// How it is drawn.
    pub style: Style,
    /// Its points, from left to right.
    pub points: Vec<Point>,
}

/// Everything a plot shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plot {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The curves.
    pub curves: Vec<Curve>,
    /// Whether some rows cannot see some keys: then 1 is not balance, and no line says so.
    pub knocked_out: bool,
}

/// Colours that mean nothing, for curves beside each other. Blue stays the picture's.
pub fn series_colour(palette: &Palette, at: usize) -> Rgb {
    let Rgb(r, g, b) = palette.surface;
    let dark = u32::from(r) + u32::from(g) + u32::from(b) < 384;
    let others = if dark {
        [
            Rgb(0xb3, 0x94, 0xff),
            Rgb(0x4f, 0xd0, 0xa6),
            Rgb(0xf0, 0x92, 0xc4),
            Rgb(0xd9, 0xd2, 0x6a),
            Rgb(0xb8, 0xbf, 0xcc),
        ]
    } else {
        [
            Rgb(0x7c, 0x3a, 0xed),
            Rgb(0x00, 0x80, 0x60),
            Rgb(0xb8, 0x3d, 0x80),
            Rgb(0x8a, 0x76, 0x00),
            Rgb(0x4b, 0x55, 0x68),
        ]
    };
    match at.checked_sub(1) {
        None => palette.words,
        Some(at) => others[at % others.len()],
    }
}

impl Plot {
    /// The range of values the logarithmic axis must cover.
    pub fn domain(&self) -> (f64, f64) {
        let curves = self.curves.iter().filter(|c| c.style != Style::Share);
        let points = curves.flat_map(|c| &c.points);
        scale::domain(points.flat_map(|p| [p.mean, p.low, p.high]).flatten())
    }

    fn has_shares(&self) -> bool {
        self.curves.iter().any(|c| c.style == Style::Share)
    }

    /// The plot's place: wide enough at the right for the curves' names where there is room.
    pub fn frame(&self, width: f64, type_size: f64) -> Frame {
        let mut frame = Frame::new(width, type_size);
        let longest = self.curves.iter().map(|c| c.label.chars().count()).max().unwrap_or(0);
        let axis = if self.has_shares() { 3.4 } else { 0.0 };
        let labels = (longest.max(7) as f64 * 0.53 + 1.2) * type_size;
        let room = (labels + axis * type_size).round();
        let named = width - frame.left - room > 22.0 * type_size;
        frame.height = (21.0 * type_size).round();
        frame.top = (type_size * 0.9).round();
        frame.bottom = frame.height - (type_size * 2.3).round();
        frame.right = width.max(160.0).round() - if named { room } else { 6.0 + axis * type_size };
        frame
    }

    /// Whether curves are named at their ends; a legend names them otherwise.
    pub fn named(&self, frame: &Frame) -> bool {
        let axis = if self.has_shares() { 3.4 } else { 0.0 };
        frame.width - frame.right > (2.0 + axis) * frame.type_size
    }

    /// The plot as an SVG document of the frame's size.
    pub fn svg(&self, frame: &Frame, palette: &Palette) -> String {
        let size = ((frame.width * UNITS) as u32, (frame.height * UNITS) as u32);
        let mut text = String::new();
        {
            let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
            // Writing to a string cannot fail; a plot that is not drawn shows in the tests.
            let drawn = Drawing { root: &root, plot: self, frame, palette }.draw();
            debug_assert!(drawn.is_ok());
        }
        text
    }
}

struct Drawing<'a, DB: DrawingBackend> {
    root: &'a DrawingArea<DB, Shift>,
    plot: &'a Plot,
    frame: &'a Frame,
    palette: &'a Palette,
}

type Result<DB> = std::result::Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

fn units(v: f64) -> i32 {
    (v * UNITS).round() as i32
}

fn plain(Rgb(r, g, b): Rgb) -> RGBColor {
    RGBColor(r, g, b)
}

impl<DB: DrawingBackend> Drawing<'_, DB> {
    fn x(&self, at: f64) -> f64 {
        self.frame.left + (at + 0.5) * self.frame.step(self.plot.columns.len())
    }

    fn y(&self, style: Style, value: f64) -> f64 {
        let frame = self.frame;
        match style {
            Style::Share => frame.bottom - value * (frame.bottom - frame.top),
            _ => frame.y(value, self.plot.domain()),
        }
    }

    fn place(&self, curve: &Curve, at: f64, value: Option<f64>) -> Option<(i32, i32)> {
        let there = |v: &f64| v.is_finite() && (*v > 0.0 || curve.style == Style::Share);
        let value = value.filter(there)?;
        // Beside the other curves, so that whiskers do not lie on each other.
        let beside = if curve.style == Style::Share { self.frame.type_size * 0.6 } else { 0.0 };
        Some((units(self.x(at) + beside), units(self.y(curve.style, value))))
    }

    fn draw(&self) -> Result<DB> {
        self.axes()?;
        // What is compared with lies below what was measured.
        let below = |c: &&Curve| c.style == Style::Ghost;
        for curve in self.plot.curves.iter().filter(below) {
            self.curve(curve)?;
        }
        for curve in self.plot.curves.iter().filter(|c| !below(c)) {
            self.curve(curve)?;
        }
        self.names()?;
        self.root.present()
    }

    fn text(&self, text: &str, colour: Rgb, h: HPos, v: VPos, at: (f64, f64)) -> Result<DB> {
        // plotters writes a font's size divided by 1.24.
        let size = self.frame.type_size * UNITS * 1.24;
        let mut style = TextStyle::from(("sans-serif", size).into_font());
        style.color = plain(colour).to_backend_color();
        style.pos = Pos::new(h, v);
        self.root.draw_text(text, &style, (units(at.0), units(at.1)))
    }

    fn axes(&self) -> Result<DB> {
        let Drawing { root, plot, frame, palette } = *self;
        let gap = frame.type_size * 0.6;
        let (left, right) = (units(frame.left), units(frame.right));
        let domain = plot.domain();
        for tick in scale::ticks(domain, frame.bottom - frame.top, frame.type_size * 1.9) {
            let y = frame.y(tick, domain);
            let line = plain(palette.line).stroke_width(units(1.0) as u32);
            root.draw(&PathElement::new(vec![(left, units(y)), (right, units(y))], line))?;
            let at = (frame.left - gap, y);
            self.text(&scale::label(tick), palette.muted, HPos::Right, VPos::Center, at)?;
        }
        if !plot.knocked_out {
            let one = units(frame.y(1.0, domain));
            let ink = plain(palette.ink).stroke_width(units(1.25) as u32);
            root.draw(&DashedPathElement::new(
                [(left, one), (right, one)],
                units(4.0),
                units(3.0),
                ink,
            ))?;
        }
        let widest = plot.columns.iter().map(|c| c.chars().count()).max().unwrap_or(1);
        let room = (widest as f64 * 0.6 + 1.0) * frame.type_size;
        let every = scale::label_every(frame.step(plot.columns.len()), room);
        for (at, name) in plot.columns.iter().enumerate().step_by(every) {
            let at = (self.x(at as f64), frame.bottom + gap);
            self.text(name, palette.muted, HPos::Center, VPos::Top, at)?;
        }
        if plot.has_shares() {
            for share in [0.0, 0.5, 1.0] {
                let at = (frame.right + gap, self.y(Style::Share, share));
                let name = format!("{:.0} %", share * 100.0);
                self.text(
                    &name,
                    palette.picture.mix(palette.ink, 0.2),
                    HPos::Left,
                    VPos::Center,
                    at,
                )?;
            }
        }
        Ok(())
    }

    fn curve(&self, curve: &Curve) -> Result<DB> {
        let (root, surface) = (self.root, plain(self.palette.surface));
        let colour = match curve.style {
            Style::Ghost => curve.colour.mix(self.palette.surface, 0.35),
            _ => curve.colour,
        };
        let line = plain(colour).stroke_width(units(2.25) as u32);
        // A curve has gaps where values do not exist.
        for run in curve.points.split(|p| self.place(curve, p.at, p.mean).is_none()) {
            let along = |pick: fn(&Point) -> Option<f64>| {
                run.iter().filter_map(move |p| self.place(curve, p.at, pick(p)))
            };
            let (low, high): (Vec<_>, Vec<_>) =
                (along(|p| p.low).collect(), along(|p| p.high).collect());
            if curve.style == Style::Band && low.len() == high.len() && low.len() > 1 {
                let outline: Vec<_> = high.into_iter().chain(low.into_iter().rev()).collect();
                root.draw(&Polygon::new(outline, plain(colour).mix(0.15).filled()))?;
            }
            let middle: Vec<_> = along(|p| p.mean).collect();
            match curve.style {
                Style::Share | Style::Ghost if middle.len() > 1 => {
                    let thin = plain(colour).stroke_width(units(1.75) as u32);
                    root.draw(&DashedPathElement::new(middle, units(4.0), units(3.0), thin))?;
                }
                _ => root.draw(&PathElement::new(middle, line))?,
            }
        }
        let radius = if self.frame.step(self.plot.columns.len()) < 14.0 { 2.2 } else { 3.4 };
        for point in &curve.points {
            if let (Style::Whiskers | Style::Share, Some(low), Some(high)) = (
                curve.style,
                self.place(curve, point.at, point.low),
                self.place(curve, point.at, point.high),
            ) {
                let thin = plain(colour).stroke_width(units(1.5) as u32);
                root.draw(&PathElement::new(vec![low, high], thin))?;
            }
            let Some((x, y)) = self.place(curve, point.at, point.mean) else { continue };
            let (r, ring) = (units(radius), units(radius + 1.2));
            match curve.style {
                Style::Share => {
                    root.draw(&Rectangle::new(
                        [(x - ring, y - ring), (x + ring, y + ring)],
                        surface.filled(),
                    ))?;
                    root.draw(&Rectangle::new(
                        [(x - r, y - r), (x + r, y + r)],
                        plain(colour).filled(),
                    ))?;
                }
                Style::Ghost => {
                    root.draw(&Circle::new((x, y), r, surface.filled()))?;
                    root.draw(&Circle::new(
                        (x, y),
                        r,
                        plain(colour).stroke_width(units(1.5) as u32),
                    ))?;
                }
                Style::Band | Style::Whiskers => {
                    root.draw(&Circle::new((x, y), ring, surface.filled()))?;
                    root.draw(&Circle::new((x, y), r, plain(colour).filled()))?;
                }
            }
        }
        Ok(())
    }

    /// Names at the curves' ends, moved apart where they would lie on each other.
    fn names(&self) -> Result<DB> {
        let frame = self.frame;
        if !self.plot.named(frame) {
            return Ok(());
        }
        let axis = if self.plot.has_shares() { 3.4 } else { 0.0 };
        let left = frame.right + (0.6 + axis) * frame.type_size;
        let mut names = Vec::new();
        if !self.plot.knocked_out {
            let one = frame.y(1.0, self.plot.domain());
            names.push((t("balance").to_owned(), self.palette.muted, one));
        }
        for curve in &self.plot.curves {
            let shown = |p: &&Point| self.place(curve, p.at, p.mean).is_some();
            if let Some(value) = curve.points.iter().rfind(shown).and_then(|p| p.mean) {
                // Thin type needs more contrast than a curve.
                let ink = if curve.style == Style::Ghost {
                    self.palette.muted
                } else {
                    curve.colour.mix(self.palette.ink, 0.25)
                };
                names.push((curve.label.clone(), ink, self.y(curve.style, value)));
            }
        }
        for (name, (colour, y)) in apart(names, frame.type_size * 1.25, frame.bottom) {
            self.text(&name, colour, HPos::Left, VPos::Center, (left, y))?;
        }
        Ok(())
    }
}

/// Moves names so that neighbours are at least `gap` apart and none lies below `bottom`.
fn apart(mut names: Vec<(String, Rgb, f64)>, gap: f64, bottom: f64) -> Vec<(String, (Rgb, f64))> {
    names.sort_by(|a, b| a.2.total_cmp(&b.2));
    for i in 1..names.len() {
        names[i].2 = names[i].2.max(names[i - 1].2 + gap);
    }
    let mut most = bottom;
    for name in names.iter_mut().rev() {
        name.2 = name.2.min(most);
        most = name.2 - gap;
    }
    names.into_iter().map(|(name, colour, y)| (name, (colour, y))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at: usize, mean: f64) -> Point {
        Point { at: at as f64, mean: Some(mean), low: Some(mean * 0.9), high: Some(mean * 1.1) }
    }

    fn plot() -> Plot {
        let palette = Palette::default();
        let curve = |label: &str, style, points| Curve {
            label: label.into(),
            colour: series_colour(&palette, 0),
            style,
            points,
        };
        Plot {
            columns: (0..4).map(|i| i.to_string()).collect(),
            curves: vec![
                curve(
                    "demo-llava",
                    Style::Band,
                    vec![
                        point(0, 1.4),
                        point(1, 3.0),
                        Point { at: 2.0, ..Point::default() },
                        point(3, 9.0),
                    ],
                ),
                curve("right", Style::Share, vec![point(0, 0.5), point(3, 0.0)]),
                curve("paper", Style::Ghost, vec![point(1, 17.37)]),
            ],
            knocked_out: false,
        }
    }

    #[test]
    fn every_point_and_name_is_drawn_and_what_does_not_exist_is_not() {
        let plot = plot();
        let frame = plot.frame(700.0, 12.0);
        assert!(plot.named(&frame));
        let text = plot.svg(&frame, &Palette::default());
        // Three filled points with a ring each, and a hollow one.
        assert_eq!(text.matches("<circle").count(), 2 * 3 + 2);
        for word in ["demo-llava", "right", "paper", "balance", "100 %"] {
            assert!(text.contains(word), "{word}");
        }
        let (low, high) = plot.domain();
        assert!(low <= 0.5 && high > 17.37, "shares are on an axis of their own");
    }

    #[test]
    fn under_a_knockout_no_line_claims_balance() {
        let (frame, palette) = (plot().frame(700.0, 12.0), Palette::default());
        let (open, hidden) = (plot(), Plot { knocked_out: true, ..plot() });
        let text = hidden.svg(&frame, &palette);
        assert!(!text.contains("balance") && text.contains("demo-llava"), "{text}");
        // The dashes of the line at 1 are drawn one by one.
        assert!(text.len() + 1000 < open.svg(&frame, &palette).len());
    }

    #[test]
    fn a_narrow_plot_leaves_its_names_to_the_legend() {
        let plot = plot();
        let frame = plot.frame(320.0, 12.0);
        assert!(!plot.named(&frame));
        assert!(!plot.svg(&frame, &Palette::default()).contains("demo-llava"));
    }

    #[test]
    fn names_move_apart_and_stay_inside() {
        let names = [90.0, 95.0, 96.0].map(|y| (String::new(), Rgb(0, 0, 0), y)).to_vec();
        let moved: Vec<f64> = apart(names, 12.0, 100.0).into_iter().map(|(_, (_, y))| y).collect();
        assert_eq!(moved, [76.0, 88.0, 100.0]);
    }
}
