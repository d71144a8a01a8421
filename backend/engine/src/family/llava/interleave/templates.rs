//! LLaVA-Interleave's prompts.

use shared::Group;

use crate::prompt::{Part, Template};

/// The published chat template: no system turn, no line breaks between turns.
pub(super) fn templates() -> Vec<Template> {
    let part = |text| Part::text(Group::Template, text);
    let parts = vec![
        Part::special("<|im_start|>"),
        part("user "),
        Part::Picture(vec![Part::Image, part("\n")]),
        Part::Prompt,
        Part::special("<|im_end|>"),
        Part::special("<|im_start|>"),
        part("assistant"),
    ];
    vec![Template::built_in("llava-interleave", parts)]
}
