//! Pictures and sounds that the lab does not take as they are, made by the browser into ones that it does.

use js_sys::{Array, Uint8Array};
use leptos::prelude::document;
use shared::picture::{self, PICTURE_HEAD, foreign_format, picture_type};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, CanvasRenderingContext2d, File, FilePropertyBag, HtmlCanvasElement, HtmlImageElement,
};

use crate::browser;
use crate::language::fill;
use crate::photograph::{MOST_PIXELS, fitted};
use crate::sound;

/// Most pixels, and bytes of its file, of a picture that the lab takes.
const TAKEN: (f64, f64) = (picture::MOST_PIXELS as f64, picture::MOST_BYTES as f64);
/// Side of the small copy in which transparent parts are looked for, in pixels.
const LOOK: u32 = 256;
/// How opaque a pixel is that is not transparent: less is a smoothed edge of the small copy.
const OPAQUE: u8 = 250;
/// Quality of a JPEG file that is made where a PNG file would be too large.
const QUALITY: f64 = 0.95;

/// A picture for the lab, and what was done to it.
pub struct Converted {
    /// What is sent.
    pub file: File,
    /// What was done, in the reader's words; `None` where it is sent as it was.
    pub note: Option<String>,
}

/// A file of which the lab takes nothing.
pub struct Unread {
    /// Its name.
    pub name: String,
    /// What kind of picture it is, where that is known.
    pub format: Option<&'static str>,
}

/// Why a picture is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// The lab does not read its format.
    Format,
    /// It is larger than the lab takes.
    Size,
    /// Models see no transparency: what is hidden below it would be shown to them.
    Transparent,
}

/// What the lab takes of a file: the file, or what the browser makes of it.
///
/// # Errors
/// It is neither a picture nor a sound, or the browser reads none of its kind.
pub async fn for_the_lab(file: File) -> Result<Converted, Unread> {
    let head = match file.slice_with_i32_and_i32(0, PICTURE_HEAD as i32) {
        Ok(head) => JsFuture::from(head.array_buffer()).await.ok(),
        Err(_) => None,
    };
    // What cannot be read here the lab says.
    let Some(head) = head.map(|bytes| Uint8Array::new(&bytes).to_vec()) else {
        return Ok(Converted { file, note: None });
    };
    let unread = Unread { name: file.name(), format: foreign_format(&head) };
    taken(file, picture_type(&head)).await.ok_or(unread)
}

/// The same of a file that holds a picture of this type, if of one that the lab reads.
async fn taken(file: File, kind: Option<&'static str>) -> Option<Converted> {
    if file.type_().starts_with("audio/") {
        let (file, note) = sound::for_the_lab(&file).await?;
        return Some(Converted { file, note: Some(note) });
    }
    let url = browser::url_of(&file);
    let image = decoded(&url).await;
    browser::forget_url(&url);
    let Some((image, (width, height))) = image else {
        // The lab says what is wrong with a picture of a kind that it knows. What is none may be a sound
        // whose kind the system did not tell by the file's name.
        if kind.is_some() {
            return Some(Converted { file, note: None });
        }
        let (file, note) = sound::for_the_lab(&file).await?;
        return Some(Converted { file, note: Some(note) });
    };
    let why = match kind {
        None => Why::Format,
        Some(_) if width * height > TAKEN.0 || file.size() > TAKEN.1 => Why::Size,
        // Of these kinds a picture may be transparent.
        Some("image/png" | "image/webp" | "image/gif") if transparent(&image) == Some(true) => {
            Why::Transparent
        }
        Some(_) => return Some(Converted { file, note: None }),
    };
    let (to_width, to_height) = fitted((width, height), MOST_PIXELS);
    let Some(made) = drawn(&image, (to_width, to_height), &file.name()).await else {
        return kind.map(|_| Converted { file, note: None });
    };
    let from = format!("{width} × {height}");
    let to = format!("{to_width} × {to_height}");
    let values: [(&str, &dyn std::fmt::Display); 2] = [("from", &from), ("to", &to)];
    let note = match why {
        Why::Format => fill(
            "The lab does not read this kind of file: your browser made it into one of {to} pixels that it \
             does, transparent parts on white.",
            &values,
        ),
        Why::Size => fill(
            "The picture is larger than the lab takes: your browser made it smaller, from {from} to {to} pixels.",
            &values,
        ),
        Why::Transparent => fill(
            "Models see no transparency: your browser put the transparent parts on white ({to} pixels).",
            &values,
        ),
    };
    Some(Converted { file: made, note: Some(note) })
}

/// The picture of an address, and its width and height.
async fn decoded(url: &str) -> Option<(HtmlImageElement, (f64, f64))> {
    let image = HtmlImageElement::new().ok()?;
    image.set_src(url);
    JsFuture::from(image.decode()).await.ok()?;
    let size = (f64::from(image.natural_width()), f64::from(image.natural_height()));
    (size.0 > 0.0 && size.1 > 0.0).then_some((image, size))
}

fn canvas((width, height): (f64, f64)) -> Option<(HtmlCanvasElement, CanvasRenderingContext2d)> {
    let canvas: HtmlCanvasElement = document().create_element("canvas").ok()?.dyn_into().ok()?;
    canvas.set_width(width as u32);
    canvas.set_height(height as u32);
    let context = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    Some((canvas, context))
}

/// Whether a part of a picture is transparent, by a small copy of it.
fn transparent(image: &HtmlImageElement) -> Option<bool> {
    let side = f64::from(LOOK);
    let (_, context) = canvas((side, side))?;
    context.draw_image_with_html_image_element_and_dw_and_dh(image, 0.0, 0.0, side, side).ok()?;
    let pixels = context.get_image_data(0.0, 0.0, side, side).ok()?.data();
    Some(pixels.as_chunks::<4>().0.iter().any(|pixel| pixel[3] < OPAQUE))
}

/// A picture on white as a file of that size: PNG, or JPEG where that would be too large.
async fn drawn(image: &HtmlImageElement, size: (f64, f64), name: &str) -> Option<File> {
    let (canvas, context) = canvas(size)?;
    context.set_fill_style_str("#fff");
    context.fill_rect(0.0, 0.0, size.0, size.1);
    context
        .draw_image_with_html_image_element_and_dw_and_dh(image, 0.0, 0.0, size.0, size.1)
        .ok()?;
    let mut made = blob(&canvas, "image/png").await?;
    let mut ending = "png";
    if made.size() > TAKEN.1 {
        (made, ending) = (blob(&canvas, "image/jpeg").await?, "jpg");
    }
    let kind = FilePropertyBag::new();
    kind.set_type(&made.type_());
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let name = format!("{stem}.{ending}");
    File::new_with_blob_sequence_and_options(&Array::of1(&made), &name, &kind).ok()
}

async fn blob(canvas: &HtmlCanvasElement, kind: &str) -> Option<Blob> {
    let made = js_sys::Promise::new(&mut |resolve, _| {
        let quality = JsValue::from_f64(QUALITY);
        // A browser that cannot make the file never calls back with one.
        let _ = canvas.to_blob_with_type_and_encoder_options(&resolve, kind, &quality);
    });
    JsFuture::from(made).await.ok()?.dyn_into().ok()
}
