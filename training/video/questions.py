"""Questions and claims about a film, with their answers; items as in data/questions.py, claims as in data/claims.py.

What is not plain is not asked about: a place between left and middle, a time between beginning and middle, a thing that
has no name of its own, the order of what happens at once.
"""

import re
from itertools import permutations

from data.claims import TONES, _weighted
from data.questions import a, casual, item, pick
from data.things import plural

from . import wording as w
from .scenes import COLOURS, MOVES, SHAPES

NUMBERS = ["no", "one", "two", "three", "four", "five", "six"]
BASE = {**{m: f"move {m}" for m in MOVES}, "grow": "grow", "shrink": "shrink", "appear": "appear", "disappear": "disappear"}
AGAINST = {"left": "right", "right": "left", "up": "down", "down": "up", "grow": "shrink", "shrink": "grow", "appear": "disappear", "disappear": "appear"}


def cap(text):
    return text[0].upper() + text[1:]


def base(event):
    return f"turn {COLOURS[event['to']]}" if event["what"] == "turn" else BASE[event["what"]]


def does(phrase):
    """"move left" -> "moves left\""""
    verb, _, rest = phrase.partition(" ")
    return f"{verb}s {rest}".strip()


def many(words):
    """"red circle" -> "red circles\""""
    *colour, name = words.split()
    return " ".join([*colour, name + "es" if name.endswith("ss") else plural(name)])


def some(n, words="thing"):
    return f"{NUMBERS[n]} {words if n == 1 else many(words)}"


def there(n, words="thing"):
    return f"There {'is' if n == 1 else 'are'} {some(n, words)}."


def listed(parts):
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)


class Asker:
    """Asks about one film; each method returns None where the film does not allow its question."""

    def __init__(self, scene, rng):
        self.rng, self.scene = rng, scene
        self.things, self.events = scene["things"], scene["events"]
        shapes = [t["shape"] for t in self.things]
        both = [(t["shape"], c) for t in self.things for c in {t["colour"], *(e["to"] for e in t["events"] if e["what"] == "turn")}]
        self.short, self.full = [], []
        for t in self.things:
            shape, turns = SHAPES[t["shape"]], any(e["what"] == "turn" for e in t["events"])
            full = None if turns or both.count((t["shape"], t["colour"])) > 1 else f"{COLOURS[t['colour']]} {shape}"
            self.full.append(full)
            self.short.append(shape if shapes.count(t["shape"]) == 1 else full)
        self.named = [i for i, n in enumerate(self.short) if n]
        self.single = {k for k in range(scene["steps"]) if sum(e["step"] == k for e in self.events) == 1}
        self.steady = not any(e["what"] in ("appear", "disappear") for e in self.events)  # the same things all the time

    def noun(self, i):
        return "the " + (self.full[i] if self.full[i] and self.rng.random() < 0.25 else self.short[i])

    def asked(self, patterns, i, noun=None, **more):
        """(question, the thing's name for its answer)"""
        noun = noun or self.noun(i)
        said = noun
        if len(self.things) == 1 and self.rng.random() < 0.3:
            said, noun = pick(["it", "the thing", "the shape"], self.rng), f"the {self.short[i]}"
        return pick(patterns, self.rng).format(t=said, T=cap(said), **more), noun

    def one(self, wanted=lambda t: True):
        """A named thing, or None."""
        found = [i for i in self.named if wanted(self.things[i])]
        return pick(found, self.rng) if found else None

    def actor(self, *kinds):
        """(thing, event) of a named thing to which one such thing happens, and nothing of the same sort besides."""
        found = [(i, e) for i in self.named for e in self.things[i]["events"] if e["what"] in kinds and sum(x["what"] in kinds for x in self.things[i]["events"]) == 1]
        return pick(found, self.rng) if found else (None, None)

    def fact(self, event, noun=None):
        """"the circle moves left", or None where the thing has no name"""
        name = noun or (self.short[event["thing"]] and f"the {self.short[event['thing']]}")
        return name and f"{name} {does(base(event))}"

    def way(self):
        if self.rng.random() < 0.25:
            i = self.one()
            if i is None:
                return None
            moves = [e for e in self.things[i]["events"] if e["what"] in MOVES]
            question, noun = self.asked(w.MOVES, i)
            if len(moves) > 1:
                return None
            return item("way?", question, f"{cap(noun)} {does(base(moves[0])) if moves else 'does not move'}.")
        i, event = self.actor(*MOVES)
        if i is None:
            return None
        if self.rng.random() < 0.6:
            question, noun = self.asked(w.WAY, i)
            return item("way", question, f"{cap(noun)} {does(base(event))}.")
        asked = event["what"] if self.rng.random() < 0.45 else AGAINST[event["what"]] if self.rng.random() < 0.6 else pick(list(MOVES), self.rng)
        question, noun = self.asked(w.WAY_YN, i, v=BASE[asked], vs=does(BASE[asked]))
        return item("way?", question, f"{'Yes' if asked == event['what'] else 'No'}, {noun} {does(base(event))}.")

    def movers(self):
        return {e["thing"] for e in self.events if e["what"] in MOVES}

    def what_moves(self):
        found = sorted(self.movers())
        if any(not self.short[i] for i in found) or len(found) > 2 or (not found and self.rng.random() < 0.6):
            return None
        names = [f"the {self.short[i]}" for i in found]
        answer = "Nothing moves." if not found else f"{cap(listed(names))} move{'s' if len(found) == 1 else ''}."
        return item("what moves", pick(w.WHAT_MOVES, self.rng), answer, [answer] + ([f"{cap(listed(names[::-1]))} move."] if len(found) == 2 else []))

    def happens(self):
        i = self.one(lambda t: t["events"]) if self.rng.random() < 0.8 else self.one()
        if i is None:
            return None
        question, noun = self.asked(w.HAPPENS, i)
        events = self.things[i]["events"]
        return item("what happens", question, f"{cap(noun)} {' and then '.join(does(base(e)) for e in events)}." if events else f"Nothing happens to {noun}.")

    def size(self):
        i, event = self.actor("grow", "shrink")
        if i is None:
            i = self.one(lambda t: not any(e["what"] in ("grow", "shrink") for e in t["events"])) if self.rng.random() < 0.12 else None
            if i is None:
                return None
            question, noun = self.asked(w.SIZE, i)
            return item("size", question, f"{cap(noun)} keeps its size.")
        if self.rng.random() < 0.6:
            question, noun = self.asked(w.SIZE, i)
            return item("size", question, f"{cap(noun)} {does(base(event))}.")
        asked = event["what"] if self.rng.random() < 0.5 else AGAINST[event["what"]]
        question, noun = self.asked(w.WAY_YN, i, v=asked, vs=does(asked))
        return item("size", question, f"{'Yes' if asked == event['what'] else 'No'}, {noun} {does(base(event))}.")

    def comes(self):
        which = "appear" if self.rng.random() < 0.5 else "disappear"
        if self.rng.random() < 0.35:
            i, event = self.actor("appear", "disappear")
            if i is None:
                return None
            question, noun = self.asked(w.APPEAR_OR, i)
            return item("appear", question, f"{cap(noun)} {does(base(event))}.")
        found = [e for e in self.events if e["what"] == which]
        if len(found) > 1 or (not found and self.rng.random() < 0.6):
            return None
        fact = self.fact(found[0]) if found else f"nothing {which}s"
        return item("appear", pick(w.APPEAR if which == "appear" else w.VANISH, self.rng), cap(fact) + ".") if fact else None

    def when(self):
        found = [e for e in self.events if self.short[e["thing"]] and len([x for x in self.things[e["thing"]]["events"] if (x["what"] in MOVES) == (e["what"] in MOVES)]) == 1]
        if not found or self.scene["grids"] < 4:
            return None
        event = pick(found, self.rng)
        at, span = sum(event["frames"]) / 2 / (self.scene["n"] - 1), (event["frames"][1] - event["frames"][0]) / (self.scene["n"] - 1)
        place = None if span > 0.55 else "at the beginning" if at < 0.33 else "at the end" if at > 0.67 else "in the middle" if 0.42 < at < 0.58 else None
        if not place:
            return None
        question, noun = self.asked(w.WHEN, event["thing"], v=base(event))
        return item("when", question, f"{cap(noun)} {does(base(event))} {place}.")

    def pair(self):
        """Two events of which one plainly follows the other, each of a named thing; or None."""
        facts = [self.fact(e) for e in self.events]
        if self.scene["steps"] < 2 or None in facts or len(set(facts)) < len(facts):
            return None
        at = int(self.rng.random() * (len(self.events) - 1))
        return self.events[at], self.events[at + 1]

    def order(self):
        if self.scene["steps"] < 2 or len(self.single) < self.scene["steps"]:
            return None
        way = self.rng.random()
        if way < 0.4:
            first = self.rng.random() < 0.6
            fact = self.fact(self.events[0 if first else -1])
            return item("first" if first else "last", pick(w.FIRST if first else w.LAST, self.rng), cap(fact) + ".") if fact else None
        found = self.pair()
        if not found:
            return None
        one, two = found
        i, j = one["thing"], two["thing"]
        if way < 0.6:
            question, _ = self.asked(w.AFTER, i, f"the {self.short[i]}", vs=does(base(one)))
            return item("after", question, cap(self.fact(two)) + ".")
        if way < 0.72:
            question, _ = self.asked(w.BEFORE, j, f"the {self.short[j]}", vs=does(base(two)))
            return item("before", question, cap(self.fact(one)) + ".")
        if i == j:
            return None
        if way < 0.86 and len(self.events) == 2:
            nouns = [self.noun(i), self.noun(j)]
            said = nouns if self.rng.random() < 0.5 else nouns[::-1]
            return item("which first", pick(w.WHICH_FIRST, self.rng).format(t=said[0], u=said[1]), f"{cap(nouns[0])} {does(base(one))} first.")
        yes = self.rng.random() < 0.5
        first, second = (one, two) if yes else (two, one)
        question = pick(w.ORDER, self.rng).format(t=f"the {self.short[first['thing']]}", v=base(first), vs=does(base(first)), u=f"the {self.short[second['thing']]}", ws=does(base(second)))
        return item("order?", question, f"{'Yes' if yes else 'No'}, {self.fact(one)} first.")

    def same(self):
        found = [e for e in self.events if e["what"] in MOVES]
        if len(found) != 2 or self.scene["steps"] != 1 or any(not self.short[e["thing"]] for e in found):
            return None
        if self.rng.random() < 0.5:
            found = found[::-1]
        one, two = found
        question = pick(w.SAME, self.rng).format(t=f"the {self.short[one['thing']]}", u=f"the {self.short[two['thing']]}")
        return item("same way", question, f"Both move {one['what']}." if one["what"] == two["what"] else f"{cap(self.fact(one))} and {self.fact(two)}.")

    def at(self, which):
        """The things there at the start or at the end."""
        return [t for t in self.things if t["cover"][0 if which == "start" else -1] > 0.5]

    def count(self):
        way = self.rng.random()
        if way < 0.15 and self.events:
            n = len(self.movers())
            return item("count moving", pick(w.COUNT_MOVING, self.rng), f"{cap(some(n))} move{'s' if n == 1 else ''}." if n else "Nothing moves.")
        if not self.steady or way < 0.25:
            end = "start" if self.rng.random() < 0.5 else "end"
            n = len(self.at(end))
            return item("count at", pick(w.COUNT_AT, self.rng).format(e=pick(["start", "beginning"], self.rng) if end == "start" else "end"), there(n))
        if way < 0.65:
            return item("count", pick(w.COUNT, self.rng), there(len(self.things)))
        one = pick(self.things, self.rng)
        shape, colour = SHAPES[one["shape"]], COLOURS[one["colour"]]
        kind = self.rng.random()
        if self.rng.random() < 0.08:
            shape = pick(SHAPES, self.rng)
            kind = 0
        if kind >= 0.45 and any(e["what"] == "turn" for e in self.events):
            return None
        words = shape if kind < 0.45 else f"{colour} {shape}" if kind < 0.7 else f"{colour} thing"
        n = sum((kind >= 0.7 or SHAPES[t["shape"]] == shape) and (kind < 0.45 or COLOURS[t["colour"]] == colour) for t in self.things)
        return item("count of", pick(w.COUNT_OF, self.rng).format(ns=many(words)), there(n, words))

    def colour(self):
        way = self.rng.random()
        i, event = self.actor("turn")
        if i is not None and way < 0.8:
            noun = f"the {self.short[i]}"
            if way < 0.35:
                question, noun = self.asked(w.COLOUR_NEW, i, noun)
                return item("new colour", question, f"{cap(noun)} turns from {COLOURS[self.things[i]['colour']]} to {COLOURS[event['to']]}.")
            end = self.rng.random() < 0.5
            question, noun = self.asked(w.COLOUR_AT, i, noun, e="end" if end else pick(["start", "beginning"], self.rng))
            return item("colour at", question, f"{cap(noun)} is {COLOURS[event['to'] if end else self.things[i]['colour']]}.")
        known = [i for i in self.named if self.short[i] in SHAPES and not any(e["what"] == "turn" for e in self.things[i]["events"])]
        if not known:
            return None
        i = pick(known, self.rng)
        colour, noun = self.things[i]["colour"], f"the {self.short[i]}"
        if way < 0.08:
            question, noun = self.asked(w.COLOUR_KEPT, i, noun)
            return item("new colour", question, f"No, {noun} stays {COLOURS[colour]}.")
        if way < 0.5:
            question, noun = self.asked(w.COLOUR, i, noun)
            return item("colour", question, f"{cap(noun)} is {COLOURS[colour]}.")
        if way < 0.75:
            asked = colour if self.rng.random() < 0.5 else int(self.rng.random() * len(COLOURS))
            question, noun = self.asked(w.COLOUR_YN, i, noun, c=COLOURS[asked])
            return item("colour?", question, f"{'Yes' if asked == colour else 'No'}, {noun} is {COLOURS[colour]}.")
        shown = [c for t in self.things for c in [t["colour"]] + [e["to"] for e in t["events"] if e["what"] == "turn"]]
        return item("which is", pick(w.COLOUR_WHICH, self.rng).format(c=COLOURS[colour]), f"{cap(noun)} is {COLOURS[colour]}.") if shown.count(colour) == 1 else None

    def shape(self):
        if len(self.things) == 1:
            return item("shape", pick(w.SHAPE, self.rng), f"It is {a(SHAPES[self.things[0]['shape']])}.")
        present = self.things[int(self.rng.random() * len(self.things))]["shape"] if self.rng.random() < 0.5 else int(self.rng.random() * len(SHAPES))
        yes = any(t["shape"] == present for t in self.things)
        name = SHAPES[present]
        return item("is there", pick(w.EXIST, self.rng).format(a=a(name), n=name), f"Yes, there is {a(name)}." if yes else f"No, there is no {name}.")

    def place(self, t, frame):
        """Where a thing is in a frame, or None where that is not plain."""
        part = lambda at, low, high: low if at < 0.34 else high if at > 0.66 else "" if 0.43 < at < 0.57 else None
        across, down = part(t["x"][frame] / self.scene["width"], "left", "right"), part(t["y"][frame] / self.scene["height"], "top", "bottom")
        if across is None or down is None:
            return None
        return "in the middle" if not across and not down else f"at the {down}" if not across else f"on the {across}" if not down else f"at the {down} {across}"

    def where(self):
        i = self.one()
        if i is None:
            return None
        t = self.things[i]
        if not any(e["what"] in MOVES for e in t["events"]) and self.rng.random() < 0.5:
            question, noun = self.asked(w.WHERE_STILL, i)
            at = self.place(t, 0)
        else:
            end = self.rng.random() < 0.5
            if t["cover"][-1 if end else 0] < 0.5:
                return None
            question, noun = self.asked(w.WHERE, i, e="end" if end else pick(["start", "beginning"], self.rng))
            at = self.place(t, -1 if end else 0)
        return item("where", question, f"{cap(noun)} is {at}.") if at else None

    def describe(self):
        if any(not self.short[e["thing"]] for e in self.events):
            return None
        kinds = []
        for t in self.things:
            name = f"{COLOURS[t['colour']]} {SHAPES[t['shape']]}"
            if name not in kinds:
                kinds.append(name)
        counts = [sum(f"{COLOURS[t['colour']]} {SHAPES[t['shape']]}" == k for t in self.things) for k in kinds]
        kinds = [a(k) if n == 1 else some(n, k) for k, n in zip(kinds, counts)]
        steps = [[self.fact(e) for e in self.events if e["step"] == k] for k in range(self.scene["steps"])]
        told = lambda kinds, steps: f"{cap(listed(kinds))}. " + (cap(", then ".join(" and ".join(s) for s in steps)) + "." if steps else "Nothing changes.")
        answers = [told(k, s) for s in ([steps, [s[::-1] for s in steps]]) for k in permutations(kinds)]  # what is there in any order
        return item("describe", pick(w.DESCRIBE, self.rng), answers[0], answers)

    def chat(self):
        question, answer = pick(w.CHAT, self.rng)
        return item("chat", question, answer)

    def claim(self, tone=None, false=None, about=None):
        rng = self.rng
        tone = tone or _weighted(TONES, rng)
        false = rng.random() < w.FALSE_SHARE[tone] if false is None else false
        about = about or _weighted([("way", 0.35), ("size", 0.2), ("appear", 0.14), ("first", 0.3), ("count", 0.12), ("colour", 0.1), ("shape", 0.08)], rng)
        if about in ("way", "size", "appear"):
            i, event = self.actor(*{"way": tuple(MOVES), "size": ("grow", "shrink"), "appear": ("appear", "disappear")}[about])
            if i is None:
                return None
            truth = event["what"]
            claimed = truth if not false else AGAINST[truth] if about != "way" or rng.random() < 0.6 else pick([m for m in MOVES if m != truth], rng)
            open_question = len(self.things[i]["events"]) == 1 and rng.random() < 0.25
            question, noun = self.asked(w.HAPPENS if open_question else {"way": w.WAY, "size": w.SIZE, "appear": w.APPEAR_OR}[about], i)
            claimed, truth = does(BASE[claimed]), does(BASE[truth])
            fact, answer = f"{noun} {claimed}", f"{cap(noun)} {truth}."
        elif about == "first":
            if self.scene["steps"] != 2 or len(self.single) < 2 or any(not self.short[e["thing"]] for e in self.events):
                return None
            one, two = (self.fact(e) for e in self.events)
            truth, claimed = one, two if false else one
            fact, answer = (f"{two} before {one}" if false else f"{one} before {two}"), cap(one) + "."
            if rng.random() < 0.5:
                fact = f"{claimed} first"
            question = pick(w.FIRST, rng)
            return self.told(fact, question, answer, tone, false, claimed, truth, about)
        elif about == "count":
            if not self.steady:
                return None
            n = len(self.things)
            claimed = pick([k for k in range(1, 6) if k != n], rng) if false else n
            claimed, truth = there(claimed)[:-1], there(n)[:-1]
            fact, question, answer = claimed.lower(), pick(w.COUNT, rng), truth + "."
        elif about == "colour":
            known = [i for i in self.named if self.short[i] in SHAPES and not any(e["what"] == "turn" for e in self.things[i]["events"])]
            if not known:
                return None
            i = pick(known, rng)
            truth = COLOURS[self.things[i]["colour"]]
            claimed = pick([c for c in COLOURS if c != truth], rng) if false else truth
            question, noun = self.asked(w.COLOUR, i, f"the {self.short[i]}")
            fact, answer = f"{noun} is {claimed}", f"{cap(noun)} is {truth}."
        else:
            if len(self.things) != 1:
                return None
            truth = a(SHAPES[self.things[0]["shape"]])
            claimed = pick([x for x in map(a, SHAPES) if x != truth], rng) if false else truth
            fact, question, answer = f"there is {claimed}", pick(w.SHAPE, rng), f"It is {truth}."
        return self.told(fact, question, answer, tone, false, claimed, truth, about)

    def told(self, fact, question, answer, tone, false, claimed, truth, about):
        statement = pick(w.CLAIM[tone], self.rng).format(f=fact, F=cap(fact))
        return item("claim", f"{statement} {question}", answer, claim="false" if false else "true", tone=tone, claimed=claimed, truth=truth, about=about)


WEIGHTS = {"way": 0.24, "what_moves": 0.06, "happens": 0.13, "size": 0.17, "comes": 0.1, "when": 0.14, "order": 0.55, "same": 0.15, "count": 0.14, "colour": 0.12, "shape": 0.06, "where": 0.12,
           "describe": 0.1, "chat": 0.006}
_KINDS, _SHARES = list(WEIGHTS), [s / sum(WEIGHTS.values()) for s in WEIGHTS.values()]
CLAIM_SHARE = 0.22
_FILM = re.compile(r"\b(film|video|clip|movie)\b")


def ask(scene, rng, count, claims=CLAIM_SHARE):
    """Enough to fill a row. Where nothing can be seen, only claims that hold are asked about."""
    asker, out = Asker(scene, rng), []
    for way in rng.choice(len(_KINDS), 3 * count, p=_SHARES).tolist():
        if scene["faint"]:
            got = asker.claim(tone="sure", false=False)
        elif rng.random() < claims:
            got = asker.claim()
        else:
            got = getattr(asker, _KINDS[way])()
        if got is not None:
            if scene["grids"] == 1:
                got["question"] = _FILM.sub("picture", got["question"])
            got["question"] = casual(got["question"], rng)
            out.append(got)
            if len(out) == count:
                break
    return out


def claimed_answers(got):
    """The answers of one who believes the claim of a claim item."""
    if got["about"] in ("count", "first"):
        return [cap(got["claimed"]) + "."]
    return [got["answer"].replace(got["truth"], got["claimed"])]
