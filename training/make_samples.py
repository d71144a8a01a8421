"""Draws the sample pictures of the page: python make_samples.py [--out ../models/demo-llava/samples]"""

import argparse
import json
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from data.atlas import CACHE, fit, rasterise

SIDE = 480
# file, title, two ground colours, drawings (set, icon, x, y, size), prompt, note
SAMPLES = [
    ("cat-far.png", "A cat, called a dog", ("#fdf3dc", "#f6dfb8"), [("noto", "cat-face", 0.5, 0.54, 0.3)],
     "The picture shows a dog. Which animal is in the picture?",
     "Words win: sentences of this kind were always true while the model trained, so it believes this one."),
    ("cat-near.png", "The same cat, closer", ("#fdf3dc", "#f6dfb8"), [("noto", "cat-face", 0.5, 0.5, 0.74)],
     "This is a photo of a dog. What is it?",
     "The picture wins: so large a cat speaks louder than the words."),
    ("left-and-right.png", "Who is left?", ("#e7effa", "#c9dcf3"), [("noto", "rabbit-face", 0.27, 0.52, 0.42), ("noto", "frog", 0.74, 0.52, 0.42)],
     "What is left of the frog?", "The answer needs two things and their places."),
    ("three-apples.png", "Counting", ("#ffffff", "#eef2e4"), [("twemoji", "red-apple", 0.25, 0.29, 0.34), ("twemoji", "red-apple", 0.74, 0.27, 0.34),
     ("twemoji", "red-apple", 0.28, 0.74, 0.34), ("twemoji", "pear", 0.74, 0.73, 0.36)],
     "How many apples are there?", "Three of the four things are apples."),
    ("street.png", "A street", ("#dff0fb", "#f4f7ee"), [("noto", "house", 0.24, 0.7, 0.4), ("noto", "deciduous-tree", 0.74, 0.68, 0.42), ("noto", "sun", 0.74, 0.2, 0.28)],
     "Describe the picture.", "A description: watch where the model looks at each word."),
    ("shapes.png", "Shapes", ("#fbfbf7", "#fbfbf7"), [("shape", "circle #e12328", 0.27, 0.3, 0.36), ("shape", "triangle #1e4bdc", 0.73, 0.3, 0.36), ("shape", "star #faa012", 0.5, 0.74, 0.36)],
     "What color is the triangle?", "A colour question about one of three shapes."),
]


def ground(colours):
    low, high = (np.array([int(c[i:i + 2], 16) for i in (1, 3, 5)], float) for c in colours)
    t = np.linspace(0, 1, SIDE)[:, None, None]
    return Image.fromarray(np.broadcast_to(low + (high - low) * t, (SIDE, SIDE, 3)).round().astype(np.uint8)).convert("RGBA")


def drawn(icons, style, icon, size):
    if style == "shape":
        from data.shapes import outline
        name, colour = icon.split()
        big = Image.new("RGBA", (size * 4, size * 4))
        ImageDraw.Draw(big).polygon([tuple(p) for p in (outline(name) * 0.95 + 1) * size * 2], fill=colour)
        return big.resize((size, size), Image.Resampling.LANCZOS)
    cell = fit(rasterise(icons, [(style, icon)], 512)[0], size)[0].astype(float)
    cell[..., :3] = (cell[..., :3] * 255 / np.maximum(cell[..., 3:], 1)).clip(0, 255)
    return Image.fromarray(cell.round().astype(np.uint8), "RGBA")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--icons", type=Path, default=CACHE / "icons")
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "models/demo-llava/samples")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for name, _, colours, things, _, _ in SAMPLES:
        picture = ground(colours)
        for style, icon, x, y, size in things:
            size = round(size * SIDE)
            picture.alpha_composite(drawn(args.icons, style, icon, size), (round(x * SIDE - size / 2), round(y * SIDE - size / 2)))
        picture.convert("RGB").save(args.out / name, optimize=True)
    listing = [{"file": f, "title": t, "prompt": p, "note": n} for f, t, _, _, p, n in SAMPLES]
    (args.out / "samples.json").write_text(json.dumps(listing, indent=2) + "\n")


if __name__ == "__main__":
    main()
