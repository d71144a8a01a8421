//! Parameters of sentences.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::{Message, Sentence};
use crate::Language;

/// A parameter as it travels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Param {
    /// A whole number.
    Whole(u64),
    /// A name, a figure with its unit, or a text of others: the same in every language.
    Text(String),
    /// A sentence, or a part of one.
    Sentence(Box<Sentence>),
    /// Several of these.
    List(Vec<Param>),
}

impl Param {
    pub(super) fn text(&self, tables: &[&[(&str, &str)]], language: Language) -> Option<String> {
        Some(match self {
            Param::Whole(n) => n.to_string(),
            Param::Text(text) => text.clone(),
            Param::Sentence(sentence) => sentence.fill(tables, language)?,
            Param::List(all) => {
                let all: Option<Vec<String>> =
                    all.iter().map(|one| one.text(tables, language)).collect();
                all?.join(", ")
            }
        })
    }
}

struct Reading;

/// Written out, for `untagged` would keep a copy of what it reads until it knows what it is.
impl<'de> Visitor<'de> for Reading {
    type Value = Param;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a number, a text, a sentence or a list of these")
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<Param, E> {
        Ok(Param::Whole(n))
    }

    // Of a later version's sentence, which this one does not show.
    fn visit_i64<E: Error>(self, n: i64) -> Result<Param, E> {
        Ok(Param::Text(n.to_string()))
    }

    fn visit_f64<E: Error>(self, n: f64) -> Result<Param, E> {
        Ok(Param::Text(n.to_string()))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Param, E> {
        Ok(Param::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, all: A) -> Result<Param, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(all)).map(Param::List)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Param, A::Error> {
        let sentence = Sentence::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Param::Sentence(Box::new(sentence)))
    }
}

impl<'de> Deserialize<'de> for Param {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A whole number.
    Whole,
    /// A text.
    Text,
    /// A sentence, or a text of others.
    Message,
    /// Several of these.
    List,
}

/// A type that parameters have.
pub trait Parameter {
    /// What it holds.
    const FORM: Form;

    /// Its English, and how it travels.
    fn carried(self) -> (String, Param);
}

impl Parameter for u64 {
    const FORM: Form = Form::Whole;

    fn carried(self) -> (String, Param) {
        (self.to_string(), Param::Whole(self))
    }
}

impl Parameter for u32 {
    const FORM: Form = Form::Whole;

    fn carried(self) -> (String, Param) {
        u64::from(self).carried()
    }
}

/// Sizes of a model's parts, as the engine counts them.
impl Parameter for usize {
    const FORM: Form = Form::Whole;

    fn carried(self) -> (String, Param) {
        (self as u64).carried()
    }
}

impl Parameter for String {
    const FORM: Form = Form::Text;

    fn carried(self) -> (String, Param) {
        (self.clone(), Param::Text(self))
    }
}

impl Parameter for Message {
    const FORM: Form = Form::Message;

    fn carried(self) -> (String, Param) {
        let param = match self.sentence {
            Some(sentence) => Param::Sentence(Box::new(sentence)),
            None => Param::Text(self.text.clone()),
        };
        (self.text, param)
    }
}

impl Parameter for Vec<Message> {
    const FORM: Form = Form::List;

    fn carried(self) -> (String, Param) {
        let (english, params): (Vec<String>, Vec<Param>) =
            self.into_iter().map(Parameter::carried).unzip();
        (english.join(", "), Param::List(params))
    }
}
