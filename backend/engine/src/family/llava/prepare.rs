//! Picture preparation equal to transformers' CLIPImageProcessor.

use serde_json::Value;
use shared::picture::PictureTokens;
use shared::sentence::{EngineRefusal, ModelNote, SettingNeed};
use shared::{ErrorCode, ImageFit, PreparedPicture, RunOptions};

use crate::config::Section;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::picture::Picture;
use crate::prepare::{
    Filter, HARMLESS, Normalise, Pictures, Pixels, Plan, Settings, channels, class, crop, middle,
    pad_to_square, replaced, resize, usual_steps,
};

/// Colour that LLaVA-1.5 pads with: CLIP's mean, in 8 bits.
const PAD: [u8; 3] = [122, 116, 104];

/// Most pixels a picture may have on its way to the crop.
const MOST_PIXELS: u64 = 100_000_000;

/// What is read of the settings around the image processor's.
const AROUND: [&str; 3] =
    ["patch_size", "vision_feature_select_strategy", "num_additional_image_tokens"];

/// Settings of steps that SigLIP's processor does not take, where they are not asked for.
const UNUSED: [&str; 2] = ["crop_size", "pad_size"];

/// How a picture is resized before the crop.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Resize {
    /// The shorter edge to this length, the other in proportion (rounded down).
    ShortestEdge(u32),
    /// To this width and height.
    Exact(u32, u32),
}

/// The settings of a CLIPImageProcessor or LlavaImageProcessor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ClipPrepare {
    /// Edge of what the vision tower takes.
    side: u32,
    /// Patches along it.
    grid: usize,
    /// How a picture that is not square is made to fit.
    fit: ImageFit,
    /// Colour of what is padded.
    background: [u8; 3],
    /// `None`: pictures keep their size.
    resize: Option<Resize>,
    /// Whether the middle is cut out, of `side × side`.
    crop: bool,
    normalise: Normalise,
}

impl ClipPrepare {
    /// The settings in a model folder; `image_size` is the vision tower's, `named` the processor
    /// that `config.json` names. What is understood otherwise than it reads is noted.
    ///
    /// # Errors
    /// A setting that describes another preparation.
    pub(super) fn load(
        folder: &Location,
        (image_size, patch_size): (u32, u32),
        named: Option<&str>,
        notes: &mut Vec<ModelNote>,
    ) -> Result<Self, EngineError> {
        let settings = Settings::open(folder, notes)?;
        let json = settings.section()?;
        tokens(&settings, image_size, patch_size, true)?;
        settings.tell_unknown_around(&AROUND, notes)?;
        if json.is_missing() {
            return Ok(Self::standard(image_size, patch_size));
        }
        let pads = match class(&json, named, notes)?.as_deref() {
            None | Some("LlavaImageProcessor") => true,
            Some("CLIPImageProcessor") => false,
            Some(_) => {
                let known = ["LlavaImageProcessor", "CLIPImageProcessor"];
                return Err(json.wrong_word("image_processor_type", &known));
            }
        };
        usual_steps(&json, &["do_rescale", "do_normalize", "do_convert_rgb"])?;
        channels(&json)?;
        let pads = padding(&json, pads, image_size)?;
        let (resizes, crop) = (json.flag("do_resize", true)?, json.flag("do_center_crop", true)?);
        let resize = size(&json, "size", json.flag("default_to_square", false)?, image_size)?;
        // What transformers takes where the file says nothing.
        let resize = Some(resize.unwrap_or(Resize::ShortestEdge(224))).filter(|_| resizes);
        let cut = size(&json, "crop_size", true, image_size)?.unwrap_or(Resize::Exact(224, 224));
        let side = Resize::Exact(image_size, image_size);
        if crop && cut != side {
            return Err(json.wrong("crop_size", SettingNeed::TowerSquare { edge: image_size }));
        }
        let square = match resize {
            Some(Resize::ShortestEdge(edge)) => pads && edge == image_size,
            exact => exact == Some(side),
        };
        if !crop && !square {
            return Err(json.wrong("do_center_crop", SettingNeed::Crop { edge: image_size }));
        }
        let prepare = ClipPrepare {
            side: image_size,
            grid: (image_size / patch_size) as usize,
            fit: if pads { ImageFit::Pad } else { ImageFit::Crop },
            background: background(&json),
            resize,
            crop,
            normalise: Normalise::read(&json)?,
        };
        json.tell_unknown(&[&HARMLESS], notes);
        Ok(prepare)
    }

    /// As [`ClipPrepare::load`], for a tower without a class token: SigLIP's processor stretches
    /// pictures to the tower's square.
    ///
    /// # Errors
    /// A setting that describes another preparation.
    pub(crate) fn load_stretched(
        folder: &Location,
        (image_size, patch_size): (u32, u32),
        named: Option<&str>,
        notes: &mut Vec<ModelNote>,
    ) -> Result<Self, EngineError> {
        let settings = Settings::open(folder, notes)?;
        let json = settings.section()?;
        tokens(&settings, image_size, patch_size, false)?;
        settings.tell_unknown_around(&AROUND, notes)?;
        if json.is_missing() {
            return Ok(Self::stretched((image_size, patch_size), Normalise::HALF));
        }
        if class(&json, named, notes)?.as_deref() != Some("SiglipImageProcessor") {
            return Err(json.wrong_word("image_processor_type", &["SiglipImageProcessor"]));
        }
        usual_steps(&json, &["do_resize", "do_rescale", "do_normalize", "do_convert_rgb"])?;
        channels(&json)?;
        let side = Resize::Exact(image_size, image_size);
        // What transformers takes where the file says nothing.
        if size(&json, "size", false, image_size)?.unwrap_or(Resize::Exact(224, 224)) != side {
            let edge = image_size;
            let size = format!("{{\"height\": {edge}, \"width\": {edge}}}");
            return Err(json.wrong("size", SettingNeed::TowerSize { size }));
        }
        for step in ["do_center_crop", "do_pad"] {
            if json.flag(step, false)? {
                return Err(json.wrong_value(step, false));
            }
        }
        let normalise = Normalise::read_or(&json, Normalise::HALF)?;
        json.tell_unknown(&[&HARMLESS, &UNUSED], notes);
        Ok(Self::stretched((image_size, patch_size), normalise))
    }

    /// Pictures stretched to a square; where they are padded to one first, it is with the mean.
    pub(crate) fn stretched((image_size, patch_size): (u32, u32), normalise: Normalise) -> Self {
        ClipPrepare {
            side: image_size,
            grid: (image_size / patch_size) as usize,
            fit: ImageFit::Crop,
            background: normalise.mean_levels(),
            resize: Some(Resize::Exact(image_size, image_size)),
            crop: false,
            normalise,
        }
    }

    /// CLIP's own settings.
    pub(crate) fn standard(image_size: u32, patch_size: u32) -> Self {
        Self::of((image_size, patch_size), Normalise::CLIP)
    }

    /// CLIP's own resize and crop, and another mean and deviation.
    pub(crate) fn of((image_size, patch_size): (u32, u32), normalise: Normalise) -> Self {
        ClipPrepare {
            side: image_size,
            grid: (image_size / patch_size) as usize,
            fit: ImageFit::Crop,
            background: PAD,
            resize: Some(Resize::ShortestEdge(image_size)),
            crop: true,
            normalise,
        }
    }
}

impl Pictures for ClipPrepare {
    fn plan(&self, _: (u32, u32), _: &RunOptions) -> Result<Plan, EngineError> {
        Ok(Plan::whole(self.grid, self.grid))
    }

    fn tokens(&self) -> PictureTokens {
        PictureTokens::One { tokens: self.grid.pow(2) as u32 }
    }

    fn fit(&self) -> Option<ImageFit> {
        Some(self.fit)
    }

    fn prepare(&self, picture: &Picture, options: &RunOptions) -> Result<Pixels, EngineError> {
        // A picture of one pixel's width is legal and may be millions high: what resizing and
        // padding would make of it is bounded before it is made.
        let narrow = |pixels: u64| {
            if pixels <= MOST_PIXELS {
                return Ok(());
            }
            let Picture { width, height, .. } = *picture;
            let refusal = EngineRefusal::TooNarrowToPrepare { width, height };
            Err(EngineError::new(ErrorCode::PictureTooManyPixels, refusal))
        };
        let padded;
        let (source, offset) = match options.fit {
            ImageFit::Crop => (picture, (0, 0)),
            ImageFit::Pad => {
                narrow(u64::from(picture.width.max(picture.height)).pow(2))?;
                let (square, offset) = pad_to_square(picture, self.background);
                padded = square;
                (&padded, offset)
            }
        };
        let (w, h) = match self.resize {
            None => (source.width, source.height),
            Some(Resize::Exact(w, h)) => (w, h),
            Some(Resize::ShortestEdge(edge)) => {
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
        let resized = match self.resize {
            Some(_) => resize(source, (w, h), Filter::Bicubic, options.resize),
            None => source.clone(),
        };
        let (cw, ch) = (self.side, self.side);
        let at = |whole, part| middle(whole, part, options.resize);
        let (left, top) = (at(w, cw), at(h, ch));
        let prepared = crop(&resized, (left, top), (cw, ch));
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
            rows: self.grid as u16,
            cols: self.grid as u16,
        };
        let (prepared, planes) =
            replaced(prepared, &self.normalise, options.picture, options.resize);
        Ok(Pixels { values: planes, picture: prepared, views: vec![geometry] })
    }
}

/// A size as transformers reads it: an edge, `[height, width]`, or an object with one of the sets
/// of members that it knows. Those that make no size by themselves are refused, as it does.
fn size(
    json: &Section,
    name: &str,
    to_square: bool,
    image_size: u32,
) -> Result<Option<Resize>, EngineError> {
    let most = image_size.saturating_mul(16);
    let number = |v: &Value| {
        v.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| (1..=most).contains(n))
    };
    let found = match json.member(name) {
        Value::Null => return Ok(None),
        edge @ Value::Number(_) if to_square => number(edge).map(|n| Resize::Exact(n, n)),
        edge @ Value::Number(_) => number(edge).map(Resize::ShortestEdge),
        Value::Array(list) => match list.as_slice() {
            [height, width] => number(height)
                .zip(number(width))
                .map(|(height, width)| Resize::Exact(width, height)),
            _ => None,
        },
        Value::Object(members) => {
            let mut names: Vec<&str> = members.keys().map(String::as_str).collect();
            names.sort_unstable();
            match names.as_slice() {
                ["height", "width"] => number(&members["width"])
                    .zip(number(&members["height"]))
                    .map(|(width, height)| Resize::Exact(width, height)),
                ["shortest_edge"] => number(&members["shortest_edge"]).map(Resize::ShortestEdge),
                ["longest_edge", "shortest_edge"] if members["longest_edge"].is_null() => {
                    number(&members["shortest_edge"]).map(Resize::ShortestEdge)
                }
                _ => None,
            }
        }
        _ => None,
    };
    let [shortest, exact] = ["{\"shortest_edge\"}", "{\"height\", \"width\"}"].map(str::to_owned);
    found.map(Some).ok_or_else(|| json.wrong(name, SettingNeed::Edges { shortest, exact, most }))
}

/// Whether pictures are padded to a square first. CLIP's processor pads behind the crop instead,
/// and one picture alone only where `pad_size` asks for more than it has.
fn padding(json: &Section, pads_to_square: bool, image_size: u32) -> Result<bool, EngineError> {
    let pads = json.flag("do_pad", false)?;
    let to = size(json, "pad_size", true, image_size)?;
    if pads_to_square {
        return Ok(pads);
    }
    match to {
        Some(to) if pads && to != Resize::Exact(image_size, image_size) => {
            Err(json.wrong("pad_size", SettingNeed::TowerSquare { edge: image_size }))
        }
        _ => Ok(false),
    }
}

/// What pictures are padded with: the mean, in 8 bits and cut off as Python's `int` does.
fn background(json: &Section) -> [u8; 3] {
    let mut colour = PAD;
    if let Some(mean) = json.member("image_mean").as_array() {
        for (level, mean) in colour.iter_mut().zip(mean) {
            *level = mean.as_f64().map_or(*level, |mean| (mean * 255.0) as u8);
        }
    }
    colour
}

/// That the processor counts as many tokens a picture as the tower gives: transformers stops at
/// the first question where it does not.
/// A tower with a `class` token loses it where nobody says otherwise.
fn tokens(
    settings: &Settings,
    image_size: u32,
    patch_size: u32,
    class: bool,
) -> Result<(), EngineError> {
    let around = settings.around()?;
    let patch = around.size("patch_size", patch_size as usize, 1 << 14)?;
    let strategy = around.text("vision_feature_select_strategy")?;
    let more = around.whole("num_additional_image_tokens")?;
    if patch != patch_size as usize {
        let value = patch_size as usize;
        return Err(around.wrong("patch_size", SettingNeed::TowerValue { value }));
    }
    let dropped = u32::from(strategy.map_or(class, |strategy| strategy == "default"));
    match more.as_slice() {
        [] => Ok(()),
        [more] if *more == dropped => Ok(()),
        _ => {
            let edge = image_size / patch_size;
            let needed = SettingNeed::AdditionalTokens { dropped, edge };
            Err(around.wrong("num_additional_image_tokens", needed))
        }
    }
}

#[cfg(test)]
#[path = "prepare_tests.rs"]
mod tests;
