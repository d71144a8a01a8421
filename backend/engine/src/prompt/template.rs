//! Prompt templates: the words around what a person typed, each with its group.

use shared::Group;

/// One piece of a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Fixed text of a group.
    Text(Group, &'static str),
    /// A special token.
    Special(&'static str),
    /// What is there only with a picture.
    Picture(&'static [Part]),
    /// Where the image tokens go.
    Image,
    /// What the person typed.
    Prompt,
}

/// A named prompt template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Template {
    pub(crate) name: &'static str,
    parts: &'static [Part],
}

const VICUNA_SYSTEM: &str = "A chat between a curious user and an artificial intelligence assistant. \
    The assistant gives helpful, detailed, and polite answers to the user's questions.";

/// Its line break belongs to a picture: a question without one follows the role at once.
const LLAVA_PICTURE: Part = Part::Picture(&[Part::Image, Part::Text(Group::Template, "\n")]);

/// LLaVA-1.5's templates, the default first.
pub(crate) const LLAVA: &[Template] = &[
    // The chat template of the llava-hf repositories: no system turn.
    Template {
        name: "llava-hf",
        parts: &[
            Part::Text(Group::Template, "USER: "),
            LLAVA_PICTURE,
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
            LLAVA_PICTURE,
            Part::Prompt,
            Part::Text(Group::Template, " ASSISTANT:"),
        ],
    },
];

/// Qwen2.5-VL's templates, the default first.
pub(crate) const QWEN: &[Template] = &[
    // The published chat template, which adds a system turn where a person gives none.
    Template {
        name: "qwen2.5-vl",
        parts: &[
            Part::Special("<|im_start|>"),
            Part::Text(Group::Template, "system\n"),
            Part::Text(Group::System, "You are a helpful assistant."),
            Part::Special("<|im_end|>"),
            Part::Text(Group::Template, "\n"),
            Part::Special("<|im_start|>"),
            Part::Text(Group::Template, "user\n"),
            Part::Picture(&[
                Part::Special("<|vision_start|>"),
                Part::Image,
                Part::Special("<|vision_end|>"),
            ]),
            Part::Prompt,
            Part::Special("<|im_end|>"),
            Part::Text(Group::Template, "\n"),
            Part::Special("<|im_start|>"),
            Part::Text(Group::Template, "assistant\n"),
        ],
    },
];

/// Text with each byte's group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupedText {
    pub(crate) text: String,
    /// `(group, end byte)`, in order.
    groups: Vec<(Group, usize)>,
}

/// A stretch of a filled template that is tokenized on its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stretch {
    Text(GroupedText),
    Special(&'static str),
    Image,
}

impl GroupedText {
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
    /// The special tokens it is made with.
    pub(crate) fn specials(&self) -> Vec<&'static str> {
        let special = |part: Part| match part {
            Part::Special(token) => Some(token),
            _ => None,
        };
        let mut all: Vec<&str> = self.parts(true).filter_map(special).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Its parts, with a picture or without.
    fn parts(&self, picture: bool) -> impl Iterator<Item = Part> {
        self.parts
            .iter()
            .flat_map(move |part| match part {
                Part::Picture(parts) if picture => *parts,
                Part::Picture(_) => &[][..],
                _ => std::slice::from_ref(part),
            })
            .copied()
    }

    /// The template with a person's text in it, and a picture or none. Neighbouring texts are one stretch, as they are
    /// for the tokenizer.
    pub(crate) fn fill(&self, prompt: &str, picture: bool) -> Vec<Stretch> {
        let mut stretches = Vec::new();
        for part in self.parts(picture) {
            let (group, text) = match part {
                Part::Text(group, text) => (group, text),
                Part::Prompt => (Group::Instruction, prompt),
                Part::Special(token) => {
                    stretches.push(Stretch::Special(token));
                    continue;
                }
                Part::Picture(_) | Part::Image => {
                    stretches.push(Stretch::Image);
                    continue;
                }
            };
            match stretches.last_mut() {
                Some(Stretch::Text(last)) => last.push(group, text),
                _ => {
                    let mut stretch = GroupedText::default();
                    stretch.push(group, text);
                    stretches.push(Stretch::Text(stretch));
                }
            }
        }
        stretches
    }
}
