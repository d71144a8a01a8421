//! Tokenizing prompts so that what a person typed stays text, and detokenizing answers.

use std::path::Path;
use std::str::FromStr;

use serde_json::{Value, json};
use tokenizers::Tokenizer;

use crate::error::EngineError;

/// A token of a stretch of text: its id and the bytes it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) id: u32,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A model's tokenizer.
pub(crate) struct PromptTokenizer {
    /// As the model folder has it.
    whole: Tokenizer,
    /// For the first stretch of a prompt; does not look for special tokens, so that `</s>` or
    /// `<image>` typed by a person are just characters.
    first: Tokenizer,
    /// For later stretches: the same, but a word boundary mark that the tokenizer puts only at the
    /// beginning of a prompt is not put there.
    rest: Tokenizer,
    /// Ids the tokenizer puts in front of every prompt.
    pub(crate) begin: Vec<u32>,
    /// Whether tokens are bytes in disguise (GPT-2's way) rather than text.
    bytes: bool,
}

impl PromptTokenizer {
    /// Reads `tokenizer.json`.
    pub(crate) fn load(folder: &Path) -> Result<Self, EngineError> {
        let path = folder.join("tokenizer.json");
        let text = std::fs::read_to_string(&path)
            .map_err(|e| EngineError::model(format!("{}: {e}", path.display())))?;
        Self::parse(&text, &path.display().to_string())
    }

    /// A tokenizer that knows single bytes and some special tokens only, for models of random
    /// weights.
    pub(crate) fn characters(specials: &[&str]) -> Result<Self, EngineError> {
        let mut vocab = json!({"<unk>": 0, "<s>": 1, "</s>": 2});
        for byte in 0..=255u8 {
            vocab[format!("<0x{byte:02X}>")] = json!(u32::from(byte) + 3);
        }
        let model = json!({
            "type": "BPE", "vocab": vocab, "merges": [], "unk_token": "<unk>",
            "fuse_unk": true, "byte_fallback": true,
        });
        let decoder = json!({"type": "Sequence", "decoders": [
            {"type": "ByteFallback"}, {"type": "Fuse"},
        ]});
        let added: Vec<Value> = (259..)
            .zip(specials)
            .map(|(id, content)| {
                json!({"id": id, "content": content, "single_word": false, "lstrip": false,
                       "rstrip": false, "normalized": false, "special": true})
            })
            .collect();
        let begin = json!({"type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                       {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}},
                     {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        });
        let json = json!({
            "version": "1.0", "added_tokens": added, "model": model, "decoder": decoder,
            "post_processor": begin,
        });
        Self::parse(&json.to_string(), "built-in tokenizer")
    }

    fn parse(text: &str, at: &str) -> Result<Self, EngineError> {
        let fail = |e: String| EngineError::model(format!("{at}: {e}"));
        let parse = |text: &str| Tokenizer::from_str(text).map_err(|e| fail(e.to_string()));
        let whole = parse(text)?;
        let mut plain: Value = serde_json::from_str(text).map_err(|e| fail(e.to_string()))?;
        let bytes = plain["decoder"]["type"] == "ByteLevel";
        let mut first = parse(text)?;
        never_prepend(&mut plain["pre_tokenizer"]);
        let mut rest = parse(&plain.to_string())?;
        first.set_encode_special_tokens(true);
        rest.set_encode_special_tokens(true);
        let begin = whole.encode("", true).map_err(|e| fail(e.to_string()))?.get_ids().to_vec();
        Ok(PromptTokenizer { whole, first, rest, begin, bytes })
    }

    /// Tokens of a stretch of prompt text; `is_first` for the one the prompt begins with.
    pub(crate) fn encode(&self, text: &str, is_first: bool) -> Result<Vec<Piece>, EngineError> {
        let tokenizer = if is_first { &self.first } else { &self.rest };
        let encoding = tokenizer
            .encode(text, false)
            .map_err(|e| EngineError::model(format!("the prompt cannot be tokenized: {e}")))?;
        let pieces = encoding.get_ids().iter().zip(encoding.get_offsets());
        Ok(pieces.map(|(id, (start, end))| Piece { id: *id, start: *start, end: *end }).collect())
    }

    /// A token's text as a person would read it in a list of tokens.
    pub(crate) fn display(&self, id: u32) -> String {
        if self.bytes {
            return self.whole.decode(&[id], false).unwrap_or_default();
        }
        self.whole.id_to_token(id).map_or_else(|| format!("#{id}"), |t| t.replace('▁', " "))
    }

    /// The id of a special token.
    pub(crate) fn special(&self, token: &str) -> Option<u32> {
        self.whole.token_to_id(token)
    }

    /// The text of generated ids, special tokens left out.
    pub(crate) fn decode(&self, ids: &[u32]) -> String {
        self.whole.decode(ids, true).unwrap_or_default()
    }
}

/// Metaspace pre-tokenizers with `prepend_scheme: first` mark the beginning of a prompt; what
/// follows a special token is not the beginning, though it is tokenized on its own here.
fn never_prepend(pre_tokenizer: &mut Value) {
    if let Some(scheme) = pre_tokenizer.get_mut("prepend_scheme").filter(|s| *s == "first") {
        *scheme = json!("never");
    }
    if let Some(parts) = pre_tokenizer.get_mut("pretokenizers").and_then(Value::as_array_mut) {
        parts.iter_mut().for_each(never_prepend);
    }
}

impl PromptTokenizer {
    /// Whether a token is one byte of a character that has no token of its own.
    fn is_byte(&self, id: u32) -> bool {
        let token = self.whole.id_to_token(id).unwrap_or_default();
        token.len() == 6 && token.starts_with("<0x") && token.ends_with('>')
    }
}

/// Turns generated ids into text as they come; the pieces concatenated are the whole text.
#[derive(Default)]
pub(crate) struct TextStream {
    ids: Vec<u32>,
    given: usize,
}

impl TextStream {
    /// Text that `id` adds. A character spread over several tokens comes when it is complete; what
    /// is left of a broken one comes with `last`. A run of byte tokens is decoded as a whole, so
    /// that a byte can change what the ones before it mean: the run is waited for.
    pub(crate) fn push(&mut self, tokenizer: &PromptTokenizer, id: u32, last: bool) -> String {
        self.ids.push(id);
        if !last && tokenizer.is_byte(id) {
            return String::new();
        }
        let text = tokenizer.decode(&self.ids);
        let ready = if last { text.as_str() } else { text.trim_end_matches('\u{FFFD}') };
        let new = ready.get(self.given..).unwrap_or_default().to_owned();
        self.given += new.len();
        new
    }
}
