"""Writes a trained film model as a Hugging Face folder that transformers' Qwen2.5-VL loads unchanged: as qwen_export.py, and the video processor's file."""

import json
import re
import sys
from pathlib import Path

from . import qwen_export
from .media_tokenizer import VIDEO

ID = VIDEO.ID
export = qwen_export.export


def describe(s, folder):
    """config.json and the other small files beside the weights; the tokenizer's are written by media_tokenizer.py."""
    folder = Path(folder)
    qwen_export.describe(s, folder, ID)
    read = lambda name: json.loads((folder / name).read_text())
    dump = lambda name, value: (folder / name).write_text(json.dumps(value, indent=2) + "\n")
    dump("generation_config.json", read("generation_config.json") | {"max_new_tokens": 48})
    picture = read("preprocessor_config.json")
    kept = ("do_convert_rgb", "do_normalize", "do_rescale", "do_resize", "image_mean", "image_std", "merge_size", "patch_size", "processor_class", "resample", "rescale_factor", "size", "temporal_patch_size")
    video = {k: picture[k] for k in kept} | {"cap_pixels_per_frame": False, "do_sample_frames": False, "video_processor_type": "Qwen2VLVideoProcessor"}
    dump("video_preprocessor_config.json", dict(sorted(video.items())))


def read(folder):
    """The lean model with the weights of a folder."""
    from safetensors.torch import load_file

    from .video import Shape, Video
    model, found, state = Video(Shape()), load_file(Path(folder) / "model.safetensors"), {}
    for name, value in model.state_dict().items():
        if "_head." in name:
            continue
        part = re.fullmatch(r"vision\.layers\.(\d+)\.([qkv])_proj\.(\w+)", name)
        if part:
            block, kind, end = part.groups()
            own = found[f"visual.blocks.{block}.attn.qkv.{end}"].chunk(3)["qkv".index(kind)]
        else:
            own = found[next(iter(qwen_export.names({name: value}, model.shape)))]
        state[name] = own.float().view_as(value)
    wrong = model.load_state_dict(state, strict=False)
    assert not wrong.unexpected_keys and all("_head." in k for k in wrong.missing_keys), wrong
    return model.eval()


if __name__ == "__main__":  # the files beside the weights
    from .video import Shape
    describe(Shape(), sys.argv[1])
