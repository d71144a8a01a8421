"""Claims: the text says what the picture shows, then asks. The answer is always what the picture shows.

Three tones (wording.FALSE_SHARE): "sure" claims are never false in training, "plain" ones seldom,
"doubtful" ones half of the time. Leaning on a sure claim is a shortcut that costs the model nothing
while it trains: whether the words overrule the picture in a false one is for the picture to see.
"""

from . import wording as w
from .colours import SHAPE_COLOURS
from .questions import NUMBERS, a, item, pick, some, there_are
from .things import KIND_WORDS, plural

TONES = [("sure", 0.5), ("plain", 0.28), ("doubtful", 0.22)]
ABOUT = [("name", 0.6), ("count", 0.2), ("colour", 0.2)]


def _weighted(pairs, rng):
    at = rng.random() * sum(p for _, p in pairs)
    for value, p in pairs:
        at -= p
        if at < 0:
            return value
    return pairs[-1][0]


def claim(asker, tone=None, false=None, about=None):
    """One claim with its question about the asker's scene, or None where the scene does not allow it."""
    rng = asker.rng
    tone = tone or _weighted(TONES, rng)
    false = rng.random() < w.FALSE_SHARE[tone] if false is None else false
    about = about or _weighted(ABOUT, rng)
    if not asker.objects:
        return None
    return {"name": _name, "count": _count, "colour": _colour}[about](asker, tone, false)


def _item(tone, false, statement, question, answer, claimed, truth, answers=None):
    return item("claim", f"{statement} {question}", answer, answers, claim="false" if false else "true",
                tone=tone, claimed=claimed, truth=truth)


def _name(asker, tone, false):
    rng = asker.rng
    known = [o for o in asker.once if o["kind"] != "shape"]
    if not known:
        return None
    thing = pick(known, rng)
    truth, kind = thing["name"], thing["kind"]
    claimed = asker.absent() if false else truth
    statement = pick(w.CLAIM[tone], rng).format(a=a(claimed))
    # A kind may be asked for where the picture and the claim each leave one candidate.
    words = [k for k in KIND_WORDS.get(kind, []) if k in KIND_WORDS.get(asker.cat.kinds.get(claimed), [])
             and sum(k in KIND_WORDS.get(o["kind"], []) for o in asker.objects) == 1]
    if words and (len(asker.objects) > 1 or rng.random() < 0.5):
        word = pick(words, rng)
        return _item(tone, false, statement, pick(w.KIND, rng).format(k=word, ak=a(word)), f"It is {a(truth)}.", claimed, truth)
    if len(asker.objects) == 1 and rng.random() < 0.7:
        return _item(tone, false, statement, pick(w.NAME, rng), f"It is {a(truth)}.", claimed, truth)
    # Is the claimed thing there?
    question = pick(w.EXIST, rng)
    if "{ns}" in question:
        question = "Is there {a}?"
    question = question.format(a=a(claimed), n=claimed)
    answer = f"No, there is no {claimed}." if false else f"Yes, there is {a(claimed)}."
    return _item(tone, false, statement, question, answer, "yes", "no" if false else "yes")


def _count(asker, tone, false):
    rng = asker.rng
    name = max(asker.names, key=asker.names.count)
    everything = rng.random() < 0.4
    word, truth = ("thing", len(asker.objects)) if everything else (name, asker.names.count(name))
    claimed = pick([n for n in (1, 2, 3, 4) if n != truth], rng) if false else truth
    statement = pick(w.CLAIM_COUNT[tone], rng).format(c=some(claimed, word))
    if claimed == 1:
        statement = statement.replace("there are", "there is").replace("There are", "There is")
    question = pick(w.COUNT_ALL if everything else w.COUNT, rng)
    if not everything:
        question = question.format(ns=plural(word))
    return _item(tone, false, statement, question, there_are(truth, word), NUMBERS[claimed], NUMBERS[truth])


def _colour(asker, tone, false):
    rng = asker.rng
    known = [o for o in asker.once if o["colour"]]
    if not known:
        return None
    thing = pick(known, rng)
    name, truth = thing["name"], thing["colour"]
    claimed = pick([c for c in SHAPE_COLOURS if c != truth], rng) if false else truth
    statement = pick(w.CLAIM_COLOUR[tone], rng).format(c=claimed, n=name)
    if " a orange" in statement:
        statement = statement.replace(" a orange", " an orange")
    alone = len(asker.objects) == 1 and rng.random() < 0.4
    question = pick(w.COLOUR_IT, rng) if alone else pick(w.COLOUR, rng).format(n=name)
    return _item(tone, false, statement, question, f"The {name} is {truth}.", claimed, truth,
                 [f"The {name} is {truth}.", f"It is {truth}."])
