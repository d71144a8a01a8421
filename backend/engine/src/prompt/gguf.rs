//! A tokenizer from the metadata of a GGUF file, put together as the `tokenizer.json` that
//! transformers would have made of the same vocabulary.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};
use shared::Message;
use shared::sentence::{FileFault, GgufModelFault, Listing, TokenizerFault};

use super::PromptTokenizer;
use crate::error::EngineError;
use crate::weights::Metadata;
use crate::weights::gguf::line;

/// What a token is, by llama.cpp's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

/// The vocabulary of a file.
struct Vocabulary<'a> {
    meta: &'a Metadata,
    tokens: &'a [String],
    kinds: Vec<Kind>,
}

impl PromptTokenizer {
    /// The tokenizer of a GGUF file.
    ///
    /// # Errors
    /// Part of it is missing or damaged, or it is of a kind that is not supported.
    pub(crate) fn from_gguf(meta: &Metadata) -> Result<Self, EngineError> {
        let vocabulary = Vocabulary::read(meta)?;
        let key = "tokenizer.ggml.model";
        let json = match meta.text(key) {
            Some("llama") => vocabulary.sentence_piece(),
            Some("gpt2") => vocabulary.byte_level()?,
            None => return Err(meta.wrong(key, FileFault::Absent)),
            Some(other) => return Err(meta.wrong(key, unsupported(other, &["llama", "gpt2"]))),
        };
        Self::parse(&json.to_string()).map_err(|what| meta.problem(TokenizerFault::OfGguf { what }))
    }
}

impl<'a> Vocabulary<'a> {
    fn read(meta: &'a Metadata) -> Result<Self, EngineError> {
        let key = "tokenizer.ggml.tokens";
        let tokens = meta.needed(key, meta.texts(key))?;
        let key = "tokenizer.ggml.token_type";
        let kinds = match meta.integers(key) {
            // The first files have none: what begins, ends and is unknown is special.
            None => {
                let id = |name: &str| meta.id(&format!("tokenizer.ggml.{name}_token_id"));
                let mut kinds = vec![Kind::Normal; tokens.len()];
                for (name, kind) in
                    [("bos", Kind::Control), ("eos", Kind::Control), ("unknown", Kind::Unknown)]
                {
                    if let Some(slot) = id(name).and_then(|id| kinds.get_mut(id as usize)) {
                        *slot = kind;
                    }
                }
                kinds
            }
            Some(numbers) if numbers.len() != tokens.len() => {
                let (n, tokens) = (numbers.len(), tokens.len());
                return Err(meta.wrong(key, TokenizerFault::Entries { n, tokens }));
            }
            Some(numbers) => {
                let kind = |number: &i64| match number {
                    2 => Kind::Unknown,
                    3 => Kind::Control,
                    4 => Kind::UserDefined,
                    5 => Kind::Unused,
                    6 => Kind::Byte,
                    _ => Kind::Normal,
                };
                numbers.iter().map(kind).collect()
            }
        };
        Ok(Vocabulary { meta, tokens, kinds })
    }

    fn with_kind(&self) -> impl Iterator<Item = (usize, &'a str, Kind)> + Clone {
        let tokens = self.tokens.iter().zip(&self.kinds).enumerate();
        tokens.map(|(id, (token, kind))| (id, token.as_str(), *kind))
    }

    /// Ids by token. Unused rows are left out: their names are made up.
    fn ids(&self) -> Map<String, Value> {
        let used = self.with_kind().filter(|(_, _, kind)| *kind != Kind::Unused);
        // Of equal tokens the first has the id.
        let mut ids = Map::new();
        for (id, token, _) in used {
            ids.entry(token).or_insert_with(|| json!(id));
        }
        ids
    }

    /// Tokens that are found in text as a whole, or that only a template can write.
    fn added(&self) -> Vec<Value> {
        let added = |(id, token, kind): (usize, &str, Kind)| {
            let special = matches!(kind, Kind::Control | Kind::Unknown);
            let found = special || kind == Kind::UserDefined;
            (found && !token.is_empty()).then(|| {
                json!({
                    "id": id, "content": token, "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": special,
                })
            })
        };
        self.with_kind().filter_map(added).collect()
    }

    /// The token a key names, if it is in the vocabulary.
    fn named(&self, key: &str) -> Option<(u32, &'a str)> {
        let id = self.meta.id(key)?;
        Some((id, self.tokens.get(id as usize)?))
    }

    /// Puts the first token in front of every prompt, where there is one.
    fn begin(&self, wanted: bool) -> Value {
        let Some((id, token)) = self.named("tokenizer.ggml.bos_token_id").filter(|_| wanted) else {
            return Value::Null;
        };
        let special = json!({"SpecialToken": {"id": token, "type_id": 0}});
        let mut known = Map::new();
        known.insert(token.to_owned(), json!({"id": token, "ids": [id], "tokens": [token]}));
        json!({
            "type": "TemplateProcessing",
            "single": [special, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [special, {"Sequence": {"id": "A", "type_id": 0}},
                     {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": known,
        })
    }

    /// SentencePiece's BPE, as transformers converts it: spaces are `▁`, and so is the beginning
    /// of every stretch of text; what has no token falls back to bytes.
    fn sentence_piece(&self) -> Value {
        let prefix = self.meta.flag("tokenizer.ggml.add_space_prefix") != Some(false);
        let begin = self.meta.flag("tokenizer.ggml.add_bos_token") != Some(false);
        let mut normalizers =
            vec![json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"})];
        let mut decoders = vec![
            json!({"type": "Replace", "pattern": {"String": "▁"}, "content": " "}),
            json!({"type": "ByteFallback"}),
            json!({"type": "Fuse"}),
        ];
        if prefix {
            normalizers.insert(0, json!({"type": "Prepend", "prepend": "▁"}));
            decoders.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
        }
        let unknown = self.with_kind().find(|(_, _, kind)| *kind == Kind::Unknown);
        let bytes = self.kinds.contains(&Kind::Byte);
        json!({
            "version": "1.0",
            "added_tokens": self.added(),
            "normalizer": {"type": "Sequence", "normalizers": normalizers},
            "post_processor": self.begin(begin),
            "decoder": {"type": "Sequence", "decoders": decoders},
            "model": {
                "type": "BPE", "unk_token": unknown.map(|(_, token, _)| token), "fuse_unk": true,
                "byte_fallback": bytes, "vocab": self.ids(), "merges": self.merges(),
            },
        })
    }

    /// SentencePiece joins the pair that makes the best piece; `tokenizers` wants the pairs in
    /// order. Every way to cut a piece in two pieces is one, in order of the piece's score; of
    /// one piece's pairs the longest first part comes first, as in transformers.
    fn merges(&self) -> Vec<[&'a str; 2]> {
        let scores = self.meta.floats("tokenizer.ggml.scores").unwrap_or_default();
        let normal = self.with_kind().filter(|(_, _, kind)| *kind == Kind::Normal);
        let pieces: HashSet<&str> = normal.clone().map(|(_, token, _)| token).collect();
        let mut merges: Vec<(f32, usize, usize, [&str; 2])> = Vec::new();
        for (id, piece, _) in normal {
            // Files made without the scores have the same for all; ids are in order of merging.
            let score = scores.get(id).copied().filter(|s| !s.is_nan()).unwrap_or_default();
            for (at, _) in piece.char_indices().skip(1) {
                let (left, right) = piece.split_at(at);
                if pieces.contains(left) && pieces.contains(right) {
                    merges.push((score, id, at, [left, right]));
                }
            }
        }
        merges.sort_by(|a, b| {
            b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)).then_with(|| b.2.cmp(&a.2))
        });
        merges.into_iter().map(|(.., pair)| pair).collect()
    }

    /// GPT-2's byte-level BPE behind a model's own way to cut text into words.
    fn byte_level(&self) -> Result<Value, EngineError> {
        let key = "tokenizer.ggml.pre";
        let single = self.meta.text(key) == Some("smollm");
        // Pattern, composed characters, whole words first, first token.
        let (pattern, compose, whole, begin) = match self.meta.text(key) {
            Some("qwen2" | "deepseek-r1-qwen") => (Some(QWEN2), true, false, false),
            Some("llama-bpe" | "llama3" | "llama-v3") => (Some(LLAMA3), false, true, true),
            Some("gpt-2" | "smollm") => (None, false, false, false),
            other => {
                let known = ["qwen2", "llama-bpe", "gpt-2", "smollm"];
                let fault = unsupported(other.unwrap_or("default"), &known);
                return Err(self.meta.wrong(key, fault));
            }
        };
        let begin = self.meta.flag("tokenizer.ggml.add_bos_token").unwrap_or(begin);
        let byte_level = |regex: bool| {
            json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false,
                   "use_regex": regex})
        };
        let words = match pattern {
            // Digit by digit, and then as GPT-2.
            None if single => json!({"type": "Sequence", "pretokenizers": [
                {"type": "Digits", "individual_digits": true}, byte_level(true),
            ]}),
            None => byte_level(true),
            Some(pattern) => json!({"type": "Sequence", "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated",
                 "invert": false},
                byte_level(false),
            ]}),
        };
        Ok(json!({
            "version": "1.0",
            "added_tokens": self.added(),
            "normalizer": compose.then(|| json!({"type": "NFC"})),
            "pre_tokenizer": words,
            "post_processor": self.begin(begin),
            "decoder": byte_level(false),
            "model": {
                "type": "BPE", "continuing_subword_prefix": "", "end_of_word_suffix": "",
                "fuse_unk": false, "byte_fallback": false, "ignore_merges": whole,
                "vocab": self.ids(), "merges": self.pairs()?,
            },
        }))
    }

    /// The merges as the file has them, `first second`, checked against the vocabulary.
    fn pairs(&self) -> Result<Vec<[&'a str; 2]>, EngineError> {
        let key = "tokenizer.ggml.merges";
        let merges = self.meta.needed(key, self.meta.texts(key))?;
        let ids: HashMap<&str, usize> =
            self.with_kind().map(|(id, token, _)| (token, id)).collect();
        let pair = |merge: &'a String| {
            // Tokens have no spaces of their own: bytes are written as other characters.
            let (left, right) = merge.split_once(' ')?;
            let joined = format!("{left}{right}");
            let known = [left, right, &joined].iter().all(|part| ids.contains_key(part));
            known.then_some([left, right])
        };
        let wrong =
            |merge: &String| self.meta.wrong(key, TokenizerFault::Merge { merge: line(merge) });
        merges.iter().map(|merge| pair(merge).ok_or_else(|| wrong(merge))).collect()
    }
}

/// That a value is none of these.
fn unsupported(found: &str, known: &[&str]) -> GgufModelFault {
    let known = known.iter().map(|name| Message::from(format!("'{name}'"))).collect();
    GgufModelFault::Unsupported { found: line(found), known: Listing::and(known).into() }
}

const QWEN2: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
