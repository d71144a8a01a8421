"""The pictures of training: dreams, and pieces of the photographs that may be had under a free licence (collect.py)."""

import numpy as np
from PIL import Image

PIECE = 256


def photographs(folder, pieces, seed=3):
    """[N, 3, PIECE, PIECE] uint8: `pieces` squares of every photograph in the folder, the first one as large as can be."""
    rng, out = np.random.default_rng(seed), []
    for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg", ".png")):
        image = Image.open(path).convert("RGB")
        w, h = image.size
        short = min(w, h)
        for i in range(pieces):
            side = short if i == 0 else int(rng.uniform(min(short, 120), short))
            x, y = int(rng.integers(w - side + 1)), int(rng.integers(h - side + 1))
            out.append(np.asarray(image.resize((PIECE, PIECE), Image.Resampling.BICUBIC, (x, y, x + side, y + side))).transpose(2, 0, 1))
    return np.stack(out) if out else np.zeros((1, 3, PIECE, PIECE), np.uint8)
