//! What a run's owner calls it: a name and a note, shown to everybody who opens the run.

use crate::sentence::{Message, OptionError};
use serde::{Deserialize, Serialize};

/// Most characters of a name.
pub const MAX_NAME: usize = 120;
/// Most characters of a note.
pub const MAX_NOTE: usize = 2_000;

/// A run's name and note; plain text, both empty until the owner writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct Label {
    /// One line.
    pub name: String,
    /// Any number of lines.
    pub note: String,
}

/// A change of a label; what is absent stays as it is, and an empty text takes one away.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct LabelChange {
    /// The new name, at most 120 characters; line breaks become blanks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The new note, at most 2,000 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl Label {
    /// Whether nobody has written anything.
    pub fn is_empty(&self) -> bool {
        self.name.is_empty() && self.note.is_empty()
    }

    /// The label after a change.
    ///
    /// # Errors
    /// A sentence about the text that is too long.
    pub fn changed(&self, change: &LabelChange) -> Result<Label, Message> {
        let mut label = self.clone();
        if let Some(name) = &change.name {
            label.name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        }
        if let Some(note) = &change.note {
            label.note = note.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned();
        }
        // Characters that cannot be seen but move what stands beside them.
        label.name.retain(|c| !unseen(c));
        label.note.retain(|c| c == '\n' || c == '\t' || !unseen(c));
        check(&label.name, MAX_NAME, |chars, most| OptionError::NameTooLong { chars, most })?;
        check(&label.note, MAX_NOTE, |chars, most| OptionError::NoteTooLong { chars, most })?;
        Ok(label)
    }
}

/// Control characters, and marks that turn the direction of the text around them.
fn unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Refuses a text of more characters than `most`.
fn check(
    text: &str,
    most: usize,
    too_long: impl Fn(u64, u64) -> OptionError,
) -> Result<(), Message> {
    match text.chars().count() {
        n if n > most => Err(too_long(n as u64, most as u64).into()),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(name: Option<&str>, note: Option<&str>) -> LabelChange {
        LabelChange { name: name.map(str::to_owned), note: note.map(str::to_owned) }
    }

    #[test]
    fn only_what_is_named_changes() {
        let first = Label::default().changed(&change(Some(" A \n cat "), None)).expect("fits");
        assert_eq!(first, Label { name: "A cat".into(), note: String::new() });
        let second = first.changed(&change(None, Some("one\r\ntwo\n"))).expect("fits");
        assert_eq!(second, Label { name: "A cat".into(), note: "one\ntwo".into() });
        let third = second.changed(&change(Some(""), Some(" "))).expect("fits");
        assert!(third.is_empty());
    }

    #[test]
    fn characters_are_counted_and_not_bytes() {
        let longest = "고".repeat(MAX_NAME);
        assert!(Label::default().changed(&change(Some(&longest), None)).is_ok());
        let wrong = Label::default().changed(&change(Some(&(longest + "고")), None));
        assert!(wrong.is_err_and(|e| e.text.contains("121") && e.text.contains("120")));
        let wrong = Label::default().changed(&change(None, Some(&"x".repeat(MAX_NOTE + 1))));
        assert!(wrong.is_err_and(|e| e.text.starts_with("The note")));
    }

    #[test]
    fn what_cannot_be_seen_is_not_kept() {
        let label = Label::default()
            .changed(&change(Some("a\u{202e}b\u{7}"), Some("c\u{2066}\td\u{0}")))
            .expect("fits");
        assert_eq!(label, Label { name: "ab".into(), note: "c\td".into() });
    }
}
