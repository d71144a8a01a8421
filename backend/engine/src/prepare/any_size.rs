//! Picture preparation equal to transformers' Qwen2VLImageProcessor: any size, in patches. It is the
//! processor of Qwen2-VL, Qwen2.5-VL and Qwen3-VL, which differ in its settings.

use shared::picture::{PictureTokens, smart_resize};
use shared::sentence::{ConfigFault, EngineRefusal, ModelNote, OptionError, SettingNeed};
use shared::{ErrorCode, PreparedPicture, RunOptions};

use super::any_film::FilmSettings;
use super::{
    Films, Filter, HARMLESS, Normalise, Pictures, Pixels, Plan, Settings, channels, class,
    replaced, resize, tell_unused, usual_steps,
};
use crate::config::Section;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::picture::Picture;

/// The settings of a Qwen2VLImageProcessor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AnySize {
    pub(super) min_pixels: u64,
    pub(super) max_pixels: u64,
    pub(super) patch: u32,
    /// Patches along the edge of a token.
    pub(super) merge: u32,
    pub(super) normalise: Normalise,
    /// How films are prepared, where the model sees some.
    pub(super) films: Option<FilmSettings>,
}

/// Most pixels that a configuration may ask every picture to have; the published ones have no more
/// for their most.
const MOST_PIXELS: usize = 4096 * 4096;

/// A still picture stands for this many frames.
pub(super) const FRAMES: usize = 2;

impl AnySize {
    /// The settings in a model folder for a tower with the patch and merge size of `published`, which
    /// are those of a folder without any; `named` is the processor that `config.json` names. What is
    /// understood otherwise than it reads is noted.
    ///
    /// # Errors
    /// A setting that describes another preparation.
    pub(crate) fn load(
        folder: &Location,
        published: AnySize,
        named: Option<&str>,
        notes: &mut Vec<ModelNote>,
    ) -> Result<Self, EngineError> {
        let settings = Settings::open(folder, notes)?;
        let json = settings.section()?;
        settings.tell_unknown_around(&[], notes)?;
        if json.is_missing() {
            return Ok(published);
        }
        match class(&json, named, notes)?.as_deref() {
            None | Some("Qwen2VLImageProcessor") => {}
            Some(_) => {
                return Err(json.wrong_word("image_processor_type", &["Qwen2VLImageProcessor"]));
            }
        }
        usual_steps(&json, &["do_resize", "do_rescale", "do_normalize", "do_convert_rgb"])?;
        channels(&json)?;
        let (min_pixels, max_pixels) = limits(&json, (56 * 56, 28 * 28 * 1280))?;
        let (patch, merge) = (published.patch, published.merge);
        for (name, expected) in [
            ("patch_size", patch as usize),
            ("merge_size", merge as usize),
            ("temporal_patch_size", FRAMES),
        ] {
            if json.size(name, expected, 1 << 14)? != expected {
                return Err(json.wrong(name, SettingNeed::TowerValue { value: expected }));
            }
        }
        let normalise = Normalise::read(&json)?;
        let prepare = AnySize { min_pixels, max_pixels, patch, merge, normalise, films: None };
        if prepare.min_pixels > prepare.max_pixels {
            let AnySize { min_pixels: least, max_pixels: most, .. } = prepare;
            return Err(json.fail(ConfigFault::PixelLimitsCross { least, most }));
        }
        tell_unused(&json, &["do_center_crop", "crop_size", "do_pad", "pad_size"], notes);
        json.tell_unknown(&[&HARMLESS], notes);
        Ok(prepare)
    }

    /// The settings for a tower with this patch and merge size, limits included.
    pub(crate) fn of(
        (min_pixels, max_pixels): (u64, u64),
        (patch, merge): (usize, usize),
        normalise: Normalise,
    ) -> Self {
        let (patch, merge) = (patch as u32, merge as u32);
        AnySize { min_pixels, max_pixels, patch, merge, normalise, films: None }
    }

    /// The size a picture is resized to: both edges a multiple of a token's, the area between the
    /// limits, the proportions kept as well as that allows.
    fn size(&self, width: u32, height: u32, most: u64) -> Result<(u32, u32), EngineError> {
        let edge = self.patch * self.merge;
        smart_resize((width, height), edge, (self.min_pixels, most)).ok_or_else(|| {
            let (width, height) = (width.into(), height.into());
            EngineError::new(
                ErrorCode::BadOption,
                EngineRefusal::TooNarrowForModel { width, height },
            )
        })
    }

    /// The size a picture gets. `max_pixels` of the options lowers the limit: the resolution sweep.
    fn resized(&self, size: (u32, u32), options: &RunOptions) -> Result<(u32, u32), EngineError> {
        let most = match options.max_pixels {
            Some(limit) if u64::from(limit) < self.min_pixels => {
                let (asked, least) = (limit.into(), self.min_pixels);
                let small = OptionError::MaxPixelsTooSmall { asked, least };
                return Err(EngineError::new(ErrorCode::BadOption, small));
            }
            Some(limit) => self.max_pixels.min(u64::from(limit)),
            None => self.max_pixels,
        };
        self.size(size.0, size.1, most)
    }

    /// Rows and columns of tokens of a picture of this width and height.
    fn grid(&self, size: (u32, u32), options: &RunOptions) -> Result<(usize, usize), EngineError> {
        let (width, height) = self.resized(size, options)?;
        let token = self.patch * self.merge;
        Ok(((height / token) as usize, (width / token) as usize))
    }

    /// `[n, 3 · frames · p · p]`: patches in `merge × merge` blocks, blocks in raster order; in a
    /// patch: channel, frame, row, column.
    fn patches(&self, planes: &[f32], geometry: &PreparedPicture) -> Vec<f32> {
        let (p, merge) = (self.patch as usize, self.merge as usize);
        let (width, height) = (geometry.width as usize, geometry.height as usize);
        let mut values = Vec::with_capacity(planes.len() * FRAMES);
        for block_row in 0..usize::from(geometry.rows) {
            for block_col in 0..usize::from(geometry.cols) {
                for inner in 0..merge * merge {
                    let top = (block_row * merge + inner / merge) * p;
                    let left = (block_col * merge + inner % merge) * p;
                    for channel in planes.chunks(width * height) {
                        for _ in 0..FRAMES {
                            for y in top..top + p {
                                values.extend_from_slice(&channel[y * width + left..][..p]);
                            }
                        }
                    }
                }
            }
        }
        values
    }
}

impl Pictures for AnySize {
    fn plan(&self, size: (u32, u32), options: &RunOptions) -> Result<Plan, EngineError> {
        let (rows, cols) = self.grid(size, options)?;
        Ok(Plan::whole(rows, cols))
    }

    fn films(&self) -> Option<&dyn Films> {
        self.films.is_some().then_some(self)
    }

    fn tokens(&self) -> PictureTokens {
        let short = |pixels: u64| u32::try_from(pixels).unwrap_or(u32::MAX);
        let (least, most) = (short(self.min_pixels), short(self.max_pixels));
        PictureTokens::Any { edge: self.patch * self.merge, least, most }
    }

    fn prepare(&self, picture: &Picture, options: &RunOptions) -> Result<Pixels, EngineError> {
        let (width, height) = self.resized((picture.width, picture.height), options)?;
        let resized = resize(picture, (width, height), Filter::Bicubic, options.resize);
        let token = self.patch * self.merge;
        let geometry = PreparedPicture {
            width,
            height,
            source_width: picture.width,
            source_height: picture.height,
            covers: [0.0, 0.0, picture.width as f32, picture.height as f32],
            rows: (height / token) as u16,
            cols: (width / token) as u16,
        };
        let (resized, planes) = replaced(resized, &self.normalise, options.picture, options.resize);
        let values = self.patches(&planes, &geometry);
        Ok(Pixels { values, picture: resized, views: vec![geometry] })
    }
}

/// The least and the most pixels of a picture. `min_pixels` and `max_pixels`, where they are given,
/// override `size`, which must say both then: transformers refuses every other form. `usual` is what holds where
/// nobody says.
pub(super) fn limits(json: &Section, usual: (usize, usize)) -> Result<(u64, u64), EngineError> {
    let size = json.section("size")?;
    let wrong = || {
        let members = "{\"shortest_edge\", \"longest_edge\"}".to_owned();
        json.wrong("size", SettingNeed::PixelLimits { members })
    };
    let flat = (json.size("min_pixels", 0, MOST_PIXELS), json.size("max_pixels", 0, usize::MAX));
    let flat = (flat.0?, flat.1?);
    let members: Vec<&String> =
        size.object().map(|all| all.iter().map(|(name, _)| name).collect()).unwrap_or_default();
    let known = |name: &str| match name {
        "shortest_edge" | "longest_edge" => true,
        "min_pixels" => flat.0 > 0,
        "max_pixels" => flat.1 > 0,
        _ => false,
    };
    if !members.iter().all(|name| known(name)) {
        return Err(wrong());
    }
    let edge = |flat: usize, nested: &str, default: usize, most: usize| {
        if flat > 0 {
            return Ok(flat as u64);
        }
        if !size.is_missing() && size.member(nested).is_null() {
            return Err(wrong());
        }
        Ok(size.size(nested, default, most)? as u64)
    };
    Ok((
        edge(flat.0, "shortest_edge", usual.0, MOST_PIXELS)?,
        edge(flat.1, "longest_edge", usual.1, usize::MAX)?,
    ))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use safetensors::SafeTensors;
    use serde_json::Value;

    use super::*;

    fn goldens() -> (Value, Vec<u8>) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/images");
        let json = std::fs::read_to_string(folder.join("golden_qwen.json")).expect("goldens");
        let tensors = std::fs::read(folder.join("golden_qwen.safetensors")).expect("goldens");
        (serde_json::from_str(&json).expect("goldens"), tensors)
    }

    fn prepare(factor: u64, min_pixels: u64, max_pixels: u64) -> AnySize {
        let (patch, merge) = (factor as u32 / 2, 2);
        let normalise = Normalise::CLIP;
        AnySize { min_pixels, max_pixels, patch, merge, normalise, films: None }
    }

    #[test]
    fn sizes_equal_smart_resize() {
        let (golden, _) = goldens();
        let rules = golden["smart_resize"].as_array().expect("a list");
        assert!(rules.len() > 20);
        for rule in rules {
            let number = |name: &str| rule[name].as_u64().expect("a number");
            let prepare = prepare(number("factor"), number("min_pixels"), number("max_pixels"));
            let (width, height) = (number("width") as u32, number("height") as u32);
            let got = prepare.size(width, height, prepare.max_pixels).ok();
            let want = rule["resized"].as_array().map(|s| {
                let edge = |i: usize| s[i].as_u64().expect("a number") as u32;
                (edge(0), edge(1))
            });
            assert_eq!(got, want, "{rule}");
        }
    }
    #[test]
    fn pictures_and_patches_equal_the_reference() {
        let (golden, bytes) = goldens();
        let tensors = SafeTensors::deserialize(&bytes).expect("goldens");
        let images = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/goldens/images");
        let clip = std::fs::read(images.join("golden.safetensors")).expect("goldens");
        let sources = SafeTensors::deserialize(&clip).expect("goldens");
        let mut compared = 0;
        for case in golden["pictures"].as_array().expect("a list") {
            let text = |name: &str| case[name].as_str().expect("a text");
            let number = |name: &str| case[name].as_u64().expect("a number");
            let source = match sources.tensor(&format!("{}/rgb", text("name"))) {
                Ok(view) => Picture {
                    width: view.shape()[1] as u32,
                    height: view.shape()[0] as u32,
                    rgb: view.data().to_vec(),
                },
                Err(_) => continue,
            };
            let factor = 2 * number("patch_size");
            let prepare = prepare(factor, number("min_pixels"), number("max_pixels"));
            let got = Pictures::prepare(&prepare, &source, &RunOptions::default());
            let got = got.expect("prepares");
            let want = tensors.tensor(text("key")).expect("golden");
            let size = [got.picture.height as usize, got.picture.width as usize, 3];
            assert_eq!(want.shape(), size, "{case}");
            let levels = got.picture.rgb.iter().zip(want.data());
            let off = levels.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(u8::MAX);
            assert!(off <= 1, "{case}: {off} levels off");
            let tokens = u64::from(got.views[0].rows) * u64::from(got.views[0].cols);
            assert_eq!(tokens, number("tokens"), "{case}");
            compared += 1;
        }
        assert!(compared >= 12, "only {compared} pictures compared");
    }
}
