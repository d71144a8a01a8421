//! Bytes in lower-case hexadecimal, as checksums are written.

/// Two digits for each byte.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|d| char::from(DIGITS[usize::from(d)]));
    bytes.as_ref().iter().flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_two_digits() {
        assert_eq!(hex([0, 1, 0x9f, 0xa0, 255]), "00019fa0ff");
        assert_eq!(hex([]), "");
    }
}
