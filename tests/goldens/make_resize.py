"""What torchvision and Pillow make of pictures at other sizes, and transformers' default processors of pictures.

`resize.json` holds SHA-256 hashes: of 8-bit levels by pair of sizes, filter and arithmetic, and of `pixel_values` (f32,
little-endian) of the image processors that AutoProcessor takes for LLaVA and Qwen2.5-VL folders. The pictures are a formula.
"""

import hashlib
import json
import pathlib

import numpy as np
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as tv
from transformers import AutoImageProcessor

HERE = pathlib.Path(__file__).parent
FILTERS = {
    "bicubic": (Image.Resampling.BICUBIC, tv.InterpolationMode.BICUBIC),
    "bilinear": (Image.Resampling.BILINEAR, tv.InterpolationMode.BILINEAR),
    "lanczos": (Image.Resampling.LANCZOS, None),
}
PAIRS = [
    ((640, 480), (336, 336)), ((640, 480), (448, 336)), ((640, 480), (224, 168)), ((640, 480), (644, 476)), ((480, 640), (336, 448)),
    ((640, 427), (503, 336)), ((427, 640), (336, 503)), ((500, 375), (448, 336)), ((333, 500), (336, 504)), ((101, 67), (56, 84)),
    ((67, 101), (84, 56)), ((37, 29), (336, 263)), ((29, 37), (28, 28)), ((200, 50), (56, 56)), ((50, 200), (56, 56)),
    ((123, 457), (77, 100)), ((457, 123), (100, 77)), ((300, 300), (300, 100)), ((300, 300), (100, 300)), ((64, 64), (64, 64)),
    ((1, 1), (56, 56)), ((3, 5), (28, 28)), ((1, 90), (28, 28)), ((90, 1), (28, 28)), ((1024, 768), (140, 112)), ((97, 1031), (28, 196)),
]  # fmt: skip


def picture(width, height):
    """Smooth in places, overflowing in others; whole numbers alone, so that any language makes the same."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    levels = [(x * x * (c + 1) + 37 * y * (c + 2) + 5 * x * y) // 4 % 256 for c in range(3)]
    levels = np.stack(levels, -1)
    levels[(x // 9 + y // 7) % 3 == 0] = [255, 0, 128]
    return levels.astype(np.uint8)


def sha(array):
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def resized():
    for source, target in PAIRS:
        levels = picture(*source)
        image = Image.fromarray(levels)
        for name, (pil, interpolation) in FILTERS.items():
            yield source, target, name, "pillow-13", sha(np.asarray(image.resize(target, pil)))
            # One pass at a time there is no choice of order: the columns' width first, as Pillow 12 always does it.
            across = image.resize((target[0], source[1]), pil)
            yield source, target, name, "pillow-12", sha(np.asarray(across.resize(target, pil)))
            if interpolation is not None:
                tensor = torch.from_numpy(levels).permute(2, 0, 1).contiguous()
                out = tv.resize(tensor, [target[1], target[0]], interpolation=interpolation, antialias=True)
                yield source, target, name, "torchvision", sha(out.permute(1, 2, 0).numpy())


def prepared():
    sizes = [(640, 480), (480, 640), (641, 479), (100, 75), (57, 200), (56, 56), (30, 20)]
    for backend in ("torchvision", "pil"):
        clip = AutoImageProcessor.from_pretrained(HERE / "llava-gqa", backend=backend)
        qwen = AutoImageProcessor.from_pretrained(HERE / "qwen-exact", backend=backend)
        if backend == "torchvision":
            for folder, processor in (("llava-gqa", clip), ("qwen-exact", qwen)):
                default = AutoImageProcessor.from_pretrained(HERE / folder)
                assert type(default) is type(processor), (folder, type(default))
        for folder, processor in (("llava-gqa", clip), ("qwen-exact", qwen)):
            for size in sizes:
                values = processor(images=Image.fromarray(picture(*size)), return_tensors="pt")["pixel_values"]
                assert values.dtype == torch.float32
                name = "torchvision" if backend == "torchvision" else "pillow-13"
                yield folder, size, name, sha(values.numpy())


def main():
    resize = [json.dumps({"from": a, "to": b, "filter": f, "resizing": r, "sha256": s}) for a, b, f, r, s in resized()]
    prepare = [json.dumps({"model": m, "size": s, "resizing": r, "sha256": h}) for m, s, r, h in prepared()]
    join = ",\n".join
    (HERE / "resize.json").write_text('{"resize": [\n' + join(resize) + '\n], "prepare": [\n' + join(prepare) + "\n]}\n")
    print(len(resize), "resized,", len(prepare), "prepared")


if __name__ == "__main__":
    main()
