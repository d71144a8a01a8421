//! Qwen2-VL's prompts.

use shared::Group;

use crate::prompt::{Part, Template};

/// The templates, the published models' first.
pub(super) fn templates() -> Vec<Template> {
    let picture =
        vec![Part::special("<|vision_start|>"), Part::Image, Part::special("<|vision_end|>")];
    // The published chat template, which adds a system turn where a person gives none.
    let parts = vec![
        Part::special("<|im_start|>"),
        Part::text(Group::Template, "system\n"),
        Part::text(Group::System, "You are a helpful assistant."),
        Part::special("<|im_end|>"),
        Part::text(Group::Template, "\n"),
        Part::special("<|im_start|>"),
        Part::text(Group::Template, "user\n"),
        Part::Picture(picture),
        Part::Prompt,
        Part::special("<|im_end|>"),
        Part::text(Group::Template, "\n"),
        Part::special("<|im_start|>"),
        Part::text(Group::Template, "assistant\n"),
    ];
    vec![Template::built_in("qwen2-vl", parts)]
}
