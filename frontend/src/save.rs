//! Handing a file to the person: text as it is, or a drawing as a picture.

use js_sys::Array;
use leptos::prelude::{document, window};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobPropertyBag, CanvasRenderingContext2d, HtmlAnchorElement, HtmlCanvasElement,
    HtmlImageElement, Url,
};

/// Pixels of a picture for each pixel of its drawing: sharp in print and on any screen.
const SCALE: f64 = 2.0;

/// A text as a file.
pub fn file(text: &str, content_type: &str) -> Option<Blob> {
    let kind = BlobPropertyBag::new();
    kind.set_type(content_type);
    Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &kind).ok()
}

/// Bytes as a file.
pub fn bytes(bytes: &[u8], content_type: &str) -> Option<Blob> {
    let kind = BlobPropertyBag::new();
    kind.set_type(content_type);
    let parts = Array::of1(&js_sys::Uint8Array::from(bytes).into());
    Blob::new_with_u8_array_sequence_and_options(&parts, &kind).ok()
}

/// An address to show a file by, until it is given back.
pub fn url(file: &Blob) -> String {
    Url::create_object_url_with_blob(file).unwrap_or_default()
}

/// Saves a file under a name, as a link to it would.
pub fn save(file: &Blob, name: &str) -> Option<()> {
    let url = Url::create_object_url_with_blob(file).ok()?;
    let link: HtmlAnchorElement = document().create_element("a").ok()?.dyn_into().ok()?;
    link.set_href(&url);
    link.set_download(name);
    link.click();
    // The browser holds the file by now; the address may go a moment later.
    let forget = Closure::once_into_js(move || {
        let _ = Url::revoke_object_url(&url);
    });
    let forget: &js_sys::Function = forget.unchecked_ref();
    window().set_timeout_with_callback_and_timeout_and_arguments_0(forget, 10_000).ok()?;
    Some(())
}

/// An SVG document as a PNG file.
pub async fn png(svg: &str, (width, height): (f64, f64)) -> Option<Blob> {
    let source = file(svg, "image/svg+xml")?;
    let url = Url::create_object_url_with_blob(&source).ok()?;
    let image = HtmlImageElement::new().ok()?;
    image.set_src(&url);
    let decoded = JsFuture::from(image.decode()).await;
    let _ = Url::revoke_object_url(&url);
    decoded.ok()?;
    let canvas: HtmlCanvasElement = document().create_element("canvas").ok()?.dyn_into().ok()?;
    canvas.set_width((width * SCALE) as u32);
    canvas.set_height((height * SCALE) as u32);
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    context.scale(SCALE, SCALE).ok()?;
    context.draw_image_with_html_image_element(&image, 0.0, 0.0).ok()?;
    let made = js_sys::Promise::new(&mut |resolve, _| {
        // A browser that cannot make the file never calls back with one.
        let _ = canvas.to_blob(&resolve);
    });
    JsFuture::from(made).await.ok()?.dyn_into().ok()
}
