//! What plots are drawn with: panels with axes, lines, bands, markers and text, in CSS pixels.

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Failed, font, raster};

/// plotters places things at whole units; with several a pixel, lines stay smooth.
pub const UNITS: u32 = 4;

/// Colours of series, of the Okabe-Ito set: words' orange, then those that stay apart from it, and
/// from the picture's blue, for every kind of colour blindness.
const COLOURS: [RGBColor; 6] = [
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xb0, 0x52, 0x8a),
    RGBColor(0x1a, 0x1a, 0x1a),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x56, 0xb4, 0xe9),
];
/// Words.
pub const WORDS: RGBColor = COLOURS[0];
/// The picture.
pub const PICTURE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
/// Text.
pub const INK: RGBColor = RGBColor(0x1f, 0x24, 0x2e);
/// Text that is read second.
pub const QUIET: RGBColor = RGBColor(0x5b, 0x63, 0x72);
/// The paper's values.
pub const GHOST: RGBColor = RGBColor(0x8a, 0x92, 0xa0);
/// Lines one reads by.
pub const GRID: RGBColor = RGBColor(0xe3, 0xe6, 0xeb);

/// How one series is told from the others, without colour too.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Its colour.
    pub colour: RGBColor,
    /// Its marker: 0 circle, 1 square, 2 triangle, 3 diamond.
    pub marker: usize,
    /// Lengths of dash and gap; `None` for a whole line.
    pub dash: Option<(f64, f64)>,
}

impl Look {
    /// The look of a series, by its number.
    pub fn of(series: usize) -> Self {
        let dash = [None, Some((9.0, 4.0)), Some((3.0, 3.0)), Some((14.0, 5.0))];
        Look {
            colour: COLOURS[series % COLOURS.len()],
            marker: series % 4,
            dash: dash[series % dash.len()],
        }
    }

    /// The look of the paper's values.
    pub fn ghost(series: usize) -> Self {
        Look { colour: GHOST, marker: series % 4, dash: Some((4.0, 4.0)) }
    }
}

/// Pixels as units.
pub fn units(pixels: f64) -> i32 {
    (pixels * f64::from(UNITS)).round() as i32
}

fn wide(pixels: f64) -> u32 {
    units(pixels).max(1) as u32
}

/// Text at a place, which is its left, right or middle, at half the height of its small letters.
#[derive(Clone, Copy)]
pub struct Type {
    /// Its size.
    pub size: f64,
    /// Its colour.
    pub colour: RGBColor,
    /// Whether it is set semi-bold.
    pub bold: bool,
    /// Which end of it stands at the place.
    pub at: HPos,
}

impl Type {
    /// Dark text from the left.
    pub const fn new(size: f64) -> Self {
        Type { size, colour: INK, bold: false, at: HPos::Left }
    }

    pub const fn colour(self, colour: RGBColor) -> Self {
        Type { colour, ..self }
    }

    pub const fn bold(self) -> Self {
        Type { bold: true, ..self }
    }

    pub const fn at(self, at: HPos) -> Self {
        Type { at, ..self }
    }
}

/// Writes text on a drawing area, in pixels.
pub fn write<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    text: &str,
    (x, y): (f64, f64),
    style: Type,
) -> Result<(), Failed<DB>> {
    // XML has no control characters, and no line has a use for them.
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let weight = if style.bold { FontStyle::Bold } else { FontStyle::Normal };
    let size = style.size * f64::from(UNITS) * raster::TYPE;
    let font = FontDesc::new(FontFamily::Name(font::FAMILY), size, weight);
    let styled = TextStyle::from(font).color(&style.colour).pos(Pos::new(style.at, VPos::Center));
    root.draw(&Text::new(text, (units(x), units(y)), styled))
}

/// The longest beginning of a text that fits into a width, marked where it was cut.
pub fn fit(text: &str, width: f64, size: f64) -> String {
    if font::width(text, false) * size <= width {
        return text.to_owned();
    }
    let mut short: String = text.to_owned();
    while !short.is_empty() && font::width(&short, false) * size + size > width {
        short.pop();
    }
    short.trim_end().to_owned() + "…"
}

/// Breaks text into lines of at most this width; a word that is wider stands alone.
pub fn wrap(text: &str, width: f64, size: f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if font::width(&format!("{line} {word}"), false) * size <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Where a panel lies, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub left: f64,
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

/// A panel: its chart in plotters' coordinates. The vertical axis holds logarithms where values
/// are drawn on a logarithmic scale.
pub struct Panel<'a, DB: DrawingBackend> {
    root: &'a DrawingArea<DB, Shift>,
    chart: ChartContext<'a, DB, Cartesian2d<RangedCoordf64, RangedCoordf64>>,
    frame: Frame,
    log: bool,
}

impl<'a, DB: DrawingBackend> Panel<'a, DB> {
    /// A panel over a frame, from these ends of its axes.
    pub fn new(
        root: &'a DrawingArea<DB, Shift>,
        frame: Frame,
        x: (f64, f64),
        y: (f64, f64),
        log: bool,
    ) -> Result<Self, Failed<DB>> {
        let (width, height) = root.dim_in_pixel();
        let ends = if log { (y.0.log2(), y.1.log2()) } else { y };
        let chart = ChartBuilder::on(root)
            .margin_left(units(frame.left))
            .margin_top(units(frame.top))
            .margin_right(width as i32 - units(frame.right))
            .margin_bottom(height as i32 - units(frame.bottom))
            .build_cartesian_2d(x.0..x.1, ends.0..ends.1)?;
        Ok(Panel { root, chart, frame, log })
    }

    fn place(&self, (x, y): (f64, f64)) -> (f64, f64) {
        (x, if self.log { y.log2() } else { y })
    }

    /// A place on the panel in pixels.
    pub fn pixel(&self, at: (f64, f64)) -> (f64, f64) {
        let (x, y) = self.chart.backend_coord(&self.place(at));
        (f64::from(x) / f64::from(UNITS), f64::from(y) / f64::from(UNITS))
    }

    /// A line through the panel at a height, and its mark at the left.
    pub fn rule(&self, y: f64, label: &str) -> Result<(), Failed<DB>> {
        let at = self.pixel((0.0, y)).1;
        let ends = [(units(self.frame.left), units(at)), (units(self.frame.right), units(at))];
        self.root.draw(&PathElement::new(ends, GRID.stroke_width(wide(1.0))))?;
        let style = Type::new(13.0).colour(QUIET).at(HPos::Right);
        write(self.root, label, (self.frame.left - 8.0, at), style)
    }

    /// The dashed line of balance.
    pub fn balance(&self) -> Result<(), Failed<DB>> {
        let at = self.pixel((0.0, 1.0)).1;
        let ends = [(self.frame.left, at), (self.frame.right, at)];
        stroke(self.root, &ends, Look { colour: INK, marker: 0, dash: Some((4.0, 3.0)) }, 1.25)
    }

    /// A mark below the panel.
    pub fn mark(&self, x: f64, label: &str) -> Result<(), Failed<DB>> {
        let at = self.chart.backend_coord(&(x, self.chart.y_range().start)).0;
        let at = (f64::from(at) / f64::from(UNITS), self.frame.bottom + 16.0);
        write(self.root, label, at, Type::new(13.0).colour(QUIET).at(HPos::Center))
    }

    /// A band between two heights at every place.
    pub fn band(&self, points: &[(f64, f64, f64)], colour: RGBColor) -> Result<(), Failed<DB>> {
        let over = points.iter().map(|(x, _, high)| self.pixel((*x, *high)));
        let under = points.iter().rev().map(|(x, low, _)| self.pixel((*x, *low)));
        let edge: Vec<(i32, i32)> = over.chain(under).map(|(x, y)| (units(x), units(y))).collect();
        if edge.len() < 4 {
            return Ok(());
        }
        self.root.draw(&Polygon::new(edge, colour.mix(0.16)))
    }

    /// A line through places of the panel.
    pub fn line(&self, points: &[(f64, f64)], look: Look, width: f64) -> Result<(), Failed<DB>> {
        if points.len() < 2 {
            return Ok(());
        }
        let path: Vec<(f64, f64)> = points.iter().map(|p| self.pixel(*p)).collect();
        stroke(self.root, &path, look, width)
    }

    /// An interval at a place.
    pub fn whisker(
        &self,
        x: f64,
        (low, high): (f64, f64),
        shift: f64,
        colour: RGBColor,
    ) -> Result<(), Failed<DB>> {
        let (at, top) = self.pixel((x, high));
        let bottom = self.pixel((x, low)).1;
        let at = at + shift;
        let style = colour.stroke_width(wide(1.5));
        for line in [
            [(at, top), (at, bottom)],
            [(at - 3.0, top), (at + 3.0, top)],
            [(at - 3.0, bottom), (at + 3.0, bottom)],
        ] {
            let line = line.map(|(x, y)| (units(x), units(y)));
            self.root.draw(&PathElement::new(line, style))?;
        }
        Ok(())
    }

    /// A marker at a place, filled or hollow.
    pub fn marker(
        &self,
        at: (f64, f64),
        shift: f64,
        look: Look,
        filled: bool,
    ) -> Result<(), Failed<DB>> {
        let (x, y) = self.pixel(at);
        marker(self.root, (x + shift, y), look, filled)
    }
}

/// A marker at a place in pixels, filled or hollow.
pub fn marker<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    (x, y): (f64, f64),
    look: Look,
    filled: bool,
) -> Result<(), Failed<DB>> {
    let r = 4.2;
    let centre = (units(x), units(y));
    let corners: Vec<(f64, f64)> = match look.marker {
        1 => vec![(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)],
        2 => vec![(0.0, -1.2), (1.1, 0.8), (-1.1, 0.8)],
        3 => vec![(0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)],
        _ => Vec::new(),
    };
    // A white rim keeps a marker apart from the lines it lies on.
    let around = |grow: f64| -> Vec<(i32, i32)> {
        let r = r + grow;
        corners.iter().map(|(dx, dy)| (units(x + dx * r), units(y + dy * r))).collect()
    };
    let mut shapes = vec![(1.6, WHITE), (0.0, look.colour)];
    if !filled {
        shapes.push((-1.7, WHITE));
    }
    for (grow, colour) in shapes {
        if corners.is_empty() {
            root.draw(&Circle::new(centre, units(r + grow), colour.filled()))?;
        } else {
            root.draw(&Polygon::new(around(grow), colour.filled()))?;
        }
    }
    Ok(())
}

/// A line through places in pixels.
pub fn stroke<DB: DrawingBackend>(
    root: &DrawingArea<DB, Shift>,
    points: &[(f64, f64)],
    look: Look,
    width: f64,
) -> Result<(), Failed<DB>> {
    let path: Vec<(i32, i32)> = points.iter().map(|(x, y)| (units(*x), units(*y))).collect();
    let style = look.colour.stroke_width(wide(width));
    match look.dash {
        None => root.draw(&PathElement::new(path, style)),
        Some((on, off)) => root.draw(&DashedPathElement::new(path, units(on), units(off), style)),
    }
}
