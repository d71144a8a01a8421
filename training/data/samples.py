"""All that is asked of one picture in training: a list of items, enough to fill a row."""

from .claims import claim
from .questions import WEIGHTS, Asker, casual

_KINDS, _SHARES = list(WEIGHTS), list(WEIGHTS.values())
CLAIM_SHARE = 0.2


def ask(scene, cat, rng, count):
    asker = Asker(scene, cat, rng)
    out = []
    ways = rng.choice(len(_KINDS), 3 * count, p=[s / sum(_SHARES) for s in _SHARES]).tolist()
    for way in ways:
        if scene["faint"]:  # hardly anything to see: only claims that hold can be answered
            got = claim(asker, tone="sure", false=False)
        elif rng.random() < CLAIM_SHARE:
            got = claim(asker)
        else:
            got = getattr(asker, _KINDS[way])()
        if got is not None:
            got["question"] = casual(got["question"], rng)
            out.append(got)
            if len(out) == count:
                break
    return out
