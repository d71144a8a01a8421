//! A row's fields, whatever file they are from, and the sample they make.

use serde_json::{Map, Value};
use shared::experiment::SampleRef;

use crate::error::{Fault, RowError};
use crate::expected::{Choice, Expected, Texts};
use crate::literal;
use crate::prompts::Style;
use crate::references;
use crate::sample::Sample;

/// A row's fields. What is not there is `None` or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Record {
    pub id: Option<String>,
    pub kind: Option<String>,
    /// The prompt as it is.
    pub prompt: Option<String>,
    /// A question; its options, if there are any, are listed after it.
    pub question: Option<String>,
    pub options: Option<Vec<String>>,
    /// Accepted answers; with options the right one's letter or text.
    pub answers: Vec<String>,
    /// The answers of one who believes the prompt's false claim.
    pub claimed: Vec<String>,
    /// Whether the picture shows all that the texts refer to, whatever its number.
    pub whole: bool,
}

impl Record {
    /// The sample, with the picture that belongs to it; an error carries what could be read.
    pub fn sample(
        self,
        row: u64,
        default_prompt: Option<&str>,
        picture: Result<Vec<u8>, Fault>,
    ) -> Result<Sample, RowError> {
        let mut reference = SampleRef {
            row,
            id: self.id.clone().unwrap_or_else(|| row.to_string()),
            prompt: self.whole_prompt(default_prompt).unwrap_or_default(),
            expected: String::new(),
            kind: self.kind.clone().unwrap_or_default(),
        };
        let picture = match picture {
            Ok(picture) => picture,
            Err(fault) => return Err(fault.of(reference)),
        };
        if reference.prompt.trim().is_empty() {
            return Err(Fault::missing("prompt").of(reference));
        }
        if let Some(fault) = self.other_picture(&reference.prompt) {
            return Err(fault.of(reference));
        }
        match self.expected() {
            Ok(expected) => {
                reference.expected = expected.as_ref().map(Expected::to_string).unwrap_or_default();
                Ok(Sample { reference, picture, more: Vec::new(), expected })
            }
            Err(fault) => Err(fault.of(reference)),
        }
    }

    /// The fault of a row whose prompt or options refer to a picture that it does not have.
    fn other_picture(&self, prompt: &str) -> Option<Fault> {
        let options = self.options.iter().flatten().map(String::as_str);
        let mut texts = std::iter::once(prompt).chain(options).filter(|_| !self.whole);
        let reference = shortened(texts.find_map(references::beyond_the_first)?);
        Some(Fault::NoSuchPicture { reference })
    }

    fn whole_prompt(&self, default: Option<&str>) -> Option<String> {
        match (&self.prompt, &self.question, &self.options) {
            (Some(prompt), ..) => Some(prompt.clone()),
            (None, Some(question), Some(options)) if !options.is_empty() => Some(format!(
                "{question}\n{}\n{}",
                Choice::listed(options),
                Style::Direct.standard()
            )),
            (None, Some(question), _) => Some(question.clone()),
            (None, None, _) => default.map(str::to_owned),
        }
    }

    /// What is right; `None` where no answer is given. A blank answer is none.
    fn expected(mut self) -> Result<Option<Expected>, Fault> {
        self.answers.retain(|answer| is_text(answer));
        self.claimed.retain(|answer| is_text(answer));
        let Some(options) = self.options.filter(|options| !options.is_empty()) else {
            let (accepted, claimed) = (self.answers, self.claimed);
            let some = !accepted.is_empty();
            return Ok(some.then_some(Expected::Texts(Texts { accepted, claimed })));
        };
        let number = options.len();
        match &self.answers[..] {
            [] => Ok(None),
            [answer] => match Choice::new(options, answer) {
                Some(choice) => Ok(Some(Expected::Choice(choice))),
                None if number > 26 => {
                    Err(Fault::unreadable("options", format!("there are {number}, and 26 letters")))
                }
                None => Err(Fault::unreadable(
                    "answer",
                    format!("'{}' names none of the {number} options", shortened(answer)),
                )),
            },
            several => Err(Fault::unreadable(
                "answers",
                format!("{} answers stand beside options, of which one is right", several.len()),
            )),
        }
    }

    /// Takes the fields of a JSON object; what was read before a field that cannot be stays.
    pub fn fill(&mut self, object: &Map<String, Value>) -> Result<(), Fault> {
        self.id = text(object, &["id"])?;
        self.kind = text(object, &["kind", "subject"])?;
        self.prompt = text(object, &["prompt"])?;
        self.question = text(object, &["question", "text"])?;
        self.options = match object.get("options") {
            Some(Value::String(text)) => Some(written_list("options", text)?),
            _ => Some(list(object, "options")?),
        };
        self.options = self.options.take().filter(|options| !options.is_empty());
        self.answers = answers(list(object, "answers")?);
        if self.answers.is_empty() {
            self.answers = answers(text(object, &["answer"])?.into_iter().collect());
        }
        self.claimed = answers(list(object, "claimed_answers")?);
        Ok(())
    }
}

/// The first of these fields that is there, as text.
pub(crate) fn text(object: &Map<String, Value>, names: &[&str]) -> Result<Option<String>, Fault> {
    let found = names.iter().find_map(|&name| Some((name, object.get(name)?)));
    match found {
        None | Some((_, Value::Null)) => Ok(None),
        Some((name, value)) => scalar(name, value).map(Some),
    }
}

/// A field's texts: a list, or one for itself.
fn list(object: &Map<String, Value>, name: &str) -> Result<Vec<String>, Fault> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(items)) => items.iter().map(|item| scalar(name, item)).collect(),
        Some(value) => Ok(vec![scalar(name, value)?]),
    }
}

/// Whether anything stands in a text.
pub(crate) fn is_text(text: &str) -> bool {
    !text.trim().is_empty()
}

/// A list that stands in a text, as JSON or as Python writes it; a blank text has no items.
pub(crate) fn written_list(name: &str, text: &str) -> Result<Vec<String>, Fault> {
    if !is_text(text) {
        return Ok(Vec::new());
    }
    if let Ok(items) = serde_json::from_str::<Vec<Value>>(text) {
        return items.iter().map(|item| scalar(name, item)).collect();
    }
    literal::list(text).map_err(|why| Fault::unreadable(name, why))
}

/// Answers without blank ones. A single one that is a written list of texts, as MMMU's open
/// questions have it, stands for its items.
pub(crate) fn answers(mut given: Vec<String>) -> Vec<String> {
    if let [one] = &given[..]
        && one.trim_start().starts_with('[')
    {
        let json = serde_json::from_str::<Vec<String>>(one).ok();
        given = json.or_else(|| literal::list(one).ok()).unwrap_or(given);
    }
    given.retain(|answer| is_text(answer));
    given
}

fn scalar(name: &str, value: &Value) -> Result<String, Fault> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(_) => Err(Fault::unreadable(name, "it is true or false where a text belongs")),
        Value::Null => Err(Fault::unreadable(name, "one of its texts is null")),
        Value::Array(_) => Err(Fault::unreadable(name, "it is a list where a text belongs")),
        Value::Object(_) => Err(Fault::unreadable(name, "it is an object where a text belongs")),
    }
}

/// A value as a message quotes it: not the whole of a long one, and nothing in it that a terminal
/// would obey.
pub(crate) fn shortened(text: &str) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c });
    let start: String = chars.by_ref().take(60).collect();
    if chars.next().is_some() { format!("{start}…") } else { start }
}

/// Several names as a message lists them.
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names = names.into_iter();
    let mut some: Vec<String> = names.by_ref().take(20).map(shortened).collect();
    let more = names.count();
    if more > 0 {
        some.push(format!("and {more} more"));
    }
    some.join(", ")
}
