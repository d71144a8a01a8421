//! Prompt templates: the words around what a person typed, each with its group.

use std::borrow::Cow;
use std::sync::Arc;

use shared::sentence::TemplateProblem;
use shared::{Group, Message};

use super::tokenizer::PromptTokenizer;
use super::written::Chat;
use super::{MediumRun, templates};
use crate::error::EngineError;
use crate::prepare::{Plan, PlanPart};

/// One piece of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Fixed text of a group.
    Text(Group, Cow<'static, str>),
    /// A special token.
    Special(Cow<'static, str>),
    /// What is there for each picture, and not without one.
    Picture(Vec<Part>),
    /// What is there only where there is no picture.
    NoPicture(Vec<Part>),
    /// The number of the picture among the prompt's, from 1, as text of a group.
    Number(Group),
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
    pub(super) without: Result<Vec<Part>, TemplateProblem>,
}

impl Part {
    /// Fixed text of a group.
    pub(crate) const fn text(group: Group, text: &'static str) -> Self {
        Part::Text(group, Cow::Borrowed(text))
    }

    /// A special token.
    pub(crate) const fn special(token: &'static str) -> Self {
        Part::Special(Cow::Borrowed(token))
    }
}

/// Text with each byte's group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupedText {
    pub(crate) text: String,
    /// `(group, end byte)`, in order.
    groups: Vec<(Group, usize)>,
}

/// A stretch of a filled template that is tokenized on its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stretch {
    Text(GroupedText),
    Special(Cow<'static, str>),
    /// Where the next medium stands.
    Medium,
    /// Features of a medium.
    Run(MediumRun),
}

impl GroupedText {
    fn push(&mut self, group: Group, text: &str) {
        self.text.push_str(text);
        self.groups.push((group, self.text.len()));
    }

    fn append(&mut self, other: &GroupedText) {
        let so_far = self.text.len();
        self.text.push_str(&other.text);
        self.groups.extend(other.groups.iter().map(|(group, end)| (*group, so_far + end)));
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
    /// One that a family has built in.
    pub(crate) fn built_in(name: &'static str, parts: Vec<Part>) -> Self {
        Template { name: Cow::Borrowed(name), parts, own: None }
    }

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
                // Lists and numbers are parts by now.
                Part::Picture(_) | Part::NoPicture(_) | Part::Number(_) | Part::Image => {
                    image.to_owned().into()
                }
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
    ) -> Result<Vec<Stretch>, Message> {
        let several;
        let (parts, prompt) = match (&self.own, pictures) {
            (None, _) => (&*self.parts, prompt),
            (Some(own), 0) => {
                let parts = own.without.as_ref().map_err(TemplateProblem::clone)?;
                let frame = own.chat.without.as_ref().map_err(TemplateProblem::clone)?;
                (parts.as_slice(), own.chat.question(prompt, frame)?)
            }
            (Some(own), 1) => (&*self.parts, own.chat.question(prompt, &own.chat.with)?),
            (Some(own), _) => {
                let frame = own.chat.several(pictures)?;
                several = templates::parts(&own.chat, &frame, tokenizer)
                    .map_err(EngineError::into_message)?;
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
                Part::Picture(_) | Part::NoPicture(_) | Part::Number(_) | Part::Image => {
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

/// Stretches with the media's own in their places: their runs of features, and the marks between
/// them, which are one text with what stands beside them.
///
/// # Errors
/// The tokenizer cannot read a medium's marks.
pub(super) fn planned(
    stretches: Vec<Stretch>,
    plans: &[Plan],
    tokenizer: &PromptTokenizer,
) -> Result<Vec<Stretch>, EngineError> {
    let mut all = Vec::new();
    let mut add = |stretch: Stretch| match (all.last_mut(), stretch) {
        (Some(Stretch::Text(last)), Stretch::Text(text)) => last.append(&text),
        (_, stretch) => all.push(stretch),
    };
    let mut media = plans.iter().enumerate();
    for stretch in stretches {
        let Stretch::Medium = stretch else {
            add(stretch);
            continue;
        };
        let Some((medium, plan)) = media.next() else { continue };
        let mut runs = plan.runs();
        for part in &plan.parts {
            match part {
                PlanPart::Marks(text) => marks(text, tokenizer)?.into_iter().for_each(&mut add),
                PlanPart::Run(_) => {
                    let run = runs.next();
                    let run = run.map(|(first, run)| MediumRun { medium, first, run });
                    run.into_iter().for_each(|run| add(Stretch::Run(run)));
                }
            }
        }
    }
    Ok(all)
}

/// A medium's marks: special tokens, and the text between them.
fn marks(text: &str, tokenizer: &PromptTokenizer) -> Result<Vec<Stretch>, EngineError> {
    let (mut all, mut at) = (Vec::new(), 0);
    let between = |all: &mut Vec<Stretch>, words: Option<&str>| {
        if let Some(words) = words.filter(|words| !words.is_empty()) {
            let mut stretch = GroupedText::default();
            stretch.push(Group::Marker, words);
            all.push(Stretch::Text(stretch));
        }
    };
    for (place, token) in tokenizer.specials_in(text)? {
        between(&mut all, text.get(at..place.start));
        all.push(Stretch::Special(token.into()));
        at = place.end;
    }
    between(&mut all, text.get(at..));
    Ok(all)
}

/// Parts, with so many pictures.
fn flat(parts: &[Part], pictures: usize) -> Vec<Part> {
    let mut all = Vec::new();
    for part in parts {
        match part {
            Part::NoPicture(inner) if pictures == 0 => all.extend_from_slice(inner),
            Part::NoPicture(_) => {}
            Part::Picture(inner) => {
                for number in 1..=pictures {
                    all.extend(inner.iter().map(|part| match part {
                        Part::Number(group) => Part::Text(*group, number.to_string().into()),
                        part => part.clone(),
                    }));
                }
            }
            _ => all.push(part.clone()),
        }
    }
    all
}
