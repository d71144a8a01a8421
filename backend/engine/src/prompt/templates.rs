//! The templates a model can be asked with: its own first, where its files have one that can be used, and those
//! that are built in.

use std::ops::Range;

use shared::sentence::{ModelNote, TemplateProblem};
use shared::{Group, Message};

use super::chat::{ChatSource, Found};
use super::template::{Own, Part, Template};
use super::tokenizer::PromptTokenizer;
use super::written::{Chat, PictureText, Rendered};
use crate::error::EngineError;

/// A family's prompts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prompting {
    /// The templates that are built in, the published models' first.
    pub(crate) templates: fn() -> Vec<Template>,
    /// What templates call its media in a turn's list: `image`, or `audio`.
    pub(crate) item: &'static str,
    /// The published models' name for the token that is repeated for a picture.
    pub(crate) token: &'static str,
    /// What stands around it where a model's own template takes plain text.
    pub(crate) around: (&'static str, &'static str),
    /// Special tokens that a picture's own marks may hold, for the tokenizers of random models.
    pub(crate) marks: &'static [&'static str],
}

impl Prompting {
    fn built_in(&self) -> Vec<Template> {
        (self.templates)()
    }

    /// The special tokens that the published models' template is made with.
    pub(crate) fn specials(&self) -> Vec<String> {
        self.built_in().first().map(Template::specials).unwrap_or_default()
    }

    /// How pictures stand in its prompts.
    fn picture(&self) -> PictureText {
        PictureText { item: self.item, token: self.token.to_owned(), around: self.around }
    }
}

/// A model's templates.
#[derive(Debug)]
pub(crate) struct Templates {
    all: Vec<Template>,
    /// Why the model's own template cannot be used. Then none is the default.
    refused: Option<Message>,
    /// What a person should know of the default.
    notes: Vec<ModelNote>,
    /// Whether the model's files have none.
    none_found: bool,
}

impl Templates {
    /// Only what is built in.
    fn built_in(prompts: &Prompting) -> Self {
        Templates { all: prompts.built_in(), refused: None, notes: Vec::new(), none_found: false }
    }

    /// A model's: its own, under a built-in's name where it writes exactly that.
    pub(crate) fn of(
        prompts: &Prompting,
        found: Found,
        tokenizer: &PromptTokenizer,
        image: u32,
    ) -> Self {
        let mut picture = prompts.picture();
        if let Some(name) = tokenizer.name(image) {
            picture.token = name;
        }
        let mut templates = Templates::built_in(prompts);
        let empty = match &found {
            Ok(Some(source)) if source.text.is_empty() => Some(source.at.clone()),
            _ => None,
        };
        let own = match read(found, picture.clone()) {
            Ok(Some(chat)) => chat,
            Ok(None) => {
                let name = &templates.all[0].name;
                let name = name.to_string();
                templates.notes.push(match empty {
                    Some(file) => ModelNote::EmptyTemplate { file, name },
                    None => ModelNote::NoTemplate { name },
                });
                templates.none_found = true;
                return templates;
            }
            Err(why) => {
                templates.refused = Some(why.into());
                return templates;
            }
        };
        let at = own.at().to_owned();
        let dated = own.asks_for_the_date();
        let plain = own.takes_plain_text();
        let known = same_as(prompts, &own, &picture.token);
        if let Some(at) = known {
            let template = templates.all.remove(at);
            templates.all.insert(0, template);
        } else {
            match in_pieces(own, tokenizer) {
                Ok(own) => {
                    let (file, name) = (at.clone(), own.name.to_string());
                    templates.notes.push(ModelNote::OwnTemplate { file, name });
                    templates.all.insert(0, own);
                }
                Err(e) => templates.refused = Some(e.into_message()),
            }
        }
        match plain {
            Some(true) if templates.refused.is_none() => {
                templates.notes.push(ModelNote::GivenMarked { file: at.clone() });
            }
            Some(false) if templates.refused.is_none() => {
                templates.notes.push(ModelNote::GivenPlain { file: at.clone() });
            }
            _ => {}
        }
        if dated {
            templates.notes.push(ModelNote::Dated { file: at });
        }
        templates
    }

    /// Names, the default first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|template| &*template.name)
    }

    /// The default's name; none where a person has to choose.
    pub(crate) fn own(&self) -> Option<&str> {
        self.names().next().filter(|_| self.refused.is_none())
    }

    /// What a person should know: which template prompts are put in, or why none is chosen.
    pub(crate) fn notes(&self) -> Vec<ModelNote> {
        self.notes.iter().cloned().chain(self.refused()).collect()
    }

    /// Whether the model's files have no template, or an empty one.
    pub(crate) fn none_found(&self) -> bool {
        self.none_found
    }

    /// The template of a name.
    pub(crate) fn find(&self, name: &str) -> Option<&Template> {
        self.all.iter().find(|template| template.name == name)
    }

    /// Why none of them is the default, in a sentence that says what to do.
    pub(crate) fn refused(&self) -> Option<ModelNote> {
        let names = self.names().map(Message::from);
        self.refused.clone().map(|why| choose(why, names))
    }
}

fn choose(why: Message, names: impl Iterator<Item = Message>) -> ModelNote {
    let names = names.reduce(|one, other| ModelNote::Or { one, other }.into());
    ModelNote::OwnTemplateUnusable { why, names: names.unwrap_or_default() }
}

/// Names of a model's templates as [`Templates::of`] would find them, the default first, without
/// its tokenizer but for the name of the picture's token, where that is another than the published
/// models'; and why none is the default, where none is.
pub(crate) fn at_a_glance(
    prompts: &Prompting,
    found: Found,
    token: Option<String>,
) -> (Vec<String>, Option<ModelNote>) {
    let mut names: Vec<String> =
        prompts.built_in().iter().map(|template| template.name.to_string()).collect();
    let mut picture = prompts.picture();
    if let Some(name) = token {
        picture.token = name;
    }
    match read(found, picture.clone()) {
        Ok(Some(own)) => match same_as(prompts, &own, &picture.token) {
            Some(at) => names[..=at].rotate_right(1),
            None => names.insert(0, own.name()),
        },
        Ok(None) => {}
        Err(why) => {
            let refused = choose(why.into(), names.iter().map(|name| name.as_str().into()));
            return (names, Some(refused));
        }
    }
    (names, None)
}

fn read(found: Found, picture: PictureText) -> Result<Option<Chat>, TemplateProblem> {
    let Some(source) = found?.filter(|source| !source.text.is_empty()) else { return Ok(None) };
    let ChatSource { at, .. } = source.clone();
    match Chat::read(source, picture) {
        Ok(chat) => Ok(Some(chat)),
        Err(why) => Err(TemplateProblem::InFile { file: at, why: why.into() }),
    }
}

/// The built-in template that a model's own writes exactly.
fn same_as(prompts: &Prompting, own: &Chat, token: &str) -> Option<usize> {
    prompts.built_in().iter().position(|template| {
        own.writes(|question, pictures| template.text(question, (pictures, token)))
    })
}

/// A model's own template in pieces, each in its group.
fn in_pieces(chat: Chat, tokenizer: &PromptTokenizer) -> Result<Template, EngineError> {
    let parts = |rendered: &Rendered| parts(&chat, rendered, tokenizer);
    let with = parts(&chat.with)?;
    let without = match &chat.without {
        Ok(rendered) => Ok(parts(rendered)?),
        Err(why) => Err(why.clone()),
    };
    Ok(Template::own(chat.name(), with, Own { chat, without }))
}

/// A rendering in pieces, each in its group.
///
/// # Errors
/// The tokenizer cannot read it.
pub(super) fn parts(
    chat: &Chat,
    rendered: &Rendered,
    tokenizer: &PromptTokenizer,
) -> Result<Vec<Part>, EngineError> {
    let text = &rendered.text;
    let mut fixed: Vec<(Range<usize>, Part)> = Vec::new();
    let specials = tokenizer.specials_in(text)?;
    let places: Vec<Range<usize>> = specials.iter().map(|(place, _)| place.clone()).collect();
    let meet = |image: &Range<usize>, place: &Range<usize>| {
        image.start < place.end && place.start < image.end
    };
    let is_image = |place: &Range<usize>| rendered.images.iter().any(|image| meet(image, place));
    // The picture's token takes the space beside it where the tokenizer says so.
    for image in &rendered.images {
        let taken = places.iter().find(|place| meet(image, place));
        fixed.push((taken.unwrap_or(image).clone(), Part::Image));
    }
    for (place, token) in specials.into_iter().filter(|(place, _)| !is_image(place)) {
        fixed.push((place, Part::Special(token.into())));
    }
    fixed.push((rendered.question.clone(), Part::Prompt));
    for place in chat.system(rendered, &places) {
        let words = text[place.clone()].to_owned();
        fixed.push((place, Part::Text(Group::System, words.into())));
    }
    fixed.sort_by_key(|(place, _)| place.start);
    let mut parts = Vec::new();
    let mut at = 0;
    let between = |text: &str| Part::Text(Group::Template, text.to_owned().into());
    for (place, part) in fixed {
        match text.get(at..place.start) {
            Some("") => {}
            Some(words) => parts.push(between(words)),
            // Two places overlap: a special token inside of a system's words.
            None => continue,
        }
        at = place.end;
        parts.push(part);
    }
    if let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        parts.push(between(rest));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(template: &str) -> String {
        let tokenizer = PromptTokenizer::characters(&[]).expect("a tokenizer");
        let (text, at) = (template.to_owned(), "chat_template.jinja".to_owned());
        let found = Ok(Some(ChatSource { text, at, variables: Default::default() }));
        let prompts = Prompting {
            templates: || vec![Template::built_in("plain", vec![Part::Image, Part::Prompt])],
            item: "image",
            token: "<image>",
            around: ("", "\n"),
            marks: &[],
        };
        Templates::of(&prompts, found, &tokenizer, 100_000)
            .notes()
            .into_iter()
            .map(|note| note.text(shared::Language::English))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_template_that_was_given_plain_text_is_told() {
        let marked = "{% for m in messages %}Q: {{ m['content'] }}{% endfor %} A:";
        let said = notes(marked);
        assert!(said.contains("does not place pictures itself"), "{said}");
        let plain = "{% for m in messages %}<image> {{ m['content'] + '' }}{% endfor %} A:";
        let said = notes(plain);
        assert!(said.contains("takes no list of parts"), "{said}");
        let said = notes("");
        assert!(said.contains("(chat_template.jinja) is empty"), "{said}");
    }
}
