//! SmolVLM's prompts.

use shared::Group;

use crate::prompt::{Part, Template};

/// The published chat template, which adds no system turn.
pub(super) fn templates() -> Vec<Template> {
    let part = |text| Part::text(Group::Template, text);
    let parts = vec![
        Part::special("<|im_start|>"),
        part("User:"),
        Part::Picture(vec![Part::Image]),
        Part::NoPicture(vec![part(" ")]),
        Part::Prompt,
        Part::special("<end_of_utterance>"),
        part("\nAssistant:"),
    ];
    vec![Template::built_in("smolvlm", parts)]
}
