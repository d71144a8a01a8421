"""Writes a trained audio model as a Hugging Face folder that transformers' Qwen2-Audio loads unchanged."""

import json
import os
from pathlib import Path

import torch

from . import decoder
from .media_tokenizer import AUDIO

ID = AUDIO.ID


def config(s):
    from transformers import Qwen2AudioConfig
    audio = dict(model_type="qwen2_audio_encoder", num_mel_bins=s.mels, max_source_positions=s.frames, d_model=s.audio_width, encoder_layers=s.audio_layers,
                 encoder_attention_heads=s.audio_heads, encoder_ffn_dim=s.audio_mlp)
    return Qwen2AudioConfig(audio_config=audio, text_config=dict(model_type="qwen2", **decoder.config(s, AUDIO)), audio_token_index=ID["<|AUDIO|>"], tie_word_embeddings=False)


def names(state):
    """The lean model's parameters under the names of the hub's files."""
    out = {}
    for name, value in state.items():
        if name.startswith("audio."):
            name = "audio_tower." + name.removeprefix("audio.")
            for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                name = name.replace(f".{part}", f".self_attn.{part}")
            out[name] = value
        elif name.startswith("linear."):
            out["multi_modal_projector." + name] = value
    inner = {k.removeprefix("decoder."): v for k, v in state.items() if k.startswith("decoder.")}
    return out | decoder.names(inner, "language_model.model.", "language_model.lm_head.")


def export(model, folder):
    """f16 weights alone, the file replaced at once; needs no transformers."""
    from safetensors.torch import save_file
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = names({k: v.detach().float().cpu() for k, v in model.state_dict().items()})
    save_file({k: v.half().contiguous() for k, v in state.items()}, folder / "model.new", metadata={"format": "pt"})
    os.replace(folder / "model.new", folder / "model.safetensors")
    return os.path.getsize(folder / "model.safetensors")


def describe(s, folder):
    """config.json and the other small files beside the weights; the tokenizer's are written by media_tokenizer.py."""
    folder = Path(folder)
    own = config(s)
    own.dtype, own.architectures = torch.float16, ["Qwen2AudioForConditionalGeneration"]
    own.save_pretrained(folder)
    dump = lambda name, value: (folder / name).write_text(json.dumps(value, indent=2) + "\n")
    dump("generation_config.json", {
        "bos_token_id": ID["<|endoftext|>"], "do_sample": False, "eos_token_id": [ID["<|im_end|>"], ID["<|endoftext|>"]],
        "max_new_tokens": 32, "pad_token_id": ID["<|endoftext|>"]})
    dump("preprocessor_config.json", {
        "chunk_length": s.seconds, "dither": 0.0, "feature_extractor_type": "WhisperFeatureExtractor", "feature_size": s.mels, "hop_length": 160, "n_fft": 400,
        "n_samples": s.seconds * 16000, "nb_max_frames": s.seconds * 100, "padding_side": "right", "padding_value": 0.0, "processor_class": "Qwen2AudioProcessor",
        "return_attention_mask": True, "sampling_rate": 16000})


def read(folder):
    """The lean model with the weights of a folder."""
    from safetensors.torch import load_file

    from .audio import Audio, Shape
    model, found = Audio(Shape(), 1), load_file(Path(folder) / "model.safetensors")
    own = names({k: k for k in model.state_dict() if "sound_head" not in k})
    assert set(own) == set(found), set(own) ^ set(found)
    model.load_state_dict({k: found[name].float() for name, k in own.items()}, strict=False)
    return model.eval()
