"""Writes a trained model as a Hugging Face folder that transformers' LLaVA loads unchanged."""

import json
import os
from pathlib import Path

import torch

from .tokenizer import BOS, EOS, IMAGE, PAD


def config(s):
    from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig
    vision = CLIPVisionConfig(hidden_size=s.vision_width, intermediate_size=s.vision_mlp, num_hidden_layers=s.vision_layers,
                              num_attention_heads=s.vision_heads, image_size=s.image, patch_size=s.patch, projection_dim=s.vision_width)
    text = LlamaConfig(vocab_size=s.vocab, hidden_size=s.width, intermediate_size=s.mlp, num_hidden_layers=s.layers,
                       num_attention_heads=s.heads, num_key_value_heads=s.heads, head_dim=s.width // s.heads, max_position_embeddings=4096,
                       rms_norm_eps=s.eps, tie_word_embeddings=True, bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD)
    return LlavaConfig(vision_config=vision, text_config=text, image_token_index=IMAGE, image_seq_length=s.image_tokens,
                       vision_feature_layer=-2, vision_feature_select_strategy="default", projector_hidden_act="gelu", tie_word_embeddings=True)


def names(state, s):
    """The lean model's parameters under transformers' names."""
    out = {}
    for name, value in state.items():
        if "head." in name:
            continue
        if name.startswith("vision."):
            name = name.removeprefix("vision.")
            if name == "patch_embedding.weight":
                value = value.view(s.vision_width, 3, s.patch, s.patch)
            if name.startswith(("class_emb", "patch_emb", "position_emb")):
                name = "embeddings." + name
            name = name.replace("layers.", "encoder.layers.")
            for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                name = name.replace(f".{part}", f".self_attn.{part}")
            out["model.vision_tower." + name.replace(".fc", ".mlp.fc")] = value
        elif name.startswith("linear_"):
            out["model.multi_modal_projector." + name] = value
        else:
            for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
                name = name.replace(f".{part}", f".self_attn.{part}")
            for part in ("gate_proj", "up_proj", "down_proj"):
                name = name.replace(f".{part}", f".mlp.{part}")
            out["model.language_model." + name] = value
    out["lm_head.weight"] = state["embed_tokens.weight"]
    return out


def to_transformers(model):
    from transformers import LlavaForConditionalGeneration
    hf = LlavaForConditionalGeneration(config(model.shape))
    hf.load_state_dict(names({k: v.detach().float().cpu() for k, v in model.state_dict().items()}, model.shape))
    return hf.eval()


def export(model, folder):
    """f16 weights, config and preprocessor files; the tokenizer's files are there already."""
    folder = Path(folder)
    hf = to_transformers(model)
    hf.generation_config.update(bos_token_id=BOS, eos_token_id=EOS, pad_token_id=PAD, max_new_tokens=32)
    hf.half().save_pretrained(folder)
    side = {"height": model.shape.image, "width": model.shape.image}
    processor = {"crop_size": side, "do_center_crop": True, "do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True,
                 "image_mean": [0.48145466, 0.4578275, 0.40821073], "image_processor_type": "CLIPImageProcessor", "image_std": [0.26862954, 0.26130258, 0.27577711],
                 "processor_class": "LlavaProcessor", "resample": 3, "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": model.shape.image}}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n")
    (folder / "processor_config.json").write_text(json.dumps({
        "image_token": "<image>", "num_additional_image_tokens": 1, "patch_size": model.shape.patch, "processor_class": "LlavaProcessor",
        "vision_feature_select_strategy": "default"}, indent=2) + "\n")
    return os.path.getsize(folder / "model.safetensors")
