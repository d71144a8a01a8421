"""Vision towers and projectors as llama.cpp's converters write them: tensor names come from the tables of the `gguf`
package, or for LLaVA's from the older script's replacements."""

import json

import gguf
import torch
from gguf import GGMLQuantizationType as Kind

from common import CLIP_MEAN, CLIP_STD
from gguf_text import FTYPE, close, put


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
