//! Drawings as PNG pictures: what resvg makes of an SVG document with the plots' own fonts, so that
//! a picture looks the same on every machine.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{ImageHrefResolver, Options, Tree, fontdb};

/// Pixels of a picture for each CSS pixel: some 240 dots an inch over a page's width.
pub const SHARPNESS: f32 = 2.0;

/// Most pixels of a picture.
const MOST_PIXELS: f32 = 16e6;

/// The plots' fonts (fonts/LICENSE-Inter.txt, fonts/LICENSE-PlotsHangul.txt), Latin before Korean.
static FONTS: [&[u8]; 3] = [
    include_bytes!("../fonts/Inter-Regular.ttf"),
    include_bytes!("../fonts/Inter-SemiBold.ttf"),
    include_bytes!("../fonts/PlotsHangul-Regular.otf"),
];

/// Why there is no picture of a drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPicture {
    /// It is no SVG document that can be drawn.
    NoDrawing,
    /// It is larger than a picture may be.
    TooLarge,
    /// It could not be encoded.
    Encoding,
}

fn options() -> Options<'static> {
    static DATABASE: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let fonts = DATABASE.get_or_init(|| {
        let mut all = fontdb::Database::new();
        FONTS.iter().for_each(|font| all.load_font_data(font.to_vec()));
        all.set_sans_serif_family("Inter");
        Arc::new(all)
    });
    Options {
        fontdb: fonts.clone(),
        font_family: "Inter".to_owned(),
        // A drawing names no files; one that did would get none.
        image_href_resolver: ImageHrefResolver {
            resolve_data: ImageHrefResolver::default_data_resolver(),
            resolve_string: Box::new(|_, _| None),
        },
        ..Options::default()
    }
}

/// The picture of a drawing, `sharpness` pixels for each of its own.
///
/// # Errors
/// What is no drawing, or too large.
pub fn pixels(svg: &str, sharpness: f32) -> Result<Pixmap, NoPicture> {
    let tree = Tree::from_str(svg, &options()).map_err(|_| NoPicture::NoDrawing)?;
    let size = tree.size().to_int_size();
    let (width, height) = (size.width() as f32 * sharpness, size.height() as f32 * sharpness);
    if width * height > MOST_PIXELS {
        return Err(NoPicture::TooLarge);
    }
    let mut pixels = Pixmap::new(width as u32, height as u32).ok_or(NoPicture::TooLarge)?;
    resvg::render(&tree, Transform::from_scale(sharpness, sharpness), &mut pixels.as_mut());
    Ok(pixels)
}

/// The picture of a drawing as a PNG file, with what it says of itself in text chunks named `Title`
/// and `Comment`. Drawings have an opaque ground: three bytes a pixel hold everything.
///
/// # Errors
/// What is no drawing, or too large.
pub fn png(svg: &str, sharpness: f32, title: &str, comment: &str) -> Result<Vec<u8>, NoPicture> {
    let pixels = pixels(svg, sharpness)?;
    encode(&pixels, sharpness, title, comment).map_err(|_| NoPicture::Encoding)
}

fn encode(
    pixels: &Pixmap,
    sharpness: f32,
    title: &str,
    comment: &str,
) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let per_metre = (f64::from(sharpness) * 96.0 / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions {
        xppu: per_metre,
        yppu: per_metre,
        unit: png::Unit::Meter,
    }));
    encoder.add_itxt_chunk("Title".to_owned(), title.to_owned())?;
    encoder.add_itxt_chunk("Comment".to_owned(), comment.to_owned())?;
    let rgb: Vec<u8> = pixels.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&rgb)?;
    writer.finish()?;
    Ok(file)
}
