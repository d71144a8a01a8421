//! What every plot is drawn with: shapes and texts in CSS pixels, on any plotters backend.

use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::colour::Rgb;
use crate::text::{Across, Down, FAMILY, Type};

/// plotters places things at whole units; drawn at four units a pixel, curves stay smooth and
/// lines sharp on any screen.
pub const UNITS: f64 = 4.0;

/// plotters hands out type sizes that its SVG divides by this.
const TYPE: f64 = 1.24;

/// Whether drawing succeeded, on a backend.
pub type Drawn<DB> = Result<(), DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>>;

/// A place in pixels.
pub type At = (f64, f64);

/// Pixels as units.
pub fn units(pixels: f64) -> i32 {
    (pixels * UNITS).round() as i32
}

fn wide(pixels: f64) -> u32 {
    units(pixels).max(1) as u32
}

fn place((x, y): At) -> (i32, i32) {
    (units(x), units(y))
}

fn plain(Rgb(r, g, b): Rgb) -> RGBColor {
    RGBColor(r, g, b)
}

/// A drawing of this size in pixels as an SVG document, measured in [`UNITS`].
pub fn svg(
    (width, height): (f64, f64),
    draw: impl FnOnce(&Canvas<'_, SVGBackend<'_>>) -> Drawn<SVGBackend<'static>>,
) -> String {
    let mut text = String::new();
    {
        let size = ((width * UNITS) as u32, (height * UNITS) as u32);
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        // Writing to a string cannot fail; what is not drawn shows in the tests.
        let drawn = draw(&Canvas::new(&root)).and_then(|()| root.present());
        debug_assert!(drawn.is_ok());
    }
    text
}

/// A drawing area that is drawn on in pixels.
pub struct Canvas<'a, DB: DrawingBackend> {
    root: &'a DrawingArea<DB, Shift>,
}

impl<DB: DrawingBackend> std::fmt::Debug for Canvas<'_, DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Canvas").field(&self.root.dim_in_pixel()).finish()
    }
}

impl<'a, DB: DrawingBackend> Canvas<'a, DB> {
    /// Draws on an area whose size is the drawing's in [`UNITS`].
    pub fn new(root: &'a DrawingArea<DB, Shift>) -> Self {
        Canvas { root }
    }

    /// A filled rectangle between two corners.
    pub fn rect(&self, from: At, to: At, fill: Rgb) -> Drawn<DB> {
        self.root.draw(&Rectangle::new([place(from), place(to)], plain(fill).filled()))
    }

    /// A line through places; nothing of fewer than two.
    pub fn line(&self, points: &[At], colour: Rgb, width: f64) -> Drawn<DB> {
        if points.len() < 2 {
            return Ok(());
        }
        let path: Vec<(i32, i32)> = points.iter().copied().map(place).collect();
        self.root.draw(&PathElement::new(path, plain(colour).stroke_width(wide(width))))
    }

    /// A line of dashes and gaps of these lengths.
    pub fn dashes(
        &self,
        points: &[At],
        (dash, gap): (f64, f64),
        colour: Rgb,
        width: f64,
    ) -> Drawn<DB> {
        if points.len() < 2 {
            return Ok(());
        }
        let path: Vec<(i32, i32)> = points.iter().copied().map(place).collect();
        let style = plain(colour).stroke_width(wide(width));
        self.root.draw(&DashedPathElement::new(path, units(dash), units(gap), style))
    }

    /// A filled shape, of which `opacity` hides what is below.
    pub fn shape(&self, corners: &[At], fill: Rgb, opacity: f64) -> Drawn<DB> {
        let corners: Vec<(i32, i32)> = corners.iter().copied().map(place).collect();
        self.root.draw(&Polygon::new(corners, plain(fill).mix(opacity).filled()))
    }

    /// A filled circle.
    pub fn disc(&self, centre: At, radius: f64, fill: Rgb) -> Drawn<DB> {
        self.root.draw(&Circle::new(place(centre), units(radius), plain(fill).filled()))
    }

    /// The outline of a circle.
    pub fn ring(&self, centre: At, radius: f64, colour: Rgb, width: f64) -> Drawn<DB> {
        let style = plain(colour).stroke_width(wide(width));
        self.root.draw(&Circle::new(place(centre), units(radius), style))
    }

    /// Text whose anchor stands at a place. It is never measured: plotters does that differently in
    /// and outside of browsers.
    pub fn text(&self, text: &str, at: At, style: Type) -> Drawn<DB> {
        // XML has no control characters, and no line has a use for them.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let weight = if style.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::Name(FAMILY), style.size * UNITS * TYPE, weight);
        let colour = plain(style.colour);
        let mut styled = TextStyle::from(font).color(&colour);
        let across = match style.across {
            Across::Left => HPos::Left,
            Across::Center => HPos::Center,
            Across::Right => HPos::Right,
        };
        let down = match style.down {
            Down::Top => VPos::Top,
            Down::Center => VPos::Center,
            Down::Bottom => VPos::Bottom,
        };
        styled.pos = Pos::new(across, down);
        if style.upright {
            styled = styled.transform(FontTransform::Rotate270);
        }
        self.root.draw(&Text::new(text, place(at), styled))
    }
}
