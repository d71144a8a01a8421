//! A row's fields, whatever file they are from, and the sample they make.

use serde_json::{Map, Value};
use shared::experiment::SampleRef;

use crate::error::{Fault, RowError};
use crate::expected::{Choice, Expected, Texts};
use crate::prompts::Style;
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
        match self.expected() {
            Ok(expected) => {
                reference.expected = expected.as_ref().map(Expected::to_string).unwrap_or_default();
                Ok(Sample { reference, picture, expected })
            }
            Err(fault) => Err(fault.of(reference)),
        }
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

    fn expected(self) -> Result<Option<Expected>, Fault> {
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
        let options = list(object, "options")?;
        self.options = (!options.is_empty()).then_some(options);
        self.answers = list(object, "answers")?;
        if self.answers.is_empty() {
            self.answers = text(object, &["answer"])?.into_iter().collect();
        }
        self.claimed = list(object, "claimed_answers")?;
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
