//! Messages that are known in every language.

use super::{Form, Message, Param, Parameter};
use crate::Language;

/// A [`Message`] that is one of this crate's sentences, so that every language has it.
///
/// Only the enums of sentences become one: a text that somebody put together does not compile where
/// this is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Localized(Message);

impl Localized {
    /// What an enum of sentences says.
    pub(super) fn of(said: Message) -> Self {
        Localized(said)
    }

    /// What it says in a language.
    pub fn into_text(self, language: Language) -> String {
        self.0.into_text(language)
    }
}

impl From<Localized> for Message {
    fn from(said: Localized) -> Self {
        said.0
    }
}

impl std::fmt::Display for Localized {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl Parameter for Localized {
    const FORM: Form = Form::Message;

    fn carried(self) -> (String, Param) {
        self.0.carried()
    }
}

#[cfg(test)]
mod tests {
    use std::marker::PhantomData;

    use super::*;
    use crate::sentence::FileFault;

    /// Says whether a type becomes a [`Localized`]: its own method is there where it does, and comes
    /// before the trait's.
    struct Becomes<T>(PhantomData<T>);

    impl<T: Into<Localized>> Becomes<T> {
        fn one(&self) -> bool {
            true
        }
    }

    trait Otherwise {
        fn one(&self) -> bool {
            false
        }
    }

    impl<T> Otherwise for Becomes<T> {}

    #[test]
    fn a_text_that_is_no_sentence_becomes_none() {
        assert!(Becomes::<FileFault>(PhantomData).one());
        assert!(!Becomes::<String>(PhantomData).one());
        assert!(!Becomes::<&str>(PhantomData).one());
        assert!(!Becomes::<Message>(PhantomData).one(), "it may be a text of others");
    }

    #[test]
    fn what_is_inside_is_said_in_the_same_language() {
        let why = FileFault::Forbidden.into();
        let what = FileFault::Unreadable { why }.into();
        let said = Localized::from(FileFault::OfFile { file: "a.gguf".to_owned(), what });
        assert_eq!(said.to_string(), "a.gguf: cannot be read: this user may not read it");
        let korean = said.into_text(Language::Korean);
        assert_eq!(korean, "a.gguf: 읽을 수 없습니다: 읽을 권한이 없습니다");
    }
}
