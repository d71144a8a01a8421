//! Texts of a document that are sentences.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Message, Sentence};

/// The texts of a document that are [sentences](Sentence), by their English.
///
/// The document's fields stay the English texts that they always were; readers of other languages look
/// here which sentence a field's text is. What a document of an earlier version says has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Phrases(BTreeMap<String, Sentence>);

impl Phrases {
    /// Keeps which sentence this is, and gives its English.
    pub fn keep(&mut self, said: impl Into<Message>) -> String {
        let Message { text, sentence } = said.into();
        if let Some(sentence) = sentence {
            self.0.insert(text.clone(), sentence);
        }
        text
    }

    /// Which sentence a text of the document is.
    pub fn sentence(&self, text: &str) -> Option<&Sentence> {
        self.0.get(text)
    }

    /// A text of the document with the sentence that it is.
    pub fn message(&self, text: &str) -> Message {
        Message { text: text.to_owned(), sentence: self.sentence(text).cloned() }
    }

    /// Whether none of the document's texts is a sentence.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sentence::TableText;

    #[test]
    fn a_text_finds_its_sentence() {
        let mut phrases = Phrases::default();
        let text = phrases.keep(TableText::AtRandom);
        assert_eq!((text.as_str(), phrases.keep("q8_0")), ("at random", "q8_0".to_owned()));
        assert_eq!(phrases.message(&text), TableText::AtRandom.into());
        assert_eq!(phrases.message("q8_0"), "q8_0".into());
        assert!(!phrases.is_empty());
    }
}
