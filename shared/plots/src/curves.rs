//! Several runs' curves on one axis. They are told apart by mark, dash and letter; colour comes on
//! top, and is neither the words' nor the picture's.

use std::f64::consts::TAU;
use std::ops::Range;

use plotters::prelude::DrawingBackend;

use crate::canvas::{self, Canvas, Drawn};
use crate::colour::{Palette, Rgb};
use crate::frame::Frame;
use crate::scale;
use crate::text::{self, Across, Down, Type};
use crate::theme::Style;

/// One run's curve.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Which of the runs it is, from 0: says how it looks.
    pub run: usize,
    /// Value by layer; `None` where undefined or not observed.
    pub values: Vec<Option<f64>>,
}

/// Everything the chart shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// Layers of the deepest model.
    pub layers: usize,
    /// What the values are.
    pub value: &'static str,
    /// The curves.
    pub curves: Vec<Curve>,
    /// Named ranges of layers; empty where the models' stages do not lie alike.
    pub bands: Vec<(&'static str, Range<usize>)>,
    /// Whether in any of the runs some rows cannot see some keys: then 1 is not balance in all.
    pub knocked_out: bool,
}

/// How a run's curve looks.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// The run's letter.
    pub letter: char,
    /// Its colour.
    pub colour: Rgb,
    /// Lengths of dash and gap in pixels; `None` for a line without gaps.
    pub dash: Option<(f64, f64)>,
    corners: Vec<(f64, f64)>,
}

/// The letter of a run by its place among those compared.
pub fn letter(run: usize) -> char {
    char::from(b'A' + (run % 26) as u8)
}

/// The look of a run by its place among those compared.
pub fn look(run: usize, palette: &Palette) -> Look {
    const DASHES: [Option<(f64, f64)>; 6] = [
        None,
        Some((8.0, 4.0)),
        Some((2.0, 3.0)),
        Some((14.0, 4.0)),
        Some((5.0, 2.0)),
        Some((2.0, 6.0)),
    ];
    Look {
        letter: letter(run),
        // The first run is what the others are compared with: plain ink.
        colour: if run == 0 { palette.ink } else { palette.series(run) },
        dash: DASHES[run % DASHES.len()],
        corners: corners(run),
    }
}

/// The corners of a run's mark around 0, about 1 away from it.
fn corners(run: usize) -> Vec<(f64, f64)> {
    let ring = |count: usize, first: f64, size: f64| {
        let corner = move |i: usize| {
            let angle = (first + i as f64 / count as f64) * TAU;
            (size * libm::sin(angle), -size * libm::cos(angle))
        };
        (0..count).map(corner).collect()
    };
    match run % 6 {
        0 => ring(16, 0.0, 1.0),
        1 => ring(4, 0.125, 1.2),
        2 => ring(3, 0.0, 1.35),
        3 => ring(4, 0.0, 1.3),
        4 => ring(3, 0.5, 1.35),
        _ => {
            let (a, b) = (0.42, 1.3);
            let arm = [(-a, -b), (a, -b), (a, -a)];
            // The same arm, turned four times.
            let turned = |n: usize| {
                move |(x, y): (f64, f64)| match n {
                    0 => (x, y),
                    1 => (-y, x),
                    2 => (-x, -y),
                    _ => (y, -x),
                }
            };
            (0..4).flat_map(|n| arm.into_iter().map(turned(n))).collect()
        }
    }
}

impl Look {
    /// The mark as the `d` of an SVG path around a point.
    pub fn mark(&self, (x, y): (f64, f64), radius: f64) -> String {
        let points = self.corners.iter();
        let points = points.map(|c| format!("{:.2} {:.2}", x + c.0 * radius, y + c.1 * radius));
        format!("M{}Z", points.collect::<Vec<_>>().join("L"))
    }

    /// The dashes as SVG takes them; empty for a line without gaps.
    pub fn dashes(&self) -> String {
        self.dash.map_or_else(String::new, |(dash, gap)| format!("{dash} {gap}"))
    }
}

impl Beside {
    /// The range of values the axis must cover.
    pub fn domain(&self) -> (f64, f64) {
        scale::domain(self.curves.iter().flat_map(|c| c.values.iter().flatten().copied()))
    }

    /// The chart as an SVG document of the frame's size.
    pub fn svg(&self, frame: &Frame, style: &Style) -> String {
        canvas::svg((frame.width, frame.height), |canvas| {
            Drawing { canvas, chart: self, frame, style }.draw()
        })
    }
}

struct Drawing<'a, DB: DrawingBackend> {
    canvas: &'a Canvas<'a, DB>,
    chart: &'a Beside,
    frame: &'a Frame,
    style: &'a Style,
}

impl<DB: DrawingBackend> Drawing<'_, DB> {
    fn at(&self, layer: usize, value: f64) -> (f64, f64) {
        (self.frame.x(layer, self.chart.layers), self.frame.y(value, self.chart.domain()))
    }

    fn draw(&self) -> Drawn<DB> {
        self.ground()?;
        // The first run lies above the others.
        for curve in self.chart.curves.iter().rev() {
            self.curve(curve)?;
        }
        self.letters()
    }

    /// Bands, ticks, the line at 1, and the numbers of the layers.
    fn ground(&self) -> Drawn<DB> {
        let Drawing { canvas, chart, frame, style } = *self;
        let (palette, size) = (&style.palette, frame.type_size);
        let quiet = Type::new(size, palette.muted);
        let gap = size * 0.6;
        let (left, right) = (frame.left, frame.right);
        let (layers, domain) = (chart.layers, chart.domain());
        let step = frame.step(layers);
        for (name, range) in &chart.bands {
            let from = frame.left + range.start as f64 * step;
            let to = frame.left + range.end as f64 * step;
            canvas.rect((from, frame.top), (to, frame.bottom), palette.band)?;
            if to - from >= text::width(name, false) * size {
                let at = ((from + to) / 2.0, frame.top - gap * 0.4);
                canvas.text(name, at, quiet.at(Across::Center, Down::Bottom))?;
            }
        }
        for tick in scale::ticks(domain, frame.bottom - frame.top, size * 1.9) {
            let y = frame.y(tick, domain);
            canvas.line(&[(left, y), (right, y)], palette.line, 1.0)?;
            let at = (frame.left - gap, y);
            canvas.text(&scale::label(tick), at, quiet.at(Across::Right, Down::Center))?;
        }
        if !self.chart.knocked_out {
            let one = frame.y(1.0, domain);
            canvas.dashes(&[(left, one), (right, one)], (4.0, 3.0), palette.muted, 1.25)?;
        }
        frame.titles(canvas, (style.words.layer, chart.value), palette)?;
        let every = scale::label_every(step, size * 2.2);
        for layer in (0..layers).step_by(every) {
            let at = (frame.x(layer, layers), frame.bottom + gap * 1.2);
            canvas.text(&layer.to_string(), at, quiet.at(Across::Center, Down::Top))?;
        }
        Ok(())
    }

    fn curve(&self, curve: &Curve) -> Drawn<DB> {
        let look = look(curve.run, &self.style.palette);
        let there = |v: &Option<f64>| v.filter(|v| v.is_finite() && *v > 0.0);
        let points: Vec<Option<(f64, f64)>> = curve
            .values
            .iter()
            .enumerate()
            .map(|(layer, v)| there(v).map(|v| self.at(layer, v)))
            .collect();
        // A curve has gaps where values do not exist.
        for stretch in points.split(Option::is_none) {
            let path: Vec<(f64, f64)> = stretch.iter().copied().flatten().collect();
            match look.dash {
                None => self.canvas.line(&path, look.colour, 2.0)?,
                Some(dash) => self.canvas.dashes(&path, dash, look.colour, 2.0)?,
            }
        }
        // Fewer pixels where layers are many.
        let radius = if self.frame.step(self.chart.layers) < 14.0 { 2.6 } else { 3.9 };
        for (x, y) in points.into_iter().flatten() {
            let mark = |radius: f64| {
                let corner = |c: &(f64, f64)| (x + c.0 * radius, y + c.1 * radius);
                look.corners.iter().map(corner).collect::<Vec<_>>()
            };
            self.canvas.shape(&mark(radius + 1.3), self.style.palette.surface, 1.0)?;
            self.canvas.shape(&mark(radius), look.colour, 1.0)?;
        }
        Ok(())
    }

    /// The runs' letters at their curves' ends, moved apart where they would lie on each other.
    fn letters(&self) -> Drawn<DB> {
        let (frame, palette) = (self.frame, &self.style.palette);
        if !frame.has_end_labels() {
            return Ok(());
        }
        let domain = self.chart.domain();
        let mut ends = Vec::new();
        if !self.chart.knocked_out {
            let name = self.style.words.balance.to_owned();
            ends.push((name, frame.y(1.0, domain), palette.muted));
        }
        for curve in &self.chart.curves {
            let last = curve.values.iter().rev().copied().flatten().find(|v| *v > 0.0);
            let look = look(curve.run, palette);
            let colour = look.colour.mix(palette.ink, 0.2);
            ends.extend(last.map(|v| (look.letter.to_string(), frame.y(v, domain), colour)));
        }
        let wanted: Vec<f64> = ends.iter().map(|e| e.1).collect();
        let places = scale::spread(&wanted, frame.type_size * 1.25, (frame.top, frame.bottom));
        for ((name, _, colour), y) in ends.into_iter().zip(places) {
            let at = (frame.right + frame.type_size * 0.6, y);
            self.canvas.text(&name, at, Type::new(frame.type_size, colour))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_differ_by_more_than_colour_and_none_has_a_taken_one() {
        let palette = Palette::default();
        let looks: Vec<Look> = (0..6).map(|run| look(run, &palette)).collect();
        for (i, a) in looks.iter().enumerate() {
            assert!(a.colour != palette.words && a.colour != palette.picture, "run {i}");
            for b in &looks[i + 1..] {
                assert!(a.dash != b.dash && a.corners != b.corners && a.letter != b.letter);
                assert_ne!(a.colour, b.colour);
            }
        }
        assert_eq!((looks[0].letter, looks[5].letter), ('A', 'F'));
        assert!(looks[0].dashes().is_empty() && looks[1].dashes() == "8 4");
        assert!(looks[1].mark((10.0, 5.0), 4.0).starts_with('M'));
    }

    #[test]
    fn every_value_has_a_mark_and_what_does_not_exist_has_none() {
        let chart = Beside {
            value: "MDI",
            layers: 4,
            curves: vec![
                Curve { run: 0, values: vec![Some(2.0), None, Some(0.5), Some(4.0)] },
                Curve { run: 1, values: vec![Some(3.0), Some(3.0)] },
            ],
            bands: vec![("early", 0..2), ("late", 2..4)],
            knocked_out: false,
        };
        let text = chart.svg(&Frame::new(700.0, 12.0), &Style::default());
        // A mark and the ring around it.
        assert_eq!(text.matches("<polygon").count(), 2 * 5);
        for word in ["early", "late", "balance", "\nA\n", "\nB\n"] {
            assert!(text.contains(word), "{word}");
        }
        assert!(chart.domain().1 > 4.0);
        let narrow = chart.svg(&Frame::new(300.0, 12.0), &Style::default());
        assert!(!narrow.contains("balance"), "no room at the curves' ends");
        let hidden = Beside { knocked_out: true, ..chart };
        assert!(!hidden.svg(&Frame::new(700.0, 12.0), &Style::default()).contains("balance"));
    }
}
