//! From what a person asked to what a run uses: the one place where options are filled in.

use super::{
    AskedOptions, Changed, ImageFit, MAX_PROMPT_CHARS, PrunePositions, Quant, Resizing, RunOptions,
    WhyChanged,
};
use crate::error::{ErrorBody, ErrorCode};
use crate::intervention::LayerBand;
use crate::picture::PictureTokens;
use crate::sentence::{Message, OptionError};

/// What the registry's entry of a model says where nobody asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelDefaults {
    /// The name that the lab lists the model under; empty where it is known by no name.
    pub name: String,
    /// How its weights are held.
    pub quant: Option<Quant>,
    /// Its prompt template.
    pub template: Option<String>,
}

/// What a model's files say of it, or the loaded model; what is not known is left to the loaded
/// model, which resolves the same way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelTraits {
    /// How its weights are held where neither a person nor the registry says.
    pub quant: Quant,
    /// Whether it sees every picture at one size.
    pub one_size: bool,
    /// The least and the most pixels of its pictures, where it reads any size and they are known.
    pub pixels: Option<(u32, u32)>,
    /// Whose arithmetic resizes its pictures where nobody says: what transformers 5 takes by default.
    pub resize: Resizing,
    /// How many tokens it makes of a picture, where that is known.
    pub tokens: Option<PictureTokens>,
    /// How pictures that are not square are made to fit where nobody asks; `None` where that is not
    /// known.
    pub fit: Option<ImageFit>,
    /// Its prompt templates, its own first; `None` where they are not known.
    pub templates: Option<Vec<String>>,
    /// Why its own template cannot be used and none is taken where nobody names one: a sentence.
    pub template_refused: Option<Message>,
    /// Where image tokens that were not pruned stand; `None` where that is not known.
    pub prune_positions: Option<PrunePositions>,
    /// Decoder layers; `None` where they are not known.
    pub layers: Option<u32>,
}

impl From<Quant> for ModelTraits {
    fn from(quant: Quant) -> Self {
        ModelTraits { quant, ..ModelTraits::default() }
    }
}

impl ModelTraits {
    /// Whether it has a template, as far as is known.
    pub fn has(&self, template: &str) -> bool {
        self.templates.as_ref().is_none_or(|all| all.iter().any(|name| name == template))
    }

    /// Whether it is known to read pictures of any size.
    pub fn reads_any_size(&self) -> bool {
        // Templates are known where the family is.
        !self.one_size && (self.templates.is_some() || self.pixels.is_some())
    }
}

/// What the lab knows of a model before a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownModel {
    /// What the registry says.
    pub defaults: ModelDefaults,
    /// What its files say.
    pub traits: ModelTraits,
}

impl<T: Into<ModelTraits>> From<T> for KnownModel {
    fn from(traits: T) -> Self {
        KnownModel { defaults: ModelDefaults::default(), traits: traits.into() }
    }
}

/// What a run of `asked` uses on a model: every door of the lab asks here. The prompt's line ends
/// become `\n`.
///
/// # Errors
/// A code and a sentence for the first option that cannot be.
pub fn resolve(
    asked: &AskedOptions,
    defaults: &ModelDefaults,
    model: &ModelTraits,
) -> Result<RunOptions, ErrorBody> {
    let prompt = prompt(&asked.prompt)?;
    Ok(RunOptions { prompt, ..resolve_settings(asked, defaults, model)? })
}

/// The same for prompts that come later, as an experiment's do: the prompt stays as it is.
///
/// # Errors
/// As [`resolve`], the prompt apart.
pub fn resolve_settings(
    asked: &AskedOptions,
    defaults: &ModelDefaults,
    model: &ModelTraits,
) -> Result<RunOptions, ErrorBody> {
    let mut changed = Vec::new();
    let d = RunOptions::default();
    let named = Some(&defaults.name).filter(|name| !name.is_empty());
    let prune = asked.prune.unwrap_or(d.prune);
    let options = RunOptions {
        model: named.unwrap_or(&asked.model).clone(),
        prompt: asked.prompt.clone(),
        quant: asked.quant.or(defaults.quant).unwrap_or(model.quant),
        max_new_tokens: asked.max_new_tokens.unwrap_or(d.max_new_tokens),
        ignore_eos: asked.ignore_eos.unwrap_or(d.ignore_eos),
        fit: fit(asked.fit.or(model.fit).unwrap_or(d.fit), model, &mut changed),
        resize: asked.resize.unwrap_or(model.resize),
        template: template(asked, defaults, model)?,
        prune,
        prune_by: asked.prune_by.unwrap_or(d.prune_by),
        prune_count: asked.prune_count.unwrap_or(d.prune_count),
        prune_positions: asked.prune_positions.or(model.prune_positions).filter(|_| prune > 0.0),
        replicate: asked.replicate.unwrap_or(d.replicate),
        copies: asked.copies.unwrap_or(d.copies),
        max_pixels: max_pixels(asked.max_pixels, model, &mut changed)?,
        picture: asked.picture.unwrap_or(d.picture),
        film: asked.film.unwrap_or(d.film),
        knockout: asked.knockout.clone().map(|mut knockout| {
            if let Some(layers) = model.layers {
                let last = layers.saturating_sub(1);
                knockout.layers.get_or_insert(LayerBand { first: 0, last });
            }
            knockout
        }),
        sampling: asked.sampling.unwrap_or(d.sampling),
        repeat: asked.repeat.clone(),
        verify: asked.verify.unwrap_or(d.verify),
        changed,
    };
    options.check_ranges().map_err(bad)?;
    Ok(options)
}

fn bad(message: impl Into<Message>) -> ErrorBody {
    ErrorBody::new(ErrorCode::BadOption, message)
}

/// The prompt as it will be understood.
fn prompt(prompt: &str) -> Result<String, ErrorBody> {
    if prompt.trim().is_empty() {
        return Err(ErrorBody::new(ErrorCode::PromptEmpty, OptionError::PromptEmpty));
    }
    let chars = prompt.chars().count();
    if chars > MAX_PROMPT_CHARS {
        let (chars, most) = (chars as u64, MAX_PROMPT_CHARS as u64);
        let long = OptionError::PromptTooLong { chars, most };
        return Err(ErrorBody::new(ErrorCode::PromptTooLong, long));
    }
    let prompt = prompt.replace("\r\n", "\n").replace('\r', "\n");
    // Refused rather than removed: what the model reads is what the person sees.
    let control = prompt.chars().enumerate().find(|(_, c)| c.is_control() && !"\n\t".contains(*c));
    if let Some((at, c)) = control {
        let code = format!("{:04X}", u32::from(c));
        return Err(bad(OptionError::ControlCharacter { code, at: at as u64 + 1 }));
    }
    Ok(prompt)
}

/// The template asked for, else the registry's, else the model's own; empty only where none of the
/// model's is known.
fn template(
    asked: &AskedOptions,
    defaults: &ModelDefaults,
    model: &ModelTraits,
) -> Result<String, ErrorBody> {
    let all = model.templates.as_deref().unwrap_or_default();
    let there_are = || all.join(", ");
    if let Some(name) = asked.template.as_ref().filter(|name| !name.is_empty()) {
        if !model.has(name) {
            let name = name.chars().take(60).collect();
            return Err(bad(OptionError::NoTemplate { name, has: there_are() }));
        }
        return Ok(name.clone());
    }
    if let Some(name) = &defaults.template {
        if !model.has(name) {
            return Err(bad(OptionError::RegistryTemplate {
                model: defaults.name.clone(),
                name: name.clone(),
                has: there_are(),
            }));
        }
        return Ok(name.clone());
    }
    match &model.template_refused {
        Some(why) => Err(bad(why.clone())),
        None => Ok(all.first().cloned().unwrap_or_default()),
    }
}

/// The limit of pixels that holds; `None` where every picture has one size.
fn max_pixels(
    asked: Option<u32>,
    model: &ModelTraits,
    changed: &mut Vec<Changed>,
) -> Result<Option<u32>, ErrorBody> {
    if model.one_size && asked.is_some() {
        return Err(bad(OptionError::MaxPixelsOneSize));
    }
    let Some((least, most)) = model.pixels.filter(|_| !model.one_size) else { return Ok(asked) };
    match asked {
        Some(asked) if asked < least => {
            let (asked, least) = (asked.into(), least.into());
            Err(bad(OptionError::MaxPixelsTooSmall { asked, least }))
        }
        Some(asked) if asked > most => {
            changed.push(Changed {
                option: "max_pixels".to_owned(),
                asked: asked.to_string(),
                used: most.to_string(),
                why: WhyChanged::AboveModelLimit,
            });
            Ok(Some(most))
        }
        // A model that could cut a picture into tiles leaves it whole where nobody asks.
        asked => Ok(asked.or(model.tokens.and_then(PictureTokens::usual)).or(Some(most))),
    }
}

fn fit(asked: ImageFit, model: &ModelTraits, changed: &mut Vec<Changed>) -> ImageFit {
    let own = ImageFit::default();
    if asked == own || !model.reads_any_size() {
        return asked;
    }
    changed.push(Changed {
        option: "fit".to_owned(),
        asked: asked.name().to_owned(),
        used: String::new(),
        why: WhyChanged::ReadsAnySize,
    });
    own
}
