"""Writes a trained Qwen as a Hugging Face folder that transformers' Qwen2.5-VL loads unchanged."""

import json
import os
from pathlib import Path

import torch

from .qwen_tokenizer import ID as PICTURES


def config(s, ID=PICTURES):
    from transformers import Qwen2_5_VLConfig
    rope = {"rope_type": "default", "rope_theta": s.theta, "mrope_section": list(s.section)}
    text = dict(vocab_size=s.vocab, hidden_size=s.width, intermediate_size=s.mlp, num_hidden_layers=s.layers, num_attention_heads=s.heads,
                num_key_value_heads=s.kv_heads, max_position_embeddings=4096, rms_norm_eps=s.eps, rope_parameters=rope,
                bos_token_id=ID["<|endoftext|>"], eos_token_id=ID["<|im_end|>"], tie_word_embeddings=True)
    vision = dict(depth=s.vision_layers, hidden_size=s.vision_width, intermediate_size=s.vision_mlp, num_heads=s.vision_heads, patch_size=s.patch,
                  spatial_merge_size=s.merge, window_size=s.window * s.merge * s.patch, fullatt_block_indexes=list(s.full),
                  out_hidden_size=s.width, tokens_per_second=2)
    return Qwen2_5_VLConfig(
        vision_config=vision, text_config=text, tie_word_embeddings=True, image_token_id=ID["<|image_pad|>"], video_token_id=ID["<|video_pad|>"],
        vision_start_token_id=ID["<|vision_start|>"], vision_end_token_id=ID["<|vision_end|>"])


def names(state, s):
    """The lean model's parameters under the names that transformers writes."""
    out = {}
    for name, value in state.items():
        if "head." in name:
            continue
        if name.startswith("vision."):
            name = "visual." + name.removeprefix("vision.")
            if name == "visual.patch_embedding.weight":  # one frame: both are the same picture
                name, value = "visual.patch_embed.proj.weight", (value * (s.frames / 2)).view(-1, 3, s.frames, s.patch, s.patch).repeat(1, 1, 2 // s.frames, 1, 1)
            name = name.replace(".layers.", ".blocks.").replace(".ln_q.", ".merger.ln_q.").replace(".merger_", ".merger.mlp.")
            if ".k_proj." in name or ".v_proj." in name:
                continue
            if ".q_proj." in name:
                own = "vision." + name.removeprefix("visual.").replace("blocks.", "layers.")
                value = torch.cat([state[own.replace(".q_proj.", f".{p}_proj.")] for p in "qkv"])
                name = name.replace(".q_proj.", ".attn.qkv.")
            name = name.replace(".proj.", ".attn.proj.") if ".blocks." in name else name
            for part in ("gate_proj", "up_proj", "down_proj"):
                name = name.replace(f".{part}", f".mlp.{part}")
            out[name] = value
        else:
            for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
                name = name.replace(f".{part}", f".self_attn.{part}")
            for part in ("gate_proj", "up_proj", "down_proj"):
                name = name.replace(f".{part}", f".mlp.{part}")
            out["model." + name] = value
    return out


def to_transformers(model, ID=PICTURES):
    from transformers import Qwen2_5_VLForConditionalGeneration
    hf = Qwen2_5_VLForConditionalGeneration._from_config(config(model.shape, ID), attn_implementation="eager")
    inner = {k.replace("visual.", "model.visual.", 1) if k.startswith("visual.") else k.replace("model.", "model.language_model.", 1): v
             for k, v in names({k: v.detach().float().cpu() for k, v in model.state_dict().items()}, model.shape).items()}
    wrong = hf.load_state_dict(inner, strict=False)
    assert not wrong.unexpected_keys and set(wrong.missing_keys) <= {"lm_head.weight"}, wrong
    hf.tie_weights()
    return hf.eval()


def export(model, folder):
    """f16 weights alone, the file replaced at once; needs no transformers."""
    from safetensors.torch import save_file
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = names({k: v.detach().float().cpu() for k, v in model.state_dict().items()}, model.shape)
    save_file({k: v.half().contiguous() for k, v in state.items()}, folder / "model.new", metadata={"format": "pt"})
    os.replace(folder / "model.new", folder / "model.safetensors")
    return os.path.getsize(folder / "model.safetensors")


def describe(s, folder, ID=PICTURES):
    """config.json and the other small files beside the weights; the tokenizer's are written by qwen_tokenizer.py."""
    folder = Path(folder)
    own = config(s, ID)
    own.dtype, own.architectures = torch.float16, ["Qwen2_5_VLForConditionalGeneration"]
    own.save_pretrained(folder)
    dump = lambda name, value: (folder / name).write_text(json.dumps(value, indent=2) + "\n")
    dump("generation_config.json", {
        "bos_token_id": ID["<|endoftext|>"], "do_sample": False, "eos_token_id": [ID["<|im_end|>"], ID["<|endoftext|>"]],
        "max_new_tokens": 32, "pad_token_id": ID["<|endoftext|>"]})
    dump("preprocessor_config.json", {
        "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True,
        "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_processor_type": "Qwen2VLImageProcessor",
        "image_std": [0.26862954, 0.26130258, 0.27577711], "max_pixels": s.max_pixels, "merge_size": s.merge, "min_pixels": s.min_pixels,
        "patch_size": s.patch, "processor_class": "Qwen2_5_VLProcessor", "resample": 3, "rescale_factor": 0.00392156862745098,
        "size": {"longest_edge": s.max_pixels, "shortest_edge": s.min_pixels}, "temporal_patch_size": 2})
