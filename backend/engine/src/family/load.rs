//! From a model's files to its parts, whichever family they hold.

use candle_core::Device;
use shared::sentence::{ConfigFault, EngineRefusal, Listing, TokenizerFault};
use shared::{ErrorCode, Quant};

use super::files::gguf_locations;
use super::parts::assemble;
use super::{
    FAMILIES, Family, Loaded, Notes, OllamaModel, model_types, of_gguf, of_model_type, ollama,
    variants,
};
use crate::config;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::processor::Kernels;
use crate::prompt::{self, PromptTokenizer, check_settings};
use crate::weights::{Gguf, GgufWeights, Loader, Random, Source, WeightCache, WeightFiles, hash};

/// How weights are to be read.
pub(crate) struct Reading<'a> {
    pub(crate) quant: Quant,
    pub(crate) device: &'a Device,
    /// Where converted weights are kept.
    pub(crate) cache: Option<&'a WeightCache>,
    /// For a look at what the model takes with such products, without reading it.
    pub(crate) weighing: Option<Kernels>,
    /// Told bytes read and bytes in all.
    pub(crate) progress: &'a mut dyn FnMut(u64, u64),
}

impl Reading<'_> {
    /// Assembles a model from a folder's files, through the cache where there is one.
    fn files(
        self,
        files: &WeightFiles,
        assemble: impl FnOnce(&mut Loader, String) -> Result<Loaded, EngineError>,
    ) -> Result<Loaded, EngineError> {
        if self.weighing.is_some() {
            return assemble(&mut self.loader(files), String::new());
        }
        // What is kept is what the processor converted, before it goes to a device.
        let (cache, arranged) = (self.cache, self.device.is_cpu() && Kernels::here().arranges());
        let hash = cache.map_or_else(|| files.hash(), |cache| cache.hash(files))?;
        let tape = cache.and_then(|cache| cache.tape(&hash, self.quant, arranged, files.bytes()));
        let mut loader = self.loader(files).with_tape(tape);
        let loaded = assemble(&mut loader, hash)?;
        loader.finish();
        Ok(loaded)
    }

    /// A loader of these files.
    fn loader<'l>(self, files: &'l dyn Source) -> Loader<'l>
    where
        Self: 'l,
    {
        let loader = Loader::new(files, self.quant, self.device, self.progress);
        match self.weighing {
            Some(kernels) => loader.weighing(kernels),
            None => loader,
        }
    }
}

/// Reads a folder in Hugging Face layout, or llama.cpp's files; `name` is what the model is called.
pub(crate) fn load(folder: &Location, name: &str, reading: Reading) -> Result<Loaded, EngineError> {
    let ollama = ollama::beside(folder, name)?;
    let mut loaded = read(folder, reading)?;
    let templates = &loaded.parts.templates;
    // A template that is there and not followed is not missing.
    let is_told = ollama.as_ref().is_some_and(OllamaModel::has_template) && templates.none_found();
    let told = if is_told { Vec::new() } else { templates.notes() };
    if let Some(ollama) = ollama {
        ollama.tell(templates.own().unwrap_or("none"), &mut loaded.notes);
    }
    loaded.notes.extend(config::wishes(folder));
    loaded.notes.extend(told);
    Ok(loaded)
}

/// As [`load`], without what is told of it.
pub(crate) fn read(folder: &Location, reading: Reading) -> Result<Loaded, EngineError> {
    if let Some(files) = gguf_locations(folder) {
        let (text, mmproj) = files?;
        return gguf(&text, &mmproj, reading);
    }
    variants::check(folder)?;
    let (model_type, settings) = config::named(folder)?;
    match of_model_type(&model_type, &settings) {
        Some(family) => in_folder(family, folder, reading),
        None => {
            let known = model_types().iter().map(|t| format!("'{t}'").into()).collect();
            let (name, known) = (model_type, Listing::and(known).into());
            let config = folder.join("config.json");
            Err(EngineError::of_file(config.display(), ConfigFault::ModelType { name, known }))
        }
    }
}

/// Reads a folder in Hugging Face layout.
fn in_folder(
    family: &dyn Family,
    folder: &Location,
    reading: Reading,
) -> Result<Loaded, EngineError> {
    let facts = family.facts();
    let mut told = Notes::default();
    let description = family.folder(folder, &mut told)?;
    let Notes { config: mut notes, pictures } = told;
    let tokenizer = PromptTokenizer::load(folder)?;
    let needed = facts.prompts.specials();
    if let Some(token) = needed.into_iter().find(|t| tokenizer.special(t).is_none()) {
        let at = folder.join("tokenizer.json");
        return Err(EngineError::of_file(at.display(), TokenizerFault::NoToken { token }));
    }
    check_settings(folder, &tokenizer, facts.tokenizer, &mut notes)?;
    notes.extend(pictures);
    let image = (facts.prompts.token, description.image_token);
    tokenizer.check(folder, description.decoder.vocab, image)?;
    let chat = prompt::in_folder(folder);
    let files = WeightFiles::open(folder)?;
    for layers in &description.layers {
        files.check_layers(folder, layers)?;
    }
    reading.files(&files, |loader, hash| {
        assemble(family, description, (tokenizer, chat), notes, loader, hash)
    })
}

/// Reads a model from a language model's file and its mmproj, in either order.
fn gguf(text: &Location, mmproj: &Location, reading: Reading) -> Result<Loaded, EngineError> {
    let (mut text, mut mmproj) = (Gguf::open(text)?, Gguf::open(mmproj)?);
    if config::gguf::architecture(&text)? == "clip" {
        std::mem::swap(&mut text, &mut mmproj);
    }
    let (family, facts) = of_gguf(&text, &mmproj)?;
    let tokenizer = PromptTokenizer::from_gguf(&text.metadata)?;
    let tokenizer = (tokenizer, prompt::in_gguf(&text.metadata));
    let description = family.gguf(&text, &mmproj)?;
    let mut files = vec![text.location().clone(), mmproj.location().clone()];
    files.dedup_by(|a, b| a.path() == b.path());
    let hash = match reading.weighing {
        Some(_) => String::new(),
        None => hash(&files)?,
    };
    let heads = (description.decoder.heads, description.decoder.kv_heads);
    let weights = GgufWeights::new((text, mmproj), facts.names, heads);
    let mut loader = reading.loader(&weights);
    assemble(family, description, tokenizer, Vec::new(), &mut loader, hash)
}

/// A model of random weights, of one of the families' shapes.
///
/// # Errors
/// There is no shape of that name.
pub(crate) fn random(shape: &str, reading: Reading) -> Result<Loaded, EngineError> {
    let found = FAMILIES.iter().find_map(|family| Some((*family, family.shape(shape)?)));
    let Some((family, description)) = found else {
        let (name, shapes) = (shape.to_owned(), crate::shapes::names().join(", "));
        let refusal = EngineRefusal::NoShape { name, shapes };
        return Err(EngineError::new(ErrorCode::UnknownModel, refusal));
    };
    let facts = family.facts();
    let weights = Random { biased: facts.biased };
    let mut loader = reading.loader(&weights);
    let mut specials = facts.prompts.specials();
    specials.extend(facts.prompts.marks.iter().map(|token| (*token).to_owned()));
    let tokenizer = (PromptTokenizer::characters(&specials)?, Ok(None));
    assemble(family, description, tokenizer, Vec::new(), &mut loader, "random".to_owned())
}
