//! The engine's names of tensors (those of Hugging Face folders) and llama.cpp's.

/// A name cut at its layer's number: `blocks.7.norm1.weight` after `blocks.` is (7,
/// `norm1.weight`).
fn layer<'a>(name: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    let (number, rest) = name.strip_prefix(prefix)?.split_once('.')?;
    number.parse::<u16>().ok()?;
    Some((number, rest))
}

/// `part.weight` and `part.bias` with the part's other name.
fn renamed(name: &str, prefix: &str, parts: &[(&str, &str)]) -> Option<String> {
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
                ("self_attn.o_proj", "attn_output"),
                ("post_attention_layernorm", "ffn_norm"),
                ("mlp.gate_proj", "ffn_gate"),
                ("mlp.up_proj", "ffn_up"),
                ("mlp.down_proj", "ffn_down"),
            ],
        ),
    }
}

/// A tensor of LLaVA's vision tower or projector.
pub(super) fn clip(name: &str) -> Option<String> {
    if let Some(rest) = name.strip_prefix("model.multi_modal_projector.") {
        return renamed(rest, "mm.", &[("linear_1", "0"), ("linear_2", "2")]);
    }
    let name = name.strip_prefix("model.vision_tower.vision_model.")?;
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

/// A tensor of Qwen2.5-VL's vision tower or merger.
pub(super) fn qwen(name: &str) -> Option<String> {
    let name = name.strip_prefix("model.visual.")?;
    match layer(name, "blocks.") {
        None => renamed(
            name,
            "",
            &[
                ("patch_embed.proj", "v.patch_embd"),
                ("merger.ln_q", "v.post_ln"),
                ("merger.mlp.0", "mm.0"),
                ("merger.mlp.2", "mm.2"),
            ],
        ),
        Some((i, rest)) => renamed(
            rest,
            &format!("v.blk.{i}."),
            &[
                ("norm1", "ln1"),
                ("attn.qkv", "attn_qkv"),
                ("attn.proj", "attn_out"),
                ("norm2", "ln2"),
                ("mlp.gate_proj", "ffn_gate"),
                ("mlp.up_proj", "ffn_up"),
                ("mlp.down_proj", "ffn_down"),
            ],
        ),
    }
}
