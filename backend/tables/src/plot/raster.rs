//! plotters on tiny-skia: smooth lines, filled shapes and real letters, as an RGB picture.

use std::convert::Infallible;

use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontStyle, FontTransform,
};
use tiny_skia::{
    Color, FillRule, LineCap, LineJoin, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform,
};

use super::font;

/// plotters hands out type sizes that its SVG divides by this.
pub const TYPE: f64 = 1.24;

type Done = Result<(), DrawingErrorKind<Infallible>>;

/// A picture to draw on, in units of which there are several a pixel.
pub struct Raster<'a> {
    pixels: &'a mut Pixmap,
    size: (u32, u32),
    scale: Transform,
}

impl<'a> Raster<'a> {
    /// Draws `size` units over the whole of `pixels`.
    pub fn new(pixels: &'a mut Pixmap, size: (u32, u32)) -> Self {
        let scale = Transform::from_scale(
            pixels.width() as f32 / size.0 as f32,
            pixels.height() as f32 / size.1 as f32,
        );
        Raster { pixels, size, scale }
    }

    fn fill(&mut self, path: &Path, color: BackendColor) {
        self.pixels.fill_path(path, &paint(color), FillRule::Winding, self.scale, None);
    }

    fn stroke(&mut self, path: &Path, color: BackendColor, width: u32) {
        let stroke = Stroke {
            width: width as f32,
            line_cap: LineCap::Butt,
            line_join: LineJoin::Round,
            ..Stroke::default()
        };
        self.pixels.stroke_path(path, &paint(color), &stroke, self.scale, None);
    }

    fn shape<S: BackendStyle>(&mut self, path: Option<Path>, style: &S, fill: bool) -> Done {
        match path {
            Some(path) if fill => self.fill(&path, style.color()),
            Some(path) => self.stroke(&path, style.color(), style.stroke_width()),
            None => {}
        }
        Ok(())
    }
}

fn paint(color: BackendColor) -> Paint<'static> {
    let (r, g, b) = color.rgb;
    let alpha = (color.alpha * 255.0).round() as u8;
    let mut paint = Paint { anti_alias: true, ..Paint::default() };
    paint.set_color(Color::from_rgba8(r, g, b, alpha));
    paint
}

fn points(path: impl IntoIterator<Item = BackendCoord>, close: bool) -> Option<Path> {
    let mut built = PathBuilder::new();
    for (i, (x, y)) in path.into_iter().enumerate() {
        match i {
            0 => built.move_to(x as f32, y as f32),
            _ => built.line_to(x as f32, y as f32),
        }
    }
    if close {
        built.close();
    }
    built.finish()
}

impl DrawingBackend for Raster<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Done {
        Ok(())
    }

    fn present(&mut self) -> Done {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Done {
        if let Some(rect) = Rect::from_xywh(x as f32, y as f32, 1.0, 1.0) {
            self.pixels.fill_rect(rect, &paint(color), self.scale, None);
        }
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Done {
        self.shape(points([from, to], false), style, false)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        (left, top): BackendCoord,
        (right, bottom): BackendCoord,
        style: &S,
        fill: bool,
    ) -> Done {
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
        self.shape(points(corners, true), style, fill)
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Done {
        self.shape(points(path, false), style, false)
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        (x, y): BackendCoord,
        radius: u32,
        style: &S,
        fill: bool,
    ) -> Done {
        let circle = PathBuilder::from_circle(x as f32, y as f32, radius as f32);
        self.shape(circle, style, fill)
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        corners: I,
        style: &S,
    ) -> Done {
        self.shape(points(corners, true), style, true)
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Done {
        let size = (style.size() / TYPE) as f32;
        let bold = matches!(style.style(), FontStyle::Bold);
        let width = font::width(text, bold) as f32 * size;
        // As plotters' SVG places text.
        let dx = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -width / 2.0,
            HPos::Right => -width,
        };
        let ex = font::X_HEIGHT * size;
        let dy = match style.anchor().v_pos {
            VPos::Top => 0.76 * size,
            VPos::Center => 0.5 * ex,
            VPos::Bottom => -0.5 * ex,
        };
        let turn = match style.transform() {
            FontTransform::None => 0.0,
            FontTransform::Rotate90 => 90.0,
            FontTransform::Rotate180 => 180.0,
            FontTransform::Rotate270 => 270.0,
        };
        let place = Transform::from_translate(dx, dy)
            .post_concat(Transform::from_rotate(turn))
            .post_translate(x as f32, y as f32);
        if let Some(outline) = font::outline(text, size, bold, place) {
            self.fill(&outline, style.color());
        }
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let size = style.size() / TYPE;
        let bold = matches!(style.style(), FontStyle::Bold);
        Ok(((font::width(text, bold) * size) as u32, size as u32))
    }
}
