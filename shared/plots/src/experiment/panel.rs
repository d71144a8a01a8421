//! What experiments' plots are made of: panels with axes, lines, bands and markers.

use plotters::prelude::DrawingBackend;

use crate::canvas::{Canvas, Drawn};
use crate::colour::{Palette, Rgb};
use crate::text::{Across, Down, Type};

/// How one series is told from the others, without colour too.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Its colour.
    pub colour: Rgb,
    /// Its marker: 0 circle, 1 square, 2 triangle, 3 diamond.
    pub marker: usize,
    /// Lengths of dash and gap; `None` for a whole line.
    pub dash: Option<(f64, f64)>,
    /// Whether it shows the paper's values.
    pub printed: bool,
}

impl Line {
    /// The line of a series, by its number.
    pub fn of(series: usize, palette: &Palette) -> Self {
        let dash = [None, Some((9.0, 4.0)), Some((3.0, 3.0)), Some((14.0, 5.0))];
        Line {
            colour: palette.series(series),
            marker: series % 4,
            dash: dash[series % dash.len()],
            printed: false,
        }
    }

    /// The line of the paper's values.
    pub fn ghost(series: usize, palette: &Palette) -> Self {
        let colour = palette.muted.mix(palette.surface, 0.3);
        Line { colour, marker: series % 4, dash: Some((4.0, 4.0)), printed: true }
    }

    /// The same, thin: what is not measured but follows.
    pub fn thin(self) -> Self {
        Line { dash: Some((2.0, 3.0)), ..self }
    }
}

/// Where a panel lies, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Area {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

/// A panel: an area with the ends of its axes.
pub struct Panel<'a, DB: DrawingBackend> {
    canvas: &'a Canvas<'a, DB>,
    palette: &'a Palette,
    area: Area,
    x: (f64, f64),
    y: (f64, f64),
    log: bool,
}

impl<'a, DB: DrawingBackend> Panel<'a, DB> {
    /// A panel over an area, from these ends of its axes; the vertical one may be logarithmic.
    pub fn new(
        (canvas, palette): (&'a Canvas<'a, DB>, &'a Palette),
        area: Area,
        x: (f64, f64),
        y: (f64, f64),
        log: bool,
    ) -> Self {
        Panel { canvas, palette, area, x, y, log }
    }

    /// A place on the panel in pixels.
    pub fn pixel(&self, (x, y): (f64, f64)) -> (f64, f64) {
        let scale = |v: f64| if self.log { libm::log2(v) } else { v };
        let share = |v: f64, (from, to): (f64, f64)| (v - from) / (to - from);
        let up = share(scale(y), (scale(self.y.0), scale(self.y.1)));
        let Area { left, right, top, bottom } = self.area;
        (left + share(x, self.x) * (right - left), bottom - up * (bottom - top))
    }

    /// A line through the panel at a height, and its mark at the left.
    pub fn rule(&self, y: f64, label: &str) -> Drawn<DB> {
        let at = self.pixel((self.x.0, y)).1;
        let ends = [(self.area.left, at), (self.area.right, at)];
        self.canvas.line(&ends, self.palette.line, 1.0)?;
        let style = Type::new(13.0, self.palette.muted).at(Across::Right, Down::Center);
        self.canvas.text(label, (self.area.left - 8.0, at), style)
    }

    /// The dashed line of balance.
    pub fn balance(&self) -> Drawn<DB> {
        let at = self.pixel((self.x.0, 1.0)).1;
        let ends = [(self.area.left, at), (self.area.right, at)];
        self.canvas.dashes(&ends, (4.0, 3.0), self.palette.ink, 1.25)
    }

    /// A mark below the panel.
    pub fn mark(&self, x: f64, label: &str) -> Drawn<DB> {
        let at = (self.pixel((x, self.y.0)).0, self.area.bottom + 16.0);
        let style = Type::new(13.0, self.palette.muted).at(Across::Center, Down::Center);
        self.canvas.text(label, at, style)
    }

    /// A band between two heights at every place.
    pub fn band(&self, points: &[(f64, f64, f64)], colour: Rgb) -> Drawn<DB> {
        let over = points.iter().map(|(x, _, high)| self.pixel((*x, *high)));
        let under = points.iter().rev().map(|(x, low, _)| self.pixel((*x, *low)));
        let edge: Vec<(f64, f64)> = over.chain(under).collect();
        if edge.len() < 4 {
            return Ok(());
        }
        self.canvas.shape(&edge, colour, 0.16)
    }

    /// A line through places of the panel.
    pub fn line(&self, points: &[(f64, f64)], line: Line, width: f64) -> Drawn<DB> {
        let path: Vec<(f64, f64)> = points.iter().map(|p| self.pixel(*p)).collect();
        stroke(self.canvas, &path, line, width)
    }

    /// An interval at a place.
    pub fn whisker(&self, x: f64, (low, high): (f64, f64), shift: f64, colour: Rgb) -> Drawn<DB> {
        let (at, top) = self.pixel((x, high));
        let bottom = self.pixel((x, low)).1;
        let at = at + shift;
        for line in [
            [(at, top), (at, bottom)],
            [(at - 3.0, top), (at + 3.0, top)],
            [(at - 3.0, bottom), (at + 3.0, bottom)],
        ] {
            self.canvas.line(&line, colour, 1.5)?;
        }
        Ok(())
    }

    /// A marker at a place, filled or hollow.
    pub fn marker(&self, at: (f64, f64), shift: f64, line: Line, filled: bool) -> Drawn<DB> {
        let (x, y) = self.pixel(at);
        marker((self.canvas, self.palette), (x + shift, y), line, filled)
    }
}

/// A marker at a place in pixels, filled or hollow.
pub fn marker<DB: DrawingBackend>(
    (canvas, palette): (&Canvas<'_, DB>, &Palette),
    (x, y): (f64, f64),
    line: Line,
    filled: bool,
) -> Drawn<DB> {
    let r = 4.2;
    let corners: &[(f64, f64)] = match line.marker {
        1 => &[(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        2 => &[(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
        3 => &[(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
        _ => &[],
    };
    // A rim of the ground keeps a marker apart from the lines it lies on.
    let mut shapes = vec![(1.6, palette.surface), (0.0, line.colour)];
    if !filled {
        shapes.push((-1.7, palette.surface));
    }
    for (grow, colour) in shapes {
        let r = r + grow;
        let around = corners.iter().map(|(dx, dy)| (x + dx * r, y + dy * r));
        match corners.is_empty() {
            true => canvas.disc((x, y), r, colour)?,
            false => canvas.shape(&around.collect::<Vec<_>>(), colour, 1.0)?,
        }
    }
    Ok(())
}

/// A line through places in pixels.
pub fn stroke<DB: DrawingBackend>(
    canvas: &Canvas<'_, DB>,
    points: &[(f64, f64)],
    line: Line,
    width: f64,
) -> Drawn<DB> {
    match line.dash {
        None => canvas.line(points, line.colour, width),
        Some(dash) => canvas.dashes(points, dash, line.colour, width),
    }
}
