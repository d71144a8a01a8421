//! What a model's own chat template writes around a question: found by rendering it with words that no template
//! can hold, and looking where they came out.

use std::ops::Range;

use sha2::{Digest, Sha256};
use shared::sentence::TemplateProblem;

use super::chat::ChatSource;
use super::jinja::{Content, Item, Jinja, Message};

/// How a family's picture stands in a prompt's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PictureText {
    /// What templates call it in a turn's list.
    pub(crate) item: &'static str,
    /// The token that is repeated for the picture.
    pub(crate) token: String,
    /// What stands around it where a template takes plain text.
    pub(crate) around: (&'static str, &'static str),
}

/// What a template takes as a turn's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A list of pictures and texts.
    Items,
    /// A text with the picture's token in it.
    Marked,
    /// A text: the template writes the picture's token by itself.
    Plain,
}

/// A rendering with its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    pub(super) text: String,
    /// Where the question stands.
    pub(super) question: Range<usize>,
    /// Where the pictures' tokens stand, one each.
    pub(super) images: Vec<Range<usize>>,
}

/// A model's own template, understood.
#[derive(Debug)]
pub(super) struct Chat {
    source: ChatSource,
    jinja: Jinja,
    picture: PictureText,
    form: Form,
    pub(super) with: Rendered,
    /// The same for a question without a picture, or why there is none.
    pub(super) without: Result<Rendered, TemplateProblem>,
}

impl Chat {
    /// Understands a template.
    ///
    /// # Errors
    /// Why it cannot be used, as the rest of a sentence that begins with "The model's own chat
    /// template".
    pub(super) fn read(source: ChatSource, picture: PictureText) -> Result<Self, TemplateProblem> {
        let jinja = Jinja::new(&source.text, source.variables.clone())?;
        let question = mark(&source.text, "question");
        let mut refused = None;
        for form in [Form::Items, Form::Marked, Form::Plain] {
            let render = |pictures: usize| {
                let text = jinja.render(&[user(form, (pictures, &picture), &question)])?;
                Rendered::find(text, &question, &picture.token, pictures)
            };
            match render(1) {
                Ok(with) => {
                    let without = render(0);
                    return Ok(Chat { source, jinja, picture, form, with, without });
                }
                // What it says of the first form is what its author would look for.
                Err(why) => _ = refused.get_or_insert(why),
            }
        }
        Err(refused.unwrap_or(TemplateProblem::NoQuestion))
    }

    /// The name a run carries: it says which template this was, to the last letter.
    pub(super) fn name(&self) -> String {
        let hash = Sha256::digest(self.source.text.as_bytes());
        let hex: String = hash.iter().take(4).map(|b| format!("{b:02x}")).collect();
        format!("folder:{hex}")
    }

    /// Where it lies.
    pub(super) fn at(&self) -> &str {
        &self.source.at
    }

    /// Whether it asks for the day's date.
    pub(super) fn asks_for_the_date(&self) -> bool {
        self.source.text.contains("strftime_now")
    }

    /// Whether a turn was handed over as plain text, since the template makes nothing of a list of
    /// pictures and texts: with the picture's token in it (`true`) or without; none where it takes
    /// the list, as transformers hands it over.
    pub(super) fn takes_plain_text(&self) -> Option<bool> {
        match self.form {
            Form::Items => None,
            Form::Marked => Some(true),
            Form::Plain => Some(false),
        }
    }

    /// The token that begins a prompt, where this template writes it itself.
    pub(super) fn begin(&self) -> Option<&str> {
        let bos = self.source.variables.get("bos_token")?;
        (!bos.is_empty() && self.with.text.starts_with(bos.as_str())).then_some(bos)
    }

    /// Whether it writes what another does, given as a function of question and number of pictures:
    /// for questions with and without space around them, and for none. One that writes the token that
    /// begins a prompt is the other only where that writes it, too: some tokenizers mark the text
    /// behind it otherwise than a prompt's beginning.
    pub(super) fn writes(&self, other: impl Fn(&str, usize) -> String) -> bool {
        let question = &self.with.text[self.with.question.clone()];
        let questions = [question.to_owned(), format!(" {question}\n"), String::new()];
        // One that writes a picture's token by itself writes it once, however many are asked for.
        let most = if self.form == Form::Plain { 1 } else { 2 };
        questions.iter().all(|question| {
            (0..=most).all(|pictures| {
                let text = self.render(question, pictures);
                text.is_ok_and(|text| text == other(question, pictures))
            })
        })
    }

    /// A rendering with so many pictures.
    ///
    /// # Errors
    /// The template has no form for them.
    pub(super) fn several(&self, pictures: usize) -> Result<Rendered, TemplateProblem> {
        let question = mark(&self.source.text, "question");
        let text = self.render(&question, pictures)?;
        Rendered::find(text, &question, &self.picture.token, pictures)
    }

    /// A question as the template writes it into a rendering: whole, or without the space around it.
    ///
    /// # Errors
    /// The template does something else to this question.
    pub(super) fn question<'q>(
        &self,
        question: &'q str,
        frame: &Rendered,
    ) -> Result<&'q str, TemplateProblem> {
        let text = self.render(question, frame.images.len())?;
        let (before, after) =
            (&frame.text[..frame.question.start], &frame.text[frame.question.end..]);
        let written = text.strip_prefix(before).and_then(|text| text.strip_suffix(after));
        let trimmed = [question, question.trim(), question.trim_start(), question.trim_end()];
        let same = trimmed.into_iter().find(|q| written == Some(q));
        same.ok_or(TemplateProblem::WritesSomethingElse)
    }

    fn render(&self, question: &str, pictures: usize) -> Result<String, TemplateProblem> {
        self.jinja.render(&[user(self.form, (pictures, &self.picture), question)])
    }

    /// Where, in a rendering, the words stand that are a system's: what stands in the place of a
    /// system turn where there is none, or else what stands before the first turn. `specials` are
    /// the places of special tokens.
    pub(super) fn system(
        &self,
        rendered: &Rendered,
        specials: &[Range<usize>],
    ) -> Vec<Range<usize>> {
        let first = rendered.images.first().map_or(usize::MAX, |image| image.start);
        let first = first.min(rendered.question.start);
        let own = self.default_system(rendered);
        let head = || self.head(rendered).map(|head| 0..head);
        let places = |place: Range<usize>| match place.end <= first {
            true => between(&rendered.text, place, specials),
            false => Vec::new(),
        };
        let found = own.map(places).unwrap_or_default();
        if found.is_empty() { head().map(places).unwrap_or_default() } else { found }
    }

    /// What stands where a system's words would: the template is rendered with some, and what is
    /// around them is looked for.
    fn default_system(&self, rendered: &Rendered) -> Option<Range<usize>> {
        let words = mark(&self.source.text, "system");
        let question = &rendered.text[rendered.question.clone()];
        let pictures = (rendered.images.len(), &self.picture);
        let items = Content::Items(vec![Item::Text(&words)]);
        let contents = match self.form {
            Form::Items => vec![items, Content::Text(words.clone())],
            Form::Marked | Form::Plain => vec![Content::Text(words.clone())],
        };
        contents.into_iter().find_map(|content| {
            let turn = Message { role: "system", content };
            let told = self.jinja.render(&[turn, user(self.form, pictures, question)]).ok()?;
            let at = once(&told, &words)?;
            let (before, after) = (&told[..at.start], &told[at.end..]);
            let fits = rendered.text.len() >= before.len() + after.len();
            let same = rendered.text.starts_with(before) && rendered.text.ends_with(after);
            (fits && same).then(|| before.len()..rendered.text.len() - after.len())
        })
    }

    /// How much of a rendering comes before the first turn: what a second turn does not begin with.
    fn head(&self, rendered: &Rendered) -> Option<usize> {
        let [answer, again] = ["answer", "again"].map(|role| mark(&self.source.text, role));
        let question = &rendered.text[rendered.question.clone()];
        let said = match self.form {
            Form::Items => Content::Items(vec![Item::Text(&answer)]),
            Form::Marked | Form::Plain => Content::Text(answer.clone()),
        };
        let turns = [
            user(self.form, (0, &self.picture), question),
            Message { role: "assistant", content: said },
            user(self.form, (0, &self.picture), &again),
        ];
        let text = self.jinja.render(&turns).ok()?;
        let places = [once(&text, question)?, once(&text, &answer)?, once(&text, &again)?];
        let before = &text[..places[0].start];
        let between = text.get(places[1].end..places[2].start)?;
        let same = before.chars().rev().zip(between.chars().rev()).take_while(|(a, b)| a == b);
        let turn: usize = same.map(|(a, _)| a.len_utf8()).sum();
        let (head, turn) = before.split_at(before.len() - turn);
        let names_a_turn = turn.contains(char::is_alphanumeric);
        (names_a_turn && rendered.text.starts_with(head)).then_some(head.len())
    }
}

impl Rendered {
    fn find(
        text: String,
        question: &str,
        token: &str,
        pictures: usize,
    ) -> Result<Self, TemplateProblem> {
        // How a list comes out that was meant to be read.
        if text.contains("\"type\": \"text\"") {
            return Err(TemplateProblem::WritesTheList);
        }
        let images = text.match_indices(token).map(|(at, _)| at..at + token.len());
        let images: Vec<Range<usize>> = images.collect();
        match (images.len(), pictures) {
            (found, wanted) if found == wanted => {}
            (0, _) => return Err(TemplateProblem::NoPlace { token: token.to_owned() }),
            (_, 0) => return Err(TemplateProblem::WritesToken { token: token.to_owned() }),
            (several, 1) => return Err(TemplateProblem::PlacesAgain { n: several as u64 }),
            (found, wanted) => {
                let (found, wanted) = (found as u64, wanted as u64);
                return Err(TemplateProblem::OtherPlaces { found, wanted });
            }
        }
        match text.matches(question).count() {
            1 => {}
            0 => return Err(TemplateProblem::QuestionChanged),
            n => return Err(TemplateProblem::QuestionAgain { n: n as u64 }),
        }
        let question = once(&text, question).ok_or(TemplateProblem::NoQuestion)?;
        Ok(Rendered { text, question, images })
    }
}

/// The turn of who asks: the pictures first, in their order.
fn user<'a>(form: Form, (pictures, text): (usize, &PictureText), question: &'a str) -> Message<'a> {
    let content = match form {
        Form::Items => {
            let mut items = vec![Item::Medium(text.item); pictures];
            items.push(Item::Text(question));
            Content::Items(items)
        }
        Form::Marked => {
            let PictureText { token, around: (before, after), .. } = text;
            let marks = format!("{before}{token}{after}").repeat(pictures);
            Content::Text(format!("{marks}{question}"))
        }
        Form::Plain => Content::Text(question.to_owned()),
    };
    Message { role: "user", content }
}

/// A word that stands in no template: its letters follow from all of the template's. With letters
/// and digits, so that whatever changes a text changes it.
fn mark(source: &str, role: &str) -> String {
    let hash = Sha256::new().chain_update(role).chain_update(source).finalize();
    let hex: String = hash.iter().take(16).map(|b| format!("{b:02x}")).collect();
    format!("q{hex}z")
}

/// Where a word stands that stands there once.
fn once(text: &str, word: &str) -> Option<Range<usize>> {
    let mut found = text.match_indices(word);
    let (at, _) = found.next()?;
    found.next().is_none().then(|| at..at + word.len())
}

/// Where the words of a place stand between special tokens, without headings.
fn between(text: &str, place: Range<usize>, specials: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut places = Vec::new();
    let mut start = place.start;
    let end = place.end..place.end;
    for special in specials.iter().filter(|s| s.end > place.start).chain([&end]) {
        let stop = special.start.clamp(start, place.end);
        let heading = text.get(start..stop).map_or(0, heading);
        places.extend(words(text, start + heading..stop));
        start = special.end.clamp(start, place.end);
    }
    places
}

/// A place without the space around what stands there; none where there are no words.
fn words(text: &str, place: Range<usize>) -> Option<Range<usize>> {
    let there = text.get(place.clone())?;
    let start = place.start + there.len() - there.trim_start().len();
    let end = start + there.trim().len();
    there.contains(char::is_alphanumeric).then_some(start..end)
}

/// The length of a turn's heading, such as `system` and a line break, or `### System:`.
fn heading(text: &str) -> usize {
    let word_at = text.find(char::is_alphanumeric).unwrap_or(text.len());
    let rest = &text[word_at..];
    let word = &rest[..rest.find(|c: char| !c.is_alphanumeric()).unwrap_or(rest.len())];
    let roles = ["system", "sys", "user", "human", "assistant"];
    if !roles.contains(&word.to_lowercase().as_str()) {
        return 0;
    }
    let after = &rest[word.len()..];
    // "System: …" and "system\n…" are headings; "User questions are …" is a sentence.
    let is_heading = after.is_empty() || after.starts_with([':', '\n', '>', ']', '*']);
    match is_heading {
        true => text.len() - after.trim_start_matches(|c: char| !c.is_alphanumeric()).len(),
        false => 0,
    }
}
