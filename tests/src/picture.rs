//! Pictures of the page as small files: what Chromium writes, written again without its alpha
//! channel and with more patience.

use std::io::Cursor;

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use png::{ColorType, Compression, Decoder, Encoder, Filter, Transformations};
use serde_json::json;

use crate::Browser;

impl Browser {
    /// The page as a PNG file: what is on the screen, or all of it from top to bottom.
    ///
    /// # Errors
    /// Chromium takes no picture.
    pub async fn picture(&self, whole: bool) -> Result<Vec<u8>> {
        let mut with = json!({ "format": "png" });
        if whole {
            let size = self.devtools("Page.getLayoutMetrics", json!({})).await?;
            let size = &size["cssContentSize"];
            with["captureBeyondViewport"] = true.into();
            with["clip"] = json!({ "x": 0, "y": 0, "scale": 1,
                "width": size["width"], "height": size["height"] });
        }
        let taken = self.devtools("Page.captureScreenshot", with).await?;
        let text = taken["data"].as_str().context("no picture")?;
        smaller(&BASE64_STANDARD.decode(text)?)
    }
}

/// The same picture in fewer bytes.
fn smaller(file: &[u8]) -> Result<Vec<u8>> {
    let mut decoder = Decoder::new(Cursor::new(file));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info()?;
    let mut pixels = vec![0; reader.output_buffer_size().context("too large")?];
    let info = reader.next_frame(&mut pixels)?;
    pixels.truncate(info.buffer_size());
    let rgb: Vec<u8> = match info.color_type {
        ColorType::Rgb => pixels,
        ColorType::Rgba => {
            ensure!(pixels.chunks_exact(4).all(|p| p[3] == 255), "a picture with holes in it");
            pixels.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect()
        }
        other => anyhow::bail!("Chromium wrote {other:?}"),
    };
    let written = |filter: Filter| -> Result<Vec<u8>> {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, info.width, info.height);
        encoder.set_color(ColorType::Rgb);
        encoder.set_compression(Compression::High);
        encoder.set_filter(filter);
        encoder.write_header()?.write_image_data(&rgb)?;
        Ok(out)
    };
    // Flat drawings want no filter, photographs one for each line; which it is shows in the size.
    let (flat, lines) = (written(Filter::NoFilter)?, written(Filter::Adaptive)?);
    Ok(if flat.len() < lines.len() { flat } else { lines })
}
