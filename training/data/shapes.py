"""The six drawn shapes, as white cells of the atlas's form (premultiplied RGBA); scenes give them colour."""

import numpy as np
from PIL import Image, ImageDraw

from .scenes import SHAPES


def outline(name):
    turn = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    if name == "circle":
        return np.stack([np.cos(turn), np.sin(turn)], 1)
    if name == "rectangle":
        return np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    if name == "triangle":
        return np.array([[0, -0.9], [1, 0.85], [-1, 0.85]])
    if name == "diamond":
        return np.array([[0, -1], [0.72, 0], [0, 1], [-0.72, 0]])
    if name == "star":
        at = np.arange(10) * np.pi / 5 - np.pi / 2
        return np.stack([np.cos(at), np.sin(at)], 1) * np.where(np.arange(10) % 2, 0.42, 1)[:, None]
    heart = np.stack([16 * np.sin(turn) ** 3,
                      -(13 * np.cos(turn) - 5 * np.cos(2 * turn) - 2 * np.cos(3 * turn) - np.cos(4 * turn)) - 2.5], 1)
    return heart / 16.5


def cells(size):
    out = []
    for name in SHAPES:
        big = Image.new("L", (size * 4, size * 4))
        points = (outline(name) * 0.95 + 1) * size * 2
        ImageDraw.Draw(big).polygon([tuple(p) for p in points], fill=255)
        mask = np.asarray(big.resize((size, size), Image.Resampling.BOX))
        out.append(np.repeat(mask[..., None], 4, 2))
    return np.stack(out)
