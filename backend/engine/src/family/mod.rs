//! Model families: what differs from one to the next, each in a folder of its own, and the
//! decoder's input, which does not.
//!
//! A family is a folder beside this file, which implements [`Family`], and a line in [`FAMILIES`].
//! Nothing outside of a family's folder asks which family a model is of: it asks the family.

mod describe;
mod files;
mod glance;
mod grid;
mod input;
mod internvl;
pub(crate) mod llava;
mod llava_onevision;
mod load;
mod ollama;
mod parts;
mod positions;
mod qwen2_5_vl;
mod qwen2_audio;
mod qwen2_vl;
mod qwen3_vl;
mod smolvlm;
#[cfg(test)]
mod toy;
mod variants;

use serde_json::Value;
use shared::Message;
use shared::sentence::{GgufModelFault, Listing, ModelVariant};

use crate::config::gguf::architecture;
use crate::error::EngineError;
use crate::filesystem::Location;
use crate::prompt::Prompting;
use crate::weights::gguf::line;
use crate::weights::{Gguf, GgufNames};

pub(crate) use describe::{Description, Layers, LayersOf, Notes};
pub use files::{gguf_architecture, gguf_files};
pub(crate) use glance::of_pictures;
pub use glance::traits_of;
pub(crate) use input::{Input, Seen, begin, input};
pub(crate) use load::{Reading, load, random, read};
pub use ollama::{OllamaModel, ollama_models};
pub(crate) use parts::{Encoder, Loaded, Parts};
pub(crate) use positions::Numbering;
pub(crate) use variants::{is_pointer, quantized_tensor};
pub use variants::{variant, variant_of};

/// The families, in the order in which messages name them.
pub(crate) static FAMILIES: &[&dyn Family] = &[
    &llava::Llava,
    &llava::LlavaInterleave,
    &llava_onevision::LlavaOneVision,
    &smolvlm::SmolVlm,
    &qwen2_vl::Qwen2Vl,
    &qwen2_5_vl::Qwen25Vl,
    &qwen3_vl::Qwen3Vl,
    &internvl::InternVl,
    &qwen2_audio::Qwen2Audio,
    #[cfg(test)]
    &toy::Toy,
];

/// A model family.
pub(crate) trait Family: Sync {
    /// What is the same of all its models.
    fn facts(&self) -> &'static Facts;

    /// Whether a configuration that has one of its `model_type`s is of this family: several may
    /// share one and differ in their towers or decoders.
    fn is_of(&self, config: &Value) -> bool {
        let _ = config;
        true
    }

    /// What a folder in Hugging Face layout says of its model, besides its tokenizer and weights.
    ///
    /// # Errors
    /// A setting that is not supported.
    fn folder(&self, folder: &Location, notes: &mut Notes) -> Result<Description, EngineError>;

    /// What llama.cpp's files say of their model, besides its tokenizer and weights.
    ///
    /// # Errors
    /// A setting that is missing or not supported.
    fn gguf(&self, text: &Gguf, mmproj: &Gguf) -> Result<Description, EngineError> {
        let _ = text;
        Err(mmproj.metadata.problem(GgufModelFault::SafetensorsOnly))
    }

    /// A model of one of its [`Facts::shapes`]; `None` of others.
    fn shape(&self, name: &str) -> Option<Description>;

    /// Why files of these names, with this `config.json`, are in another layout of this family that
    /// is not read; `None` where nothing speaks against them.
    fn foreign_layout(&self, names: &[&str], config: &Value) -> Option<ModelVariant> {
        let _ = (names, config);
        None
    }
}

/// What is the same of all models of a family.
#[derive(Debug)]
pub(crate) struct Facts {
    /// Its name in results.
    pub(crate) name: &'static str,
    /// Its name in messages.
    pub(crate) title: &'static str,
    /// What `config.json` calls it (`model_type`).
    pub(crate) model_types: &'static [&'static str],
    /// What llama.cpp's files call it, where they are read.
    pub(crate) gguf: Option<GgufFacts>,
    /// Its prompts.
    pub(crate) prompts: Prompting,
    /// The tokenizer's class that transformers builds for it, whatever `tokenizer.json` says; none
    /// where it takes that file.
    pub(crate) tokenizer: Option<&'static str>,
    /// What the names of its decoder's tensors may begin with, before `embed_tokens.weight`.
    pub(crate) decoder: &'static [&'static str],
    /// How a picture's tokens are numbered.
    pub(crate) numbering: Numbering,
    /// Whether it sees every picture at one size.
    pub(crate) one_size: bool,
    /// Names of sizes for models of random weights.
    pub(crate) shapes: &'static [&'static str],
    /// Parts of names of maps that have biases in those.
    pub(crate) biased: &'static [&'static str],
}

/// What llama.cpp's files call a family.
#[derive(Debug)]
pub(crate) struct GgufFacts {
    /// Architectures of its language models (`general.architecture`).
    pub(crate) architectures: &'static [&'static str],
    /// The architecture of files that hold the encoder as well, as Ollama's do.
    pub(crate) whole: Option<&'static str>,
    /// What its mmproj files call the connector (`clip.projector_type`), and how messages do.
    pub(crate) projector: (&'static str, &'static str),
    /// What they call its tensors.
    pub(crate) names: GgufNames,
}

/// What `config.json` calls the families that can be loaded (`model_type`).
pub fn model_types() -> Vec<&'static str> {
    distinct(FAMILIES.iter().flat_map(|f| f.facts().model_types).copied())
}

/// The family of a configuration with this `model_type`.
fn of_model_type(model_type: &str, config: &Value) -> Option<&'static dyn Family> {
    let named = |f: &&&dyn Family| f.facts().model_types.contains(&model_type) && f.is_of(config);
    FAMILIES.iter().find(named).copied()
}

fn gguf_facts() -> impl Iterator<Item = (&'static dyn Family, &'static GgufFacts)> {
    FAMILIES.iter().filter_map(|f| Some((*f, f.facts().gguf.as_ref()?)))
}

/// Whether llama.cpp's files of this architecture hold the encoder as well.
pub fn is_whole(architecture: &str) -> bool {
    gguf_facts().any(|(_, facts)| facts.whole == Some(architecture))
}

/// Whether language models of this architecture can be loaded, with an mmproj or as one file.
fn is_architecture(architecture: &str) -> bool {
    let is_one = |facts: &GgufFacts| facts.architectures.contains(&architecture);
    is_whole(architecture) || gguf_facts().any(|(_, facts)| is_one(facts))
}

/// The family of a language model and its mmproj, which may be one file.
///
/// # Errors
/// One of them is something else, or they do not belong together.
fn of_gguf(
    text: &Gguf,
    mmproj: &Gguf,
) -> Result<(&'static dyn Family, &'static GgufFacts), EngineError> {
    let arch = architecture(text)?;
    if let Some(whole) = gguf_facts().find(|(_, facts)| facts.whole == Some(arch)) {
        return Ok(whole);
    }
    let clip = &mmproj.metadata;
    if architecture(mmproj)? != "clip" {
        return Err(clip.wrong("general.architecture", GgufModelFault::NotClip));
    }
    if clip.flag("clip.has_vision_encoder") == Some(false) {
        return Err(clip.problem(GgufModelFault::NoVisionEncoder));
    }
    let projector = ["clip.projector_type", "clip.vision.projector_type"]
        .iter()
        .find_map(|key| clip.text(key))
        .or_else(|| (clip.flag("clip.has_llava_projector") == Some(true)).then_some("mlp"))
        .unwrap_or("none");
    let with_it: Vec<_> =
        gguf_facts().filter(|(_, facts)| facts.projector.0 == projector).collect();
    if with_it.is_empty() {
        let known = distinct(gguf_facts().map(|(_, facts)| Message::from(facts.projector.1)));
        let (found, known) = (line(projector), Listing::and(known).into());
        let fault = GgufModelFault::Unsupported { found, known };
        return Err(clip.wrong("clip.projector_type", fault));
    }
    if let Some(found) = with_it.iter().find(|(_, f)| f.architectures.contains(&arch)) {
        return Ok(*found);
    }
    let quoted = |facts: &GgufFacts| {
        facts.architectures.iter().map(|arch| Message::from(format!("'{arch}'")))
    };
    if gguf_facts().any(|(_, facts)| facts.architectures.contains(&arch)) {
        let wanted = with_it.iter().flat_map(|(_, facts)| quoted(facts)).collect();
        return Err(text.metadata.problem(GgufModelFault::OtherFamily {
            arch: arch.to_owned(),
            mmproj: clip.path().display().to_string(),
            wanted: Listing::or(wanted).into(),
        }));
    }
    let known = distinct(gguf_facts().flat_map(|(_, facts)| quoted(facts)));
    let (found, known) = (line(arch), Listing::and(known).into());
    Err(text.metadata.wrong("general.architecture", GgufModelFault::Unsupported { found, known }))
}

/// Architectures of language models that can be loaded, each with its family's title, for a message.
fn told_architectures() -> Listing {
    let told = |(family, facts): (&dyn Family, &GgufFacts)| {
        let all = facts.architectures.iter().chain(&facts.whole);
        let names = Listing::or(all.map(|arch| format!("'{arch}'").into()).collect());
        let title = family.facts().title.to_owned();
        Message::from(Listing::Titled { names: names.into(), title })
    };
    Listing::and(gguf_facts().map(told).collect())
}

/// Items in their order, each once.
fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    items.fold(Vec::new(), |mut all, item| {
        if !all.contains(&item) {
            all.push(item);
        }
        all
    })
}
