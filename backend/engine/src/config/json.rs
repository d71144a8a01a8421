//! JSON files of a model, read so that what is wrong with them is said by file and key.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::rc::Rc;

use serde_json::Value;
use shared::sentence::ModelNote;

use crate::error::{EngineError, why};
use crate::family::{FETCH_POINTER, is_pointer};
use crate::filesystem::Location;

/// A JSON file larger than this is refused before it is read.
const MAX_FILE: u64 = 64 << 20;

/// Reads a JSON file; `None` when there is no such file.
pub(crate) fn read_json(path: &Location) -> Result<Option<Value>, EngineError> {
    match read_text(path)? {
        Some(text) => parse_json(&text, &path.display().to_string()).map(Some),
        None => Ok(None),
    }
}

/// Reads a text file of bounded size; `None` when there is no such file.
pub(crate) fn read_text(path: &Location) -> Result<Option<String>, EngineError> {
    let fail = |what: String| Err(EngineError::model(format!("{}: {what}", path.display())));
    match path.info() {
        Ok(about) if about.len > MAX_FILE => {
            return fail(format!("is larger than {} MiB", MAX_FILE >> 20));
        }
        Ok(about) if about.is_folder => return fail("is a folder, not a file".to_owned()),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Ok(_) | Err(_) => {}
    }
    match path.read() {
        Ok(bytes) if is_pointer(&bytes) => fail(FETCH_POINTER.to_owned()),
        Err(e) => fail(format!("cannot be read: {}", why(&e))),
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => fail("is not UTF-8 text".to_owned()),
        },
    }
}

/// Parses JSON; `at` names the file.
pub(crate) fn parse_json(text: &str, at: &str) -> Result<Value, EngineError> {
    serde_json::from_str(text).map_err(|e| {
        let place = format!("line {}, column {}", e.line(), e.column());
        let what = match e.classify() {
            serde_json::error::Category::Eof if text.trim().is_empty() => "is empty".to_owned(),
            serde_json::error::Category::Eof => format!("was cut off: it ends at {place}"),
            _ => format!("is not valid JSON at {place}"),
        };
        EngineError::model(format!("{at}: {what}"))
    })
}

/// An object of a JSON file. Settings have defaults where they are left out or null; what is
/// there must be of the right kind.
#[derive(Clone, Debug)]
pub(crate) struct Section<'a> {
    value: &'a Value,
    /// The file, and the keys that lead here.
    file: String,
    keys: String,
    /// The members of this file that were asked for, with the keys that lead to them.
    asked: Rc<RefCell<BTreeSet<String>>>,
}

impl<'a> Section<'a> {
    /// A file's outermost object. Null, as a file that is not there, is an empty one.
    pub(crate) fn file(value: &'a Value, file: impl Into<String>) -> Result<Self, EngineError> {
        let file = file.into();
        match value {
            Value::Object(_) | Value::Null => {
                Ok(Section { value, file, keys: String::new(), asked: Rc::default() })
            }
            _ => Err(EngineError::model(format!("{file}: does not hold an object of settings"))),
        }
    }

    /// The member of that name, an object; an empty one where it is left out.
    pub(crate) fn section(&self, name: &str) -> Result<Section<'a>, EngineError> {
        match self.member(name) {
            value @ (Value::Object(_) | Value::Null) => Ok(Section {
                value,
                file: self.file.clone(),
                keys: format!("{}{name}.", self.keys),
                asked: self.asked.clone(),
            }),
            _ => Err(self.wrong(name, "an object of settings")),
        }
    }

    /// Whether nothing is here.
    pub(crate) fn is_missing(&self) -> bool {
        self.value.is_null()
    }

    /// Whether nothing is here, or an object without members.
    pub(crate) fn is_empty(&self) -> bool {
        self.value.as_object().is_none_or(serde_json::Map::is_empty)
    }

    /// The members, where there are any.
    pub(crate) fn object(&self) -> Option<&'a serde_json::Map<String, Value>> {
        self.value.as_object()
    }

    /// Whether two sections say the same.
    pub(crate) fn equals(&self, other: &Section) -> bool {
        self.value == other.value
    }

    /// A member, or null.
    pub(crate) fn member(&self, name: &str) -> &'a Value {
        self.asked.borrow_mut().insert(self.key(name));
        self.value.get(name).unwrap_or(&Value::Null)
    }

    /// Whether a member is there, even if it is null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.asked.borrow_mut().insert(self.key(name));
        self.value.get(name).is_some()
    }

    /// The file's own name, without the folders that lead to it.
    pub(crate) fn name(&self) -> &str {
        self.file.rsplit(['/', '\\']).next().unwrap_or_default()
    }

    /// Says which members nobody asked for, unless they are null or among those that change
    /// nothing: a setting is followed, refused, known to be harmless, or said to be unknown.
    pub(crate) fn tell_unknown(&self, harmless: &[&[&str]], notes: &mut Vec<ModelNote>) {
        /// Names told before the rest is only counted, and letters of one.
        const TOLD: (usize, usize) = (8, 60);
        let Some(object) = self.value.as_object() else { return };
        let asked = self.asked.borrow();
        let unknown = |(name, value): &(&String, &Value)| {
            let known = harmless.iter().any(|list| list.contains(&name.as_str()));
            !value.is_null() && !known && !asked.contains(&self.key(name))
        };
        let names: Vec<&str> =
            object.iter().filter(unknown).map(|(name, _)| name.as_str()).collect();
        if names.is_empty() {
            return;
        }
        let short = |name: &&str| -> String {
            format!("'{}{}'", self.keys, name.chars().take(TOLD.1).collect::<String>())
        };
        let told = names.iter().take(TOLD.0).map(short).collect::<Vec<String>>().join(", ");
        let names = match names.len().saturating_sub(TOLD.0) as u64 {
            0 => told.into(),
            n => ModelNote::AndMoreNames { names: told, n }.into(),
        };
        notes.push(ModelNote::UnknownSettings { file: self.name().to_owned(), names });
    }

    /// A whole number from 1 to `most`, or the default.
    pub(crate) fn size(
        &self,
        name: &str,
        default: usize,
        most: usize,
    ) -> Result<usize, EngineError> {
        match self.member(name) {
            Value::Null => Ok(default),
            v => v
                .as_u64()
                .and_then(|n| usize::try_from(n).ok())
                .filter(|n| (1..=most).contains(n))
                .ok_or_else(|| self.wrong(name, &format!("a whole number from 1 to {most}"))),
        }
    }

    /// A number from `range`, or the default.
    pub(crate) fn number(
        &self,
        name: &str,
        default: f64,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<f64, EngineError> {
        match self.member(name) {
            Value::Null => Ok(default),
            v => v.as_f64().filter(|n| range.contains(n)).ok_or_else(|| {
                self.wrong(name, &format!("a number from {:e} to {:e}", range.start(), range.end()))
            }),
        }
    }

    /// A yes or no, or the default.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, EngineError> {
        match self.member(name) {
            Value::Null => Ok(default),
            Value::Bool(flag) => Ok(*flag),
            _ => Err(self.wrong(name, "true or false")),
        }
    }

    /// A word, if there is one.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, EngineError> {
        match self.member(name) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            _ => Err(self.wrong(name, "a word")),
        }
    }

    /// Whole numbers: a list of them, or one alone; none where it is left out.
    pub(crate) fn whole(&self, name: &str) -> Result<Vec<u32>, EngineError> {
        let number = |v: &Value| v.as_u64().and_then(|n| u32::try_from(n).ok());
        let list = match self.member(name) {
            Value::Null => Some(Vec::new()),
            Value::Array(list) => list.iter().map(number).collect(),
            one => number(one).map(|n| vec![n]),
        };
        list.ok_or_else(|| {
            self.wrong(name, "a whole number that is not negative, or a list of them")
        })
    }

    /// A single whole number, if there is one.
    pub(crate) fn id(&self, name: &str) -> Result<Option<u32>, EngineError> {
        match self.whole(name)?.as_slice() {
            [] if self.member(name).is_null() => Ok(None),
            [id] => Ok(Some(*id)),
            _ => Err(self.wrong(name, "a whole number that is not negative")),
        }
    }

    /// An error about a member: what it is, and what is needed.
    pub(crate) fn wrong(&self, name: &str, needed: &str) -> EngineError {
        let mut shown = self.member(name).to_string();
        if shown.chars().count() > 60 {
            shown = shown.chars().take(57).chain("...".chars()).collect();
        }
        self.fail(&format!("'{}{name}' is {shown}; {needed} is needed", self.keys))
    }

    /// An error about this file.
    pub(crate) fn fail(&self, what: &str) -> EngineError {
        EngineError::model(format!("{}: {what}", self.file))
    }

    /// A member's name with the keys that lead to it.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.keys)
    }
}
