//! A model as it is put together: its family's encoder, and what is the same in all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use candle_core::Result;
use shared::PreparedPicture;
use shared::sentence::ModelNote;

use super::{Description, Facts, Family};
use crate::decoder::Decoder;
use crate::error::EngineError;
use crate::memory::Footprint;
use crate::prepare::{Mel, Pictures, Reel};
use crate::prompt::{Found, PromptTokenizer, Templates};
use crate::vision::Features;
use crate::weights::Loader;

/// What a family adds to the decoder: an encoder and the connector that joins it to the decoder.
pub(crate) trait Encoder {
    /// A picture's embeddings `[n, hidden]` in the order of its plan, with scores if asked for.
    /// `pixels` and `views` are what the family's [`Pictures`] made of it.
    fn features(&self, pixels: &[f32], views: &[PreparedPicture], scores: bool)
    -> Result<Features>;
    /// The same of a sound, as the family's [`crate::prepare::Sounds`] made it.
    fn hear(&self, mel: &Mel, scores: bool) -> Result<Features> {
        let _ = (mel, scores);
        candle_core::bail!("this encoder hears no sounds")
    }
    /// The same of a film, as the family's [`crate::prepare::Films`] made it, step after step.
    fn watch(&self, reel: &Reel, scores: bool) -> Result<Features> {
        let _ = (reel, scores);
        candle_core::bail!("this encoder sees no films")
    }
    /// What image tokens are ranked by when some are pruned; `None` where this model has nothing to
    /// rank them by.
    fn prune_score(&self) -> Option<&'static str>;
    /// After how many of the decoder's layers it adds to the rows of its features.
    fn deep(&self) -> usize {
        0
    }
    /// Bytes that it works with on a picture of so many tokens, on the processor.
    fn working(&self, tokens: usize) -> usize;
}

/// A model's parts.
pub(crate) struct Parts {
    pub(crate) facts: &'static Facts,
    pub(crate) pictures: Arc<dyn Pictures>,
    pub(crate) encoder: Box<dyn Encoder>,
    pub(crate) decoder: Decoder,
    pub(crate) tokenizer: Arc<PromptTokenizer>,
    pub(crate) templates: Arc<Templates>,
    /// Ids that end an answer.
    pub(crate) eos: Vec<u32>,
    /// The id at image positions.
    pub(crate) image_token: u32,
}

/// A model and what loading it found out.
pub(crate) struct Loaded {
    pub(crate) parts: Parts,
    pub(crate) parameters: u64,
    pub(crate) footprint: Footprint,
    pub(crate) fallbacks: Vec<String>,
    /// What is done otherwise than the model's files say, a sentence each.
    pub(crate) notes: Vec<ModelNote>,
    pub(crate) held: BTreeMap<String, u32>,
    pub(crate) hash: String,
}

/// Reads all weights of a described model. `notes` are those of its settings; what the loader noted
/// of the weights follows.
///
/// # Errors
/// A tensor is missing or is not what the description says.
pub(super) fn assemble(
    family: &dyn Family,
    description: Description,
    (tokenizer, chat): (PromptTokenizer, Found),
    mut notes: Vec<ModelNote>,
    loader: &mut Loader,
    hash: String,
) -> std::result::Result<Loaded, EngineError> {
    let facts = family.facts();
    let Description { decoder: config, image_token, eos, pictures, encoder, is_unused, .. } =
        description;
    let encoder = encoder(loader)?;
    let at = loader.prefix(facts.decoder, "embed_tokens.weight");
    let head = loader.prefix(&["lm_head.", "language_model.lm_head."], "weight");
    let decoder = Decoder::load(loader, config, at, &format!("{head}weight"))?;
    loader.tell_unused(is_unused);
    let templates = Templates::of(&facts.prompts, chat, &tokenizer, image_token);
    let (tokenizer, templates) = (Arc::new(tokenizer), Arc::new(templates));
    let parts = Parts { facts, pictures, encoder, decoder, tokenizer, templates, eos, image_token };
    notes.append(&mut loader.notes);
    Ok(Loaded {
        parts,
        parameters: loader.parameters,
        footprint: loader.footprint,
        fallbacks: std::mem::take(&mut loader.fallbacks),
        notes,
        held: std::mem::take(&mut loader.held),
        hash,
    })
}
