"""Builds the atlas of drawings: python -m data.atlas [--icons FOLDER] [--out FILE] [--size 128]

Reads the icon sets that `fetch.sh` installed, draws every icon of every thing once, crops it to its
own outline, and keeps premultiplied RGBA together with what is known of it: thing, style, colour.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from .colours import main_colour
from .coverage import drawings
from .things import STYLES, things

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / "cache"
RAW = 256


def rasterise(icons, names, size):
    """Premultiplied RGBA [N, size, size, 4] of ("set", "icon") pairs."""
    with tempfile.NamedTemporaryFile() as raw:
        listing = "\n".join("\t".join(n) for n in names)
        subprocess.run(["node", str(HERE / "rasterise.mjs"), str(icons), str(size), raw.name],
                       input=listing.encode(), check=True)
        return np.fromfile(raw.name, np.uint8).reshape(len(names), size, size, 4)


def fit(picture, size):
    """Crops to the drawing's outline, made square, and resizes: every thing fills its cell."""
    ys, xs = np.nonzero(picture[..., 3] > 8)
    x0, x1, y0, y1 = xs.min(), xs.max() + 1, ys.min(), ys.max() + 1
    side = int(1.05 * max(x1 - x0, y1 - y0)) + 1  # a thin clear border, so that edges stay soft
    cell = np.zeros((side, side, 4), np.uint8)
    dy, dx = (side - (y1 - y0)) // 2, (side - (x1 - x0)) // 2
    cell[dy:dy + y1 - y0, dx:dx + x1 - x0] = picture[y0:y1, x0:x1]
    # Pillow must not premultiply a second time: resize the four planes as they are.
    planes = [Image.fromarray(cell[..., c]).resize((size, size), Image.Resampling.LANCZOS) for c in range(4)]
    return np.stack([np.asarray(p) for p in planes], -1), (x1 - x0) / side, (y1 - y0) / side


def build(icons, size):
    names, rows = [], []
    kinds = {n: k for n, k, _ in things()}
    order = {n: i for i, (n, _, _) in enumerate(things())}
    for thing, by_style in drawings(icons).items():
        for style, found in by_style.items():
            for icon in found:
                names.append((style, icon))
                rows.append({"thing": thing, "id": order[thing], "kind": kinds[thing],
                             "style": STYLES.index(style), "icon": icon})
    cells = []
    for picture, row in zip(rasterise(icons, names, RAW), rows):
        cell, row["w"], row["h"] = fit(picture, size)
        row["colour"] = main_colour(cell)
        cells.append(cell)
    return np.stack(cells), rows


def load(path=CACHE / "atlas.npz"):
    """(premultiplied RGBA [N, S, S, 4], one dict per drawing)"""
    with np.load(path) as file:
        return file["cells"], json.loads(bytes(file["rows"]).decode())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--icons", type=Path, default=CACHE / "icons")
    parser.add_argument("--out", type=Path, default=CACHE / "atlas.npz")
    parser.add_argument("--size", type=int, default=128)
    args = parser.parse_args()
    cells, rows = build(args.icons, args.size)
    text = np.frombuffer(json.dumps(rows).encode(), np.uint8)
    np.savez_compressed(args.out, cells=cells, rows=text)
    print(f"{len(rows)} drawings of {len({r['thing'] for r in rows})} things -> {args.out}")
