//! Configurations from the metadata of llama.cpp's files.

use super::{LlavaConfig, QwenConfig};
use crate::decoder::{Biases, DecoderConfig};
use crate::error::EngineError;
use crate::rotary::RotaryConfig;
use crate::vision::{Activation, ClipConfig, QwenVisionConfig};
use crate::weights::{Gguf, Metadata};

/// Which family two files hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GgufFamily {
    Llava,
    Qwen,
}

/// What Ollama calls Qwen2.5-VL with its vision tower in the same file.
const WHOLE: &str = "qwen25vl";

/// Architectures of language models that can be loaded.
pub(crate) const ARCHITECTURES: [&str; 3] = ["llama", "qwen2vl", WHOLE];

/// Whether a file of this architecture has its vision tower inside.
pub(crate) fn is_whole(architecture: &str) -> bool {
    architecture == WHOLE
}

/// The family of a language model and its mmproj, which may be one file.
///
/// # Errors
/// One of them is something else, or they do not belong together.
pub(crate) fn family(text: &Gguf, mmproj: &Gguf) -> Result<GgufFamily, EngineError> {
    let arch = architecture(text)?;
    if is_whole(arch) {
        return Ok(GgufFamily::Qwen);
    }
    let clip = &mmproj.metadata;
    if architecture(mmproj)? != "clip" {
        return Err(clip.wrong("general.architecture", "is not 'clip': this is no mmproj file"));
    }
    if clip.flag("clip.has_vision_encoder") == Some(false) {
        return Err(clip.problem("has no vision encoder"));
    }
    let projector = ["clip.projector_type", "clip.vision.projector_type"]
        .iter()
        .find_map(|key| clip.text(key))
        .or_else(|| (clip.flag("clip.has_llava_projector") == Some(true)).then_some("mlp"));
    let wanted = match projector {
        Some("mlp") => "llama",
        Some("qwen2.5vl_merger") => "qwen2vl",
        other => {
            let other = other.unwrap_or("none");
            let what = format!(
                "is '{other}', which is not supported; 'mlp' (LLaVA-1.5) and 'qwen2.5vl_merger' are"
            );
            return Err(clip.wrong("clip.projector_type", &what));
        }
    };
    match arch {
        "llama" | "qwen2vl" if arch != wanted => Err(text.metadata.problem(&format!(
            "is a '{arch}' model, but {} belongs to a '{wanted}' one",
            clip.path().display()
        ))),
        "llama" => Ok(GgufFamily::Llava),
        "qwen2vl" => Ok(GgufFamily::Qwen),
        other => Err(text.metadata.wrong(
            "general.architecture",
            &format!("is '{other}', which is not supported; 'llama' and 'qwen2vl' are"),
        )),
    }
}

/// The architecture a file names.
pub(crate) fn architecture(file: &Gguf) -> Result<&str, EngineError> {
    let key = "general.architecture";
    file.metadata.needed(key, file.metadata.text(key))
}

impl LlavaConfig {
    /// From a language model and its mmproj.
    ///
    /// # Errors
    /// A setting that is missing or not supported.
    pub(crate) fn from_gguf(text: &Gguf, mmproj: &Gguf) -> Result<Self, EngineError> {
        let decoder = decoder(text, "llama", 1e4, false)?;
        let clip = &mmproj.metadata;
        if clip.integers("clip.vision.image_grid_pinpoints").is_some_and(|list| !list.is_empty()) {
            let what = "means LLaVA-1.6, which cuts pictures into tiles; LLaVA-1.5 is supported";
            return Err(clip.wrong("clip.vision.image_grid_pinpoints", what));
        }
        let vision = ClipConfig {
            hidden: vision_size(clip, "embedding_length")?,
            intermediate: inner(mmproj, "ffn_up")?,
            layers: vision_size(clip, "block_count")?,
            heads: vision_size(clip, "attention.head_count")?,
            image_size: vision_size(clip, "image_size")?,
            patch_size: vision_size(clip, "patch_size")?,
            norm_eps: number(clip, "clip.vision.attention.layer_norm_epsilon", 1e-5)?,
            // Neither key set is the older converter's way to say quick GELU.
            activation: match (clip.flag("clip.use_gelu"), clip.flag("clip.use_silu")) {
                (_, Some(true)) => {
                    return Err(clip.wrong("clip.use_silu", "is set, which CLIP does not use"));
                }
                (Some(true), _) => Activation::Gelu,
                _ => Activation::QuickGelu,
            },
        };
        if !vision.hidden.is_multiple_of(vision.heads) || vision.patch_size > vision.image_size {
            return Err(clip.problem("the vision tower's sizes do not fit together"));
        }
        joined(mmproj, text, decoder.hidden)?;
        // Files of the original LLaVA have no token of their own for pictures: an id beyond the
        // vocabulary, which no text can have.
        let tokens = text.metadata.texts("tokenizer.ggml.tokens").unwrap_or_default();
        let image_token = tokens.iter().position(|t| t == "<image>").unwrap_or(decoder.vocab);
        Ok(LlavaConfig {
            image_processor: None,
            feature_blocks: feature_blocks(mmproj, &vision)?,
            text: decoder,
            vision,
            image_token: image_token as u32,
            eos: eos(&text.metadata, 2),
            projector: Activation::Gelu,
            projector_bias: None,
        })
    }
}

/// How many blocks of a CLIP tower lie before the feature layer. LLaVA-1.5 takes the penultimate
/// hidden state. Files name the layer, or hold the whole tower, or leave its last block out, and
/// `block_count` counts it in some of those and not in others.
fn feature_blocks(mmproj: &Gguf, vision: &ClipConfig) -> Result<usize, EngineError> {
    let clip = &mmproj.metadata;
    let key = "clip.vision.feature_layer";
    let (there, said) = (mmproj.blocks("v.blk."), vision.layers);
    if let Some(list) = clip.integers(key).filter(|list| !list.is_empty()) {
        return match *list {
            [layer] if layer >= 0 && layer as usize <= there => Ok(layer as usize),
            [layer] if layer < 0 && (0..=there as i64).contains(&(said as i64 + 1 + layer)) => {
                Ok((said as i64 + 1 + layer) as usize)
            }
            [layer] => Err(clip.wrong(key, &format!("is {layer}; the file has {there} blocks"))),
            _ => Err(clip.wrong(key, "names several layers; one is supported")),
        };
    }
    // CLIP ViT-L, which every published LLaVA-1.5 has: 24 blocks of width 1024, the last unused.
    if vision.hidden == 1024 && there.min(said) >= 23 && there.max(said) <= 24 {
        return Ok(23);
    }
    Ok(match there.cmp(&said) {
        // The count leaves the unused block out, or the file does.
        std::cmp::Ordering::Greater => said,
        std::cmp::Ordering::Less => there,
        // The converter that drops the last block drops the norm after it as well.
        _ if mmproj.tensor("v.post_ln.weight").is_some() => said.saturating_sub(1),
        _ => said,
    })
}

impl QwenConfig {
    /// From a language model and its mmproj.
    ///
    /// # Errors
    /// A setting that is missing or not supported.
    pub(crate) fn from_gguf(text: &Gguf, mmproj: &Gguf) -> Result<Self, EngineError> {
        let whole = is_whole(architecture(text)?);
        let decoder = decoder(text, if whole { WHOLE } else { "qwen2vl" }, 1e6, true)?;
        let clip = &mmproj.metadata;
        let key = |name: &str| format!("{}{name}", vision_prefix(clip));
        if clip.flag("clip.use_gelu") == Some(true) {
            return Err(clip.wrong("clip.use_gelu", "is set, which Qwen2.5-VL does not use"));
        }
        let layers = vision_size(clip, "block_count")?;
        blocks(mmproj, "v.blk.", &key("block_count"), layers)?;
        let config = QwenVisionConfig {
            hidden: vision_size(clip, "embedding_length")?,
            // Some files say 0 here; the tensors know.
            intermediate: inner(mmproj, "ffn_gate")?,
            layers,
            heads: vision_size(clip, "attention.head_count")?,
            patch: vision_size(clip, "patch_size")?,
            merge: clip.size(&key("spatial_merge_size"))?.unwrap_or(2),
            window: clip.size(&key("window_size"))?.unwrap_or(112),
            full: full_blocks(clip, layers)?,
            out: decoder.hidden,
            // llama.cpp has no key for another; Ollama has.
            theta: number(clip, &key("rope.freq_base"), 1e4)?,
        };
        let token = config.merge.saturating_mul(config.patch);
        if !config.hidden.is_multiple_of(4 * config.heads) || config.window < token {
            return Err(clip.problem("the vision tower's sizes do not fit together"));
        }
        joined(mmproj, text, decoder.hidden)?;
        let image_token = special(&text.metadata, "<|image_pad|>")?;
        Ok(QwenConfig {
            image_processor: None,
            eos: eos(&text.metadata, special(&text.metadata, "<|im_end|>")?),
            text: decoder,
            vision: config,
            image_token,
        })
    }
}

/// The blocks that attend to the whole picture: every n-th, counted from one, or a list.
fn full_blocks(clip: &Metadata, layers: usize) -> Result<Vec<usize>, EngineError> {
    if let Some(list) = clip.integers(&format!("{}fullatt_block_indexes", vision_prefix(clip))) {
        return Ok(list.into_iter().filter_map(|i| usize::try_from(i).ok()).collect());
    }
    if vision_prefix(clip) != CLIP {
        // What Ollama leaves out is as published.
        return Ok(vec![7, 15, 23, 31]);
    }
    let key = "clip.vision.n_wa_pattern";
    let every = clip.needed(key, clip.size(key)?)?;
    Ok((0..layers).filter(|i| (i + 1).is_multiple_of(every)).collect())
}

/// The language model's settings under `arch`.
fn decoder(
    file: &Gguf,
    arch: &str,
    default_theta: f64,
    multimodal: bool,
) -> Result<DecoderConfig, EngineError> {
    let meta = &file.metadata;
    let key = |name: &str| format!("{arch}.{name}");
    let size = |name: &str| meta.needed(&key(name), meta.size(&key(name))?);
    if meta.number("split.count")?.is_some_and(|parts| parts > 1.0) {
        return Err(meta.problem(
            "is one part of several; join them with llama.cpp's `llama-gguf-split --merge`",
        ));
    }
    // Written as 0 where there are none, which is no size.
    if meta.number(&key("expert_count"))?.is_some_and(|n| n > 0.0) {
        return Err(
            meta.wrong(&key("expert_count"), "is set; mixtures of experts are not supported")
        );
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
        let what = format!("{heads} heads of {head_dim} over {kv_heads} key heads do not fit");
        return Err(meta.problem(&what));
    }
    if let Some(turned) = meta.size(&key("rope.dimension_count"))?
        && turned != head_dim
    {
        let what = format!("is {turned}; heads of {head_dim} are turned as a whole or not at all");
        return Err(meta.wrong(&key("rope.dimension_count"), &what));
    }
    if file.tensor("rope_freqs.weight").is_some() {
        return Err(
            file.problem("rope_freqs.weight", "scales rotary positions in an unsupported way")
        );
    }
    let table = file.tensor("token_embd.weight").map(|e| e.shape.as_slice());
    let Some([vocab, _]) = table else {
        return Err(file.problem("token_embd.weight", "is missing or is no table"));
    };
    let tokens = meta.texts("tokenizer.ggml.tokens").unwrap_or_default().len();
    if tokens > *vocab {
        let what = format!("has {tokens} tokens, but token_embd.weight {vocab} rows");
        return Err(meta.wrong("tokenizer.ggml.tokens", &what));
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
            theta: number(meta, &key("rope.freq_base"), default_theta)?,
            factor: scaling(meta, arch)?,
            sections: if multimodal { sections(meta, arch, head_dim)? } else { Vec::new() },
        },
        tied: file.tensor("output.weight").is_none(),
        max_positions: size("context_length")?,
        biases: Biases::STORED,
    })
}

/// That a file has as many blocks as it says: with others it would be another model.
fn blocks(file: &Gguf, prefix: &str, key: &str, said: usize) -> Result<(), EngineError> {
    let there = file.blocks(prefix);
    if there == said {
        return Ok(());
    }
    Err(file.metadata.wrong(key, &format!("is {said}, but the file has {there} blocks")))
}

/// The factor of linear rotary scaling; 1 where there is none.
fn scaling(meta: &Metadata, arch: &str) -> Result<f64, EngineError> {
    let kind = format!("{arch}.rope.scaling.type");
    match meta.text(&kind) {
        Some("none") => return Ok(1.0),
        None | Some("linear") => {}
        Some(other) => {
            let what = format!("is '{other}', which is not supported; 'linear' is");
            return Err(meta.wrong(&kind, &what));
        }
    }
    let (new, old) = (format!("{arch}.rope.scaling.factor"), format!("{arch}.rope.scale_linear"));
    match meta.number(&new)?.or(meta.number(&old)?) {
        None => Ok(1.0),
        // Written as 0 where there is none.
        Some(0.0) => Ok(1.0),
        Some(factor) if factor > 0.0 => Ok(factor),
        Some(_) => Err(meta.wrong(&new, "is out of range")),
    }
}

/// The three axes' shares of half a head; llama.cpp writes a fourth of 0.
fn sections(meta: &Metadata, arch: &str, head_dim: usize) -> Result<Vec<usize>, EngineError> {
    let name = if is_whole(arch) { "mrope_section" } else { "dimension_sections" };
    let key = format!("{arch}.rope.{name}");
    let list = meta.needed(&key, meta.integers(&key))?;
    let sizes: Vec<usize> = list.iter().filter_map(|n| usize::try_from(*n).ok()).collect();
    match *sizes.as_slice() {
        [t, h, w] | [t, h, w, 0]
            if sizes.len() == list.len()
                && t.checked_add(h).and_then(|n| n.checked_add(w)) == Some(head_dim / 2) =>
        {
            Ok(vec![t, h, w])
        }
        _ => {
            let what = format!("is {list:?}, which does not fill half a head of {head_dim}");
            Err(meta.wrong(&key, &what))
        }
    }
}

/// What begins a key of the vision tower's in an mmproj.
const CLIP: &str = "clip.vision.";

/// What begins a key of the vision tower's.
fn vision_prefix(meta: &Metadata) -> &'static str {
    let whole = meta.text("general.architecture").is_some_and(is_whole);
    if whole { "qwen25vl.vision." } else { CLIP }
}

fn vision_size(clip: &Metadata, name: &str) -> Result<usize, EngineError> {
    let key = format!("{}{name}", vision_prefix(clip));
    clip.needed(&key, clip.size(&key)?)
}

fn number(meta: &Metadata, key: &str, default: f64) -> Result<f64, EngineError> {
    match meta.number(key)?.unwrap_or(default) {
        n if n > 0.0 => Ok(n),
        _ => Err(meta.wrong(key, "is out of range")),
    }
}

/// The inner width of the vision tower's MLPs: what its first block's tensors say. Up and down may
/// have each other's names, so it is the edge that is not the tower's own width.
fn inner(mmproj: &Gguf, part: &str) -> Result<usize, EngineError> {
    let name = format!("v.blk.0.{part}.weight");
    let width = vision_size(&mmproj.metadata, "embedding_length")?;
    let shape = mmproj.tensor(&name).map(|e| e.shape.as_slice());
    match shape {
        Some([rows, columns]) if *columns == width => Ok(*rows),
        Some([rows, columns]) if *rows == width => Ok(*columns),
        Some(shape) => {
            Err(mmproj.problem(&name, &format!("has shape {shape:?}, not {width} wide")))
        }
        None => Err(mmproj.problem(&name, "is missing")),
    }
}

/// That what the mmproj gives is what the language model takes.
fn joined(mmproj: &Gguf, text: &Gguf, hidden: usize) -> Result<(), EngineError> {
    let out = ["mm.2.weight", "v.merger.mlp.2.weight"].iter().find_map(|n| mmproj.tensor(n));
    let out = out.map(|e| e.shape.as_slice());
    match out {
        Some([rows, _]) if *rows == hidden => Ok(()),
        Some([rows, _]) => Err(mmproj.metadata.problem(&format!(
            "gives {rows} values a token, {} takes {hidden}: the two do not belong together",
            text.path().display()
        ))),
        _ => Err(mmproj.problem("mm.2.weight", "is missing or is no matrix")),
    }
}

/// A special token's id.
fn special(meta: &Metadata, token: &str) -> Result<u32, EngineError> {
    let key = "tokenizer.ggml.tokens";
    let tokens = meta.needed(key, meta.texts(key))?;
    match tokens.iter().position(|t| t == token) {
        Some(id) => Ok(id as u32),
        None => Err(meta.wrong(key, &format!("has no '{token}'"))),
    }
}

/// Ids that end an answer: those the file names, and those that llama.cpp knows by their text.
fn eos(meta: &Metadata, default: u32) -> Vec<u32> {
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
