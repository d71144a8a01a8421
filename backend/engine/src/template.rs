//! Prompt templates: the words around what a person typed, each with its group.

use shared::Group;

/// One piece of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Fixed text of a group.
    Text(Group, &'static str),
    /// Where the image tokens go.
    Image,
    /// What the person typed.
    Prompt,
}

/// A named prompt template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) name: &'static str,
    pub(crate) parts: &'static [Part],
}

const VICUNA_SYSTEM: &str = "A chat between a curious user and an artificial intelligence assistant. \
    The assistant gives helpful, detailed, and polite answers to the user's questions.";

/// LLaVA-1.5's templates, the default first.
pub(crate) const LLAVA: &[Template] = &[
    // The chat template of the llava-hf repositories: no system turn.
    Template {
        name: "llava-hf",
        parts: &[
            Part::Text(Group::Template, "USER: "),
            Part::Image,
            Part::Text(Group::Template, "\n"),
            Part::Prompt,
            Part::Text(Group::Template, " ASSISTANT:"),
        ],
    },
    // The original LLaVA-1.5's conversation `vicuna_v1`, with its system sentence.
    Template {
        name: "vicuna-v1",
        parts: &[
            Part::Text(Group::System, VICUNA_SYSTEM),
            Part::Text(Group::Template, " USER: "),
            Part::Image,
            Part::Text(Group::Template, "\n"),
            Part::Prompt,
            Part::Text(Group::Template, " ASSISTANT:"),
        ],
    },
];

/// Text of one stretch of a prompt, between image positions, with each byte's group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) text: String,
    /// `(group, end byte)`, in order.
    pub(crate) groups: Vec<(Group, usize)>,
}

impl Stretch {
    fn push(&mut self, group: Group, text: &str) {
        self.text.push_str(text);
        self.groups.push((group, self.text.len()));
    }

    /// The group of a token that covers the bytes `start..end`: what the person typed wins, so
    /// that no typed character is counted as template.
    pub(crate) fn group(&self, start: usize, end: usize) -> Group {
        let mut begin = 0;
        let mut first = None;
        for (group, stop) in &self.groups {
            if begin < end.max(start + 1) && start < *stop && begin < *stop {
                if *group == Group::Instruction {
                    return Group::Instruction;
                }
                first.get_or_insert(*group);
            }
            begin = *stop;
        }
        first.unwrap_or(Group::Template)
    }
}

impl Template {
    /// The template with a person's text in it: the stretches before and after the picture.
    pub(crate) fn fill(&self, prompt: &str) -> (Stretch, Stretch) {
        let mut stretches = [Stretch::default(), Stretch::default()];
        let mut at = 0;
        for part in self.parts {
            match part {
                Part::Text(group, text) => stretches[at].push(*group, text),
                Part::Prompt => stretches[at].push(Group::Instruction, prompt),
                Part::Image => at = 1,
            }
        }
        let [before, after] = stretches;
        (before, after)
    }
}
