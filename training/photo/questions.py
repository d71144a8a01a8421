"""Questions about a photograph of one thing, worded as for the drawings (data/wording.py), in the same three tones."""

from data import wording as w

from .things import a, plural, things

THINGS = things()
NAMES = [name for name, _, _ in THINGS]
KINDS = {name: kind for name, kind, _ in THINGS}
# What may be in one picture, or be called by one another's name: not asked about as absent.
ALIKE = [set(x.split(", ")) for x in (
    "boat, sailboat, ship, lake, beach", "car, race car, taxi, ambulance, truck, fire truck, bus", "train, tram", "table, desk, chair, computer, laptop, keyboard, lamp",
    "computer, laptop, keyboard, television, phone, radio", "shoe, boot, sandal, sock", "cup, glass, bottle, teapot, spoon, table, pan, candle", "leopard, cheetah, tiger, lion",
    "monkey, chimpanzee, gorilla", "mountain, volcano, lake, beach", "castle, palace, church, bridge, fountain", "duck, goose, swan, lake", "bag, backpack, basket, bucket",
    "clock, watch", "crocodile, lizard, snake, frog, turtle", "bird, eagle, owl, heron, pelican, duck, goose, swan, chicken, parrot, penguin, flamingo, ostrich, peacock",
    "dog, wolf, fox", "fish, shark, whale, sea lion", "beetle, ladybug, fly, bee, ant, flower, butterfly, grasshopper, dragonfly, spider", "sheep, goat, antelope, cow", "couch, bed, chair, lamp",
    "sink, bathtub, toilet, stove, refrigerator", "bicycle, motorcycle, helmet", "fence, mailbox, sign", "hamburger, hot dog, bread, pizza", "basketball, soccer ball, tennis ball, golf ball, racket",
    "rabbit, hamster, squirrel, hedgehog", "violin, guitar, harp", "trumpet, saxophone, flute, microphone", "hat, helmet, shirt, tie")]
TONES = [("sure", 0.45), ("plain", 0.3), ("doubtful", 0.25)]
WEIGHTS = {"name": 0.27, "kind": 0.1, "exist": 0.22, "confirm": 0.08, "describe": 0.05, "claim": 0.28}


def pick(items, rng):
    return items[int(rng.random() * len(items))]


def item(kind, question, answer, **claim):
    return {"kind": kind, "question": question, "answer": answer, "claim": None, "tone": None, "claimed": None, **claim}


def absent(name, rng):
    """Something else, half of the time of the same kind."""
    akin = set().union(*(x for x in ALIKE if name in x), {name})
    for near in ((True, False) if rng.random() < 0.5 else (False,)):
        pool = [n for n in NAMES if n not in akin and (not near or (KINDS[n] and KINDS[n] == KINDS[name]))]
        if pool:
            return pick(pool, rng)


def asked_of(question, name):
    return question.format(a=a(name), n=name, ns=plural(name), k=KINDS[name], ak=("an " if KINDS[name][:1] in tuple("aeiou") else "a ") + KINDS[name])


def is_it(name):
    return f"It is {a(name)}."


def exist(name, there, rng, patterns=w.EXIST):
    question = asked_of(pick(patterns, rng), name)
    return question, f"Yes, there is {a(name)}." if there else f"No, there is no {name}."


def claim(name, rng, tone=None, false=None):
    if tone is None:
        tone = TONES[int(rng.choice(3, p=[p for _, p in TONES]))][0]
    if false is None:
        false = rng.random() < w.FALSE_SHARE[tone]
    claimed = absent(name, rng) if false else name
    statement = pick(w.CLAIM[tone], rng).format(a=a(claimed))
    about = dict(claim="false" if false else "true", tone=tone, claimed=claimed)
    if KINDS[name] and KINDS[name] == KINDS[claimed] and rng.random() < 0.35:
        return item("claim", f"{statement} {asked_of(pick(w.KIND, rng), name)}", is_it(name), **about)
    if rng.random() < 0.7:
        return item("claim", f"{statement} {pick(w.NAME, rng)}", is_it(name), **about)
    question, answer = exist(claimed, not false, rng)
    return item("claim", f"{statement} {question}", answer, **about)


def ask(name, rng, count):
    """`count` questions about a photograph of `name`."""
    out = []
    for way in rng.choice(len(WEIGHTS), count, p=list(WEIGHTS.values())):
        way = list(WEIGHTS)[way]
        if way == "kind" and not KINDS[name]:
            way = "name"
        if way == "name":
            out.append(item("name", pick(w.NAME, rng), is_it(name)))
        elif way == "kind":
            out.append(item("kind", asked_of(pick(w.KIND, rng), name), is_it(name)))
        elif way == "describe":
            text = a(name)
            out.append(item("describe", pick(w.DESCRIBE, rng), text[0].upper() + text[1:] + "."))
        elif way == "claim":
            out.append(claim(name, rng))
        else:
            there = rng.random() < 0.5
            other = name if there else absent(name, rng)
            if way == "exist":
                out.append(item("exist", *exist(other, there, rng)))
            else:
                question = asked_of(pick(w.CONFIRM, rng), other)
                out.append(item("confirm", question, f"Yes, it is {a(name)}." if there else f"No, it is {a(name)}."))
    return out


def corpus(count=30000, seed=5):
    """Lines of text for the tokenizer."""
    import numpy as np

    from model.tokenizer import reply, segment
    rng = np.random.default_rng(seed)
    lines = [" USER: "] * (count // 10)
    for i in range(count // 10):
        for got in ask(NAMES[i % len(NAMES)], rng, 10):
            lines += [segment(got["question"]), reply(got["answer"])]
    for question, answer in w.CHAT:
        lines += [segment(question), reply(answer)] * 20
    return lines + [f" {n} {n} {n.capitalize()} {plural(n)}" for n in NAMES for _ in range(150)]


if __name__ == "__main__":
    import sys
    from pathlib import Path

    from model import tokenizer
    out = Path(sys.argv[1])
    tokenizer.write(out, tokenizer.train(corpus()))
    print("prefix tokens:", tokenizer.check(out / "tokenizer.json"))
    part = tokenizer.for_segments(out / "tokenizer.json")
    print("names of more than one token:", [n for n in NAMES if len(part.encode(" " + n).ids) > 1 + n.count(" ")])
