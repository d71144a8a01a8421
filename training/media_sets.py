"""Held-out questions about sounds, series and films, made anew from a seed: scenes, clips and (where wanted) voices that training has not met."""

import numpy as np


def _collect(draw, ask, claim, kinds, each, rng):
    """`each` questions of every kind and claims of every tone, one a scene: [(scene, item)]"""
    wanted = {k: each for k in kinds} | {f"claim {t} {f}": each for t in ("sure", "plain", "doubtful") for f in ("true", "false")}
    found = []
    for _ in range(400 * each):
        left = [k for k, n in wanted.items() if n]
        if not left:
            break
        scene = draw(rng)
        if scene["faint"]:
            continue
        key = left[int(rng.random() * len(left))]
        if key.startswith("claim"):
            _, tone, false = key.split()
            got = claim(scene, rng, tone, false == "false")
        else:
            got = next((q for q in ask(scene, rng, 40) if q["kind"] == key and q["claim"] is None), None)
        if got is not None:
            wanted[key] -= 1
            found.append((scene, got | {"group": key}))
    return found


def sounds(each, seed=77, held_out=False, workers=8, per=6):
    """[(samples as 16-bit WAV has them, item)]; `held_out`: voices that no training run hears."""
    import torch

    from audio import library
    from audio.compose import LENGTH, mix
    from audio.questions import Asker, ask, claimed_answers
    from audio.scenes import Scenes
    rng = np.random.default_rng(seed)
    made = library.build(seed, per, per, workers, held_out)
    scenes = Scenes(made)
    kinds = ["say"] if held_out else ["name", "exist", "count", "order", "when", "apart", "pitch", "loud", "background", "say", "describe"]
    got = _collect(scenes.sample, ask, lambda s, r, tone, false: Asker(s, r).claim(tone, false, "word" if held_out else None), kinds, each, rng)
    flat = torch.from_numpy(made["samples"]).flatten()
    flat, lengths = torch.cat([flat, flat[:8]]), torch.from_numpy(made["length"])
    out = []
    for scene, item in got:
        look = scene["look"].copy()
        look[2] = max(look[2], 0.1)  # no recording is much quieter
        hiss = torch.from_numpy(rng.standard_normal((1, LENGTH)).astype(np.float32))
        wave = mix(flat, lengths, torch.from_numpy(scene["slots"])[None], torch.from_numpy(look)[None], hiss)[0, :scene["length"]]
        if item["claim"] == "false":
            item["claimed_answers"] = claimed_answers(item)
        out.append(((wave.numpy() * 32767).round().astype("<i2").astype(np.float32) / 32768, item))
    return out


def series(each, seed=77):
    """[(scene, item)]"""
    from series.questions import Asker, ask, claimed_answers
    from series.shapes import sample
    kinds = ["trend", "cycles", "cycle?", "wave", "spikes", "spike?", "spike where", "spike way", "shift?", "shift way", "shift where", "noise", "mean", "describe", "compare"]
    got = _collect(sample, ask, lambda s, r, tone, false: Asker(s, r).claim(tone, false), kinds, each, np.random.default_rng(seed))
    for _, item in got:
        if item["claim"] == "false":
            item["claimed_answers"] = claimed_answers(item)
    return got


FILM_KINDS = ["way", "way?", "what moves", "what happens", "size", "appear", "when", "first", "last", "after", "before", "order?", "which first", "same way", "count", "count at", "count of", "count moving",
              "colour", "colour?", "colour at", "new colour", "which is", "shape", "is there", "where", "describe"]


def films(each, seed=77, frames=(), rates=(2.0,)):
    """[(scene with "seed" of its grain and "fps", item)]. frames: sizes in pixels, (height, width); none: the forms of training."""
    from video.questions import Asker, ask, claimed_answers
    from video.scenes import FORM_SHARES, FORMS, sample

    def draw(rng):
        scene = sample(rng, frame=frames[int(rng.random() * len(frames))]) if frames else sample(rng, int(rng.choice(len(FORMS), p=FORM_SHARES)))
        return scene | {"seed": int(rng.integers(1 << 31)), "fps": rates[int(rng.random() * len(rates))]}

    got = _collect(draw, ask, lambda s, r, tone, false: Asker(s, r).claim(tone, false), FILM_KINDS, each, np.random.default_rng(seed))
    for _, item in got:
        if item["claim"] == "false":
            item["claimed_answers"] = claimed_answers(item)
    return got
