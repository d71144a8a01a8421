"""Golden checkpoints as llama.cpp's GGUF files, and what transformers computes with the values in them.

The files are what convert_hf_to_gguf.py (the language models, and the mmproj of Qwen's) and
legacy-models/convert_image_encoder_to_gguf.py (LLaVA's mmproj) of llama.cpp write: tensor names come from the tables
of the `gguf` package, or for LLaVA's mmproj from the older script's replacements.
"""

import json
import shutil

import gguf
import numpy as np
import sentencepiece
import torch
from gguf import GGMLQuantizationType as Kind
from gguf import TokenType
from safetensors.torch import load_file
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, pre_tokenizers
from transformers import (
    GenerationConfig, InternVLForConditionalGeneration, LlavaForConditionalGeneration, Qwen2_5_VLForConditionalGeneration,
    Qwen2VLForConditionalGeneration, Qwen3VLForConditionalGeneration,
)

from common import CLIP_MEAN, CLIP_STD, HERE, TEXTS, greedy, margins, save_tensors, setup, write_json
from make_llava import TEMPLATE, VICUNA

OUT = HERE / "gguf"

# kind: what matrices are stored as. mmproj: how the vision tower is written down (see clip()).
SPECS = {
    "llava-mha": dict(kind=Kind.F32, mmproj="whole"),
    "llava-gqa": dict(kind=Kind.F16, mmproj="legacy"),
    "llava-headdim": dict(kind=Kind.BF16, mmproj="layer"),
    "interleave-full": dict(kind=Kind.F16, mmproj="siglip"),
    "qwen-square": dict(kind=Kind.F16, mmproj="pattern"),
    "qwen-wide": dict(kind=Kind.BF16, mmproj="list"),
    "qwen2-tall": dict(kind=Kind.F16, mmproj="first"),
    "qwen2-wide": dict(kind=Kind.BF16, mmproj="present"),
    "qwen3-tall": dict(kind=Kind.F16, mmproj="deepstack"),
    "qwen3-wide": dict(kind=Kind.BF16, mmproj="deepstack"),
    "internvl-qwen2": dict(kind=Kind.F16, mmproj="internvl"),
    "internvl-qwen3": dict(kind=Kind.BF16, mmproj="internvl"),
}
# By what begins a checkpoint's name.
FAMILIES = {
    "llava": (LlavaForConditionalGeneration, gguf.MODEL_ARCH.LLAMA),
    "interleave": (LlavaForConditionalGeneration, gguf.MODEL_ARCH.QWEN2),
    "qwen": (Qwen2_5_VLForConditionalGeneration, gguf.MODEL_ARCH.QWEN2VL),
    "qwen2": (Qwen2VLForConditionalGeneration, gguf.MODEL_ARCH.QWEN2VL),
    "internvl": (InternVLForConditionalGeneration, None),
    "qwen3": (Qwen3VLForConditionalGeneration, gguf.MODEL_ARCH.QWEN3VL),
}
TORCH = {Kind.F32: torch.float32, Kind.F16: torch.float16, Kind.BF16: torch.bfloat16}
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


def legacy_name(name):
    """get_tensor_name of convert_image_encoder_to_gguf.py: fc1 is called down and fc2 up."""
    if name.startswith("multi_modal_projector"):
        return name.replace("multi_modal_projector", "mm").replace("linear_1", "0").replace("linear_2", "2")
    for old, new in [("vision_model", "v"), ("encoder.layers", "blk"), ("embeddings.", ""), ("_proj", ""),
                     ("self_attn.", "attn_"), ("layer_norm", "ln"), ("layernorm", "ln"), ("mlp.fc1", "ffn_down"),
                     ("mlp.fc2", "ffn_up"), ("embedding", "embd"), ("final", "post"), ("layrnorm", "ln")]:
        name = name.replace(old, new)
    return name


def clip(path, model, kind, form):
    """LLaVA's mmproj. `whole`: all blocks and the norm after them, whatever the feature layer; `legacy`: as the older
    converter writes it, without both and with up and down reversed; `layer`: the feature layer named."""
    config, vision = model.config, model.config.vision_config
    writer = gguf.GGUFWriter(path, "clip")
    legacy = form == "legacy"
    layer = config.vision_feature_layer
    layer = layer if layer >= 0 else vision.num_hidden_layers + 1 + layer
    blocks = layer if legacy else vision.num_hidden_layers
    writer.add_bool("clip.has_text_encoder", False)
    writer.add_clip_has_vision_encoder(True)
    writer.add_bool("clip.has_llava_projector", True)
    writer.add_file_type(FTYPE[kind])
    writer.add_clip_projector_type("mlp")
    writer.add_vision_image_size(vision.image_size)
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_embedding_length(vision.hidden_size)
    writer.add_vision_feed_forward_length(vision.intermediate_size)
    writer.add_vision_projection_dim(vision.projection_dim)
    writer.add_vision_head_count(vision.num_attention_heads)
    writer.add_vision_attention_layernorm_eps(vision.layer_norm_eps)
    writer.add_vision_block_count(blocks)
    if form == "layer":
        writer.add_array("clip.vision.feature_layer", [layer])
    writer.add_vision_image_mean(CLIP_MEAN)
    writer.add_vision_image_std(CLIP_STD)
    if vision.hidden_act == "gelu" or legacy:
        writer.add_vision_use_gelu(vision.hidden_act == "gelu")
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, vision.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if "vision_tower" not in name and "multi_modal_projector" not in name:
            continue
        name = name.removeprefix("model.").replace("vision_tower.", "vision_model.")
        number = name.split(".")[3] if ".layers." in name else "0"
        if legacy and (int(number) >= blocks or "post_layernorm" in name):
            continue
        if legacy or "multi_modal_projector" in name:
            new = legacy_name(name)
        else:
            new = names.get_name(f"vision_tower.{name}", try_suffixes=(".weight", ".bias"))
            assert new, name
        put(writer, new, tensor, kind)
    close(writer)


def siglip(path, model, kind):
    """LLaVA-Interleave's mmproj as the tables of today's converter name it: all blocks and the norm after them, and the
    projector's maps counted from one."""
    vision = model.config.vision_config
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type(gguf.GGUFType.MMPROJ)
    writer.add_file_type(FTYPE[kind])
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type("mlp")
    writer.add_vision_image_size(vision.image_size)
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_embedding_length(vision.hidden_size)
    writer.add_vision_feed_forward_length(vision.intermediate_size)
    writer.add_vision_projection_dim(model.config.text_config.hidden_size)
    writer.add_vision_head_count(vision.num_attention_heads)
    writer.add_vision_attention_layernorm_eps(vision.layer_norm_eps)
    writer.add_vision_block_count(vision.num_hidden_layers)
    writer.add_vision_image_mean([0.5, 0.5, 0.5])
    writer.add_vision_image_std([0.5, 0.5, 0.5])
    writer.add_vision_use_gelu(True)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, vision.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if "vision_tower" not in name and "multi_modal_projector" not in name:
            continue
        name = name.removeprefix("model.").replace("vision_tower.", "vision_tower.vision_model.")
        new = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert new, name
        put(writer, new, tensor, kind)
    close(writer)


def qwen(path, folder, model, kind, form):
    """Qwen2.5-VL's mmproj. `pattern`: q, k and v apart and every n-th block full, as the converter writes it; `list`:
    fused, and the full blocks by number, as its first version did."""
    vision, text = model.config.vision_config, model.config.text_config
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type(gguf.GGUFType.MMPROJ)
    writer.add_file_type(FTYPE[kind])
    writer.add_clip_has_vision_encoder(True)
    writer.add_vision_projection_dim(text.hidden_size)
    writer.add_vision_image_size(560)
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_embedding_length(vision.hidden_size)
    writer.add_vision_feed_forward_length(vision.intermediate_size)
    writer.add_vision_block_count(vision.depth)
    writer.add_vision_head_count(vision.num_heads)
    writer.add_vision_image_mean(CLIP_MEAN)
    writer.add_vision_image_std(CLIP_STD)
    writer.add_clip_projector_type(gguf.VisionProjectorType.QWEN25VL)
    writer.add_vision_use_silu(True)
    full = vision.fullatt_block_indexes
    if form == "pattern":
        assert full == list(range(full[0], vision.depth, full[0] + 1)), full
        writer.add_vision_n_wa_pattern(full[0] + 1)
    else:
        writer.add_array("clip.vision.fullatt_block_indexes", full)
    if vision.window_size != 112:
        writer.add_vision_window_size(vision.window_size)
    golden = json.loads((folder / "golden.json").read_text())
    writer.add_vision_min_pixels(golden["min_pixels"])
    writer.add_vision_max_pixels(golden["max_pixels"])
    # The text model's, which the vision tower does not use: its own is always 1e-6.
    writer.add_vision_attention_layernorm_eps(text.rms_norm_eps)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, vision.depth)
    for name, tensor in model.state_dict().items():
        if not name.startswith("model.visual."):
            continue
        name = name.removeprefix("model.")
        if "patch_embed.proj.weight" in name:
            put(writer, "v.patch_embd.weight", tensor[:, :, 0], kind)
            put(writer, "v.patch_embd.weight.1", tensor[:, :, 1], kind)
            continue
        parts = [(name, tensor)]
        if ".qkv." in name and form == "pattern":
            parts = [(name.replace("qkv", p), t) for p, t in zip("qkv", tensor.chunk(3))]
        for name, tensor in parts:
            new = names.get_name(name, try_suffixes=(".weight", ".bias"))
            assert new, name
            put(writer, new, tensor, kind)
    close(writer)


def qwen2(path, folder, model, kind, form):
    """Qwen2-VL's mmproj. `present`: as the converter writes it, fused; `first`: as qwen2_vl_surgery.py did, with q, k
    and v apart, up and down the other way round, and a table of positions that nobody reads."""
    vision, text = model.config.vision_config, model.config.text_config
    first = form == "first"
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type(gguf.GGUFType.MMPROJ)
    writer.add_file_type(FTYPE[kind])
    writer.add_clip_has_vision_encoder(True)
    writer.add_clip_projector_type(gguf.VisionProjectorType.QWEN2VL)
    writer.add_vision_projection_dim(text.hidden_size)
    writer.add_vision_image_size(560)
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_embedding_length(vision.embed_dim)
    # What configurations call hidden_size is the language model's width.
    writer.add_vision_feed_forward_length(0 if first else vision.hidden_size)
    writer.add_vision_block_count(vision.depth)
    writer.add_vision_head_count(vision.num_heads)
    writer.add_vision_image_mean(CLIP_MEAN)
    writer.add_vision_image_std(CLIP_STD)
    writer.add_vision_attention_layernorm_eps(1e-6)
    if first:
        writer.add_bool("clip.use_silu", False)
        writer.add_bool("clip.use_gelu", False)
        put(writer, "v.position_embd.weight", torch.zeros(10, 10), Kind.F32)
    golden = json.loads((folder / "golden.json").read_text())
    writer.add_vision_min_pixels(golden["min_pixels"])
    writer.add_vision_max_pixels(golden["max_pixels"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, vision.depth)
    turned = {"ffn_up": "ffn_down", "ffn_down": "ffn_up"} if first else {}
    for name, tensor in model.state_dict().items():
        if not name.startswith("model.visual."):
            continue
        name = name.removeprefix("model.")
        if "patch_embed.proj.weight" in name:
            put(writer, "v.patch_embd.weight", tensor[:, :, 0], kind)
            put(writer, "v.patch_embd.weight.1", tensor[:, :, 1], kind)
            continue
        parts = [(name, tensor)]
        if ".qkv." in name and first:
            parts = [(name.replace("qkv", p), t) for p, t in zip("qkv", tensor.chunk(3))]
        for name, tensor in parts:
            new = names.get_name(name, try_suffixes=(".weight", ".bias"))
            assert new, name
            put(writer, ".".join(turned.get(part, part) for part in new.split(".")), tensor, kind)
    close(writer)


def qwen3(path, folder, model, kind):
    """Qwen3-VL's mmproj: mergers on the way are numbered by the blocks they follow."""
    vision, text = model.config.vision_config, model.config.text_config
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type(gguf.GGUFType.MMPROJ)
    writer.add_file_type(FTYPE[kind])
    writer.add_clip_has_vision_encoder(True)
    writer.add_vision_projection_dim(text.hidden_size)
    writer.add_vision_image_size(int(vision.num_position_embeddings**0.5 * vision.patch_size))
    writer.add_vision_patch_size(vision.patch_size)
    writer.add_vision_embedding_length(vision.hidden_size)
    writer.add_vision_feed_forward_length(vision.intermediate_size)
    writer.add_vision_block_count(vision.depth)
    writer.add_vision_head_count(vision.num_heads)
    writer.add_vision_image_mean([0.5, 0.5, 0.5])
    writer.add_vision_image_std([0.5, 0.5, 0.5])
    writer.add_clip_projector_type(gguf.VisionProjectorType.QWEN3VL)
    writer.add_vision_use_gelu(True)
    writer.add_vision_spatial_merge_size(vision.spatial_merge_size)
    writer.add_vision_attention_layernorm_eps(text.rms_norm_eps)
    deep = vision.deepstack_visual_indexes
    writer.add_vision_is_deepstack_layers([i in deep for i in range(vision.depth)])
    golden = json.loads((folder / "golden.json").read_text())
    writer.add_vision_min_pixels(golden["min_pixels"])
    writer.add_vision_max_pixels(golden["max_pixels"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, vision.depth)
    parts = {"norm": gguf.MODEL_TENSOR.V_DS_NORM, "linear_fc1": gguf.MODEL_TENSOR.V_DS_FC1,
             "linear_fc2": gguf.MODEL_TENSOR.V_DS_FC2}
    merger = {"merger.norm": "v.post_ln", "merger.linear_fc1": "mm.0", "merger.linear_fc2": "mm.2"}
    for name, tensor in model.state_dict().items():
        if not name.startswith("model.visual."):
            continue
        name = name.removeprefix("model.")
        part, ending = name.removeprefix("visual.").rsplit(".", 1)
        if name == "visual.patch_embed.proj.weight":
            put(writer, "v.patch_embd.weight", tensor[:, :, 0], kind)
            put(writer, "v.patch_embd.weight.1", tensor[:, :, 1], kind)
        elif name == "visual.patch_embed.proj.bias":
            put(writer, "v.patch_embd.bias", tensor, kind)
        elif part.startswith("deepstack_merger_list."):
            _, number, kept = part.split(".")
            put(writer, gguf.TENSOR_NAMES[parts[kept]].format(bid=deep[int(number)]) + f".{ending}", tensor, kind)
        elif part in merger:
            put(writer, f"{merger[part]}.{ending}", tensor, kind)
        else:
            new = names.get_name(name, try_suffixes=(".weight", ".bias"))
            assert new, name
            put(writer, new, tensor, kind)
    close(writer)


def internvl(path, model, kind, most):
    """InternVL's mmproj, of its own repositories: q, k and v apart, scales and positions as weights."""
    vision, text = model.config.vision_config, model.config.text_config
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type(gguf.GGUFType.MMPROJ)
    writer.add_file_type(FTYPE[kind])
    writer.add_clip_has_vision_encoder(True)
    writer.add_vision_projection_dim(text.hidden_size)
    writer.add_vision_image_size(vision.image_size[0])
    writer.add_vision_patch_size(vision.patch_size[0])
    writer.add_vision_embedding_length(vision.hidden_size)
    writer.add_vision_feed_forward_length(vision.intermediate_size)
    writer.add_vision_block_count(vision.num_hidden_layers)
    writer.add_vision_head_count(vision.num_attention_heads)
    writer.add_vision_image_mean([0.485, 0.456, 0.406])
    writer.add_vision_image_std([0.229, 0.224, 0.225])
    writer.add_clip_projector_type(gguf.VisionProjectorType.INTERNVL)
    writer.add_vision_attention_layernorm_eps(vision.layer_norm_eps)
    writer.add_vision_use_gelu(True)
    writer.add_vision_projector_scale_factor(2)
    if most is not None:  # converters of the first months did not say
        writer.add_uint32("clip.vision.preproc_min_tiles", 1)
        writer.add_uint32("clip.vision.preproc_max_tiles", most)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, vision.num_hidden_layers)
    projector = {"layer_norm": "0", "linear_1": "1", "linear_2": "3"}
    for name, tensor in model.state_dict().items():
        if name.startswith("model.multi_modal_projector."):
            part, ending = name.removeprefix("model.multi_modal_projector.").split(".")
            put(writer, f"mm.model.mlp.{projector[part]}.{ending}", tensor, kind)
        elif name.startswith("model.vision_tower."):
            new = names.get_name(name, try_suffixes=(".weight", ".bias"))
            assert new, name
            plain = any(part in name for part in ("lambda_", "position_embeddings"))
            exact = "position_embeddings" in name  # tensor_force_quant: f32
            put(writer, f"{new}.weight" if plain else new, tensor.squeeze(), Kind.F32 if exact else kind)
    close(writer)


def rounded(model, kind):
    """Give the model the values its files hold."""
    for name, p in model.named_parameters():
        if p.squeeze().ndim >= 2 and "vision_tower.embeddings.position_embeddings" not in name:
            p.copy_(p.to(TORCH[kind]).float())
    return model


def sentence_piece(tokenizer):
    """SentencePiece itself with the vocabulary of a tiny tokenizer."""
    size = len(tokenizer["model"]["vocab"])
    proto = sentencepiece_model_pb2.ModelProto()
    for token, score, kind in zip(*(x[:size] for x in pieces(tokenizer, size + 2))):
        proto.pieces.add(piece=token, score=score, type=int(kind))
    proto.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.ModelType.BPE
    proto.trainer_spec.byte_fallback = True
    proto.trainer_spec.unk_id, proto.trainer_spec.bos_id, proto.trainer_spec.eos_id = 0, 1, 2
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = True
    proto.normalizer_spec.remove_extra_whitespaces = False
    return sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())


def llava_ids(processor, text, template, image, n):
    """[bos] + text before the picture + picture + text after it: a prefix space goes before both texts."""
    before, after = template.split("<image>")
    return [1] + processor.encode(before) + [image] * n + processor.encode(after.format(text=text))


def make(name):
    spec, folder = SPECS[name], HERE / name
    llava = name.startswith("llava")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    facts = json.loads((folder / "golden.json").read_text())
    old = load_file(folder / "golden.safetensors")
    kind, form = spec["kind"], spec["mmproj"]
    family, arch = FAMILIES[name.split("-")[0]]
    if arch is None:
        arch = gguf.MODEL_ARCH.QWEN3 if name.endswith("qwen3") else gguf.MODEL_ARCH.QWEN2
    model = family.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    model.generation_config = GenerationConfig()  # the folder's has a repetition penalty
    model = rounded(model, kind)
    eos = facts["eos_token_ids"]
    language_model(OUT / f"{name}.gguf", model, arch, kind, tokenizer, eos[-1] if len(eos) > 1 and llava else None)
    mmproj = OUT / f"{name}-mmproj.gguf"
    ids = old["input_ids"]
    image = model.config.image_token_id
    if llava:
        clip(mmproj, model, kind, form)
        processor = sentence_piece(tokenizer)
        n = int((ids == image).sum())
        ids = torch.tensor(llava_ids(processor, facts["text"], TEMPLATE, image, n))
        write_json(OUT / f"{name}.json", [
            {"text": text, "ids": llava_ids(processor, text, TEMPLATE, image, n),
             "ids_vicuna_v1": llava_ids(processor, text, VICUNA, image, n)} for text in TEXTS])
        inputs = {"pixel_values": old["pixel_values"][None]}
    elif form == "siglip":
        siglip(mmproj, model, kind)
        inputs = {"pixel_values": old["pixel_values"][None]}
    else:
        if form == "internvl":
            internvl(mmproj, model, kind, None if name == "internvl-qwen2" else 6)
        elif form == "deepstack":
            qwen3(mmproj, folder, model, kind)
        else:
            (qwen2 if form in ("first", "present") else qwen)(mmproj, folder, model, kind, form)
        if form == "internvl":
            inputs = {"pixel_values": old["pixel_values"][None]}
        else:
            inputs = {"pixel_values": old["pixel_values"], "image_grid_thw": old["image_grid_thw"][None],
                      "mm_token_type_ids": (ids == image).int()[None]}
    inputs |= {"input_ids": ids[None], "attention_mask": torch.ones_like(ids)[None]}
    golden = greedy(model, inputs)
    save_tensors(OUT / f"{name}.safetensors", {
        "input_ids": ids, "generated_ids": golden["generated_ids"], "logits_generated": golden["logits_generated"]})
    print(name, "smallest margin", margins(golden["logits_generated"])["relative_min"])


def block_types():
    """One row of every block type with random contents, and the values that the `gguf` package reads from it."""
    random = np.random.default_rng(20)
    writer = gguf.GGUFWriter(OUT / "types.gguf", "types")
    values = {}
    # Where a block's 16-bit scales lie; everything else in it may be anything.
    scales = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
              "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
    for name, places in scales.items():
        kind = Kind[name]
        width, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (3, 512 // width, size), dtype=np.uint8)
        for at in places:
            scale = (random.standard_normal((3, 512 // width, 1)) / 50).astype(np.float16)
            blocks[..., at : at + 2] = scale.view(np.uint8)
        raw = blocks.reshape(3, -1)
        writer.add_tensor(name.lower(), raw, raw_dtype=kind)
        values[name.lower()] = torch.tensor(gguf.quants.dequantize(raw, kind))
    for name in ("F32", "F16", "BF16"):
        plain = random.standard_normal((3, 512)).astype(np.float32)
        raw = gguf.quants.quantize(plain, Kind[name])
        writer.add_tensor(name.lower(), raw, raw_dtype=Kind[name])
        values[name.lower()] = torch.tensor(gguf.quants.dequantize(raw, Kind[name]))
    close(writer)
    save_tensors(OUT / "types.safetensors", values)


LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Put into unused rows: with numbers of one digit only, nobody could tell some of the ways apart.
NUMBERS = [("1", "2"), ("2", "0")]


def byte_level(name, pre):
    """A tiny Qwen vocabulary behind another way to cut text into words, as the models of that name have it."""
    j = json.loads((HERE / name / "tokenizer.json").read_text())
    for added in j["added_tokens"]:
        added["special"] |= added["content"].startswith("<|")
        j["model"]["vocab"][added["content"]] = added["id"]  # or they would be numbered anew
    j["normalizer"] = None
    merges = j["model"]["merges"]
    for i, (a, b) in enumerate(NUMBERS):
        j["model"]["vocab"][a + b] = 442 + i
        merges.append([a, b] if isinstance(merges[0], list) else f"{a} {b}")
    if pre == "llama-bpe":
        j["model"]["ignore_merges"] = True
        j["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = LLAMA3
    tokenizer = Tokenizer.from_str(json.dumps(j))
    if pre == "gpt-2":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.encode_special_tokens = True
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def words():
    """Ids of texts behind the pre-tokenizers that no golden here has; `numbers` are in rows 442 and 443."""
    name = "qwen-square"
    ways = {pre: byte_level(name, pre) for pre in ("llama-bpe", "gpt-2")}
    cases = [{"text": t, **{pre: ids(t) for pre, ids in ways.items()}} for t in TEXTS]
    write_json(OUT / "words.json", {"numbers": NUMBERS, "cases": cases})
    assert all(any(a(t) != byte_level(name, "qwen2")(t) for t in TEXTS) for a in [ways["llama-bpe"], ways["gpt-2"]])


if __name__ == "__main__":
    setup()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    block_types()
    words()
    for name in SPECS:
        make(name)
