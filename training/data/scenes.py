"""Random scenes: which drawings stand where, how large, on what ground. Numbers only, no pixels."""

import numpy as np

from .colours import SHAPE_COLOURS
from .things import HELD_OUT_STYLE, NO_FLIP, STYLES, things

SHAPES = ["circle", "rectangle", "triangle", "star", "heart", "diamond"]
COLOURS = list(SHAPE_COLOURS)
SLOTS = 4
# Columns of a placed drawing, in units of the canvas: see compose.py.
CX, CY, SIZE, ASPECT, ANGLE, FLIP, CELL, RED, GREEN, BLUE, VIVID, SHEAR = range(12)
PLACE = 12
# Columns of a scene's ground and of what is done to the finished picture.
GROUND, A, B, TURN, FREQ, NOISE, BRIGHT, CONTRAST, SATURATION, BLUR, GRAIN, FADE = 0, 1, 4, 7, 8, 9, 10, 11, 12, 13, 14, 15
LOOK = 16


class Catalogue:
    """What can be drawn: the atlas's drawings by thing and style, then one cell for each shape."""

    def __init__(self, rows, styles=None):
        wanted = [s for s in STYLES if s != HELD_OUT_STYLE] if styles is None else styles
        self.rows = rows
        self.names = [n for n, _, _ in things()]
        self.kinds = {n: k for n, k, _ in things()}
        self.styles = [STYLES.index(s) for s in wanted]
        self.cells = {}  # thing -> style -> [row]
        for i, row in enumerate(rows):
            if row["style"] in self.styles:
                self.cells.setdefault(row["thing"], {}).setdefault(row["style"], []).append(i)
        self.by_kind = {}
        for name in self.cells:
            self.by_kind.setdefault(self.kinds[name], []).append(name)
        self.list = list(self.cells)

    def confusable(self, name, rng):
        """Another thing, half of the time of the same kind."""
        while True:
            pool = self.by_kind[self.kinds[name]] if name in self.kinds and rng.random() < 0.5 else self.list
            other = pool[int(rng.random() * len(pool))]
            if other != name:
                return other


def _layout(count, rng):
    """Sizes and places of `count` drawings that overlap little."""
    low, high = ((0.3, 0.97), (0.26, 0.56), (0.22, 0.46), (0.2, 0.42))[count - 1]
    for attempt in range(40):
        if attempt % 8 == 0:
            size = rng.uniform(low, high, count)
            if rng.random() < 0.4:
                size[:] = size[0]
            size *= 1 - 0.02 * attempt
        if count > 1 and attempt < 4 and rng.random() < 0.5:  # a row or a column, as people arrange things
            along = (np.arange(count) + 0.5) / count + rng.uniform(-0.05, 0.05, count)
            across = rng.uniform(0.3, 0.7) + rng.uniform(-0.08, 0.08, count)
            place = np.stack((along, across) if rng.random() < 0.7 else (across, along), 1)
            size = np.minimum(size, 0.95 / count)
        elif count == 1 and rng.random() < 0.5:
            place = np.array([[0.5, 0.5]]) + rng.uniform(-0.04, 0.04, (1, 2))
        else:
            place = rng.uniform(size[:, None] * 0.47, 1 - size[:, None] * 0.47, (count, 2))
        gap = np.abs(place[:, None] - place[None]).max(-1) - 0.46 * (size[:, None] + size[None])
        if count == 1 or gap[np.triu_indices(count, 1)].min() > 0:
            break
    return size, place


def sample(cat, rng, count=None, shapes=0.16, plain=False, faint=0.03):
    """One scene: {"objects": [...], "place": [SLOTS, PLACE], "look": [LOOK], "faint": bool, "style": name or "mixed"}."""
    if count is None:
        count = int(rng.choice(5, p=(0.015, 0.415, 0.27, 0.17, 0.13)))
    style = cat.styles[int(rng.random() * len(cat.styles))] if rng.random() < 0.7 else None
    place = np.zeros((SLOTS, PLACE), np.float32)
    place[:, CELL] = -1
    objects, used = [], set()
    repeats = count > 1 and rng.random() < 0.3
    only_shapes = rng.random() < 0.08
    size, where = _layout(count, rng) if count else ((), ())
    for i in range(count):
        if repeats and objects and rng.random() < 0.65:
            first = objects[0]
            thing = dict(first)
            if "cell" in first and rng.random() < 0.4:
                thing = _draw(cat, first["name"], style, rng)
        elif only_shapes or rng.random() < shapes:
            thing = {"name": SHAPES[int(rng.random() * 6)], "kind": "shape", "colour": COLOURS[int(rng.random() * 12)]}
            if (thing["name"], thing["colour"]) in used:
                repeats = True
            used.add((thing["name"], thing["colour"]))
        else:
            name = cat.list[int(rng.random() * len(cat.list))]
            if objects and rng.random() < 0.3 and objects[0]["kind"] in cat.by_kind:
                pool = cat.by_kind[objects[0]["kind"]]
                name = pool[int(rng.random() * len(pool))]
            if not repeats:
                while name in used:
                    name = cat.list[int(rng.random() * len(cat.list))]
            used.add(name)
            thing = _draw(cat, name, style, rng)
        thing.update(x=float(where[i][0]), y=float(where[i][1]), size=float(size[i]))
        objects.append(thing)
        row = place[i]
        row[CX], row[CY], row[SIZE], row[ASPECT] = thing["x"], thing["y"], thing["size"], 1
        row[ANGLE] = rng.normal(0, 0.12) if rng.random() < 0.6 else 0
        row[VIVID] = row[RED:BLUE + 1] = 1
        if thing["kind"] == "shape":
            row[CELL] = len(cat.rows) + SHAPES.index(thing["name"])
            row[RED:BLUE + 1] = (np.array(SHAPE_COLOURS[thing["colour"]]) / 255 + rng.normal(0, 0.025, 3)).clip(0.01, 1)
            if thing["name"] == "rectangle":
                row[ASPECT] = rng.uniform(0.45, 1)
                row[ANGLE] += 0 if rng.random() < 0.6 else np.pi / 2
        else:
            row[CELL] = thing["cell"]
            row[FLIP] = thing["name"] not in NO_FLIP and rng.random() < 0.5
            if not plain and rng.random() < 0.6:
                _restyle(row, thing, rng)
    faint = count > 0 and rng.random() < faint
    look = _look(objects, rng, plain, faint)
    return {"objects": objects, "place": place, "look": look, "faint": bool(faint),
            "style": STYLES[style] if style is not None else "mixed"}


def _restyle(row, thing, rng):
    """Stretches, slants and recolours a drawing, as another artist might; a strange colour is not asked for."""
    row[ASPECT], row[SHEAR] = rng.uniform(0.8, 1.25), rng.normal(0, 0.12)
    if rng.random() < 0.35:
        row[RED:BLUE + 1], row[VIVID] = rng.uniform(0.55, 1.35, 3), rng.uniform(0, 1.5)
        thing["colour"] = None
    else:
        row[RED:BLUE + 1] = rng.uniform(0.85, 1.15) * rng.uniform(0.95, 1.05, 3)
        row[VIVID] = rng.uniform(0.8, 1.25)


def _draw(cat, name, style, rng):
    by_style = cat.cells[name]
    if style not in by_style:
        style = list(by_style)[int(rng.random() * len(by_style))]
    cells = by_style[style]
    cell = cells[int(rng.random() * len(cells))]
    return {"name": name, "kind": cat.kinds[name], "colour": cat.rows[cell]["colour"], "cell": cell}


def _look(objects, rng, plain, faint):
    look = np.zeros(LOOK, np.float32)
    kind = rng.random()
    look[GROUND] = 0 if kind < 0.5 else 1 if kind < 0.75 else 2 if kind < 0.87 else 3  # flat, gradient, noise, stripes
    pale = rng.random() < 0.65
    for start in (A, B):
        if pale:
            look[start:start + 3] = 1 - rng.random() * 0.3 * rng.random(3)
        else:
            look[start:start + 3] = rng.random(3)
    if rng.random() < 0.22:
        look[A:A + 3] = 1
        look[GROUND] = 0
    if look[GROUND] == 3:  # stripes and checks stay soft
        look[B:B + 3] = look[A:A + 3] + 0.25 * (look[B:B + 3] - look[A:A + 3])
    # A shape must not vanish in the ground.
    for thing in objects:
        if thing["kind"] == "shape":
            colour = np.array(SHAPE_COLOURS[thing["colour"]]) / 255
            for start in (A, B):
                if np.abs(look[start:start + 3] - colour).max() < 0.3:
                    look[start:start + 3] = 0.9 if colour.mean() < 0.6 else 0.25
    look[TURN], look[FREQ], look[NOISE] = rng.uniform(0, 6.28), rng.uniform(4, 22), rng.uniform(0.05, 0.22)
    look[BRIGHT], look[CONTRAST], look[SATURATION] = 0, 1, 1
    if plain:
        return look
    if rng.random() < 0.6:
        look[BRIGHT], look[CONTRAST] = rng.normal(0, 0.04), rng.uniform(0.8, 1.15)
        look[SATURATION] = rng.uniform(0.75, 1.15)
    if rng.random() < 0.5:
        look[BLUR] = rng.uniform(-0.4, 1.0)
    if rng.random() < 0.3:
        look[GRAIN] = rng.uniform(0.0, 0.06)
    if faint:
        look[GRAIN], look[FADE] = rng.uniform(0.05, 0.2), rng.uniform(0.85, 1.0)
    return look
