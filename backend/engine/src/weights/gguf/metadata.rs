//! What a GGUF file says of itself, by key.

use std::collections::HashMap;
use std::path::Path;

use shared::sentence::{FileFault, GgufFault, Localized};

use crate::error::EngineError;
use crate::filesystem::Location;

/// A value. Arrays are kept in the widest form of their kind, those of flags as 0 and 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Flag(bool),
    Text(String),
    Texts(Vec<String>),
    Integers(Vec<i64>),
    Floats(Vec<f32>),
}

/// The metadata of one file, with errors that name the file and the key.
#[derive(Debug)]
pub(crate) struct Metadata {
    pub(super) location: Location,
    pub(super) values: HashMap<String, Value>,
}

/// What of a text out of a file stands in a sentence: it may be anything, and a line of it is enough.
pub(crate) fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).take(120).collect()
}

impl Metadata {
    /// The file.
    pub(crate) fn path(&self) -> &Path {
        self.location.path()
    }

    /// An error about the file.
    pub(crate) fn problem(&self, what: impl Into<Localized>) -> EngineError {
        EngineError::of_file(self.location.display(), what)
    }

    /// An error about a key.
    pub(crate) fn wrong(&self, key: &str, what: impl Into<Localized>) -> EngineError {
        self.problem(GgufFault::OfKey { key: line(key), what: what.into() })
    }

    /// A value that must be there.
    pub(crate) fn needed<T>(&self, key: &str, value: Option<T>) -> Result<T, EngineError> {
        value.ok_or_else(|| self.wrong(key, FileFault::Absent))
    }

    /// A whole number from 1 to 2^24 that may be left out.
    pub(crate) fn size(&self, key: &str) -> Result<Option<usize>, EngineError> {
        let number = match self.values.get(key) {
            None => return Ok(None),
            Some(Value::Unsigned(n)) => usize::try_from(*n).ok(),
            Some(Value::Signed(n)) => usize::try_from(*n).ok(),
            Some(_) => None,
        };
        match number.filter(|n| (1..1 << 24).contains(n)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(key, GgufFault::NoSize)),
        }
    }

    /// A token's id that may be left out.
    pub(crate) fn id(&self, key: &str) -> Option<u32> {
        match self.values.get(key)? {
            Value::Unsigned(n) => u32::try_from(*n).ok(),
            Value::Signed(n) => u32::try_from(*n).ok(),
            _ => None,
        }
    }

    /// A finite number that may be left out.
    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>, EngineError> {
        let number = match self.values.get(key) {
            None => return Ok(None),
            Some(Value::Float(n)) => *n,
            Some(Value::Unsigned(n)) => *n as f64,
            Some(Value::Signed(n)) => *n as f64,
            Some(_) => f64::NAN,
        };
        if number.is_finite() {
            Ok(Some(number))
        } else {
            Err(self.wrong(key, GgufFault::NoNumber))
        }
    }

    /// Yes or no; `None` where it is left out.
    pub(crate) fn flag(&self, key: &str) -> Option<bool> {
        match self.values.get(key)? {
            Value::Flag(flag) => Some(*flag),
            Value::Unsigned(n) => Some(*n != 0),
            _ => None,
        }
    }

    /// A text that may be left out.
    pub(crate) fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// A list of texts; `None` where it is left out or holds something else.
    pub(crate) fn texts(&self, key: &str) -> Option<&[String]> {
        match self.values.get(key)? {
            Value::Texts(texts) => Some(texts),
            _ => None,
        }
    }

    /// A list of whole numbers, or a single one.
    pub(crate) fn integers(&self, key: &str) -> Option<Vec<i64>> {
        match self.values.get(key)? {
            Value::Integers(list) => Some(list.clone()),
            Value::Unsigned(n) => i64::try_from(*n).ok().map(|n| vec![n]),
            Value::Signed(n) => Some(vec![*n]),
            _ => None,
        }
    }

    /// A list of numbers.
    pub(crate) fn floats(&self, key: &str) -> Option<&[f32]> {
        match self.values.get(key)? {
            Value::Floats(list) => Some(list),
            _ => None,
        }
    }
}
