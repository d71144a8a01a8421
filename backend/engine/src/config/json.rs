//! JSON files of a model, read so that what is wrong with them is said by file and key.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::rc::Rc;

use serde_json::Value;
use shared::sentence::{ConfigFault, FileFault, Listing, Localized, ModelNote, SettingNeed};

use crate::error::{EngineError, unreadable};
use crate::family::is_pointer;
use crate::filesystem::Location;

/// A JSON file larger than this is refused before it is read.
const MAX_FILE: u64 = 64 << 20;

/// Reads a JSON file; `None` when there is no such file.
pub(crate) fn read_json(path: &Location) -> Result<Option<Value>, EngineError> {
    json_in(path).map_err(|what| EngineError::of_file(path.display(), what))
}

/// As [`read_json`]; what is wrong with the file is said without its name.
pub(crate) fn json_in(path: &Location) -> Result<Option<Value>, FileFault> {
    text_in(path)?.map(|text| parse_json(&text)).transpose()
}

/// Reads a text file of bounded size; `None` when there is no such file. What is wrong with the file is
/// said without its name.
pub(crate) fn text_in(path: &Location) -> Result<Option<String>, FileFault> {
    match path.info() {
        Ok(about) if about.len > MAX_FILE => {
            return Err(FileFault::TooLarge { mib: MAX_FILE >> 20 });
        }
        Ok(about) if about.is_folder => return Err(FileFault::AFolder),
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Ok(_) | Err(_) => {}
    }
    match path.read() {
        Ok(bytes) if is_pointer(&bytes) => Err(FileFault::Pointer),
        Err(e) => Err(unreadable(&e)),
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| FileFault::NoText),
    }
}

/// Parses the JSON in a file.
pub(crate) fn parse_json(text: &str) -> Result<Value, FileFault> {
    serde_json::from_str(text).map_err(|e| {
        let (line, column) = (e.line(), e.column());
        match e.classify() {
            serde_json::error::Category::Eof if text.trim().is_empty() => FileFault::Empty,
            serde_json::error::Category::Eof => FileFault::JsonCut { line, column },
            _ => FileFault::NoJson { line, column },
        }
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
            _ => Err(EngineError::of_file(file, ConfigFault::NoObject)),
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
            _ => Err(self.wrong(name, SettingNeed::Object)),
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
                .ok_or_else(|| self.wrong(name, SettingNeed::Whole { most })),
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
                let (least, most) = (format!("{:e}", range.start()), format!("{:e}", range.end()));
                self.wrong(name, SettingNeed::Number { least, most })
            }),
        }
    }

    /// A yes or no, or the default.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, EngineError> {
        match self.member(name) {
            Value::Null => Ok(default),
            Value::Bool(flag) => Ok(*flag),
            _ => Err(self.wrong(name, SettingNeed::Flag)),
        }
    }

    /// A word, if there is one.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&'a str>, EngineError> {
        match self.member(name) {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text)),
            _ => Err(self.wrong(name, SettingNeed::Word)),
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
        list.ok_or_else(|| self.wrong(name, SettingNeed::Ids))
    }

    /// A single whole number, if there is one.
    pub(crate) fn id(&self, name: &str) -> Result<Option<u32>, EngineError> {
        match self.whole(name)?.as_slice() {
            [] if self.member(name).is_null() => Ok(None),
            [id] => Ok(Some(*id)),
            _ => Err(self.wrong(name, SettingNeed::Id)),
        }
    }

    /// An error about a member: what it is, and what is needed.
    pub(crate) fn wrong(&self, name: &str, needed: impl Into<Localized>) -> EngineError {
        let mut value = self.member(name).to_string();
        if value.chars().count() > 60 {
            value = value.chars().take(57).chain("...".chars()).collect();
        }
        let (key, needed) = (self.key(name), needed.into());
        self.fail(ConfigFault::Setting { key, value, needed })
    }

    /// An error about a member that is not the only value it may have.
    pub(crate) fn wrong_value(&self, name: &str, only: impl std::fmt::Display) -> EngineError {
        self.wrong(name, Listing::One { name: only.to_string().into() })
    }

    /// An error about a member that is none of these words.
    pub(crate) fn wrong_word(&self, name: &str, words: &[&str]) -> EngineError {
        let words = words.iter().map(|word| format!("\"{word}\"").into());
        self.wrong(name, Listing::or(words.collect()))
    }

    /// An error about this file.
    pub(crate) fn fail(&self, what: impl Into<Localized>) -> EngineError {
        EngineError::of_file(&self.file, what)
    }

    /// A member's name with the keys that lead to it.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{}{name}", self.keys)
    }
}
