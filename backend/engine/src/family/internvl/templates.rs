//! InternVL's prompts.

use shared::Group;

use crate::prompt::{Part, Template};

/// The published chat template, which adds no system turn. The processor writes the marks around a
/// picture's tokens.
pub(super) fn templates() -> Vec<Template> {
    let part = |text| Part::text(Group::Template, text);
    let parts = vec![
        Part::special("<|im_start|>"),
        part("user\n"),
        Part::Picture(vec![Part::Image, part("\n")]),
        Part::Prompt,
        Part::special("<|im_end|>"),
        part("\n"),
        Part::special("<|im_start|>"),
        part("assistant\n"),
    ];
    vec![Template::built_in("internvl", parts)]
}
