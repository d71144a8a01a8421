//! LLaVA-1.5's prompts.

use shared::Group;

use crate::prompt::{Part, Template};

const VICUNA_SYSTEM: &str = "A chat between a curious user and an artificial intelligence assistant. \
    The assistant gives helpful, detailed, and polite answers to the user's questions.";

/// The templates, the published models' first.
pub(super) fn templates() -> Vec<Template> {
    // The line break belongs to a picture: a question without one follows the role at once.
    let picture = || Part::Picture(vec![Part::Image, Part::text(Group::Template, "\n")]);
    let answer = || Part::text(Group::Template, " ASSISTANT:");
    vec![
        // The chat template of the llava-hf repositories: no system turn.
        Template::built_in(
            "llava-hf",
            vec![Part::text(Group::Template, "USER: "), picture(), Part::Prompt, answer()],
        ),
        // The original LLaVA-1.5's conversation `vicuna_v1`, with its system sentence.
        Template::built_in(
            "vicuna-v1",
            vec![
                Part::text(Group::System, VICUNA_SYSTEM),
                Part::text(Group::Template, " USER: "),
                picture(),
                Part::Prompt,
                answer(),
            ],
        ),
    ]
}
