"""Questions about a scene, with their answers. Every sample is a dict:

{"kind", "question", "answer", "answers": [all accepted], "claim": None|"true"|"false", "tone", "claimed", "truth"}
"""

from itertools import permutations

from . import wording as w
from .colours import SHAPE_COLOURS
from .things import ALIASES, KIND_WORDS, STRANGERS, article, plural

NUMBERS = ["no", "one", "two", "three", "four", "five"]


def pick(items, rng):
    return items[int(rng.random() * len(items))]


def a(word):
    return f"{article(word)} {word}"


def say(thing):
    """A thing as a description names it: shapes with their colour."""
    return f"{thing['colour']} {thing['name']}" if thing["kind"] == "shape" else thing["name"]


def item(kind, question, answer, answers=None, **claim):
    base = {"kind": kind, "question": question, "answer": answer, "answers": answers or [answer],
            "claim": None, "tone": None, "claimed": None, "truth": None}
    base.update(claim)
    return base


def some(number, word):
    return f"{NUMBERS[number]} {word if number == 1 else plural(word)}"


def there_are(number, word):
    return f"There {'is' if number == 1 else 'are'} {some(number, word)}."


class Asker:
    """Asks about one scene. Positions are taken from the scene's own numbers."""

    def __init__(self, scene, cat, rng):
        self.scene, self.cat, self.rng = scene, cat, rng
        self.objects = scene["objects"]
        self.names = [o["name"] for o in self.objects]
        self.once = [o for o in self.objects if self.names.count(o["name"]) == 1]

    def absent(self):
        """A thing that is not here, often akin to one that is."""
        near = pick(self.names, self.rng) if self.names else "dog"
        while True:
            name = self.cat.confusable(near, self.rng)
            if name not in self.names:
                return name

    def word(self, name):
        """The thing's name or, now and then, another word for it."""
        if name in ALIASES and self.rng.random() < 0.12:
            return pick(ALIASES[name], self.rng)
        return name

    # One method for each kind of question; None where the scene does not allow it.

    def name(self):
        if len(self.objects) != 1:
            return self.kind_of() if self.objects else None
        thing = self.objects[0]
        if thing["kind"] == "shape":
            return item("name", pick(w.NAME, self.rng), f"It is {a(say(thing))}.")
        if self.rng.random() < 0.4:
            return self.kind_of()
        return item("name", pick(w.NAME, self.rng), f"It is {a(thing['name'])}.")

    def kind_of(self):
        if not self.objects:
            return None
        thing = pick(self.objects, self.rng)
        words = KIND_WORDS.get(thing["kind"], [])
        if not words:
            return None
        word = pick(words, self.rng)
        if {o["name"] for o in self.objects if word in KIND_WORDS.get(o["kind"], [])} != {thing["name"]}:
            return None
        many = self.names.count(thing["name"]) > 1
        answer = f"They are {plural(thing['name'])}." if many else f"It is {a(thing['name'])}."
        return item("kind", pick(w.KIND, self.rng).format(k=word, ak=a(word)), answer)

    def exist(self):
        there = bool(self.names) and self.rng.random() < 0.5
        if there:
            name = pick(self.names, self.rng)
        elif self.rng.random() < 0.12:
            name = pick(STRANGERS, self.rng)
        else:
            name = self.absent()
        word = self.word(name)
        question = pick(w.EXIST, self.rng).format(a=a(word), n=word, ns=plural(word))
        number = self.names.count(name)
        if not there:
            return item("exist", question, f"No, there is no {word}.")
        answer = f"Yes, there is {a(word)}." if number == 1 else f"Yes, there are {some(number, word)}."
        return item("exist", question, answer)

    def confirm(self):
        if len(self.objects) != 1 or self.objects[0]["kind"] == "shape":
            return None
        name = self.names[0]
        if self.rng.random() < 0.5:
            word = self.word(name)
            return item("exist", pick(w.CONFIRM, self.rng).format(a=a(word)), f"Yes, it is {a(word)}.")
        other = self.absent()
        return item("exist", pick(w.CONFIRM, self.rng).format(a=a(other)), f"No, it is {a(name)}.")

    def count_all(self):
        return item("count", pick(w.COUNT_ALL, self.rng), there_are(len(self.objects), "thing"))

    def count(self):
        if not self.names or self.rng.random() < 0.12:
            name = self.absent()
        else:
            name = max(self.names, key=self.names.count) if self.rng.random() < 0.6 else pick(self.names, self.rng)
        word = self.word(name)
        return item("count", pick(w.COUNT, self.rng).format(ns=plural(word)), there_are(self.names.count(name), word))

    def relation(self, p, q):
        """How p lies to q, or None where it is not plain."""
        dx, dy = p["x"] - q["x"], p["y"] - q["y"]
        if max(abs(dx), abs(dy)) < 0.12 or min(abs(dx), abs(dy)) > 0.7 * max(abs(dx), abs(dy)):
            return None
        if abs(dx) > abs(dy):
            return "left" if dx < 0 else "right"
        return "above" if dy < 0 else "below"

    def rel(self, side):
        return {"left": "left of", "right": "right of"}.get(side, side)

    def side(self):
        if len(self.once) < 2 or len(self.once) != len(self.objects):
            return None
        q = pick(self.once, self.rng)
        side = pick(list(w.RELATIONS), self.rng) if self.rng.random() < 0.15 else None
        others = [o for o in self.once if o is not q]
        side = side or self.relation(pick(others, self.rng), q)
        if side is None:
            return None
        axis, sign = {"left": ("x", -1), "right": ("x", 1), "above": ("y", -1), "below": ("y", 1)}[side]
        plainly = [o for o in others if self.relation(o, q) == side]
        maybe = [o for o in others if (o[axis] - q[axis]) * sign > 0.04]
        question = pick(w.SIDE, self.rng).format(rel=pick(w.RELATIONS[side], self.rng), n=q["name"])
        if not maybe:
            return item("side", question, f"There is nothing {self.rel(side)} the {q['name']}.")
        if len(plainly) != 1 or len(maybe) != 1:
            return None
        return item("side", question, f"The {plainly[0]['name']} is {self.rel(side)} the {q['name']}.")

    def side_check(self):
        if len(self.once) < 2:
            return None
        p, q = self.rng.choice(len(self.once), 2, replace=False)
        p, q = self.once[p], self.once[q]
        side = self.relation(p, q)
        if side is None:
            return None
        names = {"n": p["name"], "m": q["name"], "a": a(p["name"]), "am": a(q["name"])}
        fact = f"the {p['name']} is {self.rel(side)} the {q['name']}."
        way = self.rng.random()
        if way < 0.2:
            patterns = [t for t in w.SIDE_REL if ("left or" not in t or side in ("left", "right")) and ("above or" not in t or side in ("above", "below"))]
            return item("side", pick(patterns, self.rng).format(**names), fact[0].upper() + fact[1:])
        true = way < 0.6
        asked = side if true else w.OPPOSITE[side] if self.rng.random() < 0.8 else pick([s for s in w.RELATIONS if s != side], self.rng)
        question = pick(w.SIDE_YN, self.rng).format(rel=pick(w.RELATIONS[asked], self.rng), **names)
        return item("side", question, ("Yes, " if true else "No, ") + fact)

    def where(self):
        if not self.once or self.rng.random() < 0.06:
            name = self.absent()
            return item("where", pick(w.WHERE, self.rng).format(n=name), f"There is no {name}.")
        thing = pick(self.once, self.rng)
        spots = self.spot(thing)
        if spots is None:
            return None
        word = self.word(thing["name"])
        return item("where", pick(w.WHERE, self.rng).format(n=word), f"The {word} is {spots}.")

    def spot(self, thing):
        def band(v, low, mid, high):
            return low if v < 0.36 else high if v > 0.64 else mid if 0.42 < v < 0.58 else None
        column, row = band(thing["x"], "left", "", "right"), band(thing["y"], "top", "", "bottom")
        if column is None or row is None:
            return None
        if not column and not row:
            return "in the middle"
        return f"at the {' '.join(s for s in (row, column) if s)}"

    def at(self):
        if len(self.objects) < 2:
            return None
        side = pick(["left", "right", "top", "bottom"], self.rng)
        axis, sign = {"left": ("x", 1), "right": ("x", -1), "top": ("y", 1), "bottom": ("y", -1)}[side]
        ranked = sorted(self.objects, key=lambda o: o[axis] * sign)
        if (ranked[1][axis] - ranked[0][axis]) * sign < 0.15 or (ranked[0][axis] - 0.5) * sign > -0.06:
            return None
        where = f"{'on' if side in ('left', 'right') else 'at'} the {side}"
        return item("where", pick(w.AT, self.rng).format(side=side), f"{a(say(ranked[0])).capitalize()} is {where}.")

    def colour(self):
        if self.rng.random() < 0.06:
            name = self.absent()
            return item("colour", pick(w.COLOUR, self.rng).format(n=name), f"There is no {name}.")
        known = [o for o in self.once if o["colour"]]
        if not known:
            return None
        thing = pick(known, self.rng)
        name, colour, way = thing["name"], thing["colour"], self.rng.random()
        if len(self.objects) == 1 and way < 0.25:
            return item("colour", pick(w.COLOUR_IT, self.rng), f"The {name} is {colour}.", [f"The {name} is {colour}.", f"It is {colour}."])
        if way < 0.55:
            return item("colour", pick(w.COLOUR, self.rng).format(n=name), f"The {name} is {colour}.")
        if way < 0.75 and all(o["colour"] for o in self.objects) and sum(o["colour"] == colour for o in self.objects) == 1:
            return item("colour", pick(w.COLOUR_WHICH, self.rng).format(c=colour), f"The {name} is {colour}.", [f"The {name} is {colour}.", f"It is {a(name)}."])
        if self.rng.random() < 0.5:
            return item("colour", pick(w.COLOUR_YN, self.rng).format(c=colour, n=name), f"Yes, the {name} is {colour}.")
        other = pick([c for c in SHAPE_COLOURS if c != colour], self.rng)
        return item("colour", pick(w.COLOUR_YN, self.rng).format(c=other, n=name), f"No, the {name} is {colour}.")

    def shape(self):
        shapes = [o for o in self.objects if o["kind"] == "shape"]
        if not shapes:
            return None
        thing = pick(shapes, self.rng)
        if len(shapes) == 1 and self.rng.random() < 0.5:
            return item("shape", pick(w.SHAPE, self.rng), f"It is a {thing['name']}.")
        if sum(o["colour"] == thing["colour"] for o in shapes) > 1:
            return None
        return item("shape", pick(w.SHAPE_OF, self.rng).format(c=thing["colour"]), f"It is a {thing['name']}.")

    def describe(self):
        many = len(self.objects) != 1 and self.rng.random() < 0.35
        question = pick(w.DESCRIBE_MANY if many else w.DESCRIBE, self.rng)
        if not self.objects:
            return item("describe", question, "There is nothing in the picture.")
        groups = {}
        for thing in sorted(self.objects, key=lambda o: o["x"]):
            groups[say(thing)] = groups.get(say(thing), 0) + 1
        parts = [a(n) if k == 1 else some(k, n) for n, k in groups.items()]
        return item("describe", question, join(parts), [join(p) for p in permutations(parts)])

    def chat(self):
        question, answer = pick(w.CHAT, self.rng)
        return item("chat", question, answer)


def join(parts):
    text = parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]
    return text[0].upper() + text[1:] + "."


# How often each kind is asked; easy to read off, easy to change.
WEIGHTS = {"name": 0.17, "kind_of": 0.06, "exist": 0.11, "confirm": 0.04, "count_all": 0.05, "count": 0.08, "side": 0.13, "side_check": 0.14,
           "where": 0.05, "at": 0.04, "colour": 0.1, "shape": 0.04, "describe": 0.14, "chat": 0.006}


def casual(question, rng):
    """People don't always type capitals and question marks."""
    way = rng.random()
    if way < 0.14:
        question = question.lower()
    elif way < 0.155:
        question = question.upper()
    question = question.replace(" a orange ", " an orange ")
    if rng.random() < 0.12:
        question = question.rstrip("?.! ")
    return question
