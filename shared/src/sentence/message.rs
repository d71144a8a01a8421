//! What is said: the English text and the sentence it is.

use serde::{Deserialize, Serialize};

use super::{Param, Piece, Sentence, pieces};
use crate::Language;

/// Something said to a person: in English, and as a [`Sentence`] where it is one of this crate's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// The English text.
    pub text: String,
    /// Which sentence that is; `None` for texts of others, such as a parser's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<Sentence>,
}

impl Message {
    /// A sentence with its parameters, each with its English.
    pub(super) fn of(
        id: &str,
        english: &str,
        values: Vec<(&'static str, (String, Param))>,
    ) -> Self {
        let mut text = String::new();
        for piece in pieces(english) {
            match piece {
                Piece::Words(words) => text += words,
                Piece::Place(name) => {
                    let value = values.iter().find(|(n, _)| *n == name);
                    text += value.map_or("", |(_, (english, _))| english);
                }
            }
        }
        let params = values.into_iter().map(|(name, (_, param))| (name.to_owned(), param));
        Message { text, sentence: Some(Sentence { id: id.to_owned(), params: params.collect() }) }
    }

    /// What it says in a language; in English where it is no sentence of this crate's.
    pub fn into_text(self, language: Language) -> String {
        match (language, &self.sentence) {
            (Language::Korean, Some(sentence)) => sentence.korean().unwrap_or(self.text),
            _ => self.text,
        }
    }
}

impl From<String> for Message {
    fn from(text: String) -> Self {
        Message { text, sentence: None }
    }
}

impl From<&str> for Message {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl std::fmt::Display for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}
