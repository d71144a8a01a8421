//! A model: loaded once, run many times.

use shared::event::Stop;
use shared::picture::PictureTokens;
use shared::sentence::{EngineRefusal, Phrases};
use shared::{
    Bins, ErrorCode, FEW_BINS, Group, Message, ModelInfo, ModelTraits, PictureUse, PreparedPicture,
    Quant, RunOptions, Summary, Timing,
};

use crate::check::{Extent, Fitting, PromptCheck};
use crate::clock::Moment;
use crate::device::DeviceChoice;
use crate::error::EngineError;
use crate::family::{self, Loaded, Parts, Reading, Seen};
use crate::filesystem::Location;
use crate::film::Film;
use crate::generate::{self, Outcome};
use crate::memory::{self, Footprint, GpuRun, MemoryNeed};
use crate::observer::{Observer, Wants};
use crate::picture::Picture;
use crate::prepare::{Mel, Pixels, Plan, Reel};
use crate::prompt::Prompt;
use crate::sound::Sound;
use crate::weighed::{self, Arranged};
#[cfg(not(target_arch = "wasm32"))]
use crate::weights::WeightCache;

/// How to load a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Name to report in [`ModelInfo`].
    pub name: String,
    /// How to hold the decoder's weights.
    pub quant: Quant,
    /// Where to run.
    pub device: DeviceChoice,
}

/// A loaded model. Lives on one thread; no tensor leaves it.
pub struct Model {
    pub(crate) parts: Parts,
    info: ModelInfo,
    pub(crate) footprint: Footprint,
    pub(crate) arranged: Arranged,
    check: PromptCheck,
}

/// One medium of a question.
#[derive(Clone, Copy, Debug)]
pub enum Medium<'m> {
    /// A still picture.
    Picture(&'m Picture),
    /// A film.
    Film(&'m Film),
    /// A sound.
    Sound(&'m Sound),
}

impl Medium<'_> {
    fn extent(self) -> Extent {
        match self {
            Medium::Picture(picture) => (picture.width, picture.height).into(),
            Medium::Film(film) => Extent::Film(film.extent()),
            Medium::Sound(sound) => Extent::Sound { samples: sound.samples.len() },
        }
    }
}

/// The media of a question, in their order; made of one picture or sound, or of a list of them.
#[derive(Clone, Debug, Default)]
pub struct Media<'m>(pub Vec<Medium<'m>>);

impl<'m> From<&'m Picture> for Media<'m> {
    fn from(picture: &'m Picture) -> Self {
        Media(vec![Medium::Picture(picture)])
    }
}

impl<'m> From<&'m [Picture]> for Media<'m> {
    fn from(pictures: &'m [Picture]) -> Self {
        Media(pictures.iter().map(Medium::Picture).collect())
    }
}

impl<'m> From<&'m Vec<Picture>> for Media<'m> {
    fn from(pictures: &'m Vec<Picture>) -> Self {
        pictures.as_slice().into()
    }
}

impl<'m> From<&'m Film> for Media<'m> {
    fn from(film: &'m Film) -> Self {
        Media(vec![Medium::Film(film)])
    }
}

impl<'m> From<&'m Sound> for Media<'m> {
    fn from(sound: &'m Sound) -> Self {
        Media(vec![Medium::Sound(sound)])
    }
}

impl<'m> From<&'m [Sound]> for Media<'m> {
    fn from(sounds: &'m [Sound]) -> Self {
        Media(sounds.iter().map(Medium::Sound).collect())
    }
}

/// A medium as a model takes it.
#[derive(Debug)]
enum Given {
    Picture {
        /// The vision tower's input.
        pixels: Vec<f32>,
        /// The picture as the model sees it.
        picture: Picture,
        /// Where that, or each of its tiles, lies in the given one.
        views: Vec<PreparedPicture>,
    },
    Film(Reel),
    Sound(Mel),
}

impl Given {
    fn seen(&self) -> Seen<'_> {
        match self {
            Given::Picture { pixels, views, .. } => Seen::Picture(pixels, views),
            Given::Film(reel) => Seen::Film(reel),
            Given::Sound(mel) => Seen::Sound(mel),
        }
    }

    const fn group(&self) -> Group {
        match self {
            Given::Picture { .. } => Group::Image,
            Given::Film(_) => Group::Video,
            Given::Sound(_) => Group::Audio,
        }
    }
}

/// Media and a prompt, ready to run.
#[derive(Debug)]
pub struct Prepared {
    /// None for a question alone; each with what it becomes in the prompt.
    media: Vec<(Given, Plan)>,
    prompt: Prompt,
    options: RunOptions,
    prompt_tokens: usize,
    prepare_ms: f64,
}

impl Prepared {
    /// The first picture as the model sees it, as a PNG file; none where it sees none.
    pub fn picture_png(&self) -> Option<Vec<u8>> {
        self.picture_png_of(0)
    }

    /// A picture as the model sees it, as a PNG file; none where there is none of that number. Of a film all frames,
    /// beside and below each other, eight in a row.
    pub fn picture_png_of(&self, medium: usize) -> Option<Vec<u8>> {
        match self.media.get(medium) {
            Some((Given::Picture { picture, .. }, _)) => Some(picture.png()),
            Some((Given::Film(reel), _)) => Some(reel.strip.png()),
            _ => None,
        }
    }

    /// Number of prompt positions, image tokens included.
    pub fn prompt_tokens(&self) -> usize {
        self.prompt_tokens
    }

    /// Number of the media's tokens among them, copies included.
    pub fn image_tokens(&self) -> usize {
        self.prompt_tokens - self.prompt.len()
    }

    /// Positions of the prompt, and most tokens to write.
    pub(crate) fn positions(&self) -> (usize, usize) {
        (self.prompt_tokens, self.options.max_new_tokens as usize)
    }

    /// Tokens that the encoder makes of the largest medium; none where there is none. Media go
    /// through it one after another.
    pub(crate) fn tower_tokens(&self) -> Option<usize> {
        // Of a film one step after another, too.
        self.media.iter().map(|(_, plan)| plan.at_a_time()).max()
    }

    /// How many bins the run's flows have.
    pub(crate) fn bins(&self) -> usize {
        Bins::of_media(self.media.iter().map(|(given, _)| given.group())).len()
    }

    /// The options, resolved on this model.
    pub fn options(&self) -> &RunOptions {
        &self.options
    }

    /// The vision tower's input of the first picture, `[3, height, width]`; empty without one.
    pub fn pixels(&self) -> &[f32] {
        self.pixels_of(0)
    }

    /// The vision tower's input of a picture; empty where there is none of that number.
    pub fn pixels_of(&self, medium: usize) -> &[f32] {
        match self.media.get(medium) {
            Some((Given::Picture { pixels, .. }, _)) => pixels,
            Some((Given::Film(reel), _)) => &reel.values,
            _ => &[],
        }
    }

    /// The audio encoder's input of a sound, log-mel energies `[bands, frames]` without the silent frames
    /// at a clip's end; empty where no sound has that number.
    pub fn log_mel_of(&self, medium: usize) -> &[f32] {
        match self.media.get(medium) {
            Some((Given::Sound(mel), _)) => &mel.values,
            _ => &[],
        }
    }

    /// The same prompt on other pixels of its pictures, one after another, for comparisons with a
    /// reference that prepared its own.
    ///
    /// # Panics
    /// If there are more or fewer values than the vision tower takes.
    #[must_use]
    pub fn with_pixels(mut self, pixels: Vec<f32>) -> Self {
        let mut rest = pixels.as_slice();
        for (given, _) in &mut self.media {
            let pixels = match given {
                Given::Picture { pixels, .. } => pixels,
                Given::Film(reel) => &mut reel.values,
                Given::Sound(_) => continue,
            };
            let (own, others) = rest.split_at(pixels.len());
            *pixels = own.to_vec();
            rest = others;
        }
        assert!(rest.is_empty(), "pixels of another size");
        self
    }
}

impl Model {
    /// Loads a model from a folder in Hugging Face layout, or from llama.cpp's files:
    /// `FILE.gguf,MMPROJ.gguf`, or `FILE.gguf` alone with its mmproj beside it. A path is one of the
    /// disk's; [`crate::InMemory`] has files that are none.
    /// `progress(bytes_done, bytes_total)` is called as weights are read.
    ///
    /// # Errors
    /// [`shared::ErrorCode::ModelUnusable`] naming the file and what is wrong with it.
    pub fn load(
        folder: impl Into<Location>,
        options: &LoadOptions,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Model, EngineError> {
        let device = options.device.open()?;
        let (quant, cache, weighing) = (options.quant, None, None);
        let reading = Reading { quant, device: &device, cache, weighing, progress };
        Ok(Self::of(family::load(&folder.into(), &options.name, reading)?, options))
    }

    /// As [`Model::load`], with converted weights kept in a cache: a model that was quantized
    /// while it was loaded is next time read as it was held. llama.cpp's files need none.
    ///
    /// # Errors
    /// As [`Model::load`]; a cache that cannot be used is none.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn load_cached(
        folder: impl Into<Location>,
        options: &LoadOptions,
        cache: &WeightCache,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Model, EngineError> {
        let device = options.device.open()?;
        let (quant, cache, weighing) = (options.quant, Some(cache), None);
        let reading = Reading { quant, device: &device, cache, weighing, progress };
        Ok(Self::of(family::load(&folder.into(), &options.name, reading)?, options))
    }

    /// A model of one of [`crate::shapes`]' sizes with random weights: what such a model costs,
    /// without its files. Its answers mean nothing.
    ///
    /// # Errors
    /// There is no shape of that name.
    pub fn random(shape: &str, options: &LoadOptions) -> Result<Model, EngineError> {
        let device = options.device.open()?;
        let (quant, cache, weighing, progress) = (options.quant, None, None, &mut |_, _| {});
        let reading = Reading { quant, device: &device, cache, weighing, progress };
        Ok(Self::of(family::random(shape, reading)?, options))
    }

    fn of(loaded: Loaded, options: &LoadOptions) -> Model {
        let Loaded { parts, parameters, footprint, fallbacks, notes, held, hash } = loaded;
        let c = &parts.decoder.config;
        let traits = traits(&parts, options.quant);
        let (facts, score) = (parts.facts, parts.encoder.prune_score());
        let mut phrases = Phrases::default();
        let info = ModelInfo {
            name: options.name.clone(),
            family: facts.name.to_owned(),
            layers: c.layers as u32,
            heads: c.heads as u32,
            kv_heads: c.kv_heads as u32,
            hidden: c.hidden as u32,
            vocab: c.vocab as u32,
            max_positions: c.max_positions as u32,
            parameters,
            quant: options.quant,
            fallbacks,
            held,
            notes: notes.into_iter().map(|note| phrases.keep(note)).collect(),
            phrases,
            dtype: parts.decoder.dtype_name().to_owned(),
            device: crate::device::describe(&parts.decoder.device()),
            jpeg_decoder: crate::picture::JPEG_DECODER.to_owned(),
            template: parts.templates.own().unwrap_or_default().to_owned(),
            prune_score: score.unwrap_or_default().to_owned(),
            prune_positions: score.map(|_| facts.numbering.own()),
            max_pixels: traits.tokens.and_then(PictureTokens::usual),
            head_rows: true,
            hash,
            bytes: footprint.weights,
        };
        let check = PromptCheck {
            tokenizer: parts.tokenizer.clone(),
            templates: parts.templates.clone(),
            traits,
            image_token: parts.image_token,
            prunes: score.is_some(),
            longest: c.max_positions,
            pictures: parts.pictures.clone(),
            numbering: facts.numbering,
            size: (c.layers as u32, c.heads as u32),
        };
        Model { parts, info, footprint, arranged: Arranged::default(), check }
    }

    /// What the model is.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Bytes the model needs to answer a prompt of `tokens` positions, an estimate.
    pub fn memory(&self, tokens: usize) -> MemoryNeed {
        let decoder = &self.parts.decoder;
        if decoder.device().is_cuda() {
            let run = self.gpu_run(tokens, 0);
            return MemoryNeed::on_gpu(self.footprint, &decoder.config, run);
        }
        weighed::need(&self.parts, self.footprint, tokens)
    }

    pub(crate) fn on_gpu(&self) -> bool {
        self.parts.decoder.device().is_cuda()
    }

    fn gpu_run(&self, prompt: usize, new: usize) -> GpuRun {
        let decoder = &self.parts.decoder;
        let half = decoder.dtype_name() == "f16";
        let plain = matches!(self.info.quant, Quant::F16 | Quant::Bf16);
        let decodes = half && !plain;
        let (logits, knockout, bins) = (false, false, FEW_BINS);
        let deep = self.parts.encoder.deep();
        GpuRun { prompt, new, half, decodes, logits, knockout, head_rows: 0, bins, deep }
    }

    /// Whether a run fits the GPU, asked before it takes anything.
    fn fits(&self, prepared: &Prepared, wants: Wants) -> Result<(), EngineError> {
        let decoder = &self.parts.decoder;
        let Some(memory) = crate::device::memory(&decoder.device()) else { return Ok(()) };
        let (prompt, options) = (prepared.prompt_tokens, &prepared.options);
        let new = (options.max_new_tokens as usize).min(decoder.config.max_positions - prompt);
        let knockout = options.knockout.is_some();
        let Wants { logits, head_rows, .. } = wants;
        let bins = prepared.bins();
        let run = GpuRun { logits, knockout, head_rows, bins, ..self.gpu_run(prompt, new) };
        memory::fits(&decoder.config, run, self.footprint.weights, memory, options.replicate)
    }

    /// What tells whether a question fits this model, for other threads.
    pub fn check(&self) -> PromptCheck {
        self.check.clone()
    }

    /// What options are resolved by on this model; the same as [`crate::traits_of`] says of its
    /// files, but that its weights are held as they were loaded.
    pub fn traits(&self) -> &ModelTraits {
        &self.check.traits
    }

    /// Names of the prompt templates, the default first.
    pub fn templates(&self) -> Vec<&str> {
        self.check.templates.names().collect()
    }

    /// Prepares media and a prompt: a picture, a film, a sound, or a list of them. Of a sound that is longer than
    /// the model hears the end is cut off, which the prepared options say (`changed`).
    ///
    /// # Errors
    /// Codes for a prompt that does not fit the model, an unknown template, an option out of range, or a
    /// medium that the model does not take.
    pub fn prepare<'m>(
        &self,
        media: impl Into<Media<'m>>,
        options: &RunOptions,
    ) -> Result<Prepared, EngineError> {
        let start = Moment::now();
        let Media(media) = media.into();
        let extents: Vec<Extent> = media.iter().map(|medium| medium.extent()).collect();
        let Fitting { prompt, plans, prompt_tokens, options } =
            self.check.fit(&extents, options)?;
        let shown = media.into_iter().filter(|_| options.picture != PictureUse::None);
        let given =
            shown.zip(plans).map(|(medium, plan)| Ok((self.given(medium, &options)?, plan)));
        let media = given.collect::<Result<Vec<(Given, Plan)>, EngineError>>()?;
        Ok(Prepared { media, prompt, options, prompt_tokens, prepare_ms: start.ms() })
    }

    fn given(&self, medium: Medium<'_>, options: &RunOptions) -> Result<Given, EngineError> {
        let ours = &self.parts.pictures;
        match medium {
            Medium::Picture(picture) => {
                let Pixels { values, picture, views } = ours.prepare(picture, options)?;
                Ok(Given::Picture { pixels: values, picture, views })
            }
            Medium::Film(film) => {
                let films = ours.films().ok_or_else(|| {
                    EngineError::new(ErrorCode::BadOption, EngineRefusal::SeesNoFilms)
                })?;
                Ok(Given::Film(films.prepare(film, options)?))
            }
            Medium::Sound(Sound { samples, .. }) => {
                let sounds = ours.sounds().ok_or_else(|| {
                    EngineError::new(ErrorCode::BadOption, EngineRefusal::HearsNoSounds)
                })?;
                // A blank sound is silence.
                Ok(Given::Sound(match options.picture {
                    PictureUse::Blank => sounds.prepare(&vec![0.0; samples.len()]),
                    _ => sounds.prepare(samples),
                }))
            }
        }
    }

    /// Runs the model and generates as the options say. An observer that asks to stop ends the run with
    /// `Ok(None)`.
    ///
    /// # Errors
    /// Numbers that are not finite; a GPU that has too little memory.
    pub fn run(
        &self,
        prepared: &Prepared,
        observer: &mut dyn Observer,
    ) -> Result<Option<Summary>, EngineError> {
        let wants = observer.wants();
        self.fits(prepared, wants)?;
        let outcome = self.answer(prepared, observer);
        crate::device::settle(&self.parts.decoder.device());
        outcome
    }

    fn answer(
        &self,
        prepared: &Prepared,
        observer: &mut dyn Observer,
    ) -> Result<Option<Summary>, EngineError> {
        let start = Moment::now();
        let Prepared { media, prompt, options, .. } = prepared;
        let seen: Vec<Seen> = media.iter().map(|(given, _)| given.seen()).collect();
        let input = family::input(&self.parts, &seen, prompt, options)?;
        let vision_ms = start.ms();
        if observer.layout(&input.layout).is_break() || observer.poll().is_break() {
            return Ok(None);
        }
        let plan = generate::Plan {
            decoder: &self.parts.decoder,
            tokenizer: &self.check.tokenizer,
            eos: &self.parts.eos,
            max_new_tokens: options.max_new_tokens,
            ignore_eos: options.ignore_eos,
            sampling: options.sampling,
            knockout: options.knockout.as_ref(),
            arranged: &self.arranged,
        };
        let Some(outcome) = generate::generate(&plan, input, observer)? else {
            return Ok(None);
        };
        let Outcome { answer, tokens, stop, prefill_ms, decode_ms } = outcome;
        let timing = Timing {
            prepare_ms: prepared.prepare_ms,
            vision_ms,
            prefill_ms,
            decode_ms,
            total_ms: prepared.prepare_ms + start.ms(),
        };
        let stop: Stop = stop;
        Ok(Some(Summary { answer, tokens, stop, timing }))
    }
}

fn traits(parts: &Parts, quant: Quant) -> ModelTraits {
    let (facts, templates) = (parts.facts, &parts.templates);
    ModelTraits {
        quant,
        one_size: facts.one_size,
        templates: Some(templates.names().map(str::to_owned).collect()),
        template_refused: templates.refused().map(Message::from),
        prune_positions: Some(facts.numbering.own()),
        layers: Some(parts.decoder.config.layers as u32),
        ..family::of_pictures(&*parts.pictures)
    }
}
