//! Sentences that people read, made from enums with typed parameters, in every language.
//!
//! Whoever has something to say names a variant, such as [`LabError::QueueFull`]; that becomes a
//! [`Message`]: the English text, which travels as it always has, and beside it the [`Sentence`], which
//! is the variant's id and its parameters. A reader asks the sentence for its own language, and shows
//! the English text where there is no sentence (what an earlier version of the lab wrote) or one that
//! it does not know (what a later version wrote).
//!
//! An id is never given to another meaning, and a parameter never renamed: stored runs hold them.

mod catalog_fault;
mod dataset_text;
mod engine_refusal;
mod faults;
mod hub_fault;
mod lab_error;
mod listing;
mod localized;
mod message;
mod model_note;
mod option_error;
mod param;
mod phrases;
mod pieces;
mod problem;
#[cfg(feature = "openapi")]
mod schema;
mod table_text;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use catalog_fault::CatalogFault;
pub use dataset_text::DatasetText;
pub use engine_refusal::EngineRefusal;
pub use faults::{
    ConfigFault, FileFault, GgufFault, GgufModelFault, ModelVariant, SettingNeed, TokenizerFault,
    WeightFault,
};
pub use hub_fault::HubFault;
pub use lab_error::LabError;
pub use listing::Listing;
pub use localized::Localized;
pub use message::Message;
pub use model_note::{ModelNote, TemplateProblem};
pub use option_error::OptionError;
pub use param::{Form, Param, Parameter};
pub use phrases::Phrases;
pub use pieces::{Piece, pieces};
pub use problem::Problem;
pub use table_text::TableText;

use crate::Language;

/// A sentence by its id and its parameters; what it says in each language is in this crate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sentence {
    /// Which sentence it is.
    pub id: String,
    /// Its parameters, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub params: BTreeMap<String, Param>,
}

impl Sentence {
    /// The sentence in a language; `None` where this version does not know it, or not with these
    /// parameters.
    pub fn text(&self, language: Language) -> Option<String> {
        match language {
            Language::English => self.fill(ENGLISH, language),
            Language::Korean => self.korean(),
        }
    }

    /// The same in Korean. What needs no other language asks here: a program then holds no other.
    pub fn korean(&self) -> Option<String> {
        self.fill(KOREAN, Language::Korean)
    }

    fn fill(&self, tables: &[&[(&str, &str)]], language: Language) -> Option<String> {
        let mut all = tables.iter().flat_map(|table| table.iter());
        let (_, text) = all.find(|(id, _)| *id == self.id)?;
        let mut out = String::new();
        for piece in pieces(text) {
            match piece {
                Piece::Words(words) => out += words,
                Piece::Place(name) => out += &self.params.get(name)?.text(tables, language)?,
            }
        }
        Some(out)
    }
}

/// Makes an enum of sentences: each variant with its parameters, its id, its English and its Korean.
/// Whoever leaves a language out does not compile; a test compares the places of both.
macro_rules! sentences {
    ($(#[$of:meta])* $sum:ident {
        $($name:ident $({ $($param:ident: $form:ty),+ $(,)? })? = $id:literal:
            $english:literal, $korean:literal;)*
    }) => {
        $(#[$of])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the variant's sentence says what its parameters are")]
        pub enum $sum {
            $($name $({ $($param: $form),+ })?,)*
        }

        impl $sum {
            /// Each sentence's id and its English.
            pub const ENGLISH: &'static [(&'static str, &'static str)] = &[$(($id, $english)),*];
            /// Each sentence's id and its Korean.
            pub const KOREAN: &'static [(&'static str, &'static str)] = &[$(($id, $korean)),*];
            /// Each sentence's id and its parameters.
            pub const FORMS: &'static [(&'static str, &'static [(&'static str, $crate::sentence::Form)])] = &[$((
                $id,
                &[$($((stringify!($param), <$form as $crate::sentence::Parameter>::FORM)),+)?],
            )),*];

            /// The sentence in a language.
            pub fn text(self, language: $crate::Language) -> String {
                $crate::sentence::Message::from(self).into_text(language)
            }
        }

        impl From<$sum> for $crate::sentence::Localized {
            fn from(said: $sum) -> Self {
                $crate::sentence::Localized::of(said.into())
            }
        }

        impl From<$sum> for $crate::sentence::Message {
            fn from(said: $sum) -> Self {
                match said {
                    $($sum::$name $({ $($param),+ })? => $crate::sentence::Message::of($id, $english, vec![
                        $($((stringify!($param), $crate::sentence::Parameter::carried($param))),+)?
                    ]),)*
                }
            }
        }
    };
}
use sentences;

/// A sentence's id and the form of each of its parameters.
pub type SentenceForm = (&'static str, &'static [(&'static str, Form)]);

/// Lists the enums of sentences: one that is not here is said in English alone, which a test refuses.
macro_rules! subjects {
    ($($sum:ident),* $(,)?) => {
        /// Each subject's sentences in English.
        const ENGLISH: &[&[(&str, &str)]] = &[$($sum::ENGLISH),*];
        /// Each subject's sentences in Korean.
        const KOREAN: &[&[(&str, &str)]] = &[$($sum::KOREAN),*];
        /// Each subject's parameters.
        pub const FORMS: &[&[SentenceForm]] = &[$($sum::FORMS),*];
        #[cfg(test)]
        const SUBJECTS: &[&str] = &[$(stringify!($sum)),*];
    };
}

subjects!(
    OptionError,
    Problem,
    LabError,
    TableText,
    ModelNote,
    TemplateProblem,
    EngineRefusal,
    DatasetText,
    Listing,
    FileFault,
    ConfigFault,
    SettingNeed,
    WeightFault,
    GgufFault,
    GgufModelFault,
    TokenizerFault,
    ModelVariant,
    HubFault,
    CatalogFault,
);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn places(text: &str) -> BTreeSet<&str> {
        let place = |piece| match piece {
            Piece::Place(name) => Some(name),
            Piece::Words(_) => None,
        };
        pieces(text).into_iter().filter_map(place).collect()
    }

    #[test]
    fn every_sentence_has_its_parameters_in_every_language() {
        let mut seen = BTreeSet::new();
        let subjects = FORMS.iter().zip(ENGLISH).zip(KOREAN);
        for ((forms, english), korean) in subjects {
            for (((id, forms), english), korean) in forms.iter().zip(*english).zip(*korean) {
                assert!(seen.insert(*id), "{id} is two sentences");
                assert_eq!([english.0, korean.0], [*id; 2]);
                let named: BTreeSet<&str> = forms.iter().map(|(name, _)| *name).collect();
                for text in [english.1, korean.1] {
                    assert_eq!(places(text), named, "{id}: {text}");
                }
                let hangul = korean.1.chars().any(|c| ('가'..='힣').contains(&c));
                // Places and signs alone are the same in every language.
                let is_word = |piece: &Piece| matches!(piece, Piece::Words(words) if words.contains(char::is_alphabetic));
                let words = pieces(english.1).iter().any(is_word);
                assert!(hangul || !words, "{id} has no Korean: {}", korean.1);
            }
        }
        assert!(seen.len() > 60, "{} sentences: are they listed?", seen.len());
    }

    /// The enums that this room's files make are those that are listed.
    #[test]
    fn every_enum_of_sentences_is_listed() {
        let room = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sentence");
        let mut made = BTreeSet::new();
        let files = |folder| std::fs::read_dir(folder).expect("a folder").flatten();
        for file in files(room.clone()).chain(files(room.join("faults"))) {
            let Ok(text) = std::fs::read_to_string(file.path()) else { continue };
            for (at, start) in text.match_indices("\nsentences! {") {
                let lines = text[at + start.len()..].lines().map(str::trim);
                let mut named = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
                let name = named.next().and_then(|line| line.strip_suffix(" {"));
                made.insert(name.expect("an enum's name").to_owned());
            }
        }
        let listed: BTreeSet<String> = SUBJECTS.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(made, listed);
    }

    #[test]
    fn a_sentence_is_said_in_each_language() {
        let said = LabError::PicturesAtOnce { n: 4 };
        let told = Message::from(said.clone());
        let english =
            "4 pictures are being sent from your address at once; send this one in a moment.";
        assert_eq!(told.text, english);
        let sentence = told.sentence.expect("it is there and can be read");
        assert_eq!(sentence.text(Language::English).as_deref(), Some(english));
        assert_eq!(sentence.text(Language::Korean), Some(said.text(Language::Korean)));
        let json = serde_json::to_string(&sentence).expect("it is there and can be read");
        assert_eq!(json, r#"{"id":"pictures_at_once","params":{"n":4}}"#);
        assert_eq!(
            serde_json::from_str::<Sentence>(&json).expect("it is there and can be read"),
            sentence
        );
        let packed = rmp_serde::to_vec_named(&sentence).expect("it is there and can be read");
        assert_eq!(
            rmp_serde::from_slice::<Sentence>(&packed).expect("it is there and can be read"),
            sentence
        );
    }

    #[test]
    fn sentences_stand_in_sentences() {
        let full = Message::from(LabError::StorageFull { what: LabError::RunNotStarted.into() });
        let english = "The lab's data folder has no space left; the run was not started.";
        assert_eq!(full.text, english);
        let sentence = full.sentence.expect("it is there and can be read");
        let json = serde_json::to_string(&sentence).expect("it is there and can be read");
        assert_eq!(json, r#"{"id":"storage_full","params":{"what":{"id":"run_not_started"}}}"#);
        assert_eq!(
            serde_json::from_str::<Sentence>(&json).expect("it is there and can be read"),
            sentence
        );
        let korean = sentence.korean().expect("it is there and can be read");
        assert!(korean.contains("실행을 시작하지 않았습니다"), "{korean}");
    }

    #[test]
    fn an_unknown_sentence_is_left_to_its_english() {
        let read =
            |json| serde_json::from_str::<Sentence>(json).expect("it is there and can be read");
        assert_eq!(
            read(r#"{"id":"of_a_later_version","params":{"x":[1,"a",-1.5]}}"#).korean(),
            None
        );
        assert_eq!(read(r#"{"id":"pictures_at_once"}"#).korean(), None, "a parameter is missing");
        let nested = r#"{"id":"storage_full","params":{"what":{"id":"of_a_later_version"}}}"#;
        assert_eq!(read(nested).korean(), None);
    }
}
