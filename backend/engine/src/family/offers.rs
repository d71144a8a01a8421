//! What can be chosen about a model, read from what its files say of themselves: nothing is loaded.

use std::path::Path;

use super::gguf_files;
use crate::config;
use crate::prompt::{LLAVA, QWEN, Template};
use crate::weights::Gguf;

/// What a model leaves to choose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offers {
    /// Names of its prompt templates, the default first.
    pub templates: Vec<&'static str>,
    /// Whether it reads pictures of any size, so that their size can be limited.
    pub any_size: bool,
}

/// What the model at `place` leaves to choose; `None` where its files do not say which family it is
/// of.
pub fn offers(place: &Path) -> Option<Offers> {
    let of = |templates: &'static [Template], any_size| Offers {
        templates: templates.iter().map(|t| t.name).collect(),
        any_size,
    };
    let (llava, qwen) = (|| of(LLAVA, false), || of(QWEN, true));
    let Some(files) = gguf_files(place) else {
        return match config::family(place).ok()?.as_str() {
            "llava" => Some(llava()),
            "qwen2_5_vl" => Some(qwen()),
            _ => None,
        };
    };
    // Either file may be named first; one of them is the language model.
    let (one, other) = files.ok()?;
    [one, other].iter().find_map(|file| {
        let file = Gguf::open(file).ok()?;
        match config::architecture(&file).ok()? {
            "llama" => Some(llava()),
            "qwen2vl" => Some(qwen()),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_models_say_what_can_be_chosen() {
        let at = |name: &str| {
            offers(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name))
        };
        let llava = at("demo-llava").expect("a model");
        assert_eq!((llava.templates, llava.any_size), (vec!["llava-hf", "vicuna-v1"], false));
        let qwen = at("demo-qwen").expect("a model");
        assert_eq!((qwen.templates, qwen.any_size), (vec!["qwen2.5-vl"], true));
        assert_eq!(at("no-such-model"), None);
    }
}
