//! What a model's files say of it at a glance: enough to plan runs before it is loaded.

use std::path::Path;

use super::gguf_files;
use crate::config::{self, QwenConfig};
use crate::prepare::QwenPrepare;
use crate::prompt::{LLAVA, QWEN};
use crate::weights::Gguf;

/// What is known of a model before it is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FamilyTraits {
    /// Whether it sees every picture at one size.
    pub one_size: bool,
    /// The least and the most pixels of its pictures, where it reads any size.
    pub pixels: Option<(u32, u32)>,
    /// Names of its prompt templates, the default first.
    pub templates: Vec<&'static str>,
}

impl FamilyTraits {
    /// Of the model in a folder in Hugging Face layout or in llama.cpp's files, whose pixels are not
    /// known at a glance; `None` for what cannot be read: loading says why.
    pub fn of(place: &Path) -> Option<FamilyTraits> {
        let (one_size, pixels, templates) = match gguf_files(place) {
            Some(files) => {
                // Either file may be named first; one of them is the language model.
                let (one, other) = files.ok()?;
                [one, other].iter().find_map(|file| {
                    match config::architecture(&Gguf::open(file).ok()?).ok()? {
                        "llama" => Some((true, None, LLAVA)),
                        "qwen2vl" => Some((false, None, QWEN)),
                        _ => None,
                    }
                })?
            }
            None => match config::family(place).ok()?.as_str() {
                "llava" => (true, None, LLAVA),
                "qwen2_5_vl" => (false, pixels(place), QWEN),
                _ => return None,
            },
        };
        let templates = templates.iter().map(|t| t.name).collect();
        Some(FamilyTraits { one_size, pixels, templates })
    }
}

fn pixels(folder: &Path) -> Option<(u32, u32)> {
    let vision = QwenConfig::load(folder).ok()?.vision;
    Some(QwenPrepare::load(folder, vision.patch, vision.merge).ok()?.pixels())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_models_are_known_at_a_glance() {
        let of = |name: &str| {
            FamilyTraits::of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models").join(name))
        };
        let llava = of("demo-llava").expect("it is there");
        assert_eq!((llava.one_size, llava.pixels), (true, None));
        assert_eq!(llava.templates, ["llava-hf", "vicuna-v1"]);
        let qwen = of("demo-qwen").expect("it is there");
        assert_eq!((qwen.one_size, qwen.pixels), (false, Some((28_800, 38_016))));
        assert_eq!(qwen.templates, ["qwen2.5-vl"]);
        assert_eq!(of("no-such-model"), None);
    }
}
