//! Several runs' curves on one axis. They are told apart by mark, dash and letter; colour comes on
//! top, and is neither the words' nor the picture's.

use std::f64::consts::TAU;
use std::ops::Range;

use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::draw::UNITS;
use super::frame::Frame;
use super::scale;
use crate::colour::{Palette, Rgb};
use crate::experiments::plot::series_colour;
use crate::language::t;

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
        colour: if run == 0 { palette.ink } else { series_colour(palette, run) },
        dash: DASHES[run % DASHES.len()],
        corners: corners(run),
    }
}

/// The corners of a run's mark around 0, about 1 away from it.
fn corners(run: usize) -> Vec<(f64, f64)> {
    let ring = |count: usize, first: f64, size: f64| {
        let corner = move |i: usize| {
            let angle = (first + i as f64 / count as f64) * TAU;
            (size * angle.sin(), -size * angle.cos())
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
    pub fn svg(&self, frame: &Frame, palette: &Palette) -> String {
        let size = ((frame.width * UNITS) as u32, (frame.height * UNITS) as u32);
        let mut text = String::new();
        {
            let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
            // Writing to a string cannot fail; a chart that is not drawn shows in the tests.
            let drawn = Drawing { root: &root, chart: self, frame, palette }.draw();
            debug_assert!(drawn.is_ok());
        }
        text
    }
}

struct Drawing<'a, DB: DrawingBackend> {
    root: &'a DrawingArea<DB, plotters::coord::Shift>,
    chart: &'a Beside,
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
    fn at(&self, layer: usize, value: f64) -> (f64, f64) {
        (self.frame.x(layer, self.chart.layers), self.frame.y(value, self.chart.domain()))
    }

    fn draw(&self) -> Result<DB> {
        self.ground()?;
        // The first run lies above the others.
        for curve in self.chart.curves.iter().rev() {
            self.curve(curve)?;
        }
        self.letters()?;
        self.root.present()
    }

    fn text(&self, text: &str, colour: Rgb, (h, v): (HPos, VPos), at: (f64, f64)) -> Result<DB> {
        // plotters writes a font's size divided by 1.24.
        let size = self.frame.type_size * UNITS * 1.24;
        let mut style = TextStyle::from(("sans-serif", size).into_font());
        style.color = plain(colour).to_backend_color();
        style.pos = Pos::new(h, v);
        self.root.draw_text(text, &style, (units(at.0), units(at.1)))
    }

    /// Bands, ticks, the line at 1, and the numbers of the layers.
    fn ground(&self) -> Result<DB> {
        let Drawing { root, chart, frame, palette } = *self;
        let gap = frame.type_size * 0.6;
        let (left, right) = (units(frame.left), units(frame.right));
        let (layers, domain) = (chart.layers, chart.domain());
        let step = frame.step(layers);
        for (name, range) in &chart.bands {
            let from = frame.left + range.start as f64 * step;
            let to = frame.left + range.end as f64 * step;
            let corners = [(units(from), units(frame.top)), (units(to), units(frame.bottom))];
            root.draw(&Rectangle::new(corners, plain(palette.band).filled()))?;
            if to - from >= name.len() as f64 * frame.type_size * 0.55 {
                let at = ((from + to) / 2.0, frame.top - gap * 0.4);
                self.text(name, palette.muted, (HPos::Center, VPos::Bottom), at)?;
            }
        }
        for tick in scale::ticks(domain, frame.bottom - frame.top, frame.type_size * 1.9) {
            let y = frame.y(tick, domain);
            let line = plain(palette.line).stroke_width(units(1.0) as u32);
            root.draw(&PathElement::new(vec![(left, units(y)), (right, units(y))], line))?;
            let at = (frame.left - gap, y);
            self.text(&scale::label(tick), palette.muted, (HPos::Right, VPos::Center), at)?;
        }
        if !self.chart.knocked_out {
            let one = units(frame.y(1.0, domain));
            let ink = plain(palette.muted).stroke_width(units(1.25) as u32);
            root.draw(&DashedPathElement::new(
                [(left, one), (right, one)],
                units(4.0),
                units(3.0),
                ink,
            ))?;
        }
        let every = scale::label_every(step, frame.type_size * 2.2);
        for layer in (0..layers).step_by(every) {
            let at = (frame.x(layer, layers), frame.bottom + gap * 1.2);
            self.text(&layer.to_string(), palette.muted, (HPos::Center, VPos::Top), at)?;
        }
        Ok(())
    }

    fn curve(&self, curve: &Curve) -> Result<DB> {
        let look = look(curve.run, self.palette);
        let line = plain(look.colour).stroke_width(units(2.0) as u32);
        let there = |v: &Option<f64>| v.filter(|v| v.is_finite() && *v > 0.0);
        let points: Vec<Option<(f64, f64)>> = curve
            .values
            .iter()
            .enumerate()
            .map(|(layer, v)| there(v).map(|v| self.at(layer, v)))
            .collect();
        // A curve has gaps where values do not exist.
        for stretch in points.split(Option::is_none) {
            let path: Vec<(i32, i32)> =
                stretch.iter().flatten().map(|p| (units(p.0), units(p.1))).collect();
            match look.dash {
                _ if path.len() < 2 => {}
                None => self.root.draw(&PathElement::new(path, line))?,
                Some((dash, gap)) => {
                    let dashed = DashedPathElement::new(path, units(dash), units(gap), line);
                    self.root.draw(&dashed)?;
                }
            }
        }
        // Fewer pixels where layers are many.
        let radius = if self.frame.step(self.chart.layers) < 14.0 { 2.6 } else { 3.9 };
        for (x, y) in points.into_iter().flatten() {
            let mark = |radius: f64| {
                let corner = |c: &(f64, f64)| (units(x + c.0 * radius), units(y + c.1 * radius));
                look.corners.iter().map(corner).collect::<Vec<_>>()
            };
            let surface = plain(self.palette.surface).filled();
            self.root.draw(&Polygon::new(mark(radius + 1.3), surface))?;
            self.root.draw(&Polygon::new(mark(radius), plain(look.colour).filled()))?;
        }
        Ok(())
    }

    /// The runs' letters at their curves' ends, moved apart where they would lie on each other.
    fn letters(&self) -> Result<DB> {
        let frame = self.frame;
        if !frame.has_end_labels() {
            return Ok(());
        }
        let domain = self.chart.domain();
        let mut ends = Vec::new();
        if !self.chart.knocked_out {
            ends.push((t("balance").to_owned(), frame.y(1.0, domain), self.palette.muted));
        }
        for curve in &self.chart.curves {
            let last = curve.values.iter().rev().copied().flatten().find(|v| *v > 0.0);
            let look = look(curve.run, self.palette);
            ends.extend(last.map(|v| {
                (
                    look.letter.to_string(),
                    frame.y(v, domain),
                    look.colour.mix(self.palette.ink, 0.2),
                )
            }));
        }
        let wanted: Vec<f64> = ends.iter().map(|e| e.1).collect();
        let places = scale::spread(&wanted, frame.type_size * 1.25, (frame.top, frame.bottom));
        for ((name, _, colour), y) in ends.into_iter().zip(places) {
            let at = (frame.right + frame.type_size * 0.6, y);
            self.text(&name, colour, (HPos::Left, VPos::Center), at)?;
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
            layers: 4,
            curves: vec![
                Curve { run: 0, values: vec![Some(2.0), None, Some(0.5), Some(4.0)] },
                Curve { run: 1, values: vec![Some(3.0), Some(3.0)] },
            ],
            bands: vec![("early", 0..2), ("late", 2..4)],
            knocked_out: false,
        };
        let text = chart.svg(&Frame::new(700.0, 12.0), &Palette::default());
        // A mark and the ring around it.
        assert_eq!(text.matches("<polygon").count(), 2 * 5);
        for word in ["early", "late", "balance", "\nA\n", "\nB\n"] {
            assert!(text.contains(word), "{word}");
        }
        assert!(chart.domain().1 > 4.0);
        let narrow = chart.svg(&Frame::new(300.0, 12.0), &Palette::default());
        assert!(!narrow.contains("balance"), "no room at the curves' ends");
        let hidden = Beside { knocked_out: true, ..chart };
        assert!(!hidden.svg(&Frame::new(700.0, 12.0), &Palette::default()).contains("balance"));
    }
}
