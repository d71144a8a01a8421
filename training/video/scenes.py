"""Short drawn films as numbers: which shapes lie where in each frame, and what happens when. draw.py makes pixels of them.

Lengths are in units of a frame's shorter side, times in frames. A film is a row of steps, one after another; in each
step one thing (seldom two) moves, grows, shrinks, appears, disappears or turns into another colour.
"""

import numpy as np

from data.colours import SHAPE_COLOURS

SHAPES = ["circle", "square", "triangle", "star", "cross", "ring", "heart"]
COLOURS = ["red", "green", "blue", "yellow", "orange", "purple", "pink", "black", "white"]
RGB = np.array([SHAPE_COLOURS[c] for c in COLOURS], np.float64)
SLOTS, FRAMES = 5, 16
# Columns of a thing in a frame, and of a film's ground and finish.
X, Y, SIZE, COVER, TURN, RED, GREEN, BLUE, SHAPE, COLOUR = range(10)
THING = 10
GROUND, A, B, SLANT, FREQUENCY, PHASE, SOFT, GRAIN, BRIGHT, CONTRAST = 0, 1, 4, 7, 8, 9, 10, 11, 12, 13
LOOK = 14
PLAIN, GRADIENT, WAVES = range(3)
# Forms of a frame, rows by columns of merged tokens: what the processor makes of 1:1, 4:3, 3:2, 16:9 and 2:1, and upright ones.
FORMS = [(5, 5), (4, 4), (4, 5), (5, 4), (4, 6), (6, 4), (3, 6), (6, 3), (3, 7), (7, 3)]
FORM_SHARES = [0.5, 0.1, 0.1, 0.04, 0.06, 0.04, 0.08, 0.04, 0.02, 0.02]
TOKEN = 28  # pixels
GRIDS, GRID_SHARES = [1, 2, 3, 4, 5, 6, 7, 8], [0.04, 0.04, 0.08, 0.24, 0.12, 0.18, 0.08, 0.22]
MOVES = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
WHAT, WHAT_SHARES = ["move", "grow", "shrink", "appear", "disappear", "turn"], [0.48, 0.11, 0.11, 0.11, 0.1, 0.09]
SIZES = [(0.1, 0.25), (0.09, 0.2), (0.08, 0.16), (0.075, 0.13), (0.07, 0.115)]


def _steps(count, n, rng):
    """[(first, last)] frames of `count` steps that follow one another: the old state in `first`, the new one in `last`."""
    free = n - 1 - 2 * count
    cuts = np.sort(rng.integers(0, free + 1, 2 * count)) if free else np.zeros(2 * count, int)
    if rng.random() < 0.35:  # no waiting
        cuts = np.concatenate([[0], np.repeat(cuts[1::2][:-1], 2), [free]]).astype(int)
    return [(int(cuts[2 * i]) + 2 * i, int(cuts[2 * i + 1]) + 2 * i + 2) for i in range(count)]


def _event(thing, pair, rng):
    """Something that can happen to a thing after what has happened to it already, or None."""
    done = [e["what"] for e in thing["events"]]
    what = WHAT[int(rng.choice(len(WHAT), p=WHAT_SHARES))] if not pair or rng.random() < 0.2 else "move"
    if "disappear" in done or (what == "appear" and done) or what in done or (what == "turn" and not thing["alone"]):
        return None
    if what == "move":
        if len([w for w in done if w in MOVES]) > 1:
            return None
        way = list(MOVES)[int(rng.random() * 4)]
        return None if done and done[-1] == way else {"what": way, "by": rng.uniform(0.3, 0.62)}
    if what in ("grow", "shrink"):
        return {"what": what, "by": rng.uniform(1.6, 2.1)}
    if what == "turn":
        colour = thing["colour"]
        while colour == thing["colour"]:
            colour = int(rng.random() * len(COLOURS))
        return {"what": what, "to": colour}
    return {"what": what}


def _cast(actors, many, rng):
    """Things with shapes and colours; the actors come first, each of a shape (nearly always) of its own."""
    shapes, colours = rng.permutation(len(SHAPES)), rng.permutation(len(COLOURS))
    things = []
    for i in range(many):
        if i < actors or not (i > actors and rng.random() < 0.45):
            shape, colour = int(shapes[i]), int(colours[i])
            if i and rng.random() < 0.2:
                colour = things[i - 1]["colour"]
            elif i and rng.random() < 0.2:
                shape = things[i - 1]["shape"]
        else:
            shape, colour = things[-1]["shape"], things[-1]["colour"]
        things.append({"shape": shape, "colour": colour, "events": []})
    for thing in things:
        thing["alone"] = sum(t["shape"] == thing["shape"] for t in things) == 1
    return things


def _share(event, n, smooth):
    """How far an event has come in each frame, 0 to 1."""
    first, last = event["frames"]
    s = np.clip((np.arange(n) - first) / (last - first), 0, 1)
    return s * s * (3 - 2 * s) if smooth else s


def lay(thing, n, size, width, height):
    """Fills in what a thing is in each frame, its places counted from where it starts. `size` is its smallest."""
    shares = [_share(e, n, thing["smooth"]) for e in thing["events"]]
    r, x, y, cover = np.full(n, float(size)), np.zeros(n), np.zeros(n), np.ones(n)
    rgb, colour = np.repeat(RGB[thing["colour"]][None], n, 0), np.full(n, thing["colour"])
    change = next((e for e in thing["events"] if e["what"] in ("grow", "shrink")), None)
    if change and change["what"] == "shrink":
        r *= change["by"]
    for event, s in zip(thing["events"], shares):
        what = event["what"]
        if what in MOVES:
            dx, dy = MOVES[what]
            x, y = x + dx * event["by"] * width * s, y + dy * event["by"] * height * s
        elif what in ("grow", "shrink"):
            r = r * event["by"] ** (s if what == "grow" else -s)
        elif what == "turn":
            rgb, colour = rgb + (RGB[event["to"]] - rgb) * s[:, None], np.where(s > 0.5, event["to"], colour)
        else:
            cover = s if what == "appear" else 1 - s
    thing.update(x=x, y=y, r=r, cover=cover, rgb=rgb, now=colour)


def _place(thing, n, size, width, height, rng):
    """Lays a thing anywhere; False if there is no room for it."""
    lay(thing, n, size, width, height)
    if thing["r"].max() > 0.3:
        return False
    edge = 0.95 * thing["r"].max()
    for axis, extent in ((thing["x"], width), (thing["y"], height)):
        low, high = edge - axis.min(), extent - edge - axis.max()
        if high < low:
            return False
        axis += rng.uniform(low, high)
    return True


def _apart(things):
    for i, one in enumerate(things):
        for other in things[:i]:
            both = (one["cover"] > 0) & (other["cover"] > 0)
            if (both & (np.hypot(one["x"] - other["x"], one["y"] - other["y"]) < one["r"] + other["r"] + 0.02)).any():
                return False
    return True


def _look(things, faint, rng):
    look = np.zeros(LOOK, np.float32)
    shown = np.concatenate([t["rgb"] for t in things])
    near = lambda c: np.sqrt(((shown - c) ** 2).sum(1)).min() < 105
    for _ in range(60):
        one = rng.uniform(0, 255, 3) if rng.random() < 0.4 else rng.uniform(150, 255) + rng.normal(0, 12, 3) if rng.random() < 0.6 else rng.uniform(0, 110) + rng.normal(0, 10, 3)
        two = np.clip(one + rng.normal(0, 22, 3), 0, 255)
        one = np.clip(one, 0, 255)
        if not near(one) and not near(two) and not near((one + two) / 2):
            break
    else:
        return None
    look[GROUND] = rng.choice(3, p=[0.45, 0.3, 0.25])
    look[A:A + 3], look[B:B + 3] = one / 255, two / 255
    look[SLANT], look[FREQUENCY], look[PHASE] = rng.uniform(0, 6.28), rng.uniform(1, 9), rng.uniform(0, 6.28)
    look[SOFT] = rng.uniform(0.7, 1.9)
    look[GRAIN] = rng.uniform(0.02, 0.06) if faint else max(0.0, rng.uniform(-0.015, 0.025))
    look[BRIGHT], look[CONTRAST] = (0, 1) if rng.random() < 0.4 else (rng.uniform(-0.04, 0.04), rng.uniform(0.82, 1.08))
    return look


FAINT = (0.035, 0.01)


def sample(rng, form=0, grids=None, frame=None, faint=FAINT):
    """A film whose frames have FORMS[form], or `frame`, (height, width) in pixels; `grids` pairs of frames (an odd last frame counts twice).

    faint: the share of films in which things cover their ground hardly or not at all, and the most that they cover it."""
    tall, wide = frame or (n * TOKEN for n in FORMS[form])
    side = min(tall, wide)
    width, height, frame = wide / side, tall / side, (tall, wide)
    grids = grids or int(rng.choice(GRIDS, p=GRID_SHARES))
    n = 2 * grids - (grids > 1 and rng.random() < 0.1)
    share, most_cover = faint
    faint = rng.random() < share
    while True:
        most = 0 if grids == 1 else 1 if grids < 4 else 2 if grids < 6 else 3
        steps = min(most, int(rng.choice(4, p=[0.1, 0.32, 0.42, 0.16])))
        pair = steps == 1 and rng.random() < 0.3
        actors = 2 if pair else 0 if not steps else 1 if steps > 1 and rng.random() < 0.3 else int(rng.integers(1, steps + 1)) if steps > 2 else steps
        many = max(actors, 1) + int(rng.choice(4, p=[0.42, 0.3, 0.18, 0.1])) if steps else int(rng.integers(1, 6))
        if faint:
            many = min(many, 3)
        many = min(many, SLOTS)
        things = _cast(actors, many, rng)
        order = [0, 1] if pair else list(range(actors)) + [int(rng.random() * actors) for _ in range(steps - actors)]
        if not pair:
            rng.shuffle(order)
        spans, events = _steps(steps, n, rng), []
        for i, actor in enumerate(order):
            event = _event(things[actor], pair, rng)
            if event is None:
                break
            step = 0 if pair else i
            event.update(step=step, frames=spans[step], thing=actor)
            if event["what"] in ("appear", "disappear", "turn") and rng.random() < 0.5:  # at once
                first = int(rng.integers(spans[step][0], spans[step][1]))
                event["frames"] = (first, first + 1)
            things[actor]["events"].append(event)
            events.append(event)
        if len(events) < len(order):
            continue
        low, high = SIZES[many - 1]
        low = max(low, 9 / side)
        high = max(high, low + 0.02)
        for attempt in range(12):
            shared = rng.uniform(low, high) if rng.random() < 0.4 else None
            for thing in things:
                thing["smooth"] = rng.random() < 0.3
            if all(_place(t, n, shared or rng.uniform(low, high), width, height, rng) for t in things) and _apart(things):
                break
        else:
            continue
        look = _look(things, faint, rng)
        if look is not None:
            break
    return {"things": things, "events": events, "steps": steps, "n": n, "grids": grids, "width": width, "height": height, "frame": frame, "faint": faint,
            "track": track(things, n, rng, most_cover * 10 ** rng.uniform(-2, 0) if faint else 1.0), "look": look}


def track(things, n, rng=None, strength=1.0):
    """[FRAMES, SLOTS, THING] of all that is drawn; frames after the last repeat it."""
    out = np.zeros((FRAMES, SLOTS, THING), np.float32)
    for i, t in enumerate(things):
        out[:n, i, X], out[:n, i, Y], out[:n, i, SIZE], out[:n, i, COVER] = t["x"], t["y"], t["r"], t["cover"] * strength
        jitter = rng.uniform(-10, 10, 3) if rng is not None else 0
        out[:n, i, RED:BLUE + 1] = np.clip(t["rgb"] + jitter, 0, 255) / 255
        out[:n, i, TURN] = rng.normal(0, 0.12) if rng is not None and rng.random() < 0.7 else 0
        out[:n, i, SHAPE], out[:n, i, COLOUR] = t["shape"], t["now"]
    out[n:] = out[n - 1]
    return out
