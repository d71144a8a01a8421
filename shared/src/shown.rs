//! How tokens read in a list when characters lie across them: tokens are cut by bytes, and a
//! character outside ASCII may take several.
//!
//! Such a character is shown whole in each of its tokens, with the part of it that the token holds:
//! `어 1/3`, `어 2/3`, `어 3/3`. Bytes that belong to no character are named: `byte FF`.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// A part of a character that a token shares with its neighbours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CharPart {
    /// The character.
    pub of: String,
    /// Which of the character's tokens this is, from 0.
    pub index: u32,
    /// How many tokens share it.
    pub count: u32,
}

/// How a token reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shown {
    /// Its text: whole characters as they are, shared ones with the part.
    pub text: String,
    /// The characters it shares with its neighbours, in order: at most one at each end.
    pub parts: Vec<CharPart>,
}

/// What of the text some bytes are.
enum Segment {
    /// Whole characters of one token.
    Whole(String),
    Part(CharPart),
    /// Bytes that are no character.
    Bytes(Vec<u8>),
}

/// How neighbouring tokens read, given the bytes of each.
pub fn shown(tokens: &[&[u8]]) -> Vec<Shown> {
    let all: Vec<u8> = tokens.concat();
    let mut segments: Vec<Vec<Segment>> = tokens.iter().map(|_| Vec::new()).collect();
    // The token that holds each byte.
    let owner: Vec<usize> =
        tokens.iter().enumerate().flat_map(|(i, t)| std::iter::repeat_n(i, t.len())).collect();
    let mut at = 0;
    for chunk in all.utf8_chunks() {
        for c in chunk.valid().chars() {
            put(&mut segments, &owner[at..at + c.len_utf8()], c);
            at += c.len_utf8();
        }
        for byte in chunk.invalid() {
            match segments[owner[at]].last_mut() {
                Some(Segment::Bytes(bytes)) => bytes.push(*byte),
                _ => segments[owner[at]].push(Segment::Bytes(vec![*byte])),
            }
            at += 1;
        }
    }
    segments.into_iter().map(joined).collect()
}

/// Puts a character into the tokens that hold its bytes.
fn put(segments: &mut [Vec<Segment>], owners: &[usize], c: char) {
    let mut holders = owners.to_vec();
    holders.dedup();
    if let [only] = holders[..] {
        match segments[only].last_mut() {
            Some(Segment::Whole(text)) => text.push(c),
            _ => segments[only].push(Segment::Whole(c.to_string())),
        }
        return;
    }
    for (index, token) in (0..).zip(&holders) {
        let part = CharPart { of: c.to_string(), index, count: holders.len() as u32 };
        segments[*token].push(Segment::Part(part));
    }
}

fn joined(segments: Vec<Segment>) -> Shown {
    let mut shown = Shown::default();
    for segment in segments {
        // A blank before a shared character stands before it as before any other.
        if !shown.text.trim().is_empty() {
            shown.text += " · ";
        }
        match segment {
            Segment::Whole(text) => shown.text += &text,
            Segment::Bytes(bytes) => shown.text += &named(&bytes),
            Segment::Part(part) => {
                let of: String = part.of.chars().map(visible).collect();
                let _ = write!(shown.text, "{of} {}/{}", part.index + 1, part.count);
                shown.parts.push(part);
            }
        }
    }
    shown
}

/// What bytes are called: `byte FF`, `bytes F0 9F`.
fn named(bytes: &[u8]) -> String {
    let mut text = String::from(if bytes.len() == 1 { "byte" } else { "bytes" });
    for byte in bytes {
        let _ = write!(text, " {byte:02X}");
    }
    text
}

/// A character as it can be seen when it stands alone: one that draws nothing is called by its number,
/// as `U+200D`, and one that sits on another sits on a dotted circle.
pub fn visible(c: char) -> String {
    match c {
        // Unicode's pictures of the control codes of ASCII.
        '\0'..='\u{1F}' => char::from_u32(0x2400 + c as u32).unwrap_or('␀').to_string(),
        '\u{7F}' => "␡".to_owned(),
        ' ' => " ".to_owned(),
        c if c.is_control() || c.is_whitespace() || draws_nothing(c) => {
            format!("U+{:04X}", c as u32)
        }
        '\u{300}'..='\u{36F}'
        | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}' => format!("◌{c}"),
        c => c.to_string(),
    }
}

/// Whether a character draws nothing: joiners, marks of direction, selectors, tags, and what is for
/// private use.
pub fn draws_nothing(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}'
        | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{E000}'..='\u{F8FF}' | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{E0000}'..='\u{E0FFF}'
        | '\u{F0000}'..='\u{10FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(tokens: &[&[u8]]) -> Vec<String> {
        shown(tokens).into_iter().map(|s| s.text).collect()
    }

    #[test]
    fn a_shared_character_is_whole_in_each_of_its_tokens() {
        assert_eq!(texts(&[b"\xEC", b"\x96", b"\xB4"]), ["어 1/3", "어 2/3", "어 3/3"]);
        assert_eq!(texts(&[b" \xED\x95", b"\x9C", "국".as_bytes()]), [" 한 1/2", "한 2/2", "국"]);
        assert_eq!(texts(&[b"\xF0\x9F", b"\xA6\x8A ok"]), ["🦊 1/2", "🦊 2/2 ·  ok"]);
        // Two at once, with a whole one between them.
        let both = shown(&[b"a\xEC\x96", b"\xB4b\xEB", b"\x8F\x99"]);
        assert_eq!(both[1].text, "어 2/2 · b · 동 1/2");
        let part = |of: &str, index| CharPart { of: of.into(), index, count: 2 };
        assert_eq!(both[1].parts, [part("어", 1), part("동", 0)]);
        assert_eq!((&both[0].text[..], &both[0].parts[..]), ("a · 어 1/2", &[part("어", 0)][..]));
    }

    #[test]
    fn bytes_that_are_no_character_are_named() {
        assert_eq!(
            texts(&[b"\xFF", b"ok", b"\xF0\x9F", b"no"]),
            ["byte FF", "ok", "bytes F0 9F", "no"]
        );
        // An end that is cut, a surrogate, an overlong form.
        assert_eq!(texts(&[b"\xEC", b"\x96"]), ["byte EC", "byte 96"]);
        assert_eq!(texts(&[b"\xED\xA0\x80", b"\xC0\x80"]), ["bytes ED A0 80", "bytes C0 80"]);
        assert_eq!(texts(&[b"", b"a\x80"]), ["", "a · byte 80"]);
    }

    #[test]
    fn what_draws_nothing_is_called_by_its_number() {
        assert_eq!(texts(&[b"\xE2\x80", b"\x8D"]), ["U+200D 1/2", "U+200D 2/2"]);
        assert_eq!(texts(&[b"\xCC", b"\x81"]), ["◌\u{301} 1/2", "◌\u{301} 2/2"]);
        assert_eq!(
            [visible('\u{1}'), visible('\u{7F}'), visible('\u{85}'), visible('é')],
            ["␁", "␡", "U+0085", "é"]
        );
    }

    #[test]
    fn however_text_is_cut_its_characters_stand_there_and_nothing_else() {
        let text = "어떤 동물? 🦊 عربي हिन्दी ไทย 👩‍👧 e\u{301}";
        let bytes = text.as_bytes();
        for size in 1..=7 {
            let tokens: Vec<&[u8]> = bytes.chunks(size).collect();
            let shown = shown(&tokens);
            // Each character once whole, or in all its parts.
            let mut read = String::new();
            for (token, shown) in tokens.iter().zip(&shown) {
                assert!(!shown.text.contains('\u{FFFD}') && !shown.text.contains("byte"));
                let ends = shown.parts.iter().filter(|p| p.index + 1 == p.count);
                read.extend(ends.map(|p| p.of.as_str()));
                read.extend(token.utf8_chunks().map(|c| c.valid()));
            }
            let sorted = |s: &str| {
                let mut all: Vec<char> = s.chars().collect();
                all.sort_unstable();
                all
            };
            assert_eq!(sorted(&read), sorted(text), "{size}");
        }
    }
}
