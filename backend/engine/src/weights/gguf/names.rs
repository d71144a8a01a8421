//! The engine's names of tensors (those of Hugging Face folders) and llama.cpp's.

/// How llama.cpp calls the tensors of a family.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GgufNames {
    /// The encoder's and the connector's, by the engine's name.
    pub(crate) encoder: fn(&str) -> Option<String>,
    /// Beginnings of such names, and what some files have in their place.
    pub(crate) others: &'static [(&'static str, &'static str)],
    /// The beginning of names that files number by the encoder's blocks, of which only some have
    /// such tensors: what the engine counts from 0 is the first number that is there, and so on.
    pub(crate) sparse: Option<&'static str>,
    /// Whether the converter interleaved the rows of the decoder's query and key heads, as Llama's
    /// does.
    pub(crate) interleaved: bool,
}

/// A name cut at its layer's number: `blocks.7.norm1.weight` after `blocks.` is (7,
/// `norm1.weight`).
pub(crate) fn layer<'a>(name: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    let (number, rest) = name.strip_prefix(prefix)?.split_once('.')?;
    number.parse::<u16>().ok()?;
    Some((number, rest))
}

/// `part.weight` and `part.bias` with the part's other name.
pub(crate) fn renamed(name: &str, prefix: &str, parts: &[(&str, &str)]) -> Option<String> {
    let (part, kind) = name.rsplit_once('.')?;
    let (_, other) = parts.iter().find(|(ours, _)| *ours == part)?;
    Some(format!("{prefix}{other}.{kind}"))
}

/// A decoder's tensor.
pub(super) fn decoder(name: &str) -> Option<String> {
    if name == "lm_head.weight" {
        return Some("output.weight".to_owned());
    }
    let name = name.strip_prefix("model.language_model.")?;
    match layer(name, "layers.") {
        None => renamed(name, "", &[("embed_tokens", "token_embd"), ("norm", "output_norm")]),
        Some((i, rest)) => renamed(
            rest,
            &format!("blk.{i}."),
            &[
                ("input_layernorm", "attn_norm"),
                ("self_attn.q_proj", "attn_q"),
                ("self_attn.k_proj", "attn_k"),
                ("self_attn.v_proj", "attn_v"),
                ("self_attn.q_norm", "attn_q_norm"),
                ("self_attn.k_norm", "attn_k_norm"),
                ("self_attn.o_proj", "attn_output"),
                ("post_attention_layernorm", "ffn_norm"),
                ("mlp.gate_proj", "ffn_gate"),
                ("mlp.up_proj", "ffn_up"),
                ("mlp.down_proj", "ffn_down"),
            ],
        ),
    }
}

/// A tensor of a tower of CLIP's kind, whose names begin with `tower`.
pub(crate) fn vit(name: &str, tower: &str) -> Option<String> {
    let name = name.strip_prefix(tower)?;
    match layer(name, "encoder.layers.") {
        None => match name {
            "embeddings.class_embedding" => Some("v.class_embd".to_owned()),
            _ => renamed(
                name,
                "v.",
                &[
                    ("embeddings.patch_embedding", "patch_embd"),
                    ("embeddings.position_embedding", "position_embd"),
                    ("pre_layrnorm", "pre_ln"),
                    ("post_layernorm", "post_ln"),
                ],
            ),
        },
        Some((i, rest)) => renamed(
            rest,
            &format!("v.blk.{i}."),
            &[
                ("layer_norm1", "ln1"),
                ("self_attn.q_proj", "attn_q"),
                ("self_attn.k_proj", "attn_k"),
                ("self_attn.v_proj", "attn_v"),
                ("self_attn.out_proj", "attn_out"),
                ("layer_norm2", "ln2"),
                ("mlp.fc1", "ffn_up"),
                ("mlp.fc2", "ffn_down"),
            ],
        ),
    }
}
