//! Options that a single run and an experiment are asked with alike.

use clap::Args;
use shared::options::MAX_NEW_TOKENS;
use shared::{
    AfterFilm, AskedOptions, CopyPositions, FilmOptions, FilmSampling, ImageFit, PictureUse,
    PruneCount, PrunePositions, Resizing, Sampling,
};

use super::Failure;
use super::values::{number, text, whole};

/// How a model is asked, whatever it is asked about.
#[derive(Clone, Debug, Default, PartialEq, Args)]
pub struct AskedArgs {
    /// Most tokens to generate [default: 20].
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1, MAX_NEW_TOKENS.into()))]
    max_new_tokens: Option<u32>,
    /// Go on after the end-of-sequence token.
    #[arg(long)]
    ignore_eos: bool,
    /// How a picture that is not square meets a square model: crop or pad [default: crop].
    #[arg(long, value_parser = text())]
    fit: Option<String>,
    /// Whose arithmetic resizes pictures: torchvision, which transformers 5 takes by default,
    /// pillow-13, or pillow-12 for Pillow before version 13 [default: the model's own: torchvision,
    /// for SmolVLM pillow-13].
    #[arg(long, value_name = "WHOSE", value_parser = text())]
    resize: Option<String>,
    /// Which picture tokens pruning drops: score, those the model's own score ranks last, or
    /// random:SEED, as many drawn by chance (in experiments anew for each sample) [default: score].
    #[arg(long, value_name = "HOW", value_parser = text())]
    prune_by: Option<String>,
    /// How many picture tokens pruning leaves: round (144, 58 and 29 of 576 at 75, 90 and 95 %), or
    /// floor for the whole number below (144, 57, 28) [default: round].
    #[arg(long, value_parser = text())]
    prune_count: Option<String>,
    /// Where those that are left stand: repacked, at consecutive positions, or kept, where they
    /// stood [default: repacked; kept for Qwen's models, whose
    /// positions carry the grid].
    #[arg(long, value_parser = text())]
    prune_positions: Option<String>,
    /// Where copies of picture tokens stand: new, one after another, or shared, all where the first
    /// one does [default: new].
    #[arg(long, value_parser = text())]
    copies: Option<String>,
    /// What the model is shown in the picture's place: own, blank for its mean colour, noise:SEED,
    /// or none for the question alone [default: own].
    #[arg(long, value_name = "WHAT", value_parser = text())]
    picture: Option<String>,
    /// Which frames of a film the model sees: qwen-vl-utils (two a second, an even number from 4 to 768, evenly from the
    /// first to the last), transformers (as the model's video processor does: every one, unless its files or
    /// --sample-fps say how many), or all [default: qwen-vl-utils].
    #[arg(long, value_name = "RULE", value_parser = text())]
    sampling: Option<String>,
    /// How many frames a second are taken of a film [default: 2 under qwen-vl-utils].
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    sample_fps: Option<f64>,
    /// Where the text behind a film stands, where positions count time: longer_edge, as in transformers 5, where a long
    /// film and the text share positions, or max_plus_one, behind the film, as in transformers 4
    /// [default: longer_edge].
    #[arg(long, value_parser = text())]
    after_film: Option<String>,
    /// In which order a film's frames are shown: own, reversed or shuffled:SEED [default: own].
    #[arg(long, value_name = "ORDER", value_parser = text())]
    frame_order: Option<String>,
    /// Attention to knock out, quoted: FROM>TO[@LAYERS][#HEADS], such as "text>image@8-15". Groups
    /// are begin, system, template, marker, image, instruction and generated, joined by +; text
    /// is every prompt group but the picture, all is every group.
    #[arg(long, value_name = "FROM>TO", value_parser = text())]
    knockout: Option<String>,
    /// What logits of tokens that the prompt or the answer already has are divided by (multiplied,
    /// where they are negative), as in transformers [default: 1, none].
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    repetition_penalty: Option<f64>,
    /// Draw tokens at this temperature; at 0 the most probable one is taken [default: 0].
    #[arg(long, value_name = "NUMBER", value_parser = number)]
    temperature: Option<f64>,
    /// Draw from the most probable tokens that together have this probability [default: 1, all].
    #[arg(long, value_name = "SHARE", value_parser = number)]
    top_p: Option<f64>,
}

impl AskedArgs {
    /// The options that are set here; the others are left to the model. `seed` is what drawn tokens
    /// follow from.
    pub(super) fn options(&self, seed: Option<u32>) -> Result<AskedOptions, Failure> {
        let bad = |what: String| format!("bad_option: {what}");
        Ok(AskedOptions {
            max_new_tokens: self.max_new_tokens,
            ignore_eos: self.ignore_eos.then_some(true),
            fit: named("fit", &[ImageFit::Crop, ImageFit::Pad], ImageFit::name, &self.fit)?,
            resize: named("resize", &Resizing::ALL, Resizing::name, &self.resize)?,
            prune_by: self.prune_by.as_deref().map(str::parse).transpose().map_err(bad)?,
            prune_count: named(
                "prune-count",
                &PruneCount::ALL,
                PruneCount::name,
                &self.prune_count,
            )?,
            prune_positions: named(
                "prune-positions",
                &PrunePositions::ALL,
                PrunePositions::name,
                &self.prune_positions,
            )?,
            copies: named("copies", &CopyPositions::ALL, CopyPositions::name, &self.copies)?,
            picture: self.picture.as_deref().map(str::parse).transpose().map_err(bad)?,
            knockout: self.knockout.as_deref().map(str::parse).transpose().map_err(bad)?,
            film: self.film()?,
            sampling: self.sampling(seed),
            ..AskedOptions::default()
        })
    }

    /// How films become frames, where anything is said of it.
    fn film(&self) -> Result<Option<FilmOptions>, Failure> {
        let bad = |what: String| format!("bad_option: {what}");
        let rule = named("sampling", &FilmSampling::ALL, FilmSampling::name, &self.sampling)?;
        let after = named("after-film", &AfterFilm::ALL, AfterFilm::name, &self.after_film)?;
        let order = self.frame_order.as_deref().map(str::parse).transpose().map_err(bad)?;
        let film = FilmOptions {
            sampling: rule.unwrap_or_default(),
            fps: self.sample_fps.map(|fps| fps as f32),
            after: after.unwrap_or_default(),
            order: order.unwrap_or_default(),
        };
        Ok((film != FilmOptions::default()).then_some(film))
    }

    /// Whether the model is asked to be shown no picture.
    pub(super) fn shows_no_picture(&self) -> bool {
        self.picture.as_deref().and_then(|text| text.parse().ok()) == Some(PictureUse::None)
    }

    /// How tokens are chosen, where anything is said of it.
    fn sampling(&self, seed: Option<u32>) -> Option<Sampling> {
        let AskedArgs { repetition_penalty, temperature, top_p, .. } = self;
        let d = Sampling::default();
        let sampling = Sampling {
            repetition_penalty: repetition_penalty.unwrap_or(d.repetition_penalty),
            temperature: temperature.unwrap_or(d.temperature),
            top_p: top_p.unwrap_or(d.top_p),
            seed: seed.unwrap_or(d.seed),
        };
        (sampling != d).then_some(sampling)
    }
}

/// The value of the name that was asked for, if one was, or a sentence that says which there are.
fn named<T: Copy>(
    option: &str,
    all: &[T],
    name: fn(T) -> &'static str,
    asked: &Option<String>,
) -> Result<Option<T>, Failure> {
    let Some(asked) = asked else { return Ok(None) };
    let found = all.iter().copied().find(|value| name(*value) == asked);
    found.map(Some).ok_or_else(|| {
        let names: Vec<_> = all.iter().copied().map(name).collect();
        format!("bad_option: there is no {option} \"{asked}\"; name {}", names.join(" or "))
    })
}
