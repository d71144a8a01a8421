//! Whether a question fits a model, before the model is there to be asked.

use std::sync::Arc;

use shared::sentence::EngineRefusal;
use shared::{
    Changed, ErrorBody, ErrorCode, Group, Knockout, MOST_MEDIA, ModelTraits, PictureUse, PruneBy,
    RunOptions, Token, WhyChanged,
};

use crate::compress;
use crate::error::EngineError;
use crate::family::{Numbering, begin};
use crate::film::FilmExtent;
use crate::prepare::{Pictures, Plan, Sounds};
use crate::prompt::{MediumRun, Piece, Prompt, PromptTokenizer, Templates};
use crate::sound::SOUND_RATE;

/// What can be said of a question without weights: template, length, options. Cheap to clone, and
/// no part of the model's thread.
#[derive(Clone)]
pub struct PromptCheck {
    pub(crate) tokenizer: Arc<PromptTokenizer>,
    pub(crate) templates: Arc<Templates>,
    /// What options are resolved by.
    pub(crate) traits: ModelTraits,
    pub(crate) image_token: u32,
    /// Whether there is something to rank image tokens by.
    pub(crate) prunes: bool,
    /// Most positions of a sequence.
    pub(crate) longest: usize,
    pub(crate) pictures: Arc<dyn Pictures>,
    pub(crate) numbering: Numbering,
    /// Layers of the decoder, and heads of each.
    pub(crate) size: (u32, u32),
}

/// How large a medium is: what is known of it before it is prepared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Extent {
    /// A picture of so many pixels.
    Picture {
        /// In width.
        width: u32,
        /// In height.
        height: u32,
    },
    /// A film.
    Film(FilmExtent),
    /// A sound of so many samples, [`SOUND_RATE`] a second.
    Sound {
        /// All of them.
        samples: usize,
    },
}

impl From<(u32, u32)> for Extent {
    fn from((width, height): (u32, u32)) -> Self {
        Extent::Picture { width, height }
    }
}

impl Extent {
    /// The group of its tokens.
    pub(crate) const fn group(self) -> Group {
        match self {
            Extent::Picture { .. } => Group::Image,
            Extent::Film(_) => Group::Video,
            Extent::Sound { .. } => Group::Audio,
        }
    }
}

/// A question that fits.
pub(crate) struct Fitting {
    pub(crate) prompt: Prompt,
    /// What its media become, one each.
    pub(crate) plans: Vec<Plan>,
    pub(crate) prompt_tokens: usize,
    /// The options, resolved on this model.
    pub(crate) options: RunOptions,
}

impl PromptCheck {
    /// Whether a question about media of these extents, of pictures their widths and heights, fits the
    /// model.
    ///
    /// # Errors
    /// Codes for a prompt that does not fit, an unknown template, an option out of range, or a medium
    /// that the model does not take.
    pub fn check(
        &self,
        media: &[impl Copy + Into<Extent>],
        options: &RunOptions,
    ) -> Result<(), EngineError> {
        let media: Vec<Extent> = media.iter().map(|medium| (*medium).into()).collect();
        self.fit(&media, options).map(|_| ())
    }

    pub(crate) fn fit(
        &self,
        media: &[Extent],
        options: &RunOptions,
    ) -> Result<Fitting, EngineError> {
        let bad = |what: EngineRefusal| EngineError::new(ErrorCode::BadOption, what);
        let options = options.on(&self.traits)?;
        if options.prune > 0.0 && options.prune_by == PruneBy::Score && !self.prunes {
            return Err(bad(EngineRefusal::NothingToRankBy));
        }
        let template = self
            .templates
            .find(&options.template)
            .ok_or_else(|| EngineError::internal("a template was resolved that is not there"))?;
        let media = if options.picture == PictureUse::None { &[] } else { media };
        let are_sounds = media.iter().any(|medium| medium.group() == Group::Audio);
        let are_films = media.iter().any(|medium| medium.group() == Group::Video);
        if media.len() > MOST_MEDIA {
            let (n, most) = (media.len() as u64, MOST_MEDIA as u64);
            return Err(bad(match are_sounds || are_films {
                true => EngineRefusal::TooManyMedia { n, most },
                false => EngineRefusal::TooManyPictures { n, most },
            }));
        }
        let pictures = media.iter().filter(|medium| medium.group() == Group::Image).count();
        let mut options = self.pictures.among(pictures, options)?;
        let mut plans = Vec::with_capacity(media.len());
        for medium in media {
            plans.push(match *medium {
                Extent::Picture { width, height } => {
                    self.pictures.plan((width, height), &options)?
                }
                Extent::Film(film) => {
                    let films = self.pictures.films();
                    let films = films.ok_or_else(|| bad(EngineRefusal::SeesNoFilms))?;
                    films.plan(&film, &options)?
                }
                Extent::Sound { samples } => self.sound(samples, &mut options)?,
            });
        }
        let text = (options.prompt.as_str(), plans.as_slice());
        let prompt = Prompt::new(&self.tokenizer, template, text, self.image_token)?;
        // What is left of each picture and not yet laid out, tokens of all pictures, and the position
        // after the last token. Which features of several runs are left is known when they are
        // ranked; how many of all of them, now: the first runs are taken to stay whole.
        let left = |plan: &Plan| compress::kept(plan.len(), &options);
        let mut left: Vec<usize> = plans.iter().map(left).collect();
        let (mut images, mut next, mut reach) = (Vec::new(), 0, 0);
        for piece in &prompt.pieces {
            match piece {
                Piece::Medium(MediumRun { medium, run, .. }) => {
                    let Some(left) = left.get_mut(*medium) else { continue };
                    let kept = run.len().min(*left);
                    *left -= kept;
                    let shape = run.shape();
                    reach = reach.max(self.numbering.reach(next, kept, &shape, &options));
                    next = self.numbering.after_medium(next, kept, &shape, &options);
                    images.push(kept * options.replicate as usize);
                }
                text => next += text.tokens().len() as u32,
            }
        }
        let next = next.max(reach) as usize;
        let prompt_tokens = prompt.len() + images.iter().sum::<usize>();
        if let Some(knockout) = &options.knockout {
            let generates = options.max_new_tokens > 1;
            let knocked = self.knocks_out(knockout, &prompt, (media, &images), generates);
            knocked.map_err(|why| ErrorBody::new(ErrorCode::BadOption, why))?;
        }
        if prompt_tokens.max(next) >= self.longest {
            let (tokens, most) = (prompt_tokens as u64, self.longest as u64);
            let copies = options.replicate > 1;
            let refusal = if next > prompt_tokens {
                let advice = match copies {
                    true => EngineRefusal::ShortenRepackOrReplicate,
                    false => EngineRefusal::ShortenOrRepack,
                };
                let (next, advice) = (next as u64, advice.into());
                EngineRefusal::PromptReaches { tokens, next, most, advice }
            } else {
                let advice = match copies {
                    true => EngineRefusal::ShortenOrReplicate,
                    false => EngineRefusal::Shorten,
                };
                let media = match media.len() {
                    _ if are_sounds => EngineRefusal::TheSound,
                    _ if are_films => EngineRefusal::TheFilm,
                    0 | 1 => EngineRefusal::ThePicture,
                    _ => EngineRefusal::ThePictures,
                };
                let (media, advice) = (media.into(), advice.into());
                EngineRefusal::PromptTakes { tokens, media, most, advice }
            };
            return Err(EngineError::new(ErrorCode::PromptTooLong, refusal));
        }
        Ok(Fitting { prompt, plans, prompt_tokens, options })
    }

    /// What a sound of so many samples becomes. That it is cut is said among the options that are not
    /// what was asked.
    fn sound(&self, samples: usize, options: &mut RunOptions) -> Result<Plan, EngineError> {
        let bad = |what: EngineRefusal| EngineError::new(ErrorCode::BadOption, what);
        let sounds: &dyn Sounds =
            self.pictures.sounds().ok_or_else(|| bad(EngineRefusal::HearsNoSounds))?;
        if matches!(options.picture, PictureUse::Noise(_)) {
            return Err(bad(EngineRefusal::NoNoiseForSounds));
        }
        let plan = sounds.plan(samples)?;
        if samples > sounds.most() {
            let seconds = |samples: usize| format!("{:.2}", samples as f64 / f64::from(SOUND_RATE));
            let cut = Changed {
                option: "audio seconds".to_owned(),
                asked: seconds(samples),
                used: seconds(sounds.most()),
                why: WhyChanged::AboveModelLimit,
            };
            // Options that were resolved on this model before say it already.
            if !options.changed.contains(&cut) {
                options.changed.push(cut);
            }
        }
        Ok(plan)
    }

    /// Whether a knockout is possible in a prompt with so many tokens of each run of features and
    /// blocks anything. Only with `generates` is there a generated row: the last token is not read again.
    fn knocks_out(
        &self,
        knockout: &Knockout,
        prompt: &Prompt,
        (media, images): (&[Extent], &[usize]),
        generates: bool,
    ) -> Result<(), shared::Message> {
        let (layers, heads) = self.size;
        knockout.check_model(layers, heads)?;
        let (mut groups, mut images) = (Vec::new(), images.iter());
        for piece in &prompt.pieces {
            match piece {
                Piece::Medium(MediumRun { medium, .. }) => {
                    let tokens = images.next().copied().unwrap_or_default();
                    let group = media.get(*medium).map_or(Group::Image, |medium| medium.group());
                    groups.extend(std::iter::repeat_n(group, tokens));
                }
                text => groups.extend(text.tokens().iter().map(|t: &Token| t.group)),
            }
        }
        if let Some(first) = groups.first_mut() {
            *first = begin(*first);
        }
        groups.extend(generates.then_some(Group::Generated));
        knockout.check_effect(groups)
    }
}
