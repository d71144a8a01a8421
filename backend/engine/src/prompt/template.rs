//! Prompt templates: the words around what a person typed, each with its group.

use std::borrow::Cow;
use std::sync::Arc;

use shared::Group;

use super::templates;
use super::tokenizer::PromptTokenizer;
use super::written::Chat;

/// One piece of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Fixed text of a group.
    Text(Group, Cow<'static, str>),
    /// A special token.
    Special(Cow<'static, str>),
    /// What is there for each picture, and not without one.
    Picture(Vec<Part>),
    /// Where the image tokens go.
    Image,
    /// What the person typed.
    Prompt,
}

/// A named prompt template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) name: Cow<'static, str>,
    parts: Vec<Part>,
    /// Where these parts come from a model's own template.
    own: Option<Arc<Own>>,
}

/// What a model's own template has besides the parts of a question with a picture.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) chat: Chat,
    /// The parts of a question without one, or why there are none.
    pub(super) without: Result<Vec<Part>, String>,
}

fn text(group: Group, text: &'static str) -> Part {
    Part::Text(group, Cow::Borrowed(text))
}

fn special(token: &'static str) -> Part {
    Part::Special(Cow::Borrowed(token))
}

fn built_in(name: &'static str, parts: Vec<Part>) -> Template {
    Template { name: Cow::Borrowed(name), parts, own: None }
}

const VICUNA_SYSTEM: &str = "A chat between a curious user and an artificial intelligence assistant. \
    The assistant gives helpful, detailed, and polite answers to the user's questions.";

/// LLaVA-1.5's templates, the default first.
pub(super) fn llava() -> Vec<Template> {
    // The line break belongs to a picture: a question without one follows the role at once.
    let picture = || Part::Picture(vec![Part::Image, text(Group::Template, "\n")]);
    let answer = || text(Group::Template, " ASSISTANT:");
    vec![
        // The chat template of the llava-hf repositories: no system turn.
        built_in(
            "llava-hf",
            vec![text(Group::Template, "USER: "), picture(), Part::Prompt, answer()],
        ),
        // The original LLaVA-1.5's conversation `vicuna_v1`, with its system sentence.
        built_in(
            "vicuna-v1",
            vec![
                text(Group::System, VICUNA_SYSTEM),
                text(Group::Template, " USER: "),
                picture(),
                Part::Prompt,
                answer(),
            ],
        ),
    ]
}

/// Qwen2.5-VL's templates, the default first.
pub(super) fn qwen() -> Vec<Template> {
    let picture = vec![special("<|vision_start|>"), Part::Image, special("<|vision_end|>")];
    // The published chat template, which adds a system turn where a person gives none.
    let parts = vec![
        special("<|im_start|>"),
        text(Group::Template, "system\n"),
        text(Group::System, "You are a helpful assistant."),
        special("<|im_end|>"),
        text(Group::Template, "\n"),
        special("<|im_start|>"),
        text(Group::Template, "user\n"),
        Part::Picture(picture),
        Part::Prompt,
        special("<|im_end|>"),
        text(Group::Template, "\n"),
        special("<|im_start|>"),
        text(Group::Template, "assistant\n"),
    ];
    vec![built_in("qwen2.5-vl", parts)]
}

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
    Special(Cow<'static, str>),
    /// Where the next medium stands.
    Medium,
}

impl GroupedText {
    fn push(&mut self, group: Group, text: &str) {
        self.text.push_str(text);
        self.groups.push((group, self.text.len()));
    }

    /// The same without the space at its beginning or end.
    pub(crate) fn trimmed(mut self, start: bool, end: bool) -> Self {
        if end {
            self.text.truncate(self.text.trim_end().len());
        }
        let cut = if start { self.text.len() - self.text.trim_start().len() } else { 0 };
        self.text.drain(..cut);
        for (_, stop) in &mut self.groups {
            *stop = stop.saturating_sub(cut).min(self.text.len());
        }
        self
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
    /// A model's own.
    pub(super) fn own(name: String, parts: Vec<Part>, own: Own) -> Self {
        Template { name: name.into(), parts, own: Some(Arc::new(own)) }
    }

    /// The special tokens it is made with.
    pub(crate) fn specials(&self) -> Vec<String> {
        let special = |part: Part| match part {
            Part::Special(token) => Some(token.into_owned()),
            _ => None,
        };
        let mut all: Vec<String> = flat(&self.parts, 1).into_iter().filter_map(special).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whether it writes the token that begins a prompt by itself.
    pub(crate) fn begins(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.chat.begin().is_some())
    }

    /// The template as one text, with a question in it and so many pictures' tokens.
    pub(super) fn text(&self, question: &str, (pictures, image): (usize, &str)) -> String {
        flat(&self.parts, pictures)
            .into_iter()
            .map(|part| match part {
                Part::Text(_, text) | Part::Special(text) => text,
                Part::Picture(_) | Part::Image => image.to_owned().into(),
                Part::Prompt => question.to_owned().into(),
            })
            .collect()
    }

    /// The template with a person's text in it, and so many pictures. Neighbouring texts are one
    /// stretch, as they are for the tokenizer.
    ///
    /// # Errors
    /// A model's own template has no form for this question; the rest of a sentence that begins
    /// with the template.
    pub(crate) fn fill(
        &self,
        prompt: &str,
        pictures: usize,
        tokenizer: &PromptTokenizer,
    ) -> Result<Vec<Stretch>, String> {
        let several;
        let (parts, prompt) = match (&self.own, pictures) {
            (None, _) => (&*self.parts, prompt),
            (Some(own), 0) => {
                let parts = own.without.as_ref().map_err(Clone::clone)?;
                let frame = own.chat.without.as_ref().map_err(Clone::clone)?;
                (parts.as_slice(), own.chat.question(prompt, frame)?)
            }
            (Some(own), 1) => (&*self.parts, own.chat.question(prompt, &own.chat.with)?),
            (Some(own), _) => {
                let frame = own.chat.several(pictures)?;
                several = templates::parts(&own.chat, &frame, tokenizer).map_err(|e| e.message)?;
                (several.as_slice(), own.chat.question(prompt, &frame)?)
            }
        };
        let mut stretches = Vec::new();
        for part in flat(parts, pictures) {
            let (group, text) = match part {
                Part::Text(group, text) => (group, text),
                Part::Prompt => (Group::Instruction, Cow::Owned(prompt.to_owned())),
                Part::Special(token) => {
                    stretches.push(Stretch::Special(token));
                    continue;
                }
                Part::Picture(_) | Part::Image => {
                    stretches.push(Stretch::Medium);
                    continue;
                }
            };
            match stretches.last_mut() {
                Some(Stretch::Text(last)) => last.push(group, &text),
                _ => {
                    let mut stretch = GroupedText::default();
                    stretch.push(group, &text);
                    stretches.push(Stretch::Text(stretch));
                }
            }
        }
        Ok(stretches)
    }
}

/// Parts, with so many pictures.
fn flat(parts: &[Part], pictures: usize) -> Vec<Part> {
    let mut all = Vec::new();
    for part in parts {
        match part {
            Part::Picture(inner) => (0..pictures).for_each(|_| all.extend_from_slice(inner)),
            _ => all.push(part.clone()),
        }
    }
    all
}
