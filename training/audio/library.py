"""The library of clips that scenes are put together from: some hundred of each sound, some dozen of each word."""

from concurrent.futures import ProcessPoolExecutor

import numpy as np

from . import sounds, speech


def _clip(task):
    kind, name, seed, held_out = task
    rng = np.random.default_rng(seed)
    if kind == "word":
        return speech.drawn(name, rng, held_out), 0.0, 0
    return sounds.make(name, rng)


def build(seed, per_sound, per_word, workers=14, held_out=False):
    """{"samples": f16 [N, LONGEST], "length", "pitch", "glide", "rows": {(kind, name): rows}}"""
    tasks = [("sound", n, [seed, i, j], held_out) for i, n in enumerate(sounds.NAMES) for j in range(per_sound)]
    tasks += [("word", n, [seed, 1000 + i, j], held_out) for i, n in enumerate(speech.SPOKEN) for j in range(per_word)]
    with ProcessPoolExecutor(workers) as pool:
        clips = list(pool.map(_clip, tasks, chunksize=32))
    samples = np.zeros((len(tasks), sounds.LONGEST), np.float16)
    rows = {}
    for i, ((kind, name, _, _), (x, _, _)) in enumerate(zip(tasks, clips)):
        samples[i, :len(x)] = x
        rows.setdefault((kind, name), []).append(i)
    return {"samples": samples, "length": np.array([len(c[0]) for c in clips]), "pitch": np.array([c[1] for c in clips]),
            "glide": np.array([c[2] for c in clips]), "rows": {k: np.array(v) for k, v in rows.items()}}
