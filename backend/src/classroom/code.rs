//! Names in a class: the code people type to join, and the name a browser gives itself.

use shared::classroom::{CODE_ALPHABET, CODE_LENGTH, read_code};

use crate::id::{NoRandomness, random_signs};

/// A join code. It is short, so that it can be typed, and cannot be found by trying, as
/// [`MissRates`](crate::fair::MissRates) says; all it gives is what the presenter shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Code(String);

impl Code {
    /// A new code.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn random() -> Result<Self, NoRandomness> {
        random_signs(CODE_ALPHABET, CODE_LENGTH).map(Code)
    }

    /// Reads a code as people type it.
    pub fn read(typed: &str) -> Option<Self> {
        read_code(typed).map(Code)
    }

    /// Whether a class can have it: those of an earlier version are of classes that are over.
    pub fn is_current(&self) -> bool {
        self.0.len() == CODE_LENGTH
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The random name that a browser keeps for itself, so that its guess is found again when it comes
/// back. It says nothing about a person and is told nobody.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FollowerId(String);

/// Shortest and longest name, in bytes: 128 bits in hexadecimal, or a UUID.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=64;

impl FollowerId {
    /// Reads a name; `None` for one that is too short to be unguessable, too long or no plain text.
    pub fn read(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (plain && LENGTHS.contains(&text.len())).then(|| FollowerId(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_short_and_read_back() {
        let codes: Vec<Code> = (0..200).map(|_| Code::random().expect("randomness")).collect();
        for code in &codes {
            assert_eq!(code.as_str().len(), 6);
            assert!(code.is_current());
            assert_eq!(Code::read(code.as_str()).as_ref(), Some(code));
        }
        let used: std::collections::HashSet<char> =
            codes.iter().flat_map(|c| c.as_str().chars()).collect();
        assert!(used.len() > 20, "1200 signs of 25: {used:?}");
        assert!(!Code::read("K7F2").expect("an old code").is_current());
    }

    #[test]
    fn followers_names_are_plain() {
        assert!(FollowerId::read("0123456789abcdef").is_some());
        for text in ["", "short", "with a space in it", &"a".repeat(65), "ä123456789abcdefgh"] {
            assert_eq!(FollowerId::read(text), None, "{text}");
        }
    }
}
