"""Labelled photographs from elsewhere, for evaluation only: stamps (stamps.py) on white and on other grounds, and whole photographs."""

from pathlib import Path

import numpy as np
from PIL import Image

from .stamps import stamps

STAMPS = Path("cache/stamps/usr/share/tuxpaint/stamps")
WHOLE = Path("cache/photos-test")  # files called after what they show: "cat.jpg", "cat-2.png"


def on_ground(path, ground):
    """A stamp in the middle of a square ground (a color or a square picture)."""
    stamp = Image.open(path).convert("RGBA")
    side = int(max(stamp.size) * 1.08)
    whole = ground.convert("RGBA").resize((side, side)) if isinstance(ground, Image.Image) else Image.new("RGBA", (side, side), ground)
    whole.alpha_composite(stamp, ((side - stamp.width) // 2, (side - stamp.height) // 2))
    return whole.convert("RGB")


def grounds(count, seed=11):
    """Plain, shaded and spotted grounds in pale to middle colors."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        one, two = rng.integers(90, 256, (2, 3))
        t = np.linspace(0, 1, 256)[:, None, None] if i % 2 else np.linspace(0, 1, 256)[None, :, None]
        field = one * (1 - t) + two * t + np.zeros((256, 256, 3))
        if i % 3 == 0:
            spots = np.asarray(Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).resize((256, 256), Image.Resampling.BICUBIC))
            field = 0.7 * field + 0.3 * spots
        yield Image.fromarray(field.clip(0, 255).astype(np.uint8))


def test_pictures():
    """{set: [(name, square picture)]}; a whole photograph's middle square, as the model's processor cuts it"""
    found = [(name, STAMPS / f"{path}.png") for name, path in stamps()]
    out = {"stamps on white": [(n, on_ground(p, (255, 255, 255, 255))) for n, p in found],
           "stamps on grounds": [(n, on_ground(p, g)) for (n, p), g in zip(found, grounds(len(found)))], "whole photographs": []}
    for path in sorted(WHOLE.iterdir()):
        image = Image.open(path).convert("RGB")
        side = min(image.size)
        x, y = (image.width - side) // 2, (image.height - side) // 2
        out["whole photographs"].append((path.stem.split("-")[0].replace("_", " "), image.crop((x, y, x + side, y + side))))
    return out


def arrays(side=192):
    """The same as arrays: {set: (names, [N, 3, side, side] uint8)}"""
    return {k: ([n for n, _ in v], np.stack([np.asarray(p.resize((side, side), Image.Resampling.BICUBIC)).transpose(2, 0, 1) for _, p in v])) for k, v in test_pictures().items()}


if __name__ == "__main__":
    np.savez_compressed("cache/probe.npz", **{f"{k}/{part}": v[i] for k, v in arrays().items() for i, part in enumerate(("names", "pixels"))})
