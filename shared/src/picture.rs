//! What kind of picture a file is, by its first bytes.

/// How many of a file's first bytes [`picture_type`] looks at.
pub const PICTURE_HEAD: usize = 12;

/// The content type of a picture file of a format that the lab reads, by what it holds; its name
/// and what a browser takes its type to be say nothing.
pub const fn picture_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        [b'B', b'M', ..] => Some("image/bmp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_enough() {
        let heads: [(&[u8], _); 7] = [
            (b"\x89PNG\r\n\x1a\n\0\0\0\r", Some("image/png")),
            (b"\xff\xd8\xff\xe1", Some("image/jpeg")),
            (b"GIF89a", Some("image/gif")),
            (b"RIFF\x10\0\0\0WEBP", Some("image/webp")),
            (b"RIFF\x10\0\0\0WAVE", None),
            (b"\0\0\0\x18ftypheic", None),
            (b"", None),
        ];
        for (head, kind) in heads {
            assert!(head.len() <= PICTURE_HEAD);
            assert_eq!(picture_type(head), kind, "{head:?}");
        }
    }
}
