"""Writes a trained series model as ChatTS's files have it: Qwen2's names, the encoder under ts_encoder.mlp."""

import json
import os
from pathlib import Path

from . import decoder
from .media_tokenizer import SERIES

ID = SERIES.ID


def names(state):
    inner = {k.removeprefix("decoder."): v for k, v in state.items() if k.startswith("decoder.")}
    return {"ts_encoder.mlp." + k.removeprefix("encoder."): v for k, v in state.items() if k.startswith("encoder.")} | decoder.names(inner)


def export(model, folder):
    """f16 weights alone, the file replaced at once."""
    from safetensors.torch import save_file
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    state = names({k: v.detach().float().cpu() for k, v in model.state_dict().items()})
    save_file({k: v.half().contiguous() for k, v in state.items()}, folder / "model.new", metadata={"format": "pt"})
    os.replace(folder / "model.new", folder / "model.safetensors")
    return os.path.getsize(folder / "model.safetensors")


def describe(s, folder):
    """config.json and generation_config.json; the tokenizer's files are written by media_tokenizer.py."""
    from transformers import Qwen2Config
    folder = Path(folder)
    Qwen2Config(**decoder.config(s, SERIES)).save_pretrained(folder)
    own = json.loads((folder / "config.json").read_text()) | {
        "architectures": ["Qwen2TSForCausalLM"], "dtype": "float16", "ts_token_start_index": ID["<ts>"], "ts_token_end_index": ID["<ts/>"],
        "ts": {"patch_size": s.patch, "num_layers": s.encoder_layers, "hidden_size": s.width, "num_features": 2}}
    (folder / "config.json").write_text(json.dumps(own, indent=2) + "\n")
    (folder / "generation_config.json").write_text(json.dumps({
        "bos_token_id": ID["<|endoftext|>"], "do_sample": False, "eos_token_id": [ID["<|im_end|>"], ID["<|endoftext|>"]],
        "max_new_tokens": 32, "pad_token_id": ID["<|endoftext|>"]}, indent=2) + "\n")


def read(folder):
    """The lean model with the weights of a folder."""
    from safetensors.torch import load_file

    from .series import Series, Shape
    model, found = Series(Shape()), load_file(Path(folder) / "model.safetensors")
    own = names({k: k for k in model.state_dict()})
    assert set(own) == set(found), set(own) ^ set(found)
    model.load_state_dict({k: found[name].float() for name, k in own.items()})
    return model.eval()
