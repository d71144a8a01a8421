//! The plots' letters: Inter, cut down to what plots write (fonts/LICENSE.txt).

use std::sync::OnceLock;

use tiny_skia::{Path, PathBuilder, Transform};
use ttf_parser::{Face, GlyphId, OutlineBuilder};

static REGULAR: &[u8] = include_bytes!("../../fonts/Inter-Regular.ttf");
static SEMI_BOLD: &[u8] = include_bytes!("../../fonts/Inter-SemiBold.ttf");

/// What an SVG asks its reader for.
pub const FAMILY: &str = "Inter, Helvetica, Arial, sans-serif";

/// The height of an x as a share of the type size.
pub const X_HEIGHT: f32 = 0.546;

fn face(bold: bool) -> Option<&'static Face<'static>> {
    static FACES: OnceLock<[Option<Face<'static>>; 2]> = OnceLock::new();
    let faces = FACES.get_or_init(|| [REGULAR, SEMI_BOLD].map(|bytes| Face::parse(bytes, 0).ok()));
    faces[usize::from(bold)].as_ref()
}

/// A letter's glyph, or that of `?` for one the font does not have.
fn glyph(face: &Face<'_>, letter: char) -> GlyphId {
    face.glyph_index(letter).or_else(|| face.glyph_index('?')).unwrap_or_default()
}

fn advance(face: &Face<'_>, glyph: GlyphId) -> f32 {
    f32::from(face.glyph_hor_advance(glyph).unwrap_or(0)) / f32::from(face.units_per_em())
}

/// The width of a text of type size 1.
pub fn width(text: &str, bold: bool) -> f64 {
    let Some(face) = face(bold) else { return text.chars().count() as f64 * 0.6 };
    text.chars().map(|c| f64::from(advance(face, glyph(face, c)))).sum()
}

struct Outline<'a> {
    path: &'a mut PathBuilder,
    x: f32,
    scale: f32,
}

impl Outline<'_> {
    fn at(&self, x: f32, y: f32) -> (f32, f32) {
        (self.x + x * self.scale, -y * self.scale)
    }
}

impl OutlineBuilder for Outline<'_> {
    fn move_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.move_to(x, y);
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let (x, y) = self.at(x, y);
        self.path.line_to(x, y);
    }

    fn quad_to(&mut self, x1: f32, y1: f32, x: f32, y: f32) {
        let ((x1, y1), (x, y)) = (self.at(x1, y1), self.at(x, y));
        self.path.quad_to(x1, y1, x, y);
    }

    fn curve_to(&mut self, x1: f32, y1: f32, x2: f32, y2: f32, x: f32, y: f32) {
        let ((x1, y1), (x2, y2), (x, y)) = (self.at(x1, y1), self.at(x2, y2), self.at(x, y));
        self.path.cubic_to(x1, y1, x2, y2, x, y);
    }

    fn close(&mut self) {
        self.path.close();
    }
}

/// The outline of a text of this type size, from the origin on its base line; `None` of nothing
/// visible.
pub fn outline(text: &str, size: f32, bold: bool, place: Transform) -> Option<Path> {
    let face = face(bold)?;
    let scale = size / f32::from(face.units_per_em());
    let (mut path, mut x) = (PathBuilder::new(), 0.0);
    for letter in text.chars() {
        let glyph = glyph(face, letter);
        face.outline_glyph(glyph, &mut Outline { path: &mut path, x, scale });
        x += advance(face, glyph) * size;
    }
    path.finish()?.transform(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_what_plots_write() {
        for bold in [false, true] {
            let face = face(bold).expect("the font reads");
            for letter in "MDI by layer 0123456789 ×±–·…†‡§¶≤→−% éŁ".chars() {
                assert!(face.glyph_index(letter).is_some(), "{letter:?}");
            }
        }
        assert!(width("MDI", true) > width("MDI", false));
        // What the font does not have is still seen.
        assert!(width("한", false) > 0.0);
    }
}
