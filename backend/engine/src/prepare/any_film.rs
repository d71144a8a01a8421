//! Film preparation equal to transformers' Qwen2VLVideoProcessor, frames in pairs, after sampling by one of the rules
//! that are in use. It is the processor of Qwen2-VL and Qwen2.5-VL.

use shared::experiment::stats::SplitMix64;
use shared::picture::smart_resize;
use shared::sentence::{ConfigFault, EngineRefusal, ModelNote, OptionError, SettingNeed};
use shared::{ErrorCode, FilmSampling, FrameOrder, PictureUse, PreparedPicture, RunOptions};

use super::any_size::{FRAMES, limits};
use super::settings::film_settings;
use super::{
    AnySize, Films, Filter, HARMLESS, Normalise, Plan, Reel, Run, channels, replaced, resize,
    usual_steps,
};
use crate::config::Section;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::film::{Film, FilmExtent, OwnSampling, sample};
use crate::picture::Picture;

/// How a model counts time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum FilmTime {
    /// A position for each pair of frames (Qwen2-VL).
    Steps,
    /// So many positions a second (Qwen2.5-VL's `tokens_per_second`).
    Seconds(f64),
}

/// What a family's configuration says of films.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct FilmModel {
    /// The id at positions of films.
    pub(crate) token: u32,
    pub(crate) time: FilmTime,
}

/// The settings of a Qwen2VLVideoProcessor.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FilmSettings {
    model: FilmModel,
    /// The least and the most pixels of a frame.
    pixels: (u64, u64),
    /// Most tokens of a film, where frames are to be the smaller the more there are (`cap_pixels_per_frame`).
    cap: Option<u64>,
    sampling: OwnSampling,
    normalise: Normalise,
}

/// What qwen-vl-utils lets a frame have at least and at most, in tokens, and a film, of which it leaves a tenth
/// for text.
const UTILS: (u64, u64, u64) = (128, 768, 128_000);

/// Settings of a video processor that change no pixel here: how it reads files, and what it hands out beside.
const HARMLESS_FILM: [&str; 6] = [
    "video_processor_type",
    "return_metadata",
    "video_metadata",
    "num_frames",
    "do_pad",
    "crop_size",
];

/// How many cells of the strip that a person is shown lie beside each other, and most pixels of it.
const ACROSS: usize = 8;
const MOST_STRIP: usize = 12_000_000;

impl FilmSettings {
    /// Those of a model without any of its own: its pictures'.
    pub(super) fn of_pictures(prepare: &AnySize, model: FilmModel) -> Self {
        let (pixels, normalise) = ((prepare.min_pixels, prepare.max_pixels), prepare.normalise);
        FilmSettings { model, pixels, cap: None, sampling: OwnSampling::default(), normalise }
    }

    /// Those of a model's folder: `video_processor` in `processor_config.json`, else
    /// `video_preprocessor_config.json`, else its pictures'.
    ///
    /// # Errors
    /// A setting that describes another preparation.
    pub(super) fn load(
        folder: &Location,
        prepare: &AnySize,
        model: FilmModel,
        notes: &mut Vec<ModelNote>,
    ) -> Result<Self, EngineError> {
        let usual = FilmSettings::of_pictures(prepare, model);
        let Some((json, at)) = film_settings(folder)? else { return Ok(usual) };
        let json = Section::file(&json, at)?;
        let class = "Qwen2VLVideoProcessor";
        if json.text("video_processor_type")?.is_some_and(|named| named != class) {
            return Err(json.wrong_word("video_processor_type", &[class]));
        }
        usual_steps(&json, &["do_resize", "do_rescale", "do_normalize", "do_convert_rgb"])?;
        channels(&json)?;
        for (name, expected) in [
            ("patch_size", prepare.patch as usize),
            ("merge_size", prepare.merge as usize),
            ("temporal_patch_size", FRAMES),
        ] {
            if json.size(name, expected, 1 << 14)? != expected {
                return Err(json.wrong(name, SettingNeed::TowerValue { value: expected }));
            }
        }
        let token = (prepare.patch * prepare.merge) as usize;
        let pixels = limits(&json, (128 * token * token, 768 * token * token))?;
        if pixels.0 > pixels.1 {
            let (least, most) = pixels;
            return Err(json.fail(ConfigFault::PixelLimitsCross { least, most }));
        }
        let frames = |name: &str, usual: usize| json.size(name, usual, 1 << 20);
        let sampling = OwnSampling {
            samples: json.flag("do_sample_frames", false)?,
            fps: Some(json.number("fps", 0.0, 0.0..=1e3)?).filter(|fps| *fps > 0.0),
            frames: (frames("min_frames", 4)? as u32, frames("max_frames", 768)? as u32),
        };
        let tokens = json.size("max_video_tokens", 128_000, 1 << 30)? as u64;
        let cap = json.flag("cap_pixels_per_frame", false)?.then_some(tokens);
        let normalise = Normalise::read(&json)?;
        json.tell_unknown(&[&HARMLESS, &HARMLESS_FILM], notes);
        Ok(FilmSettings { model, pixels, cap, sampling, normalise })
    }

    /// The least and the most pixels that a frame of so many may have: the files' own; under the rule of
    /// qwen-vl-utils its limits, where the files leave room for them.
    fn pixels(&self, frames: u64, token: u64, options: &RunOptions) -> (u64, u64) {
        let (mut least, mut most) = self.pixels;
        let area = token * token;
        // `int(tokens · f² · 0.9) · 2 // n`, in whole numbers.
        let shared = |tokens: u64| (tokens * area * 9 / 10) * FRAMES as u64 / frames.max(1);
        let above = |least: u64| (least as f64 * 1.05) as u64;
        if let Some(tokens) = self.cap {
            most = most.min(shared(tokens)).max(above(least));
        }
        let (utils_least, utils_most, all) = (UTILS.0 * area, UTILS.1 * area, UTILS.2);
        if options.film.sampling == FilmSampling::QwenVlUtils && most >= utils_least {
            most = most.min(utils_most.min(shared(all)).max(above(utils_least)));
            least = least.max(utils_least);
        }
        (least.min(most), most)
    }
}

/// A film as a model takes it: what follows from its extent and the options alone.
struct Laid {
    /// Frames, as the film counts them, in their order; an odd one out is there twice.
    frames: Vec<u32>,
    /// How many of them a second the model sees.
    rate: f64,
    width: u32,
    height: u32,
}

impl AnySize {
    /// With films, as a model's folder says.
    ///
    /// # Errors
    /// A setting that describes another preparation.
    pub(crate) fn with_films(
        mut self,
        folder: &Location,
        model: FilmModel,
        notes: &mut Vec<ModelNote>,
    ) -> Result<Self, EngineError> {
        self.films = Some(FilmSettings::load(folder, &self, model, notes)?);
        Ok(self)
    }

    /// With films prepared as its pictures are.
    pub(crate) fn with_usual_films(mut self, model: FilmModel) -> Self {
        self.films = Some(FilmSettings::of_pictures(&self, model));
        self
    }

    fn laid(&self, film: &FilmExtent, options: &RunOptions) -> Result<Laid, EngineError> {
        let settings = self.film_settings()?;
        let mut frames = sample(film, &options.film, &settings.sampling)?;
        let rate = frames.len() as f64 / f64::from(film.frames.max(1)) * film.rate;
        let Some(last) = frames.last().copied() else {
            return Err(EngineError::new(ErrorCode::BadRequest, EngineRefusal::FilmEmpty));
        };
        if frames.len() % FRAMES == 1 {
            frames.push(last);
        }
        let token = self.patch * self.merge;
        let (least, mut most) = settings.pixels(frames.len() as u64, token.into(), options);
        if let Some(limit) = options.max_pixels.map(u64::from) {
            if limit < least.min(self.min_pixels) {
                let small = OptionError::MaxPixelsTooSmall { asked: limit, least };
                return Err(EngineError::new(ErrorCode::BadOption, small));
            }
            most = most.min(limit);
        }
        let size = smart_resize((film.width, film.height), token, (least.min(most), most));
        let (width, height) = size.ok_or_else(|| {
            let (width, height) = (film.width.into(), film.height.into());
            let narrow = EngineRefusal::TooNarrowForModel { width, height };
            EngineError::new(ErrorCode::BadOption, narrow)
        })?;
        Ok(Laid { frames, rate, width, height })
    }

    fn film_settings(&self) -> Result<&FilmSettings, EngineError> {
        self.films
            .as_ref()
            .ok_or_else(|| EngineError::new(ErrorCode::BadOption, EngineRefusal::SeesNoFilms))
    }

    /// Puts a frame's planes into the patches of its pair, in the order of [`AnySize::patches`].
    fn frame_patches(&self, planes: &[f32], (width, frame): (usize, usize), pair: &mut [f32]) {
        let (p, merge) = (self.patch as usize, self.merge as usize);
        let (area, height) = (p * p, planes.len() / 3 / width.max(1));
        let tokens = width / (p * merge);
        for (patch, values) in pair.chunks_mut(3 * FRAMES * area).enumerate() {
            let (token, inner) = (patch / (merge * merge), patch % (merge * merge));
            let top = (token / tokens * merge + inner / merge) * p;
            let left = (token % tokens * merge + inner % merge) * p;
            for (channel, plane) in planes.chunks(width * height).enumerate() {
                let at = (channel * FRAMES + frame) * area;
                for (row, to) in values[at..at + area].chunks_mut(p).enumerate() {
                    to.copy_from_slice(&plane[(top + row) * width + left..][..p]);
                }
            }
        }
    }
}

impl Films for AnySize {
    fn token(&self) -> u32 {
        self.films.as_ref().map_or(0, |films| films.model.token)
    }

    fn plan(&self, film: &FilmExtent, options: &RunOptions) -> Result<Plan, EngineError> {
        let Laid { frames, rate, width, height } = self.laid(film, options)?;
        let token = self.patch * self.merge;
        let pace = match self.film_settings()?.model.time {
            FilmTime::Steps => 1.0,
            // A step lasts as long as its two frames.
            FilmTime::Seconds(positions) => positions * FRAMES as f64 / rate,
        };
        let (rows, cols) = ((height / token) as usize, (width / token) as usize);
        let steps = frames.len() / FRAMES;
        Ok(Plan::of_run(Run { rows, cols, steps, pace, ..Run::default() }))
    }

    fn prepare(&self, film: &Film, options: &RunOptions) -> Result<Reel, EngineError> {
        let extent = film.extent();
        let Laid { frames, rate, width, height } = self.laid(&extent, options)?;
        let normalise = self.film_settings()?.normalise;
        let times =
            frames.iter().step_by(FRAMES).map(|frame| (1000.0 * film.time(*frame)).round() as u32);
        let times = times.collect();
        let frames = ordered(frames, options.film.order);
        let (area, token) = (width as usize * height as usize, self.patch * self.merge);
        let mut values = vec![0.0; 3 * area * frames.len()];
        let mut strip = Strip::of(frames.len(), (width, height));
        film.each(&frames, &mut |places, frame| {
            let resized = resize(&frame, (width, height), Filter::Bicubic, options.resize);
            for place in places {
                let (shown, planes) = match options.picture {
                    // Black frames: a film that shows nothing.
                    PictureUse::Blank => {
                        let black = Picture { width, height, rgb: vec![0; 3 * area] };
                        let planes = normalise.planes(&black, options.resize);
                        (black, planes)
                    }
                    // Every frame is noise of its own.
                    PictureUse::Noise(seed) => {
                        let noise = PictureUse::Noise(seed.wrapping_add(*place as u32));
                        replaced(resized.clone(), &normalise, noise, options.resize)
                    }
                    as_it_is => replaced(resized.clone(), &normalise, as_it_is, options.resize),
                };
                let pair = &mut values[3 * FRAMES * area * (place / FRAMES)..][..3 * FRAMES * area];
                self.frame_patches(&planes, (width as usize, place % FRAMES), pair);
                strip.put(*place, &shown);
            }
            Ok(())
        })?;
        let view = PreparedPicture {
            width,
            height,
            source_width: extent.width,
            source_height: extent.height,
            covers: [0.0, 0.0, extent.width as f32, extent.height as f32],
            rows: (height / token) as u16,
            cols: (width / token) as u16,
        };
        let frames = frames.iter().map(|frame| film.number(*frame)).collect();
        let rule = if extent.chosen { FilmSampling::All } else { options.film.sampling };
        let (of, strip) = (film.of(), strip.picture);
        Ok(Reel { values, view, times, frames, of, rate, rule, strip })
    }
}

/// Frames in the order in which they are shown. They are shuffled as Fisher and Yates do it, by SplitMix64.
fn ordered(mut frames: Vec<u32>, order: FrameOrder) -> Vec<u32> {
    match order {
        FrameOrder::Own => {}
        FrameOrder::Reversed => frames.reverse(),
        FrameOrder::Shuffled(seed) => {
            let mut bits = SplitMix64::new(u64::from(seed));
            for last in (1..frames.len()).rev() {
                let other = (u128::from(bits.next_u64()) * (last as u128 + 1)) >> 64;
                frames.swap(last, other as usize);
            }
        }
    }
    frames
}

/// All frames beside and below each other, eight in a row, each made smaller by a whole number where they are many.
struct Strip {
    picture: Picture,
    cell: (usize, usize),
    by: usize,
}

impl Strip {
    fn of(frames: usize, (width, height): (u32, u32)) -> Self {
        let (width, height) = (width as usize, height as usize);
        let (across, down) = (frames.clamp(1, ACROSS), frames.div_ceil(ACROSS).max(1));
        let mut by = 1;
        while across * down * width.div_ceil(by) * height.div_ceil(by) > MOST_STRIP {
            by += 1;
        }
        let cell = (width.div_ceil(by), height.div_ceil(by));
        let (wide, high) = (across * cell.0, down * cell.1);
        let rgb = vec![0; 3 * wide * high];
        Strip { picture: Picture { width: wide as u32, height: high as u32, rgb }, cell, by }
    }

    fn put(&mut self, place: usize, frame: &Picture) {
        let (wide, (cell_width, cell_height)) = (self.picture.width as usize, self.cell);
        let (left, top) = (place % ACROSS * cell_width, place / ACROSS * cell_height);
        let from = frame.rgb.as_chunks::<3>().0;
        let to = self.picture.rgb.as_chunks_mut::<3>().0;
        for row in 0..cell_height {
            for col in 0..cell_width {
                let pixel = from.get(row * self.by * frame.width as usize + col * self.by);
                let there = to.get_mut((top + row) * wide + left + col);
                if let (Some(pixel), Some(there)) = (pixel, there) {
                    *there = *pixel;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_hold_the_same_frames() {
        let frames: Vec<u32> = (0..10).collect();
        assert_eq!(ordered(frames.clone(), FrameOrder::Own), frames);
        assert_eq!(ordered(frames.clone(), FrameOrder::Reversed)[0], 9);
        let shuffled = ordered(frames.clone(), FrameOrder::Shuffled(1));
        assert_ne!(shuffled, frames);
        assert_ne!(shuffled, ordered(frames.clone(), FrameOrder::Shuffled(2)));
        let mut sorted = shuffled;
        sorted.sort_unstable();
        assert_eq!(sorted, frames);
    }

    #[test]
    fn a_strip_has_a_frame_in_each_cell_and_stays_small() {
        let mut strip = Strip::of(10, (4, 2));
        assert_eq!((strip.picture.width, strip.picture.height), (32, 4));
        let frame = Picture { width: 4, height: 2, rgb: vec![9; 24] };
        strip.put(9, &frame);
        let lit = strip.picture.rgb.as_chunks::<3>().0.iter().enumerate();
        let lit: Vec<usize> = lit.filter(|(_, p)| **p == [9; 3]).map(|(at, _)| at).collect();
        assert_eq!(lit, [68, 69, 70, 71, 100, 101, 102, 103], "the second cell of the second row");
        let large = Strip::of(768, (840, 700));
        assert!(large.picture.rgb.len() <= 3 * MOST_STRIP);
    }

    /// Limits of qwen-vl-utils hold where a model's own leave room for them, as those of published models do.
    #[test]
    fn limits_of_a_frame_follow_the_rule() {
        let settings = |pixels, cap| FilmSettings {
            model: FilmModel { token: 0, time: FilmTime::Steps },
            pixels,
            cap,
            sampling: OwnSampling::default(),
            normalise: Normalise::CLIP,
        };
        let of = |settings: &FilmSettings, frames, sampling| {
            let film = shared::FilmOptions { sampling, ..Default::default() };
            settings.pixels(frames, 28, &RunOptions { film, ..RunOptions::default() })
        };
        let published = settings((3136, 12_845_056), None);
        let (utils, own) = (FilmSampling::QwenVlUtils, FilmSampling::Transformers);
        assert_eq!(of(&published, 8, utils), (100_352, 602_112));
        // 128000 · 28² · 0.9 / 768 · 2.
        assert_eq!(of(&published, 768, utils), (100_352, 235_200));
        assert_eq!(of(&published, 10_000, utils), (100_352, 105_369), "5 % above the least");
        assert_eq!(of(&published, 768, own), (3136, 12_845_056));
        let small = settings((12_544, 20_384), None);
        assert_eq!(of(&small, 8, utils), (12_544, 20_384));
        let capped = settings((100_352, 602_112), Some(128_000));
        assert_eq!(of(&capped, 768, own), (100_352, 235_200));
    }
}
