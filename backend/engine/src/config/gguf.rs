//! Configurations from the metadata of llama.cpp's files.

use shared::sentence::{FileFault, GgufFault, GgufModelFault, TokenizerFault};

use crate::decoder::{Biases, DecoderConfig};
use crate::error::EngineError;
use crate::rotary::RotaryConfig;
use crate::weights::gguf::line;
use crate::weights::{Gguf, Metadata};

/// The architecture a file names.
pub(crate) fn architecture(file: &Gguf) -> Result<&str, EngineError> {
    let key = "general.architecture";
    file.metadata.needed(key, file.metadata.text(key))
}

/// Where a language model's settings lie, and what is taken where they are left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GgufText<'a> {
    /// What begins their keys.
    pub(crate) arch: &'a str,
    /// Base of the rotary frequencies.
    pub(crate) theta: f64,
    /// The key of the three axes' shares of half a head, after `ARCH.rope.`, where there are three.
    pub(crate) sections: Option<&'static str>,
    /// Whether queries and keys are normed head by head.
    pub(crate) head_norms: bool,
}

/// The language model's settings.
///
/// # Errors
/// A setting that is missing or not supported.
pub(crate) fn decoder(file: &Gguf, text: GgufText) -> Result<DecoderConfig, EngineError> {
    let GgufText { arch, .. } = text;
    let meta = &file.metadata;
    let key = |name: &str| format!("{arch}.{name}");
    let size = |name: &str| meta.needed(&key(name), meta.size(&key(name))?);
    if meta.number("split.count")?.is_some_and(|parts| parts > 1.0) {
        return Err(meta.problem(GgufModelFault::OneOfSeveral));
    }
    // Written as 0 where there are none, which is no size.
    if meta.number(&key("expert_count"))?.is_some_and(|n| n > 0.0) {
        return Err(meta.wrong(&key("expert_count"), GgufModelFault::Experts));
    }
    let (hidden, heads) = (size("embedding_length")?, size("attention.head_count")?);
    let kv_heads = meta.size(&key("attention.head_count_kv"))?.unwrap_or(heads);
    let head_dim = meta.size(&key("attention.key_length"))?.unwrap_or(hidden / heads);
    let value_dim = meta.size(&key("attention.value_length"))?.unwrap_or(head_dim);
    if !heads.is_multiple_of(kv_heads)
        || !head_dim.is_multiple_of(2)
        || head_dim == 0
        || value_dim != head_dim
    {
        return Err(meta.problem(GgufModelFault::Heads { heads, width: head_dim, kv_heads }));
    }
    if let Some(turned) = meta.size(&key("rope.dimension_count"))?
        && turned != head_dim
    {
        let fault = GgufModelFault::TurnedInPart { turned, width: head_dim };
        return Err(meta.wrong(&key("rope.dimension_count"), fault));
    }
    if file.tensor("rope_freqs.weight").is_some() {
        return Err(file.problem("rope_freqs.weight", GgufModelFault::ScalesPositions));
    }
    let table = file.tensor("token_embd.weight").map(|e| e.shape.as_slice());
    let Some([vocab, _]) = table else {
        return Err(file.problem("token_embd.weight", GgufModelFault::NoTable));
    };
    let tokens = meta.texts("tokenizer.ggml.tokens").unwrap_or_default().len();
    if tokens > *vocab {
        let fault = GgufModelFault::MoreTokens { tokens, rows: *vocab };
        return Err(meta.wrong("tokenizer.ggml.tokens", fault));
    }
    let layers = size("block_count")?;
    blocks(file, "blk.", &key("block_count"), layers)?;
    Ok(DecoderConfig {
        hidden,
        intermediate: size("feed_forward_length")?,
        layers,
        heads,
        kv_heads,
        head_dim,
        vocab: *vocab,
        norm_eps: number(meta, &key("attention.layer_norm_rms_epsilon"), 1e-6)?,
        rotary: RotaryConfig {
            theta: number(meta, &key("rope.freq_base"), text.theta)?,
            factor: scaling(meta, arch)?,
            sections: match text.sections {
                Some(name) => sections(meta, &format!("{arch}.rope.{name}"), head_dim)?,
                None => Vec::new(),
            },
            interleaved: false,
        },
        tied: file.tensor("output.weight").is_none(),
        max_positions: size("context_length")?,
        biases: Biases::STORED,
        head_norms: text.head_norms,
    })
}

/// That a file has as many blocks as it says: with others it would be another model.
pub(crate) fn blocks(file: &Gguf, prefix: &str, key: &str, said: usize) -> Result<(), EngineError> {
    let there = file.blocks(prefix);
    if there == said {
        return Ok(());
    }
    Err(file.metadata.wrong(key, GgufModelFault::Blocks { said, there }))
}

/// The factor of linear rotary scaling; 1 where there is none.
fn scaling(meta: &Metadata, arch: &str) -> Result<f64, EngineError> {
    let kind = format!("{arch}.rope.scaling.type");
    match meta.text(&kind) {
        Some("none") => return Ok(1.0),
        None | Some("linear") => {}
        Some(other) => {
            let (found, known) = (line(other), "'linear'".to_owned());
            return Err(meta.wrong(&kind, GgufModelFault::UnsupportedButOne { found, known }));
        }
    }
    let (new, old) = (format!("{arch}.rope.scaling.factor"), format!("{arch}.rope.scale_linear"));
    match meta.number(&new)?.or(meta.number(&old)?) {
        None => Ok(1.0),
        // Written as 0 where there is none.
        Some(0.0) => Ok(1.0),
        Some(factor) if factor > 0.0 => Ok(factor),
        Some(_) => Err(meta.wrong(&new, GgufFault::OutOfRange)),
    }
}

/// The three axes' shares of half a head; llama.cpp writes a fourth of 0.
fn sections(meta: &Metadata, key: &str, head_dim: usize) -> Result<Vec<usize>, EngineError> {
    let list = meta.needed(key, meta.integers(key))?;
    let sizes: Vec<usize> = list.iter().filter_map(|n| usize::try_from(*n).ok()).collect();
    match *sizes.as_slice() {
        [t, h, w] | [t, h, w, 0]
            if sizes.len() == list.len()
                && t.checked_add(h).and_then(|n| n.checked_add(w)) == Some(head_dim / 2) =>
        {
            Ok(vec![t, h, w])
        }
        _ => {
            let list = line(&format!("{list:?}"));
            Err(meta.wrong(key, GgufModelFault::AxesDoNotFill { list, width: head_dim }))
        }
    }
}

/// What begins a key of the vision tower's in an mmproj.
pub(crate) const CLIP: &str = "clip.vision.";

/// A size that must be there.
pub(crate) fn needed_size(meta: &Metadata, key: &str) -> Result<usize, EngineError> {
    meta.needed(key, meta.size(key)?)
}

/// A number above 0.
pub(crate) fn number(meta: &Metadata, key: &str, default: f64) -> Result<f64, EngineError> {
    match meta.number(key)?.unwrap_or(default) {
        n if n > 0.0 => Ok(n),
        _ => Err(meta.wrong(key, GgufFault::OutOfRange)),
    }
}

/// The inner width of the vision tower's MLPs: what its first block's tensors say. Up and down may
/// have each other's names, so it is the edge that is not the tower's own `width`.
pub(crate) fn inner(mmproj: &Gguf, width: usize, part: &str) -> Result<usize, EngineError> {
    let name = format!("v.blk.0.{part}.weight");
    let shape = mmproj.tensor(&name).map(|e| e.shape.as_slice());
    match shape {
        Some([rows, columns]) if *columns == width => Ok(*rows),
        Some([rows, columns]) if *rows == width => Ok(*columns),
        Some(shape) => {
            let shape = format!("{shape:?}");
            Err(mmproj.problem(&name, GgufModelFault::NotWide { shape, width }))
        }
        None => Err(mmproj.problem(&name, FileFault::Absent)),
    }
}

/// That what the mmproj gives is what the language model takes: `last` is what its last matrix may be
/// called.
pub(crate) fn joined(
    (mmproj, text): (&Gguf, &Gguf),
    hidden: usize,
    last: &[&str],
) -> Result<(), EngineError> {
    let out = last.iter().find_map(|n| mmproj.tensor(n));
    let out = out.map(|e| e.shape.as_slice());
    match out {
        Some([rows, _]) if *rows == hidden => Ok(()),
        Some([rows, _]) => {
            let (rows, text) = (*rows, text.path().display().to_string());
            Err(mmproj.metadata.problem(GgufModelFault::NotTogether { rows, text, hidden }))
        }
        _ => {
            let name = last.first().copied().unwrap_or_default();
            Err(mmproj.problem(name, GgufModelFault::NoMatrix))
        }
    }
}

/// The least and the most pixels of a picture, of models that read pictures of any size; those of the
/// `published` ones where the file says nothing.
pub(crate) fn pixels(clip: &Metadata, published: (u64, u64)) -> Result<(u64, u64), EngineError> {
    let limit = |key: &str, default: u64| -> Result<u64, EngineError> {
        Ok(clip.size(key)?.map_or(default, |n| n as u64))
    };
    let low = limit("clip.vision.image_min_pixels", published.0)?;
    let high = limit("clip.vision.image_max_pixels", published.1)?;
    if low > high {
        return Err(clip.wrong("clip.vision.image_min_pixels", GgufModelFault::AboveLargest));
    }
    Ok((low, high))
}

/// A special token's id.
pub(crate) fn special(meta: &Metadata, token: &str) -> Result<u32, EngineError> {
    let key = "tokenizer.ggml.tokens";
    let tokens = meta.needed(key, meta.texts(key))?;
    match tokens.iter().position(|t| t == token) {
        Some(id) => Ok(id as u32),
        None => {
            let token = token.to_owned();
            Err(meta.wrong(key, TokenizerFault::NotInVocabulary { token }))
        }
    }
}

/// Ids that end an answer: those the file names, and those that llama.cpp knows by their text.
pub(crate) fn eos(meta: &Metadata, default: u32) -> Vec<u32> {
    let named = ["eos_token_id", "eot_token_id", "eom_token_id"];
    let mut ids: Vec<u32> =
        named.iter().filter_map(|key| meta.id(&format!("tokenizer.ggml.{key}"))).collect();
    for token in ["<|im_end|>", "<|endoftext|>"] {
        ids.extend(special(meta, token).ok());
    }
    if ids.is_empty() {
        ids.push(default);
    }
    ids.sort_unstable();
    ids.dedup();
    ids
}
