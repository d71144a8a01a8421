"""Language models and vocabularies as convert_hf_to_gguf.py of llama.cpp writes them."""

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Kind
from gguf import TokenType

FTYPE = {Kind.F32: gguf.LlamaFileType.ALL_F32, Kind.F16: gguf.LlamaFileType.MOSTLY_F16,
         Kind.BF16: gguf.LlamaFileType.MOSTLY_BF16}


def put(writer, name, tensor, kind):
    """Add a tensor: matrices as `kind`, vectors in f32, as the converters do."""
    data = tensor.detach().float().numpy()
    kind = kind if data.ndim >= 2 else Kind.F32
    if kind in (Kind.F32, Kind.F16):
        writer.add_tensor(name, data.astype(np.float32 if kind == Kind.F32 else np.float16))
    else:
        writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)


def close(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def permute(weights, heads):
    """LlamaModel.permute of convert_hf_to_gguf.py."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def hyperparameters(writer, text, vocab):
    writer.add_type(gguf.GGUFType.MODEL)
    writer.add_block_count(text.num_hidden_layers)
    writer.add_context_length(text.max_position_embeddings)
    writer.add_embedding_length(text.hidden_size)
    writer.add_feed_forward_length(text.intermediate_size)
    writer.add_head_count(text.num_attention_heads)
    writer.add_head_count_kv(text.num_key_value_heads)
    writer.add_rope_freq_base(text.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(text.rms_norm_eps)
    writer.add_vocab_size(vocab)


def language_model(path, model, arch, kind, tokenizer, eot):
    text = model.config.text_config
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[arch])
    head_dim = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    state = {k: v for k, v in model.state_dict().items() if "language_model." in k or k.startswith("lm_head.")}
    vocab = state["model.language_model.embed_tokens.weight"].shape[0]
    hyperparameters(writer, text, vocab)
    writer.add_file_type(FTYPE[kind])
    llama = arch == gguf.MODEL_ARCH.LLAMA
    if llama:
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
        writer.add_rope_dimension_count(head_dim)
        llama_vocabulary(writer, tokenizer, vocab)
    else:
        if "mrope_section" in text.rope_parameters:
            writer.add_rope_dimension_sections([*text.rope_parameters["mrope_section"], 0])
        gpt2_vocabulary(writer, tokenizer, vocab)
    if arch in (gguf.MODEL_ARCH.QWEN3, gguf.MODEL_ARCH.QWEN3VL):
        writer.add_key_length(head_dim)
        writer.add_value_length(head_dim)
    if arch == gguf.MODEL_ARCH.QWEN3VL:
        writer.add_num_deepstack_layers(len(model.config.vision_config.deepstack_visual_indexes))
    if eot is not None:
        writer.add_eot_token_id(eot)
    names = gguf.get_tensor_name_map(arch, text.num_hidden_layers)
    for name, tensor in state.items():
        if name == "lm_head.weight" and model.config.tie_word_embeddings:
            continue
        new = names.get_name(name.replace("model.language_model.", "model."), try_suffixes=(".weight", ".bias"))
        assert new, name
        if llama and name.endswith(("q_proj.weight", "k_proj.weight")):
            heads = text.num_attention_heads if "q_proj" in name else text.num_key_value_heads
            tensor = permute(tensor, heads)
        put(writer, new, tensor, kind)
    close(writer)


def llama_vocabulary(writer, tokenizer, rows):
    tokens, scores, types = pieces(tokenizer, rows)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([t.encode() for t in tokens])
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)


def pieces(tokenizer, rows):
    """Tokens, scores and types as _create_vocab_sentencepiece makes them; a piece's score is the order of merging."""
    tokens = [f"[PAD{i}]" for i in range(rows)]
    scores, types = [-10000.0] * rows, [TokenType.UNUSED] * rows
    for token, i in tokenizer["model"]["vocab"].items():
        tokens[i], scores[i], types[i] = token, -float(max(i - 259, 0)), TokenType.NORMAL
        if 3 <= i < 259:
            types[i] = TokenType.BYTE
    for added in tokenizer["added_tokens"]:
        i = added["id"]
        tokens[i], scores[i], types[i] = added["content"], -1000.0, TokenType.CONTROL
    types[0], scores[0], scores[1], scores[2] = TokenType.UNKNOWN, 0.0, 0.0, 0.0
    return tokens, scores, types


def gpt2_vocabulary(writer, tokenizer, rows):
    tokens, types = [f"[PAD{i}]" for i in range(rows)], [TokenType.UNUSED] * rows
    for token, i in tokenizer["model"]["vocab"].items():
        tokens[i], types[i] = token, TokenType.NORMAL
    for added in tokenizer["added_tokens"]:
        i, token = added["id"], added["content"]
        looks_special = token.startswith("<|") and token.endswith("|>")
        tokens[i] = token
        types[i] = TokenType.CONTROL if added["special"] or looks_special else TokenType.USER_DEFINED
    merges = tokenizer["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_pad_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)
