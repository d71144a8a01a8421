//! What a model's files say of it at a glance: enough to plan runs before it is loaded.

use shared::{Message, ModelTraits, Quant};

use super::files::gguf_locations;
use super::{Description, Family, Notes, of_gguf, of_model_type};
use crate::config;
use crate::filesystem::Location;
use crate::prepare::Pictures;
use crate::prompt::{self, Found};
use crate::weights::Gguf;

/// What is known at a glance of the model in a folder in Hugging Face layout or in llama.cpp's
/// files; `None` for what cannot be read: loading says why.
pub fn traits_of(place: impl Into<Location>) -> Option<ModelTraits> {
    let place = &place.into();
    match gguf_locations(place) {
        Some(files) => {
            // Either file may be named first; one of them is the language model.
            let (one, other) = files.ok()?;
            let (one, other) = (Gguf::open(&one).ok()?, Gguf::open(&other).ok()?);
            of_files(&one, &other).or_else(|| of_files(&other, &one))
        }
        None => of_folder(place),
    }
}

fn of_folder(place: &Location) -> Option<ModelTraits> {
    let (model_type, settings) = config::named(place).ok()?;
    let family = of_model_type(&model_type, &settings)?;
    // What is to be noted is noted when the model is loaded.
    let description = family.folder(place, &mut Notes::default()).ok();
    let chat = in_folder(place, description.as_ref().map(|d| d.image_token));
    Some(traits(family, description.as_ref(), chat))
}

/// A folder's chat template, and what its tokenizer calls the picture's token.
fn in_folder(place: &Location, image: Option<u32>) -> (Found, Option<String>) {
    let found = prompt::in_folder(place);
    let is_there = matches!(found, Ok(Some(_)));
    let name = image.filter(|_| is_there).and_then(|id| prompt::token_name(place, id));
    (found, name)
}

fn of_files(text: &Gguf, mmproj: &Gguf) -> Option<ModelTraits> {
    let (family, _) = of_gguf(text, mmproj).ok()?;
    let description = family.gguf(text, mmproj).ok();
    // The picture's token is found by the published models' name for it.
    let chat = (prompt::in_gguf(&text.metadata), None);
    // Files that somebody quantized stay as they are.
    Some(ModelTraits { quant: Quant::Stored, ..traits(family, description.as_ref(), chat) })
}

fn traits(
    family: &dyn Family,
    description: Option<&Description>,
    (chat, image): (Found, Option<String>),
) -> ModelTraits {
    let facts = family.facts();
    let (templates, template_refused) = prompt::at_a_glance(&facts.prompts, chat, image);
    ModelTraits {
        templates: Some(templates),
        template_refused: template_refused.map(Message::from),
        prune_positions: Some(facts.numbering.own()),
        layers: description.map(|d| d.decoder.layers as u32),
        one_size: facts.one_size,
        ..description.map(|d| of_pictures(&*d.pictures)).unwrap_or_default()
    }
}

/// What a model's preparation of pictures decides.
pub(crate) fn of_pictures(pictures: &dyn Pictures) -> ModelTraits {
    let tokens = pictures.tokens();
    ModelTraits {
        pixels: tokens.pixels(),
        tokens: Some(tokens),
        resize: pictures.resizing(),
        fit: pictures.fit(),
        ..ModelTraits::default()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use shared::picture::PictureTokens;

    use super::*;

    fn of(name: &str) -> Option<ModelTraits> {
        traits_of(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name))
    }

    #[test]
    fn the_demo_models_are_known_at_a_glance() {
        let llava = of("demo-llava").expect("it is there");
        assert_eq!((llava.one_size, llava.pixels), (true, None));
        assert_eq!(llava.tokens, Some(PictureTokens::One { tokens: 144 }));
        assert_eq!(llava.templates.expect("known"), ["llava-hf", "vicuna-v1"]);
        let qwen = of("demo-qwen").expect("it is there");
        assert_eq!((qwen.one_size, qwen.pixels), (false, Some((28_800, 38_016))));
        assert_eq!(qwen.templates.expect("known"), ["qwen2.5-vl"]);
        assert_eq!(of("no-such-model"), None);
    }
}
