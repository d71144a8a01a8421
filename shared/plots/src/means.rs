//! Means with their intervals over columns: layers, prune rates, copies. The axis, its ticks and
//! its line at 1 are the chart's of a single run.

use plotters::prelude::DrawingBackend;

use crate::canvas::{self, Canvas, Drawn};
use crate::colour::Rgb;
use crate::frame::Frame;
use crate::scale;
use crate::text::{self, Across, Down, Type};
use crate::theme::Style;

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
pub enum Form {
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
    pub form: Form,
    /// Its points, from left to right.
    pub points: Vec<Point>,
}

/// Everything a plot shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plot {
    /// What the columns are, and what the values on the logarithmic axis.
    pub titles: (&'static str, &'static str),
    /// The columns' names.
    pub columns: Vec<String>,
    /// The curves.
    pub curves: Vec<Curve>,
    /// Whether some rows cannot see some keys: then 1 is not balance, and no line says so.
    pub knocked_out: bool,
}

impl Plot {
    /// The range of values the logarithmic axis must cover.
    pub fn domain(&self) -> (f64, f64) {
        let curves = self.curves.iter().filter(|c| c.form != Form::Share);
        let points = curves.flat_map(|c| &c.points);
        scale::domain(points.flat_map(|p| [p.mean, p.low, p.high]).flatten())
    }

    fn has_shares(&self) -> bool {
        self.curves.iter().any(|c| c.form == Form::Share)
    }

    /// The plot's place: wide enough at the right for the curves' names where there is room.
    pub fn frame(&self, width: f64, type_size: f64) -> Frame {
        let mut frame = Frame::new(width, type_size);
        let longest = self.curves.iter().map(|c| text::width(&c.label, false)).fold(3.8, f64::max);
        let axis = if self.has_shares() { 3.4 } else { 0.0 };
        let labels = (longest + 1.2) * type_size;
        let room = (labels + axis * type_size).round();
        let named = width - frame.left - room > 22.0 * type_size;
        frame.height = (22.2 * type_size).round();
        frame.top = (type_size * 0.9).round();
        frame.bottom = frame.height - (type_size * 3.5).round();
        frame.right = width.max(160.0).round() - if named { room } else { 6.0 + axis * type_size };
        frame
    }

    /// Whether curves are named at their ends; a legend names them otherwise.
    pub fn named(&self, frame: &Frame) -> bool {
        let axis = if self.has_shares() { 3.4 } else { 0.0 };
        frame.width - frame.right > (2.0 + axis) * frame.type_size
    }

    /// The plot as an SVG document of the frame's size.
    pub fn svg(&self, frame: &Frame, style: &Style) -> String {
        canvas::svg((frame.width, frame.height), |canvas| {
            Drawing { canvas, plot: self, frame, style }.draw()
        })
    }
}

struct Drawing<'a, DB: DrawingBackend> {
    canvas: &'a Canvas<'a, DB>,
    plot: &'a Plot,
    frame: &'a Frame,
    style: &'a Style,
}

impl<DB: DrawingBackend> Drawing<'_, DB> {
    fn x(&self, at: f64) -> f64 {
        self.frame.left + (at + 0.5) * self.frame.step(self.plot.columns.len())
    }

    fn y(&self, form: Form, value: f64) -> f64 {
        let frame = self.frame;
        match form {
            Form::Share => frame.bottom - value * (frame.bottom - frame.top),
            _ => frame.y(value, self.plot.domain()),
        }
    }

    fn place(&self, curve: &Curve, at: f64, value: Option<f64>) -> Option<(f64, f64)> {
        let there = |v: &f64| v.is_finite() && (*v > 0.0 || curve.form == Form::Share);
        let value = value.filter(there)?;
        // Beside the other curves, so that whiskers do not lie on each other.
        let beside = if curve.form == Form::Share { self.frame.type_size * 0.6 } else { 0.0 };
        Some((self.x(at) + beside, self.y(curve.form, value)))
    }

    fn draw(&self) -> Drawn<DB> {
        self.axes()?;
        // What is compared with lies below what was measured.
        let below = |c: &&Curve| c.form == Form::Ghost;
        for curve in self.plot.curves.iter().filter(below) {
            self.curve(curve)?;
        }
        for curve in self.plot.curves.iter().filter(|c| !below(c)) {
            self.curve(curve)?;
        }
        self.names()
    }

    fn axes(&self) -> Drawn<DB> {
        let Drawing { canvas, plot, frame, style } = *self;
        let (palette, size) = (&style.palette, frame.type_size);
        let quiet = Type::new(size, palette.muted);
        let gap = size * 0.6;
        let (left, right) = (frame.left, frame.right);
        let domain = plot.domain();
        for tick in scale::ticks(domain, frame.bottom - frame.top, size * 1.9) {
            let y = frame.y(tick, domain);
            canvas.line(&[(left, y), (right, y)], palette.line, 1.0)?;
            let at = (frame.left - gap, y);
            canvas.text(&scale::label(tick), at, quiet.at(Across::Right, Down::Center))?;
        }
        if !plot.knocked_out {
            let one = frame.y(1.0, domain);
            canvas.dashes(&[(left, one), (right, one)], (4.0, 3.0), palette.ink, 1.25)?;
        }
        frame.titles(canvas, plot.titles, palette)?;
        let widest = plot.columns.iter().map(|c| text::width(c, false)).fold(0.6, f64::max);
        let every = scale::label_every(frame.step(plot.columns.len()), (widest + 1.0) * size);
        for (at, name) in plot.columns.iter().enumerate().step_by(every) {
            let at = (self.x(at as f64), frame.bottom + gap);
            canvas.text(name, at, quiet.at(Across::Center, Down::Top))?;
        }
        if plot.has_shares() {
            for share in [0.0, 0.5, 1.0] {
                let at = (frame.right + gap, self.y(Form::Share, share));
                let name = format!("{:.0}\u{a0}%", share * 100.0);
                let colour = palette.picture.mix(palette.ink, 0.2);
                canvas.text(&name, at, Type::new(size, colour))?;
            }
        }
        Ok(())
    }

    fn curve(&self, curve: &Curve) -> Drawn<DB> {
        let (canvas, surface) = (self.canvas, self.style.palette.surface);
        let colour = match curve.form {
            Form::Ghost => curve.colour.mix(surface, 0.35),
            _ => curve.colour,
        };
        // A curve has gaps where values do not exist.
        for run in curve.points.split(|p| self.place(curve, p.at, p.mean).is_none()) {
            let along = |pick: fn(&Point) -> Option<f64>| {
                run.iter().filter_map(move |p| self.place(curve, p.at, pick(p)))
            };
            let (low, high): (Vec<_>, Vec<_>) =
                (along(|p| p.low).collect(), along(|p| p.high).collect());
            if curve.form == Form::Band && low.len() == high.len() && low.len() > 1 {
                let outline: Vec<_> = high.into_iter().chain(low.into_iter().rev()).collect();
                canvas.shape(&outline, colour, 0.15)?;
            }
            let middle: Vec<_> = along(|p| p.mean).collect();
            match curve.form {
                Form::Share | Form::Ghost => canvas.dashes(&middle, (4.0, 3.0), colour, 1.75)?,
                _ => canvas.line(&middle, colour, 2.25)?,
            }
        }
        let r = if self.frame.step(self.plot.columns.len()) < 14.0 { 2.2 } else { 3.4 };
        for point in &curve.points {
            if let (Form::Whiskers | Form::Share, Some(low), Some(high)) = (
                curve.form,
                self.place(curve, point.at, point.low),
                self.place(curve, point.at, point.high),
            ) {
                canvas.line(&[low, high], colour, 1.5)?;
            }
            let Some((x, y)) = self.place(curve, point.at, point.mean) else { continue };
            match curve.form {
                Form::Share => {
                    for (r, colour) in [(r + 1.2, surface), (r, colour)] {
                        canvas.rect((x - r, y - r), (x + r, y + r), colour)?;
                    }
                }
                Form::Ghost => {
                    canvas.disc((x, y), r, surface)?;
                    canvas.ring((x, y), r, colour, 1.5)?;
                }
                Form::Band | Form::Whiskers => {
                    canvas.disc((x, y), r + 1.2, surface)?;
                    canvas.disc((x, y), r, colour)?;
                }
            }
        }
        Ok(())
    }

    /// Names at the curves' ends, moved apart where they would lie on each other.
    fn names(&self) -> Drawn<DB> {
        let (frame, palette) = (self.frame, &self.style.palette);
        if !self.plot.named(frame) {
            return Ok(());
        }
        let axis = if self.plot.has_shares() { 3.4 } else { 0.0 };
        let left = frame.right + (0.6 + axis) * frame.type_size;
        let mut names = Vec::new();
        if !self.plot.knocked_out {
            let one = frame.y(1.0, self.plot.domain());
            names.push((self.style.words.balance, palette.muted, one));
        }
        for curve in &self.plot.curves {
            let shown = |p: &&Point| self.place(curve, p.at, p.mean).is_some();
            if let Some(value) = curve.points.iter().rfind(shown).and_then(|p| p.mean) {
                // Thin type needs more contrast than a curve.
                let ink = if curve.form == Form::Ghost {
                    palette.muted
                } else {
                    curve.colour.mix(palette.ink, 0.25)
                };
                names.push((&curve.label, ink, self.y(curve.form, value)));
            }
        }
        let wanted: Vec<f64> = names.iter().map(|name| name.2).collect();
        let ends = (frame.top, frame.bottom);
        let places = scale::spread(&wanted, frame.type_size * 1.25, ends);
        for ((name, colour, _), y) in names.into_iter().zip(places) {
            self.canvas.text(name, (left, y), Type::new(frame.type_size, colour))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::colour::Palette;

    fn point(at: usize, mean: f64) -> Point {
        Point { at: at as f64, mean: Some(mean), low: Some(mean * 0.9), high: Some(mean * 1.1) }
    }

    fn plot() -> Plot {
        let palette = Palette::default();
        let curve = |label: &str, form, points| Curve {
            label: label.into(),
            colour: palette.series(0),
            form,
            points,
        };
        Plot {
            titles: ("layer", "MDI"),
            columns: (0..4).map(|i| i.to_string()).collect(),
            curves: vec![
                curve(
                    "demo-llava",
                    Form::Band,
                    vec![
                        point(0, 1.4),
                        point(1, 3.0),
                        Point { at: 2.0, ..Point::default() },
                        point(3, 9.0),
                    ],
                ),
                curve("right", Form::Share, vec![point(0, 0.5), point(3, 0.0)]),
                curve("paper", Form::Ghost, vec![point(1, 17.37)]),
            ],
            knocked_out: false,
        }
    }

    #[test]
    fn every_point_and_name_is_drawn_and_what_does_not_exist_is_not() {
        let plot = plot();
        let frame = plot.frame(700.0, 12.0);
        assert!(plot.named(&frame));
        let text = plot.svg(&frame, &Style::default());
        // Three filled points with a ring each, and a hollow one.
        assert_eq!(text.matches("<circle").count(), 2 * 3 + 2);
        for word in ["demo-llava", "right", "paper", "balance", "100\u{a0}%"] {
            assert!(text.contains(word), "{word}");
        }
        let (low, high) = plot.domain();
        assert!(low <= 0.5 && high > 17.37, "shares are on an axis of their own");
    }

    #[test]
    fn under_a_knockout_no_line_claims_balance() {
        let (frame, style) = (plot().frame(700.0, 12.0), Style::default());
        let (open, hidden) = (plot(), Plot { knocked_out: true, ..plot() });
        let text = hidden.svg(&frame, &style);
        assert!(!text.contains("balance") && text.contains("demo-llava"), "{text}");
        // The dashes of the line at 1 are drawn one by one.
        assert!(text.len() + 1000 < open.svg(&frame, &style).len());
    }

    #[test]
    fn a_narrow_plot_leaves_its_names_to_the_legend() {
        let plot = plot();
        let frame = plot.frame(320.0, 12.0);
        assert!(!plot.named(&frame));
        assert!(!plot.svg(&frame, &Style::default()).contains("demo-llava"));
    }
}
