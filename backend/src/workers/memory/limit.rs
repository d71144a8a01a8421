//! What a person said the lab may take of memory.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use engine::amount;

use super::machine::Machine;

/// What a person said the lab may take in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// So many bytes.
    Bytes(u64),
    /// Whatever it asks for: nothing is refused.
    Unlimited,
}

static SAID: OnceLock<MemoryLimit> = OnceLock::new();

/// The least that can be said: what the lab takes before it has loaded anything.
const LEAST: u64 = 32 << 20;

impl FromStr for MemoryLimit {
    type Err = String;

    /// `12GiB`, `900 MB`, `4096M` (of 1,024), a number of bytes, or `unlimited`.
    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text == "unlimited" {
            return Ok(MemoryLimit::Unlimited);
        }
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(end);
        let unit: f64 = match unit.trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1.0,
            "kb" => 1e3,
            "mb" => 1e6,
            "gb" => 1e9,
            "tb" => 1e12,
            "k" | "kib" => f64::from(1 << 10),
            "m" | "mib" => f64::from(1 << 20),
            "g" | "gib" => f64::from(1 << 30),
            "t" | "tib" => 1024.0 * f64::from(1 << 30),
            _ => 0.0,
        };
        match number.parse::<f64>() {
            Ok(n) if n * unit >= 1.0 && n * unit < LEAST as f64 => Err(format!(
                "{text} is {} bytes, less than the {} that the lab itself takes: write a number and a unit, \
                 such as 12GiB, or unlimited",
                (n * unit) as u64,
                amount(LEAST)
            )),
            Ok(n) if n * unit >= 1.0 && n * unit < 1e18 => {
                Ok(MemoryLimit::Bytes((n * unit) as u64))
            }
            _ => Err(format!(
                "{text} is no amount of memory: write a number and a unit, such as 12GiB, or unlimited"
            )),
        }
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            MemoryLimit::Bytes(bytes) => write!(f, "{bytes}"),
            MemoryLimit::Unlimited => f.write_str("unlimited"),
        }
    }
}

/// What a person said, where one did.
pub(crate) fn said() -> Option<MemoryLimit> {
    SAID.get().copied()
}

impl MemoryLimit {
    /// Makes this the limit of the whole process; the first that is said stands.
    pub fn say(self) {
        if let (MemoryLimit::Bytes(said), Some(found)) = (self, Machine::at("/", None).room())
            && said > found.most
        {
            tracing::warn!(
                "--memory-limit says {}, and this machine and its limits leave {} at most: what is let take \
                 more than that may be killed",
                amount(said),
                amount(found.most)
            );
        }
        let _ = SAID.set(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn amounts_are_read_with_their_units() {
        for (text, bytes) in [
            ("12GiB", 12 * GIB),
            ("1.5g", 3 * GIB / 2),
            ("900 MB", 900_000_000),
            ("4096M", 4 * GIB),
            ("2147483648", 2 * GIB),
            ("32MiB", LEAST),
        ] {
            assert_eq!(text.parse(), Ok(MemoryLimit::Bytes(bytes)), "{text}");
        }
        assert_eq!("unlimited".parse(), Ok(MemoryLimit::Unlimited));
        for text in ["", "0", "GiB", "12 apples", "-1GiB", "nan", "1e9", "1..5g", "9999999TiB"] {
            let error = text.parse::<MemoryLimit>().expect_err(text);
            assert!(error.contains("no amount") && error.contains("12GiB"), "{error}");
        }
        for (text, bytes) in [("10", "10 bytes"), ("12", "12 bytes"), ("31.9MiB", "33449574 bytes")]
        {
            let error = text.parse::<MemoryLimit>().expect_err(text);
            assert!(error.contains(bytes) && error.contains("less than the 32 MiB"), "{error}");
        }
        assert_eq!(
            (amount(36 << 20), amount(10 * GIB + GIB / 5)),
            ("36 MiB".into(), "10.2 GiB".into())
        );
    }
}
