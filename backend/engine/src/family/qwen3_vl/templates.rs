//! Qwen3-VL's prompts.

use shared::Group;

use crate::prompt::{Part, Template};

/// The published chat template, which adds no system turn.
pub(super) fn templates() -> Vec<Template> {
    let picture =
        vec![Part::special("<|vision_start|>"), Part::Image, Part::special("<|vision_end|>")];
    let parts = vec![
        Part::special("<|im_start|>"),
        Part::text(Group::Template, "user\n"),
        Part::Picture(picture),
        Part::Prompt,
        Part::special("<|im_end|>"),
        Part::text(Group::Template, "\n"),
        Part::special("<|im_start|>"),
        Part::text(Group::Template, "assistant\n"),
    ];
    vec![Template::built_in("qwen3-vl", parts)]
}
