//! What a model's files say of it at a glance: enough to plan runs before it is loaded.

use std::path::Path;

use shared::picture::PictureTokens;
use shared::{ModelTraits, Quant};

use super::{Numbering, gguf, gguf_files};
use crate::config::{self, LlavaConfig, QwenConfig};
use crate::prepare::{ClipPrepare, QwenPrepare};
use crate::prompt::{self, Found, Kind};
use crate::weights::Gguf;

/// What is known at a glance of the model in a folder in Hugging Face layout or in llama.cpp's
/// files; `None` for what cannot be read: loading says why.
pub fn traits_of(place: &Path) -> Option<ModelTraits> {
    match gguf_files(place) {
        Some(files) => {
            // Either file may be named first; one of them is the language model.
            let (one, other) = files.ok()?;
            let (one, other) = (Gguf::open(&one).ok()?, Gguf::open(&other).ok()?);
            of_files(&one, &other).or_else(|| of_files(&other, &one))
        }
        None => of_folder(place),
    }
}

fn of_folder(place: &Path) -> Option<ModelTraits> {
    // What is to be noted is noted when the model is loaded.
    let notes = &mut Vec::new();
    let traits = match config::family(place).ok()?.as_str() {
        "llava" => {
            let config = LlavaConfig::load(place, notes).ok();
            let prepare = config.as_ref().and_then(|c| ClipPrepare::of_model(place, c, notes).ok());
            let fit = prepare.map(|p| p.fit());
            let named = config.as_ref().map(|c| c.image_token);
            ModelTraits { fit, ..llava(config.as_ref(), in_folder(place, named)) }
        }
        "qwen2_5_vl" => {
            let config = QwenConfig::load(place, notes).ok();
            let prepare = config.as_ref().and_then(|c| QwenPrepare::of_model(place, c, notes).ok());
            let tokens = prepare.as_ref().map(QwenPrepare::tokens);
            let named = config.as_ref().map(|c| c.image_token);
            let layers = config.map(|c| c.text.layers);
            let traits = qwen(layers, prepare.map(|p| p.pixels()), in_folder(place, named));
            ModelTraits { tokens, ..traits }
        }
        _ => return None,
    };
    Some(traits)
}

/// A folder's chat template, and what its tokenizer calls the picture's token.
fn in_folder(place: &Path, image: Option<u32>) -> (Found, Option<String>) {
    let found = prompt::in_folder(place);
    let is_there = matches!(found, Ok(Some(_)));
    let name = image.filter(|_| is_there).and_then(|id| prompt::token_name(place, id));
    (found, name)
}

fn of_files(text: &Gguf, mmproj: &Gguf) -> Option<ModelTraits> {
    // The picture's token is found by the published models' name for it.
    let chat = (prompt::in_gguf(&text.metadata), None);
    let traits = match config::architecture(text).ok()? {
        "llama" => llava(LlavaConfig::from_gguf(text, mmproj).ok().as_ref(), chat),
        "qwen2vl" | "qwen25vl" => {
            let config = QwenConfig::from_gguf(text, mmproj).ok();
            let pixels = gguf::pixels(&mmproj.metadata).ok().map(QwenPrepare::short);
            let edge = config.as_ref().map(|c| (c.vision.patch * c.vision.merge) as u32);
            let tokens = pixels.zip(edge);
            let tokens =
                tokens.map(|((least, most), edge)| PictureTokens::Any { edge, least, most });
            ModelTraits { tokens, ..qwen(config.map(|c| c.text.layers), pixels, chat) }
        }
        _ => return None,
    };
    // Files that somebody quantized stay as they are.
    Some(ModelTraits { quant: Quant::Stored, ..traits })
}

fn llava(config: Option<&LlavaConfig>, chat: (Found, Option<String>)) -> ModelTraits {
    let tokens = config.map(|c| PictureTokens::One { tokens: (c.vision.grid().pow(2)) as u32 });
    let layers = config.map(|c| c.text.layers);
    ModelTraits { one_size: true, tokens, ..of((Kind::Llava, chat), Numbering::Sequence, layers) }
}

fn qwen(
    layers: Option<usize>,
    pixels: Option<(u32, u32)>,
    chat: (Found, Option<String>),
) -> ModelTraits {
    ModelTraits { pixels, ..of((Kind::Qwen, chat), Numbering::Grid, layers) }
}

fn of(
    (kind, (chat, image)): (Kind, (Found, Option<String>)),
    numbering: Numbering,
    layers: Option<usize>,
) -> ModelTraits {
    let (templates, template_refused) = prompt::at_a_glance(kind, chat, image);
    ModelTraits {
        templates: Some(templates),
        template_refused,
        prune_positions: Some(numbering.own()),
        layers: layers.map(|n| n as u32),
        ..ModelTraits::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str) -> Option<ModelTraits> {
        traits_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name))
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
