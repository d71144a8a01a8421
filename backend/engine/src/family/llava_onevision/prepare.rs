//! Picture preparation equal to transformers' LlavaOnevisionImageProcessor.

use shared::picture::{AnyRes, PictureTokens, TileMap};
use shared::sentence::{EngineRefusal, ModelNote, SettingNeed};
use shared::{ErrorCode, ImageFit, PictureUse, PreparedPicture, RunOptions};

use super::config::{OneVisionConfig, PINPOINTS, most, pinpoints};
use crate::config::Section;
use crate::error::EngineError;
use crate::family::llava::ClipPrepare;
use crate::filesystem::Location;
use crate::picture::Picture;
use crate::prepare::{
    Filter, HARMLESS, Normalise, Pictures, Pixels, Plan, PlanPart, Run, Settings, channels, class,
    crop, replaced, resize, usual_steps,
};

/// Settings that change nothing of a single picture.
const HARMLESS_HERE: [&str; 2] = ["do_pad", "pad_size"];

/// What is read of the settings around the image processor's.
const AROUND: [&str; 3] =
    ["num_image_tokens", "vision_aspect_ratio", "vision_feature_select_strategy"];

/// The settings of a LlavaOnevisionImageProcessor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OneVisionPrepare {
    tiles: AnyRes,
    /// How the whole picture is prepared: stretched, or, among several, padded.
    whole: ClipPrepare,
    normalise: Normalise,
}

impl OneVisionPrepare {
    /// The settings in a model folder. What is understood otherwise than it reads is noted.
    ///
    /// # Errors
    /// A setting that describes another preparation, or another than the model's.
    pub(super) fn load(
        folder: &Location,
        config: &OneVisionConfig,
        notes: &mut Vec<ModelNote>,
    ) -> Result<Self, EngineError> {
        let settings = Settings::open(folder, notes)?;
        let (json, tiles) = (settings.section()?, config.tiles);
        around(&settings.around()?, tiles)?;
        settings.tell_unknown_around(&AROUND, notes)?;
        if json.is_missing() {
            return Ok(Self::published(config));
        }
        if class(&json, Some("LlavaOnevisionImageProcessor"), notes)?.as_deref()
            != Some("LlavaOnevisionImageProcessor")
        {
            return Err(json.wrong_word("image_processor_type", &["LlavaOnevisionImageProcessor"]));
        }
        usual_steps(&json, &["do_resize", "do_rescale", "do_normalize", "do_convert_rgb"])?;
        channels(&json)?;
        if json.flag("do_center_crop", false)? {
            return Err(json.wrong_value("do_center_crop", false));
        }
        if !json.member("crop_size").is_null() {
            return Err(json.wrong("crop_size", SettingNeed::NoCropSize));
        }
        let edge = tiles.edge;
        let size = json.section("size")?;
        let side = |name: &str| size.size(name, 384, 1 << 14);
        if (side("height")?, side("width")?) != (edge as usize, edge as usize) {
            let size = format!("{{\"height\": {edge}, \"width\": {edge}}}");
            return Err(json.wrong("size", SettingNeed::TowerSize { size }));
        }
        if pinpoints(&json, edge)?.is_some_and(|shapes| shapes != tiles.shapes) {
            return Err(json.wrong(PINPOINTS, SettingNeed::SizesOfConfig));
        }
        let normalise = Normalise::read(&json)?;
        json.tell_unknown(&[&HARMLESS, &HARMLESS_HERE], notes);
        Ok(Self::of(tiles, config, normalise))
    }

    /// As the published models prepare pictures.
    pub(super) fn published(config: &OneVisionConfig) -> Self {
        Self::of(config.tiles, config, Normalise::HALF)
    }

    fn of(tiles: AnyRes, config: &OneVisionConfig, normalise: Normalise) -> Self {
        let patch = config.parts.encoder.vision.patch_size as u32;
        let whole = ClipPrepare::stretched((tiles.edge, patch), normalise);
        OneVisionPrepare { tiles, whole, normalise }
    }

    fn map(&self, size: (u32, u32), options: &RunOptions) -> Result<Option<TileMap>, EngineError> {
        let one = self.tiles.edge * self.tiles.edge;
        let map = self.tiles.map(size, options.max_pixels.unwrap_or(one));
        if map.is_some_and(|map| map.size.0 == 0 || map.size.1 == 0) {
            let (width, height) = (size.0.into(), size.1.into());
            let narrow = EngineRefusal::TooNarrowForTiles { width, height };
            return Err(EngineError::new(ErrorCode::BadOption, narrow));
        }
        Ok(map)
    }

    /// The picture in its tiles, and the part of it that the map's features are of.
    fn tiled(&self, picture: &Picture, map: TileMap, options: &RunOptions) -> Tiled {
        let AnyRes { edge, grid, .. } = self.tiles;
        let size = (picture.width, picture.height);
        let (rows, cols) = map.tiles;
        let (wide, tall) = (cols * edge, rows * edge);
        let fitted = self.tiles.fitted(size, map.tiles);
        let resized = resize(picture, fitted, Filter::Bicubic, options.resize);
        let (left, top) = ((wide - fitted.0) / 2, (tall - fitted.1) / 2);
        let canvas = crop(&resized, (-i64::from(left), -i64::from(top)), (wide, tall));
        let (canvas, _) = replaced(canvas, &self.normalise, options.picture, options.resize);
        // Where features that are left begin and end on it, in its pixels.
        let along = |features: u32| features as f32 * edge as f32 / grid as f32;
        let (first, last) = ((along(map.dropped.1), along(map.dropped.0)), map.left);
        let (width, height) = (along(last.1), along(last.0));
        let scale = (size.0 as f32 / fitted.0 as f32, size.1 as f32 / fitted.1 as f32);
        let covers = [
            (first.0 - left as f32) * scale.0,
            (first.1 - top as f32) * scale.1,
            width * scale.0,
            height * scale.1,
        ];
        let shown = crop(
            &canvas,
            (first.0.round() as i64, first.1.round() as i64),
            (width.round() as u32, height.round() as u32),
        );
        let view = PreparedPicture {
            width: shown.width,
            height: shown.height,
            source_width: size.0,
            source_height: size.1,
            covers,
            rows: map.size.0 as u16,
            cols: map.size.1 as u16,
        };
        Tiled { canvas, shown, view }
    }
}

/// A picture in its tiles.
struct Tiled {
    /// All tiles beside each other.
    canvas: Picture,
    /// What of them the map's features are of.
    shown: Picture,
    /// Where that lies.
    view: PreparedPicture,
}

impl Pictures for OneVisionPrepare {
    fn plan(&self, size: (u32, u32), options: &RunOptions) -> Result<Plan, EngineError> {
        let grid = self.tiles.grid as usize;
        let whole = Run { rows: grid, cols: grid, ..Run::default() };
        let runs = match self.map(size, options)? {
            None => vec![Run { closed: true, ..whole }],
            Some(map) => {
                let (rows, cols) = (map.size.0 as usize, map.size.1 as usize);
                let map = Run { rows, cols, newlines: true, ..Run::default() };
                vec![Run { tile: 1, ..whole }, map]
            }
        };
        Ok(Plan { parts: runs.into_iter().map(PlanPart::Run).collect() })
    }

    fn prepare(&self, picture: &Picture, options: &RunOptions) -> Result<Pixels, EngineError> {
        let map = self.map((picture.width, picture.height), options)?;
        let whole = self.whole.prepare(picture, options)?;
        let Some(map) = map else { return Ok(whole) };
        let Tiled { canvas, shown, view } = self.tiled(picture, map, options);
        let edge = self.tiles.edge;
        let mut values = match options.picture {
            // Noise is seen as a whole as it is seen in tiles.
            PictureUse::Noise(_) => {
                let square = resize(&canvas, (edge, edge), Filter::Bicubic, options.resize);
                self.normalise.planes(&square, options.resize)
            }
            _ => whole.values,
        };
        let (rows, cols) = map.tiles;
        if options.picture == PictureUse::Blank {
            // Exactly zero, which no level is.
            values.resize(values.len() * (1 + rows * cols) as usize, 0.0);
        } else {
            for (row, col) in (0..rows).flat_map(|row| (0..cols).map(move |col| (row, col))) {
                let at = (i64::from(col * edge), i64::from(row * edge));
                let tile = crop(&canvas, at, (edge, edge));
                values.extend(self.normalise.planes(&tile, options.resize));
            }
        }
        let views = [vec![view], whole.views].concat();
        Ok(Pixels { values, picture: shown, views })
    }

    fn among(&self, pictures: usize, options: RunOptions) -> Result<RunOptions, EngineError> {
        if pictures < 2 {
            return Ok(options);
        }
        let one = self.tiles.edge * self.tiles.edge;
        if options.max_pixels.is_some_and(|limit| limit >= 2 * one) {
            let refusal = EngineRefusal::TilesForOnePicture { one: one.into() };
            return Err(EngineError::new(ErrorCode::BadOption, refusal));
        }
        // Several are padded to squares, as the processor does it.
        Ok(RunOptions { fit: ImageFit::Pad, ..options })
    }

    fn tokens(&self) -> PictureTokens {
        PictureTokens::AnyRes(self.tiles)
    }
}

/// Whether the processor counts as many tokens as the model has.
fn around(json: &Section, tiles: AnyRes) -> Result<(), EngineError> {
    let grid = tiles.grid as usize;
    if json.size("num_image_tokens", grid * grid, 1 << 20)? != grid * grid {
        return Err(json.wrong("num_image_tokens", SettingNeed::TokensOfTile { grid }));
    }
    if most(json)?.is_some_and(|most| most != tiles.most) {
        let needed = SettingNeed::AnyResOfConfig { most: tiles.most };
        return Err(json.wrong("vision_aspect_ratio", needed));
    }
    match json.text("vision_feature_select_strategy")? {
        None | Some("full") => Ok(()),
        Some(_) => Err(json.wrong_word("vision_feature_select_strategy", &["full"])),
    }
}
