"""Colour names: of the shapes we draw, and of drawings that clearly have one main colour."""

import colorsys

import numpy as np

# The colours of drawn shapes. The first eight are easy-VQA's own names.
SHAPE_COLOURS = {
    "red": (225, 35, 40), "green": (30, 150, 50), "blue": (30, 75, 220), "black": (20, 20, 22),
    "gray": (128, 128, 128), "teal": (0, 135, 135), "brown": (125, 72, 32), "yellow": (250, 215, 30),
    "orange": (250, 140, 20), "purple": (130, 45, 170), "pink": (250, 130, 185), "white": (250, 250, 250),
}


def name_of(r, g, b):
    """A colour's everyday name, or None where people would disagree."""
    h, s, v = colorsys.rgb_to_hsv(r / 255, g / 255, b / 255)
    h *= 360
    if v < 0.2:
        return "black"
    if s < 0.12:
        return "white" if v > 0.9 else "gray" if 0.35 < v < 0.8 else None
    if s < 0.35:
        return None
    if h < 12 or h > 345:
        return "red" if s > 0.6 and v > 0.55 else None
    if 14 < h < 42 and v < 0.66:
        return "brown"
    if 22 < h < 38 and s > 0.7 and v > 0.85:
        return "orange"
    if 42 < h < 62 and s > 0.5 and v > 0.8:
        return "yellow"
    if 75 < h < 160 and s > 0.4:
        return "green"
    if 195 < h < 250 and s > 0.45:
        return "blue"
    if 260 < h < 300:
        return "purple"
    if 305 < h < 345 and v > 0.75:
        return "pink"
    return None


def main_colour(cell):
    """The colour of at least 60 % of a premultiplied drawing's area, or None."""
    alpha = cell[..., 3].astype(np.float32)
    solid = alpha > 200
    if not solid.any():
        return None
    pixels = (cell[..., :3].astype(np.float32) * 255 / np.maximum(alpha, 1)[..., None])[solid].clip(0, 255)
    pixels = pixels[:: max(1, len(pixels) // 800)]
    names = [name_of(*p) for p in pixels]
    best, count = max(((n, names.count(n)) for n in SHAPE_COLOURS), key=lambda x: x[1])
    return best if count >= 0.6 * len(names) else None
