"""Time series made by rule: trend, cycle, spikes, a shift of the level, noise. One or two in a scene.

`normalise` and `prefix` are ChatTS's own preparation: the mean off, scaled only where a value is 3 or more, both numbers
written into the prompt in front of the series.
"""

import numpy as np

PATCH = 8
LONGEST = 384  # values of a series
TRENDS = ["stays level", "rises", "falls", "rises and then falls", "falls and then rises"]
WAVES = ["sine wave", "square wave", "sawtooth wave"]
OPENINGS = ["The series is ", "Here is a time series: ", "Series: ", "I have a time series: ", "Series 1: ", "This is the data: ", "Look at this series: "]
BETWEEN = [". ", ".\n", " ", "\n\n", ", ", "\n"]


def normalise(values):
    """(values as the encoder sees them, offset, scale), in f64."""
    x = np.asarray(values, np.float64)
    mean = x.mean()
    y = x - mean
    scale = 1.0
    if (np.abs(y) >= 3.0).any():
        scale = np.abs(y).max() / 3.0
        y = y / scale
    return y, -mean, scale


def prefix(offset, scale):
    return f"[Value Offset: {offset:.4f}|Value Scaling: {scale:.4f}]"


def _apart(rng, count, n, gap, low, high):
    """`count` places at least `gap` from each other, or fewer."""
    found = []
    for _ in range(12 * count):
        at = int(rng.uniform(low, high) * n)
        if all(abs(at - other) >= gap for other in found):
            found.append(at)
        if len(found) == count:
            break
    return sorted(found)


def one(rng, longest=LONGEST):
    """A series and what is so of it."""
    n = int(np.exp(rng.uniform(np.log(32), np.log(longest + 1))))
    t = np.linspace(0, 1, n)
    noise = float(rng.choice([0.0, 0.015, 0.2, 0.35])) * rng.uniform(0.7, 1.15)
    trend = int(rng.choice(5, p=[0.42, 0.19, 0.19, 0.1, 0.1]))
    shift = None
    x = np.zeros(n)
    size = rng.uniform(2.5, 7)
    if trend:
        turn = rng.uniform(0.35, 0.65)
        bend = t ** np.exp(rng.normal(0, 0.25))
        x += size * [bend, -bend, 2 * np.minimum(t / turn, (1 - t) / (1 - turn)), -2 * np.minimum(t / turn, (1 - t) / (1 - turn))][trend - 1] / (1 if trend < 3 else 2)
    elif rng.random() < 0.4:
        at, way = rng.uniform(0.15, 0.85), 1 if rng.random() < 0.5 else -1
        at = int(at * n)
        x[at:] += way * rng.uniform(2.5, 7)
        shift = {"at": at / n, "way": way}
    cycles, wave = 0, None
    if rng.random() < 0.45 and n >= 48:
        cycles = int(rng.integers(2, min(9, n // 12) + 1))
        wave = int(rng.choice(3, p=[0.5, 0.25, 0.25]))
        phase = t * (cycles + rng.uniform(-0.08, 0.08)) + rng.random()
        u = np.mod(phase, 1)
        x += rng.uniform(0.9, 1.5) * [np.sin(2 * np.pi * phase), np.where(u < 0.5, 1.0, -1.0), 2 * u - 1][wave]
    spikes = []
    if rng.random() < 0.45:
        way = 0 if rng.random() < 0.3 else 1 if rng.random() < 0.65 else -1
        wide = n >= 64 and rng.random() < 0.3
        for at in _apart(rng, int(rng.integers(1, 6)), n, max(5, n // 12), 0.03, 0.97):
            if shift and abs(at - shift["at"] * n) < max(4, n // 16):
                continue
            sign = way or (1 if rng.random() < 0.5 else -1)
            height = sign * rng.uniform(4, 8)
            x[at] += height
            if wide and 0 < at < n - 1:
                x[at - 1] += 0.4 * height
                x[at + 1] += 0.4 * height
            spikes.append({"at": at / n, "way": sign})
    x += noise * rng.standard_normal(n)
    scale = np.exp(rng.uniform(np.log(0.25), np.log(3))) if rng.random() < 0.5 else np.exp(rng.uniform(np.log(0.25), np.log(2000)))
    values = np.round(x * scale + scale * rng.normal(0, 6) * (rng.random() < 0.8), 4)
    y, offset, by = normalise(values)
    return {"values": values, "y": y, "offset": offset, "scale": by, "n": n, "trend": trend, "shift": shift, "cycles": cycles, "wave": wave, "spikes": spikes,
            "noisy": True if noise > 0.12 else False if noise < 0.03 else None, "mean": -offset}


def sample(rng):
    faint = rng.random() < 0.03
    many = 2 if rng.random() < 0.22 else 1
    scene = {"series": [one(rng, LONGEST // many) for _ in range(many)], "faint": faint}
    if faint:  # too small beside 3 for anything to be seen
        for s in scene["series"]:
            values = np.round(s["values"] * 0.004 / s["scale"], 4)
            s["values"] = values
            s["y"], s["offset"], s["scale"] = normalise(values)
            s["mean"] = -s["offset"]
    return scene


def patches(scene):
    """[P, PATCH] of all series one after another, each filled up with zeros, and how many each has."""
    parts = []
    for s in scene["series"]:
        count = -(-s["n"] // PATCH)
        parts.append(np.pad(s["y"], (0, count * PATCH - s["n"])).reshape(count, PATCH))
    return np.concatenate(parts), [len(p) for p in parts]


def context(scene, rng=None):
    """(the user's text with a <ts><ts/> for each series and its prefix, what stands between it and a question)"""
    marks = [prefix(s["offset"], s["scale"]) + "<ts><ts/>" for s in scene["series"]]
    plain = rng is None or rng.random() < 0.5
    if len(marks) == 2:
        return f"Series 1: {marks[0]}\nSeries 2: {marks[1]}", "\n" if plain else BETWEEN[int(rng.random() * 3)]
    if plain:
        return marks[0], "\n"
    opening = OPENINGS[int(rng.random() * len(OPENINGS))] if rng.random() < 0.7 else f"Here is a series of {scene['series'][0]['n']} points: "
    return opening + marks[0], BETWEEN[int(rng.random() * len(BETWEEN))]
