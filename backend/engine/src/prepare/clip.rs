//! Picture preparation equal to transformers' CLIPImageProcessor.

use std::path::Path;

use serde_json::Value;
use shared::{ErrorCode, ImageFit, PreparedPicture, RunOptions};

use super::counterfactual::replaced;
use super::resize::{Filter, resize};
use super::{Normalise, Pixels, settings, usual_steps};
use crate::config::Section;
use crate::error::EngineError;
use crate::picture::Picture;

/// Colour that the original LLaVA-1.5 pads with: CLIP's mean, in 8 bits.
const PAD: [u8; 3] = [122, 116, 104];

/// Most pixels a picture may have on its way to the crop.
const MOST_PIXELS: u64 = 100_000_000;

/// How a picture is resized before the crop.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Resize {
    /// The shorter edge to this length, the other in proportion (rounded down).
    ShortestEdge(u32),
    /// To this width and height.
    Exact(u32, u32),
}

/// The settings of a CLIPImageProcessor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClipPrepare {
    resize: Resize,
    /// Width and height of the centre crop.
    crop: (u32, u32),
    normalise: Normalise,
}

impl ClipPrepare {
    /// The settings in a model folder: `preprocessor_config.json`, or `image_processor` in
    /// `processor_config.json`; CLIP's own where a setting is left out. `image_size` is the vision
    /// tower's.
    pub(crate) fn load(folder: &Path, image_size: u32) -> Result<Self, EngineError> {
        let (json, at) = settings(folder)?;
        let json = Section::file(&json, at)?;
        let steps = ["do_resize", "do_center_crop", "do_rescale", "do_normalize", "do_convert_rgb"];
        usual_steps(&json, &steps)?;
        let number = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
        let pair = |value: &Value| -> Option<(u32, u32)> {
            match value {
                Value::Number(_) => number(value).map(|n| (n, n)),
                _ => Some((number(&value["width"])?, number(&value["height"])?)),
            }
        };
        let resize = match json.member("size") {
            Value::Null => Some(Resize::ShortestEdge(image_size)),
            size @ Value::Number(_) => number(size).map(Resize::ShortestEdge),
            size => match number(&size["shortest_edge"]) {
                Some(edge) => Some(Resize::ShortestEdge(edge)),
                None => pair(size).map(|(w, h)| Resize::Exact(w, h)),
            },
        };
        let edge = |n: u32| (image_size..=image_size.saturating_mul(16)).contains(&n);
        let fits = |resize: &Resize| match resize {
            Resize::ShortestEdge(n) => edge(*n),
            Resize::Exact(w, h) => edge(*w) && edge(*h),
        };
        let resize = resize.filter(fits).ok_or_else(|| {
            json.wrong("size", &format!("a size of at least the crop's {image_size} pixels"))
        })?;
        let crop = match json.member("crop_size") {
            Value::Null => Some((image_size, image_size)),
            crop => pair(crop),
        };
        let crop = crop.filter(|c| *c == (image_size, image_size)).ok_or_else(|| {
            json.wrong("crop_size", &format!("the vision tower's {image_size} × {image_size}"))
        })?;
        Ok(ClipPrepare { resize, crop, normalise: Normalise::read(&json)? })
    }

    /// CLIP's own settings.
    pub(crate) fn standard(image_size: u32) -> Self {
        Self::of(image_size, Normalise::CLIP)
    }

    /// CLIP's own resize and crop, and another mean and deviation.
    pub(crate) fn of(image_size: u32, normalise: Normalise) -> Self {
        ClipPrepare {
            resize: Resize::ShortestEdge(image_size),
            crop: (image_size, image_size),
            normalise,
        }
    }

    /// Prepares a picture.
    ///
    /// # Errors
    /// The picture is so narrow that resizing it would need too many pixels.
    pub(crate) fn prepare(
        &self,
        picture: &Picture,
        options: &RunOptions,
    ) -> Result<Pixels, EngineError> {
        // A picture of one pixel's width is legal and may be millions high: what resizing and
        // padding would make of it is bounded before it is made.
        let narrow = |pixels: u64| {
            if pixels <= MOST_PIXELS {
                return Ok(());
            }
            Err(EngineError::new(
                ErrorCode::PictureTooManyPixels,
                format!(
                    "The picture is {} × {}: too narrow to be prepared. Crop it and try again.",
                    picture.width, picture.height
                ),
            ))
        };
        let padded;
        let (source, offset) = match options.fit {
            ImageFit::Crop => (picture, (0, 0)),
            ImageFit::Pad => {
                narrow(u64::from(picture.width.max(picture.height)).pow(2))?;
                let (square, offset) = pad_to_square(picture);
                padded = square;
                (&padded, offset)
            }
        };
        let (w, h) = match self.resize {
            Resize::Exact(w, h) => (w, h),
            Resize::ShortestEdge(edge) => {
                let (longer, shorter) =
                    (source.width.max(source.height), source.width.min(source.height));
                narrow(
                    u64::from(edge) * (u64::from(edge) * u64::from(longer) / u64::from(shorter)),
                )?;
                let long = |a: u32, b: u32| (u64::from(edge) * u64::from(a) / u64::from(b)) as u32;
                if source.width <= source.height {
                    (edge, long(source.height, source.width))
                } else {
                    (long(source.width, source.height), edge)
                }
            }
        };
        let resized = resize(source, (w, h), Filter::Bicubic, options.resize);
        let (cw, ch) = self.crop;
        let (left, top) = ((w - cw) / 2, (h - ch) / 2);
        let prepared = crop(&resized, left, top, cw, ch);
        // One 8-bit pixel of the prepared picture, in pixels of the given one.
        let (sx, sy) = (source.width as f32 / w as f32, source.height as f32 / h as f32);
        let geometry = PreparedPicture {
            width: cw,
            height: ch,
            source_width: picture.width,
            source_height: picture.height,
            covers: [
                left as f32 * sx - offset.0 as f32,
                top as f32 * sy - offset.1 as f32,
                cw as f32 * sx,
                ch as f32 * sy,
            ],
            rows: 0,
            cols: 0,
        };
        let (prepared, planes) =
            replaced(prepared, &self.normalise, options.picture, options.resize);
        Ok(Pixels { values: planes, picture: prepared, geometry })
    }
}

fn pad_to_square(picture: &Picture) -> (Picture, (u32, u32)) {
    let side = picture.width.max(picture.height);
    let (left, top) = ((side - picture.width) / 2, (side - picture.height) / 2);
    let mut rgb = PAD.repeat(side as usize * side as usize);
    let row = 3 * picture.width as usize;
    for (y, source) in picture.rgb.chunks(row).enumerate() {
        let at = 3 * ((top as usize + y) * side as usize + left as usize);
        rgb[at..at + row].copy_from_slice(source);
    }
    (Picture { width: side, height: side, rgb }, (left, top))
}

fn crop(picture: &Picture, left: u32, top: u32, width: u32, height: u32) -> Picture {
    let stride = 3 * picture.width as usize;
    let rgb = (top..top + height)
        .flat_map(|y| {
            let at = y as usize * stride + 3 * left as usize;
            picture.rgb[at..at + 3 * width as usize].iter().copied()
        })
        .collect();
    Picture { width, height, rgb }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use safetensors::SafeTensors;

    use super::*;

    /// Against transformers' processor on the goldens' pictures: at most one 8-bit level off.
    #[test]
    fn equals_the_clip_image_processor() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/images");
        let bytes = std::fs::read(folder.join("golden.safetensors")).expect("goldens");
        let golden = SafeTensors::deserialize(&bytes).expect("goldens");
        let mut compared = 0;
        for name in golden.names().into_iter().filter_map(|n| n.strip_suffix("/rgb")) {
            let rgb = golden.tensor(&format!("{name}/rgb")).expect("named above");
            let source = Picture {
                width: rgb.shape()[1] as u32,
                height: rgb.shape()[0] as u32,
                rgb: rgb.data().to_vec(),
            };
            for size in [42, 56] {
                let clip = ClipPrepare::standard(size);
                for (fit, kind) in [(ImageFit::Crop, "crop"), (ImageFit::Pad, "pad")] {
                    let options = RunOptions { fit, ..RunOptions::default() };
                    let got = clip.prepare(&source, &options).expect("prepares");
                    let want = golden.tensor(&format!("{name}/{size}/{kind}")).expect("golden");
                    let levels = got.picture.rgb.iter().zip(want.data());
                    let off = levels.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(u8::MAX);
                    assert!(off <= 1, "{name} {size} {kind}: {off} levels off");
                    compared += 1;
                }
            }
        }
        assert!(compared >= 80, "only {compared} pictures compared");
    }

    #[test]
    fn says_which_part_of_the_picture_is_seen() {
        let clip = ClipPrepare::standard(50);
        let wide = Picture { width: 200, height: 100, rgb: vec![0; 60_000] };
        let fit = |fit| RunOptions { fit, ..RunOptions::default() };
        let covers = |kind| clip.prepare(&wide, &fit(kind)).expect("prepares").geometry.covers;
        let crop = covers(ImageFit::Crop);
        assert_eq!(crop, [50.0, 0.0, 100.0, 100.0]);
        let pad = covers(ImageFit::Pad);
        assert_eq!(pad, [0.0, -50.0, 200.0, 200.0]);
    }

    #[test]
    fn needles_are_refused_before_memory_is_set_aside() {
        let clip = ClipPrepare::standard(168);
        // 25,565,282 rows would wrap around in 32 bits and come out at 80.
        for (width, height) in [(1, 25_565_282), (1, 25_565_283), (65_535, 1), (65_536, 1)] {
            let rgb = vec![0; 3 * width as usize * height as usize];
            let needle = Picture { width, height, rgb };
            for fit in [ImageFit::Crop, ImageFit::Pad] {
                let result = clip.prepare(&needle, &RunOptions { fit, ..RunOptions::default() });
                match result {
                    Err(e) => assert_eq!(e.code, ErrorCode::PictureTooManyPixels),
                    Ok(pixels) => assert_eq!(pixels.picture.rgb.len(), 3 * 168 * 168),
                }
            }
        }
        let needle = Picture { width: 1, height: 25_565_282, rgb: vec![0; 3 * 25_565_282] };
        for fit in [ImageFit::Crop, ImageFit::Pad] {
            let options = RunOptions { fit, ..RunOptions::default() };
            assert!(clip.prepare(&needle, &options).is_err());
        }
    }
}
