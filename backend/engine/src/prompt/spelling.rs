//! What tokens stand for, byte by byte, and the text of an answer as it comes.

use serde_json::Value;

use super::PromptTokenizer;

/// How a vocabulary spells its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Spelling {
    /// GPT-2's way: every byte is written as a character that can be seen.
    ByteLevel,
    /// SentencePiece's way: text, in which blanks are written as `▁`. Whether there are tokens of
    /// single bytes besides, written as `<0xEC>`.
    Text { bytes: bool },
}

impl Spelling {
    /// The spelling of a `tokenizer.json`.
    pub(super) fn of(tokenizer: &Value) -> Spelling {
        let is = |part: &Value, kind: &str| {
            let parts = part["decoders"].as_array().into_iter().flatten();
            parts.chain([part]).any(|part| part["type"] == kind)
        };
        match is(&tokenizer["decoder"], "ByteLevel") {
            true => Spelling::ByteLevel,
            false => Spelling::Text { bytes: tokenizer["model"]["byte_fallback"] == true },
        }
    }

    /// The bytes that a token stands for.
    pub(super) fn bytes(&self, token: String) -> Vec<u8> {
        match self {
            Spelling::ByteLevel => {
                let bytes: Option<Vec<u8>> = token.chars().map(byte_of).collect();
                // What is spelled otherwise was put into the vocabulary as it is.
                bytes.unwrap_or_else(|| token.into_bytes())
            }
            Spelling::Text { bytes } => match single(&token).filter(|_| *bytes) {
                Some(byte) => vec![byte],
                None => token.replace('▁', " ").into_bytes(),
            },
        }
    }

    /// Whether a token is a single byte among tokens of text.
    fn is_single(&self, token: &str) -> bool {
        *self == Spelling::Text { bytes: true } && single(token).is_some()
    }
}

/// The byte of a token like `<0xEC>`.
fn single(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>').filter(|d| d.len() == 2)?;
    u8::from_str_radix(digits, 16).ok()
}

/// The byte that GPT-2 writes as this character: itself where it can be seen, and otherwise the
/// characters from U+0100 on, in order.
fn byte_of(c: char) -> Option<u8> {
    let seen = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    match u32::from(c) {
        code @ 0..=0xFF => Some(code as u8).filter(|byte| seen(*byte)),
        code => (0..=255u8).filter(|byte| !seen(*byte)).nth((code - 0x100) as usize),
    }
}

/// Turns generated ids into text as they come; the pieces concatenated are the whole text.
#[derive(Default)]
pub(crate) struct TextStream {
    ids: Vec<u32>,
    given: usize,
    /// Whether text of the ids so far is still to come.
    waits: bool,
    /// Bytes of the last ids, as far as they may share characters.
    last: Vec<Vec<u8>>,
}

impl TextStream {
    /// Text that `id` adds, and the id's own bytes where that text is not they. A character spread
    /// over several tokens comes when it is complete; what is left of a broken one comes with
    /// `last`. A run of byte tokens is decoded as a whole, so that a byte can change what the ones
    /// before it mean: the run is waited for.
    pub(crate) fn push(
        &mut self,
        tokenizer: &PromptTokenizer,
        id: u32,
        last: bool,
    ) -> (String, Option<Vec<u8>>) {
        let special = tokenizer.is_special(id);
        let own = if special { Vec::new() } else { tokenizer.spelled(id) };
        let single = tokenizer.is_single(id);
        let apart = self.waits || single || std::str::from_utf8(&own).is_err();
        match apart {
            true => self.last.push(own.clone()),
            false => self.last.clear(),
        }
        (self.text(tokenizer, id, single && !last, last), apart.then_some(own))
    }

    fn text(&mut self, tokenizer: &PromptTokenizer, id: u32, wait: bool, last: bool) -> String {
        self.ids.push(id);
        if wait {
            self.waits = true;
            return String::new();
        }
        let text = tokenizer.decode(&self.ids);
        let ready = if last { text.as_str() } else { text.trim_end_matches('\u{FFFD}') };
        let new = ready.get(self.given..).unwrap_or_default().to_owned();
        self.given += new.len();
        self.waits = self.given < text.len();
        new
    }

    /// How a token would read that came next.
    pub(crate) fn next(&self, tokenizer: &PromptTokenizer, id: u32) -> String {
        let own = tokenizer.spelled(id);
        let all = self.last.iter().chain([&own]).map(Vec::as_slice).collect::<Vec<_>>();
        shared::shown::shown(&all).pop().map(|shown| shown.text).unwrap_or_default()
    }
}

impl PromptTokenizer {
    fn is_single(&self, id: u32) -> bool {
        self.name(id).is_some_and(|token| self.spelling.is_single(&token))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn every_byte_has_its_character() {
        // As transformers' bytes_to_unicode writes them.
        for (c, byte) in [
            ('!', 0x21),
            ('~', 0x7E),
            ('Ġ', 0x20),
            ('Ċ', 0x0A),
            ('ì', 0xEC),
            ('Ń', 0xAD),
            ('ł', 0xA0),
        ] {
            assert_eq!(byte_of(c), Some(byte), "{c}");
        }
        let mut all: Vec<u8> = (0..0x200).filter_map(char::from_u32).filter_map(byte_of).collect();
        all.sort_unstable();
        assert_eq!(all, (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn an_answers_tokens_have_their_bytes_where_their_text_is_not_they() {
        let tokenizer = PromptTokenizer::characters(&["<end>".to_owned()]).unwrap();
        let mut stream = TextStream::default();
        let id = |byte: u8| u32::from(byte) + 3;
        let mut push = |id, last| stream.push(&tokenizer, id, last);
        for byte in "어".bytes() {
            assert_eq!(push(id(byte), false), (String::new(), Some(vec![byte])));
        }
        // The end has no bytes of its own; what was waited for comes with it.
        assert_eq!(push(259, true), ("어".to_owned(), Some(Vec::new())));
        let mut stream = TextStream::default();
        stream.push(&tokenizer, id(0xF0), false);
        assert_eq!(stream.next(&tokenizer, id(0x9F)), "byte 9F");
        stream.push(&tokenizer, id(0x9F), false);
        stream.push(&tokenizer, id(0xA6), false);
        assert_eq!(stream.next(&tokenizer, id(0x8A)), "🦊 4/4");
        assert_eq!(stream.next(&tokenizer, 259), "<end>");
        // One for each byte that is left, as transformers decodes them.
        let left = "\u{FFFD}".repeat(3);
        assert_eq!(stream.push(&tokenizer, 259, true), (left, Some(Vec::new())));
    }

    /// What transformers says of some texts, by model: ids, bytes, and shared characters as
    /// `[character, number, count]`; made by the script beside it.
    const REFERENCE: &str = include_str!("../../tests/fixtures/shared_characters.json");

    #[test]
    fn tokens_stand_for_the_bytes_that_transformers_says_and_share_its_characters() {
        let reference: Value = serde_json::from_str(REFERENCE).unwrap();
        for model in ["demo-llava", "demo-qwen"] {
            let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/");
            let folder = std::path::Path::new(folder).join(model);
            let tokenizer = PromptTokenizer::load(&folder.into()).unwrap();
            let cases = reference[model].as_array().unwrap();
            assert_eq!(cases.len(), 12);
            let mut shared_ones = 0;
            for case in cases {
                let ids: Vec<u32> = serde_json::from_value(case["ids"].clone()).unwrap();
                let all = tokenizer.shown(&ids);
                for (at, (id, shown)) in ids.iter().zip(&all).enumerate() {
                    let bytes = tokenizer.spelled(*id);
                    let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
                    assert_eq!(hex, case["bytes"][at].as_str().unwrap(), "{model}: {id}");
                    let parts: Vec<(String, u32, u32)> =
                        serde_json::from_value(case["parts"][at].clone()).unwrap();
                    let own = shown.parts.iter();
                    let own: Vec<_> = own.map(|p| (p.of.clone(), p.index, p.count)).collect();
                    assert_eq!(own, parts, "{model}: {id} at {at}");
                    assert!(!shown.text.contains('\u{FFFD}') && !shown.text.contains("<0x"));
                    assert!(!shown.text.contains("byte"), "{model}: {}", shown.text);
                    shared_ones += parts.len();
                }
            }
            assert!(shared_ones > 50, "{model}: {shared_ones}");
        }
    }
}
