//! Tokenizing prompts so that what a person typed stays text, and detokenizing answers.

use std::collections::HashMap;
use std::ops::Range;
use std::str::FromStr;

use serde_json::{Value, json};
use shared::Shown;
use shared::sentence::{FileFault, Localized, ModelNote, TokenizerFault};
use shared::shown::shown;
use tokenizers::Tokenizer;

use crate::config::{parse_json, read_json, text_in};
use crate::error::EngineError;
use crate::filesystem::Location;

use super::spelling::Spelling;

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
    /// How a token stands for bytes.
    pub(super) spelling: Spelling,
    /// Tokens that are found as a whole: their names are what they are. Whether they are left out of
    /// an answer's text.
    added: HashMap<u32, bool>,
    /// What its description asks for and is not done, a sentence each.
    told: Vec<ModelNote>,
}

/// What a folder's `tokenizer.json` calls a token, without building the tokenizer; none where it does
/// not say.
pub(crate) fn token_name(folder: &Location, id: u32) -> Option<String> {
    let json = read_json(&folder.join("tokenizer.json")).ok()??;
    let added = json["added_tokens"].as_array().into_iter().flatten();
    let mut added = added.filter(|token| token["id"].as_u64() == Some(id.into()));
    if let Some(token) = added.next() {
        return token["content"].as_str().map(str::to_owned);
    }
    let vocab = json["model"]["vocab"].as_object()?;
    vocab.iter().find(|(_, of)| of.as_u64() == Some(id.into())).map(|(name, _)| name.clone())
}

impl PromptTokenizer {
    /// Reads `tokenizer.json`.
    pub(crate) fn load(folder: &Location) -> Result<Self, EngineError> {
        let path = folder.join("tokenizer.json");
        let read = || {
            let text = text_in(&path)?.ok_or(FileFault::NoSuchFile)?;
            Self::parse(&text)
        };
        read().map_err(|what: Localized| EngineError::of_file(path.display(), what))
    }

    /// Whether the tokenizer is this model's: every id below `vocab`, and the picture's token, if
    /// the tokenizer knows it by name, where the configuration says.
    pub(crate) fn check(
        &self,
        folder: &Location,
        vocab: usize,
        (name, id): (&str, u32),
    ) -> Result<(), EngineError> {
        let at = folder.join("tokenizer.json");
        let fail = |what: TokenizerFault| Err(EngineError::of_file(at.display(), what));
        let tokens = self.whole.get_vocab(true);
        if let Some((token, id)) = tokens.iter().max_by_key(|(_, id)| **id)
            && *id as usize >= vocab
        {
            return fail(TokenizerFault::OtherModels { token: token.clone(), id: *id, vocab });
        }
        if let Some(id) = self.begin.iter().find(|id| **id as usize >= vocab) {
            return fail(TokenizerFault::Begins { id: *id, vocab });
        }
        match tokens.get(name) {
            Some(found) if *found != id => {
                let (name, found, wanted) = (name.to_owned(), *found, id);
                fail(TokenizerFault::ImageToken { name, found, wanted })
            }
            _ => Ok(()),
        }
    }

    /// A tokenizer that knows single bytes and some special tokens only, for models of random
    /// weights.
    pub(crate) fn characters(specials: &[String]) -> Result<Self, EngineError> {
        Self::parse(&Self::of_characters(specials))
            .map_err(|what| EngineError::of_file("built-in tokenizer", what))
    }

    /// The text of that tokenizer's `tokenizer.json`.
    pub(crate) fn of_characters(specials: &[String]) -> String {
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
        json.to_string()
    }

    /// A tokenizer from the text of a `tokenizer.json`, or what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, Localized> {
        // The library panics on some descriptions that it reads without complaint.
        let parsed = std::panic::catch_unwind(|| Self::parse_unguarded(text));
        parsed.unwrap_or_else(|_| Err(TokenizerFault::PartsDoNotFit.into()))
    }

    fn parse_unguarded(text: &str) -> Result<Self, Localized> {
        let mut plain = parse_json(text)?;
        let object = plain.as_object_mut().ok_or(TokenizerFault::NoObject)?;
        // Lengths are the lab's business: a tokenizer that cuts or pads would change the prompt.
        let told = settled(object);
        check_template(&plain["post_processor"])
            .map_err(|token| TokenizerFault::PutsIn { token })?;
        let spelling = Spelling::of(&plain);
        let whole = build(&plain)?;
        let mut first = whole.clone();
        never_prepend(&mut plain["pre_tokenizer"]);
        let mut rest = build(&plain)?;
        first.set_encode_special_tokens(true);
        rest.set_encode_special_tokens(true);
        let begin = whole
            .encode("", true)
            .map_err(|e| TokenizerFault::CannotBegin { words: e.to_string() })?
            .get_ids()
            .to_vec();
        let added = whole.get_added_tokens_decoder().into_iter();
        let added = added.map(|(id, token)| (id, token.special)).collect();
        let tokenizer = PromptTokenizer { whole, first, rest, begin, spelling, added, told };
        // Plain and outlandish text: what cannot be tokenized shows now, not at the first question.
        for text in ["Which animal is it?\n", "한 🦊 \u{1}"] {
            for is_first in [true, false] {
                tokenizer
                    .cut(text, is_first)
                    .map_err(|words| TokenizerFault::CannotTokenize { words })?;
            }
        }
        Ok(tokenizer)
    }

    /// What its description asks for and is not done, a sentence each.
    pub(crate) fn told(&self) -> &[ModelNote] {
        &self.told
    }

    /// Tokens of a stretch of prompt text; `is_first` for the one the prompt begins with.
    pub(crate) fn encode(&self, text: &str, is_first: bool) -> Result<Vec<Piece>, EngineError> {
        self.cut(text, is_first)
            .map_err(|words| EngineError::model(TokenizerFault::Prompt { words }))
    }

    /// As [`PromptTokenizer::encode`]; an error is the library's own words.
    fn cut(&self, text: &str, is_first: bool) -> Result<Vec<Piece>, String> {
        let tokenizer = if is_first { &self.first } else { &self.rest };
        let encoding = tokenizer.encode(text, false).map_err(|e| e.to_string())?;
        let pieces = encoding.get_ids().iter().zip(encoding.get_offsets());
        Ok(pieces.map(|(id, (start, end))| Piece { id: *id, start: *start, end: *end }).collect())
    }

    /// A token as a person would read it in a list of tokens, when nothing stands beside it.
    pub(crate) fn display(&self, id: u32) -> String {
        self.shown(&[id]).pop().map(|shown| shown.text).unwrap_or_default()
    }

    /// Neighbouring tokens as a person would read them in a list.
    pub(crate) fn shown(&self, ids: &[u32]) -> Vec<Shown> {
        let bytes: Vec<Vec<u8>> = ids.iter().map(|id| self.spelled(*id)).collect();
        shown(&bytes.iter().map(Vec::as_slice).collect::<Vec<_>>())
    }

    /// The bytes that a token stands for; of one that is found as a whole, its name.
    pub(super) fn spelled(&self, id: u32) -> Vec<u8> {
        let Some(token) = self.whole.id_to_token(id) else { return format!("#{id}").into_bytes() };
        if self.added.contains_key(&id) {
            return token.into_bytes();
        }
        self.spelling.bytes(token)
    }

    /// Whether a token is left out of an answer's text.
    pub(super) fn is_special(&self, id: u32) -> bool {
        self.added.get(&id) == Some(&true)
    }

    /// A token as the vocabulary spells it.
    pub(super) fn name(&self, id: u32) -> Option<String> {
        self.whole.id_to_token(id)
    }

    /// The id of a special token.
    pub(crate) fn special(&self, token: &str) -> Option<u32> {
        self.whole.token_to_id(token)
    }

    /// Whether a special token takes away the space before it, and after it.
    pub(crate) fn takes_space(&self, token: &str) -> (bool, bool) {
        let id = self.special(token);
        let added = id.and_then(|id| self.whole.get_added_tokens_decoder().get(&id).cloned());
        added.map_or((false, false), |token| (token.lstrip, token.rstrip))
    }

    /// The special tokens in a text that is no person's, and where they stand, with the space that
    /// they take away.
    pub(crate) fn specials_in(
        &self,
        text: &str,
    ) -> Result<Vec<(Range<usize>, String)>, EngineError> {
        let added = self.whole.get_added_tokens_decoder();
        let encoding = self
            .whole
            .encode(text, false)
            .map_err(|e| EngineError::model(TokenizerFault::Template { words: e.to_string() }))?;
        let ids = encoding.get_ids().iter().zip(encoding.get_offsets());
        let special = |(id, (start, end)): (&u32, &(usize, usize))| {
            let token = added.get(id).filter(|token| token.special)?;
            Some((*start..*end, token.content.clone()))
        };
        Ok(ids.filter_map(special).collect())
    }

    /// The text of generated ids, special tokens left out.
    pub(crate) fn decode(&self, ids: &[u32]) -> String {
        self.whole.decode(ids, true).unwrap_or_default()
    }
}

/// The token that a template, or one in a sequence of processors, puts in without knowing it.
fn check_template(processor: &Value) -> Result<(), String> {
    if let Some(list) = processor["processors"].as_array() {
        return list.iter().try_for_each(check_template);
    }
    for side in ["single", "pair"] {
        for piece in processor[side].as_array().into_iter().flatten() {
            if let Some(token) = piece["SpecialToken"]["id"].as_str()
                && processor["special_tokens"].get(token).is_none()
            {
                return Err(token.to_owned());
            }
        }
    }
    Ok(())
}

/// Takes out of a description what would cut or pad prompts, or draw their tokens; says so where it
/// was there.
fn settled(tokenizer: &mut serde_json::Map<String, Value>) -> Vec<ModelNote> {
    let mut notes = Vec::new();
    if tokenizer.remove("truncation").is_some_and(|cut| !cut.is_null()) {
        notes.push(ModelNote::Truncation);
    }
    tokenizer.remove("padding");
    let model = tokenizer.get_mut("model").and_then(Value::as_object_mut);
    let dropout = model.and_then(|model| model.remove("dropout"));
    if let Some(dropout) = dropout
        && dropout.as_f64().is_some_and(|share| share != 0.0)
    {
        notes.push(ModelNote::Dropout { share: dropout.to_string() });
    }
    notes
}

/// A tokenizer from its description; what is wrong with it is said by part.
fn build(json: &Value) -> Result<Tokenizer, TokenizerFault> {
    if let Ok(tokenizer) = Tokenizer::from_str(&json.to_string()) {
        return Ok(tokenizer);
    }
    // The part without which the rest can be read is the one that cannot be used.
    for part in ["normalizer", "pre_tokenizer", "post_processor", "decoder", "added_tokens"] {
        let mut without = json.clone();
        if let Some(object) = without.as_object_mut()
            && object.remove(part).is_some()
            && Tokenizer::from_str(&without.to_string()).is_ok()
        {
            return Err(of_part(json, part));
        }
    }
    Err(match (&json["model"], json["version"].as_str()) {
        (Value::Null, _) => TokenizerFault::NoModel,
        (_, version) if version.is_some_and(|v| v != "1.0") => {
            TokenizerFault::Version { version: json["version"].to_string() }
        }
        _ => of_part(json, "model"),
    })
}

/// That a part of a description cannot be used.
fn of_part(json: &Value, part: &str) -> TokenizerFault {
    let (kind, part) = (json[part]["type"].as_str().map(str::to_owned), part.to_owned());
    match kind {
        Some(kind) => TokenizerFault::PartOfType { part, kind },
        None => TokenizerFault::Part { part },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cutting_and_dropout_are_taken_out_and_told() {
        let told = |json: Value| {
            let mut object = json.as_object().expect("an object").clone();
            (settled(&mut object), Value::Object(object))
        };
        let (notes, left) = told(json!({"truncation": {"max_length": 8}, "padding": {"a": 1},
            "model": {"type": "BPE", "dropout": 0.5}}));
        assert_eq!(left, json!({"model": {"type": "BPE"}}));
        assert_eq!(notes.len(), 2, "{notes:?}");
        let share = "0.5".to_owned();
        assert_eq!(notes, [ModelNote::Truncation, ModelNote::Dropout { share }]);
        let (notes, _) = told(json!({"truncation": null, "model": {"dropout": null}}));
        assert!(notes.is_empty(), "{notes:?}");
    }
}
