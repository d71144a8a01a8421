//! Unguessable names and secrets, from the operating system's randomness.

use sha2::{Digest, Sha256};

/// 32 letters and digits that are hard to mistake for each other; none needs escaping in a link.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Letters for 128 bits, five each.
const LENGTH: usize = 26;

/// The name of the finished run that ships with the lab.
pub const SAMPLE: &str = "sample";

/// The operating system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no randomness: {0}")]
pub struct NoRandomness(String);

fn random_text() -> Result<String, NoRandomness> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| NoRandomness(e.to_string()))?;
    let mut bits = u128::from_le_bytes(bytes);
    let mut text = String::with_capacity(LENGTH);
    for _ in 0..LENGTH {
        text.push(char::from(ALPHABET[(bits & 31) as usize]));
        bits >>= 5;
    }
    Ok(text)
}

/// Random signs of an alphabet, each as likely as the others.
pub(crate) fn random_signs(alphabet: &str, length: usize) -> Result<String, NoRandomness> {
    let signs = alphabet.as_bytes();
    // Bytes beyond a whole number of alphabets would favour the first signs.
    let fair = 256 - 256 % signs.len();
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|e| NoRandomness(e.to_string()))?;
        let fitting = bytes.iter().map(|b| usize::from(*b)).filter(|b| *b < fair);
        text.extend(fitting.take(length - text.len()).map(|b| char::from(signs[b % signs.len()])));
    }
    Ok(text)
}

/// A run's name: 128 random bits, or [`SAMPLE`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RunId(String);

impl RunId {
    /// A new name.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn random() -> Result<Self, NoRandomness> {
        random_text().map(RunId)
    }

    /// The name of the shipped run.
    pub fn sample() -> Self {
        RunId(SAMPLE.to_owned())
    }

    /// Reads a name; `None` for a text that no run can have.
    pub fn parse(text: &str) -> Option<Self> {
        let random = text.len() == LENGTH && text.bytes().all(|b| ALPHABET.contains(&b));
        (random || text == SAMPLE).then(|| RunId(text.to_owned()))
    }

    /// The beginning of the name, for logs: enough to tell runs apart, too little to open one.
    pub fn short(&self) -> &str {
        self.0.get(..8).unwrap_or(&self.0)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The secret that lets its holder cancel and delete a run. Deliberately neither `Debug` nor
/// `Display`: it must not reach a log.
pub struct OwnerToken(String);

impl OwnerToken {
    /// A new secret.
    ///
    /// # Errors
    /// [`NoRandomness`].
    pub fn random() -> Result<Self, NoRandomness> {
        random_text().map(OwnerToken)
    }

    /// What is kept of it.
    pub fn hash(&self) -> OwnerHash {
        OwnerHash::of(&self.0)
    }

    /// Gives the secret to the one who may know it.
    pub fn reveal(self) -> String {
        self.0
    }
}

/// The hash of an owner's secret: all that is kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerHash(pub [u8; 32]);

impl OwnerHash {
    /// The hash of a secret.
    pub fn of(token: &str) -> Self {
        OwnerHash(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether `token` is the secret. Compares hashes of a 128-bit random secret, so the time the
    /// comparison takes tells a guesser nothing of use.
    pub fn matches(&self, token: &str) -> bool {
        *self == OwnerHash::of(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_read_back() {
        let (a, b) = (RunId::random().expect("randomness"), RunId::random().expect("randomness"));
        assert_ne!(a, b);
        assert_eq!(RunId::parse(a.as_str()), Some(a.clone()));
        assert_eq!(a.as_str().len(), 26);
    }

    #[test]
    fn impossible_names_are_refused() {
        for text in ["", "x", "../../etc/passwd", "SAMPLE", &"a".repeat(25), &"A".repeat(26)] {
            assert_eq!(RunId::parse(text), None, "{text}");
        }
        assert!(RunId::parse("sample").is_some());
    }

    #[test]
    fn only_the_secret_matches_its_hash() {
        let token = OwnerToken::random().expect("randomness");
        let hash = token.hash();
        let text = token.reveal();
        assert!(hash.matches(&text));
        assert!(!hash.matches(&text[1..]));
        assert!(!hash.matches(""));
    }
}
