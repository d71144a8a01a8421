//! LLaVA-OneVision's prompts.

use shared::Group;

use crate::prompt::{Part, Template};

/// The chat template that today's converter writes: no system turn. Older uploads have another in their
/// folder, which is followed.
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
    vec![Template::built_in("llava-onevision", parts)]
}
