//! Whether a question fits a model, before the model is there to be asked.

use std::sync::Arc;

use shared::sentence::EngineRefusal;
use shared::{
    ErrorBody, ErrorCode, Group, Knockout, MOST_MEDIA, ModelTraits, PictureUse, PruneBy,
    RunOptions, Token,
};

use crate::compress;
use crate::error::EngineError;
use crate::family::{Numbering, begin};
use crate::prepare::{Pictures, Plan};
use crate::prompt::{MediumRun, Piece, Prompt, PromptTokenizer, Templates};

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

/// A question that fits.
pub(crate) struct Fitting {
    pub(crate) prompt: Prompt,
    /// What its pictures become, one each.
    pub(crate) plans: Vec<Plan>,
    pub(crate) prompt_tokens: usize,
    /// The options, resolved on this model.
    pub(crate) options: RunOptions,
}

impl PromptCheck {
    /// Whether a question about pictures of these widths and heights fits the model.
    ///
    /// # Errors
    /// Codes for a prompt that does not fit, an unknown template, or an option out of range.
    pub fn check(&self, sizes: &[(u32, u32)], options: &RunOptions) -> Result<(), EngineError> {
        self.fit(sizes, options).map(|_| ())
    }

    pub(crate) fn fit(
        &self,
        sizes: &[(u32, u32)],
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
        let sizes = if options.picture == PictureUse::None { &[] } else { sizes };
        if sizes.len() > MOST_MEDIA {
            let (n, most) = (sizes.len() as u64, MOST_MEDIA as u64);
            return Err(bad(EngineRefusal::TooManyPictures { n, most }));
        }
        let options = self.pictures.among(sizes.len(), options)?;
        let plan = |size: &(u32, u32)| self.pictures.plan(*size, &options);
        let plans = sizes.iter().map(plan).collect::<Result<Vec<Plan>, EngineError>>()?;
        let text = (options.prompt.as_str(), plans.as_slice());
        let prompt = Prompt::new(&self.tokenizer, template, text, self.image_token)?;
        // What is left of each picture and not yet laid out, tokens of all pictures, and the position
        // after the last token. Which features of several runs are left is known when they are
        // ranked; how many of all of them, now: the first runs are taken to stay whole.
        let left = |plan: &Plan| compress::kept(plan.len(), &options);
        let mut left: Vec<usize> = plans.iter().map(left).collect();
        let (mut images, mut next) = (Vec::new(), 0);
        for piece in &prompt.pieces {
            match piece {
                Piece::Medium(MediumRun { medium, run, .. }) => {
                    let Some(left) = left.get_mut(*medium) else { continue };
                    let kept = run.len().min(*left);
                    *left -= kept;
                    next = self.numbering.after_picture(next, kept, run.grid(), &options);
                    images.push(kept * options.replicate as usize);
                }
                text => next += text.tokens().len() as u32,
            }
        }
        let next = next as usize;
        let prompt_tokens = prompt.len() + images.iter().sum::<usize>();
        if let Some(knockout) = &options.knockout {
            let generates = options.max_new_tokens > 1;
            let knocked = self.knocks_out(knockout, &prompt, &images, generates);
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
                let media = match sizes.len() {
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

    /// Whether a knockout is possible in a prompt with so many tokens of each run of features and
    /// blocks anything. Only with `generates` is there a generated row: the last token is not read again.
    fn knocks_out(
        &self,
        knockout: &Knockout,
        prompt: &Prompt,
        images: &[usize],
        generates: bool,
    ) -> Result<(), shared::Message> {
        let (layers, heads) = self.size;
        knockout.check_model(layers, heads)?;
        let (mut groups, mut images) = (Vec::new(), images.iter());
        for piece in &prompt.pieces {
            match piece {
                Piece::Medium(_) => {
                    let tokens = images.next().copied().unwrap_or_default();
                    groups.extend(std::iter::repeat_n(Group::Image, tokens));
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
