//! Llama as the decoder of a model: its part of `config.json`.

use shared::sentence::ModelNote;

use super::rope::{RopeRules, rope};
use super::{MOST, Section, Usual, decoder, heads, known, model_type, same_layers, silu};
use crate::decoder::{Biases, DecoderConfig};
use crate::error::EngineError;

/// Llama's settings, with the defaults of transformers' LlamaConfig.
pub(crate) fn llama(
    model: &Section,
    text: &Section,
    notes: &mut Vec<ModelNote>,
) -> Result<DecoderConfig, EngineError> {
    model_type(text, &["llama"])?;
    same_layers(text)?;
    silu(text)?;
    let hidden = text.size("hidden_size", 4096, MOST.width)?;
    let heads = heads(text, hidden, (32, None), None)?;
    let attention = text.flag("attention_bias", false)?;
    let biases = Biases {
        qkv: Some(attention),
        output: Some(attention),
        mlp: Some(text.flag("mlp_bias", false)?),
    };
    let usual =
        Usual { intermediate: 11_008, layers: 32, vocab: 32_000, norm_eps: 1e-6, positions: 2048 };
    let rotary = rope(text, &RopeRules::LLAMA, notes)?;
    let config = decoder((model, text), (hidden, heads), (rotary, biases), &usual)?;
    text.tell_unknown(&[&known::EVERY, &known::GENERATION], notes);
    Ok(config)
}
