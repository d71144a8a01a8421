//! Names in a class: the code people type to join, and the name a browser gives itself.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use shared::classroom::{CODE_ALPHABET, CODE_LENGTH, code_of, read_code};

use crate::id::{NoRandomness, random_signs};

/// A join code: short enough to be typed, long enough that no class is found by trying. All it gives is
/// what the presenter shows.
///
/// # How probable it is that a class is found by trying
///
/// Of a code's nine signs the last is a check of the others, which keeps a misread code from being
/// another's, and those that could be taken for numbers are left out. So it is one of 25⁸ - 11⁸ =
/// 152,373,531,744. Wrong codes are refused without a penalty, because a penalty
/// for one pupil would refuse the right code to everybody behind the same address; they count as
/// requests, as all else does ([`Shares::requests`](crate::fair::Shares)): 2,000 at once and 100 each second of one
/// client, 722,000 in two hours. That they find a class that lasts two hours is one part of that,
/// 4.7 · 10⁻⁶, one in 211,000. Strangers with many addresses share what the lab answers at all: at 5,000
/// requests a second, which two cores do not reach, 36 million in two hours, one in 4,200.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Code(String);

impl Code {
    /// A new code.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn random() -> Result<Self, NoRandomness> {
        loop {
            let signs = random_signs(CODE_ALPHABET, CODE_LENGTH - 1)?;
            if let Some(code) = code_of(&signs) {
                return Ok(Code(code));
            }
        }
    }

    /// Reads a code as people type it.
    pub fn read(typed: &str) -> Option<Self> {
        read_code(typed).map(Code)
    }

    /// The code as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The random name that a browser keeps for itself, so that its guess is found again when it comes
/// back. It says nothing about a person and is told nobody.
///
/// Only a hash of it is held, also on the disk.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FollowerId([u8; 16]);

/// Shortest and longest name, in bytes: 128 bits in hexadecimal, or a UUID.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=64;

impl FollowerId {
    /// Reads a name; `None` for one that is too short to be unguessable, too long or no plain text.
    pub fn read(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        (plain && LENGTHS.contains(&text.len())).then(|| {
            let mut hash = [0; 16];
            hash.copy_from_slice(&Sha256::digest(text)[..16]);
            FollowerId(hash)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_short_and_read_back() {
        let codes: Vec<Code> = (0..200).map(|_| Code::random().expect("randomness")).collect();
        for code in &codes {
            assert_eq!(code.as_str().len(), CODE_LENGTH);
            assert_eq!(Code::read(code.as_str()).as_ref(), Some(code));
        }
        let used: std::collections::HashSet<char> =
            codes.iter().flat_map(|c| c.as_str().chars()).collect();
        assert!(used.len() > 20, "1600 signs of 25: {used:?}");
    }

    #[test]
    fn one_client_does_not_find_a_class_in_two_hours() {
        let signs = i32::try_from(CODE_LENGTH - 1).expect("a few");
        let codes = (CODE_ALPHABET.len() as f64).powi(signs) - 11_f64.powi(signs);
        let requests = crate::fair::Shares::default().requests;
        let tries = requests.burst + requests.each_second * 2.0 * 60.0 * 60.0;
        assert_eq!((codes, tries), (152_373_531_744.0, 722_000.0));
        assert!(tries / codes < 5e-6);
    }

    #[test]
    fn followers_names_are_plain() {
        assert!(FollowerId::read("0123456789abcdef").is_some());
        for text in ["", "short", "with a space in it", &"a".repeat(65), "ä123456789abcdefgh"] {
            assert_eq!(FollowerId::read(text), None, "{text}");
        }
    }
}
