"""Questions and claims about a scene of sounds, with their answers; items as in data/questions.py, claims as in data/claims.py."""

from data.claims import TONES, _weighted
from data.questions import a as with_article, casual, item, pick

from . import wording as w
from .scenes import COUNTED, KIND_OF, WORD_KIND, other, other_word
from .sounds import BARE, MASS, PITCHED

HIGH, LOW = 800, 330  # Hz: what is called high and what low; nothing is asked of pitches between
NUMBERS = ["no", "one", "two", "three", "four", "five", "six"]
NTH = ["first", "second", "third", "fourth"]
KIND_WORDS = {"animal": ["animal"], "instrument": ["instrument", "musical instrument"], "machine": [], "weather": [], "thing": []}


def a(name):
    return BARE.get(name) or (name if name in MASS else with_article(name))


def the(name):
    return BARE.get(name) or f"the {name}"


def cap(text):
    return text[0].upper() + text[1:]


def times(n):
    return f"{NUMBERS[n]} {'time' if n == 1 else 'times'}"


class Asker:
    """Asks about one scene; each method returns None where the scene does not allow its question."""

    def __init__(self, scene, rng):
        self.scene, self.rng, self.events = scene, rng, scene["events"]
        self.names = [e["name"] for e in self.events]
        self.words = [e["word"] for e in self.events if e["word"]]
        self.heard = set(self.names) | ({scene["background"]} if scene["background"] else set())
        self.once = [e for e in self.events if self.names.count(e["name"]) == 1]
        self.alone = len(self.events) == 1 and not scene["background"]
        self.one_kind = len(set(self.names)) == 1 and not scene["background"]

    def absent(self):
        near = pick(self.names, self.rng) if self.names else "dog"
        while True:
            name = other(near, self.rng)
            if name not in self.heard:
                return name

    def name(self):
        if not self.one_kind:
            return None
        name = self.names[0]
        if name in KIND_OF and self.rng.random() < 0.35:
            return self.kind_of()
        return item("name", pick(w.NAME, self.rng), f"It is {a(name)}.")

    def kind_of(self):
        """Which animal, which instrument: where there is just one."""
        for word in ("animal", "instrument"):
            found = {n for n in self.heard if KIND_OF.get(n) == word}
            if len(found) == 1:
                name = found.pop()
                if word == "instrument" and self.rng.random() < 0.3:
                    return item("name", pick(w.PLAYING, self.rng), f"It is {a(name)}.")
                k = pick(KIND_WORDS[word], self.rng)
                return item("name", pick(w.KIND, self.rng).format(k=k, ak=with_article(k)), f"It is {a(name)}.")

    def exist(self):
        if self.heard and self.rng.random() < 0.5:
            name = pick(sorted(self.heard), self.rng)
            return item("exist", pick(w.EXIST, self.rng).format(a=a(name)), f"Yes, there is {a(name)}.")
        name = "voice" if "voice" not in self.heard and self.rng.random() < 0.1 else self.absent()
        return item("exist", pick(w.EXIST, self.rng).format(a=a(name)), f"No, there is no {name}.")

    def confirm(self):
        if not self.one_kind:
            return None
        name = self.names[0]
        if self.rng.random() < 0.5:
            return item("exist", pick(w.CONFIRM, self.rng).format(a=a(name)), f"Yes, it is {a(name)}.")
        return item("exist", pick(w.CONFIRM, self.rng).format(a=a(self.absent())), f"No, it is {a(name)}.")

    def counted(self):
        names = [n for n in self.names if n in COUNTED and n != self.scene["background"]]
        return max(names, key=names.count) if names else None

    def count(self):
        name = self.counted()
        if name is None or self.rng.random() < 0.08:
            name = self.absent()
            return item("count", pick(w.COUNT, self.rng).format(the=the(name)), f"There is no {name}.")
        return item("count", pick(w.COUNT, self.rng).format(the=the(name)), f"You hear {the(name)} {times(self.names.count(name))}.")

    def count_all(self):
        if self.words or self.scene["background"] or not self.events:
            return None
        n = len(self.events)
        return item("count", pick(w.COUNT_ALL, self.rng), f"There {'is' if n == 1 else 'are'} {NUMBERS[n]} sound{'s' * (n > 1)}.")

    def count_words(self):
        n = len(self.words)
        if n == 0:
            return item("count", pick(w.WORDS, self.rng), "There is no voice.") if self.rng.random() < 0.1 else None
        return item("count", pick(w.WORDS, self.rng), f"There {'is' if n == 1 else 'are'} {NUMBERS[n]} word{'s' * (n > 1)}.")

    def first(self):
        if len(self.events) < 2 or len(set(self.names)) < 2:
            return None
        at = int(self.rng.random() * min(4, len(self.names) + 1))
        at, nth = (len(self.names) - 1, "last") if at == len(self.names) or self.rng.random() < 0.3 else (at, NTH[at])
        return item("order", pick(w.FIRST, self.rng).format(nth=nth), f"{cap(the(self.names[at]))} comes {nth}.")

    def after(self):
        if len(self.once) < 2:
            return None
        at = self.events.index(pick(self.once, self.rng))
        rel = "after" if self.rng.random() < 0.5 else "before"
        next_at = at + 1 if rel == "after" else at - 1
        question = pick(w.AFTER, self.rng).format(rel=rel, the=the(self.names[at]))
        if not 0 <= next_at < len(self.names):
            return item("order", question, f"Nothing comes {rel} {the(self.names[at])}.")
        return item("order", question, f"{cap(the(self.names[next_at]))} comes {rel} {the(self.names[at])}.")

    def before(self):
        if len(self.once) < 2:
            return None
        p, q = self.rng.choice(len(self.once), 2, replace=False)
        p, q = self.once[p], self.once[q]
        rel = "before" if p["at"] < q["at"] else "after"
        fact = f"{the(p['name'])} is {rel} {the(q['name'])}."
        both = {"the": the(p["name"]), "that": the(q["name"])}
        way = self.rng.random()
        if way < 0.3:
            question = pick(w.ORDER, self.rng)
            if "first" in question:
                return item("order", question.format(**both), f"{cap(both['the' if rel == 'before' else 'that'])} comes first.")
            return item("order", question.format(**both), cap(fact))
        asked = rel if way < 0.65 else {"before": "after", "after": "before"}[rel]
        return item("order", pick(w.BEFORE_YN, self.rng).format(rel=asked, **both), ("Yes, " if asked == rel else "No, ") + fact)

    def when(self):
        if not self.once or self.scene["length"] < 16000:
            return None
        e = pick(self.once, self.rng)
        if e["n"] > 0.45 * self.scene["length"]:
            return None
        at = (e["at"] + e["n"] / 2) / self.scene["length"]
        place = "at the beginning" if at < 0.34 else "at the end" if at > 0.66 else "in the middle" if 0.41 < at < 0.59 else None
        if place is None:
            return None
        return item("when", pick(w.WHEN, self.rng).format(the=the(e["name"])), f"{cap(the(e['name']))} is {place}.")

    def apart(self):
        if len(self.events) != 2 or len(self.words) == 2:
            return None
        gap = (self.events[1]["at"] - self.events[0]["at"] - self.events[0]["n"]) / 16000
        far = True if gap > 0.8 else False if gap < 0.32 else None
        if far is None:
            return None
        question = pick(w.APART, self.rng)
        return item("apart", question, f"The sounds are {'far apart' if far else 'close together'}.")

    def high(self, e):
        return "high" if e["pitch"] >= HIGH else "low" if 0 < e["pitch"] <= LOW else None

    def pitched(self):
        return [e for e in self.once if e["name"] in PITCHED and self.high(e)]

    def pitch(self):
        if len(self.events) == 2 and self.names[0] == self.names[1] and self.names[0] in PITCHED and self.rng.random() < 0.8:
            return self.higher()
        known = self.pitched()
        if not known:
            return None
        e = pick(known, self.rng)
        name, truth = e["name"], self.high(e)
        if self.rng.random() < 0.6:
            return item("pitch", pick(w.PITCH, self.rng).format(the=the(name)), f"{cap(the(name))} is {truth}.")
        asked = pick(["high", "low"], self.rng)
        return item("pitch", pick(w.PITCH_YN, self.rng).format(the=the(name), n=name, p=asked), f"{'Yes' if asked == truth else 'No'}, {the(name)} is {truth}.")

    def higher(self):
        one, two = (e["pitch"] for e in self.events)
        if max(one, two) < 1.15 * min(one, two):
            return None
        asked = pick(["higher", "lower"], self.rng)
        winner = "second" if (two > one) == (asked == "higher") else "first"
        return item("pitch", pick(w.HIGHER, self.rng).format(n=self.names[0], c=asked), f"The {winner} one is {asked}.")

    def glide(self):
        known = [e for e in self.once if e["name"] == "whistle" and e["glide"]]
        if not known:
            return None
        return item("pitch", pick(w.GLIDE, self.rng).format(the="the whistle"), f"The whistle goes {'up' if known[0]['glide'] > 0 else 'down'}.")

    def louder(self):
        known = [e for e in self.once if not e["word"]]
        if len(known) < 2:
            return None
        p, q = (known[i] for i in self.rng.choice(len(known), 2, replace=False))
        ratio = p["gain"] / q["gain"]
        if 0.26 < ratio < 3.9:
            return None
        asked = "louder" if self.rng.random() < 0.6 else "quieter"
        winner = p if (ratio > 1) == (asked == "louder") else q
        patterns = w.LOUDER if len(self.events) == 2 and not self.scene["background"] else [x for x in w.LOUDER if "{the}" in x]
        return item("loud", pick(patterns, self.rng).format(the=the(p["name"]), that=the(q["name"]), c=asked), f"{cap(the(winner['name']))} is {asked}.")

    def background(self):
        if self.scene["background"]:
            return item("background", pick(w.BACK, self.rng), f"There is {a(self.scene['background'])} in the background.")
        return item("background", pick(w.BACK, self.rng), "There is nothing in the background.") if self.rng.random() < 0.1 else None

    def say(self):
        if not self.words:
            return item("say", pick(w.SAY, self.rng), "There is no voice.") if self.rng.random() < 0.06 else None
        return item("say", pick(w.SAY, self.rng), f"The voice says {' '.join(self.words)}.")

    def say_kind(self):
        for word in self.words:
            kind = WORD_KIND[word]
            if kind != "word" and sum(WORD_KIND[x] == kind for x in self.words) == 1:
                return item("say", pick(w.SAY_KIND, self.rng).format(k=kind), f"The voice says {word}.")

    def say_check(self):
        if not self.words:
            return None
        word = pick(self.words, self.rng)
        if self.rng.random() < 0.5:
            return item("say", pick(w.SAY_YN, self.rng).format(w=word), f"Yes, the voice says {word}.")
        asked = other_word(word, self.rng)
        if asked in self.words:
            return None
        return item("say", pick(w.SAY_YN, self.rng).format(w=asked), f"No, the voice says {' '.join(self.words)}.")

    def describe(self):
        many = len(self.events) > 1 and self.rng.random() < 0.3 and not self.one_kind
        question = pick(w.DESCRIBE_MANY if many else w.DESCRIBE, self.rng)
        if not self.events:
            return item("describe", question, "There is nothing to hear.")
        parts, at = [], 0
        while at < len(self.events):
            name, end = self.names[at], at
            while end < len(self.names) and self.names[end] == name:
                end += 1
            if name == "voice":
                parts.append(f"a voice saying {' '.join(e['word'] for e in self.events[at:end])}")
            elif end - at == 1 or name not in COUNTED:
                parts.append(a(name))
            else:
                parts.append(f"{a(name)} {times(end - at)}")
            at = end
        text = parts[0] if len(parts) == 1 else ", then ".join(parts[:-1]) + " and then " + parts[-1]
        if self.scene["background"]:
            text += f", with {a(self.scene['background'])} in the background"
        return item("describe", question, cap(text) + ".")

    def chat(self):
        question, answer = pick(w.CHAT, self.rng)
        return item("chat", question, answer)

    def claim(self, tone=None, false=None, about=None):
        rng = self.rng
        tone = tone or _weighted(TONES, rng)
        false = rng.random() < w.FALSE_SHARE[tone] if false is None else false
        about = about or _weighted([("name", 0.45), ("count", 0.2), ("pitch", 0.13), ("word", 0.22)] if not self.words else [("name", 0.1), ("word", 0.9)], rng)
        if not self.events:
            return None
        made = getattr(self, f"_claim_{about}")(tone, false)
        if made is None:
            return None
        statement, question, answer, claimed, truth = made
        return item("claim", f"{statement} {question}", answer, claim="false" if false else "true", tone=tone, claimed=claimed, truth=truth, about=about)

    def _claim_name(self, tone, false):
        truth = pick(self.names, self.rng)
        claimed = self.absent() if false else truth
        statement = pick(w.CLAIM[tone], self.rng).format(a=a(claimed))
        kind = KIND_OF.get(truth)
        words = KIND_WORDS.get(kind, []) if KIND_OF.get(claimed) == kind else []
        if words and sum(KIND_OF.get(n) == kind for n in self.heard) == 1 and self.rng.random() < 0.5:
            k = pick(words, self.rng)
            return statement, pick(w.KIND, self.rng).format(k=k, ak=with_article(k)), f"It is {a(truth)}.", claimed, truth
        if self.one_kind and self.rng.random() < 0.75:
            return statement, pick(w.NAME, self.rng), f"It is {a(truth)}.", claimed, truth
        question = pick(w.EXIST, self.rng).format(a=a(claimed))
        return statement, question, f"No, there is no {claimed}." if false else f"Yes, there is {a(claimed)}.", "yes", "no" if false else "yes"

    def _claim_count(self, tone, false):
        name = self.counted()
        if name is None or name == "voice":
            return None
        truth = self.names.count(name)
        claimed = pick([n for n in range(1, 6) if n != truth], self.rng) if false else truth
        statement = pick(w.CLAIM_COUNT[tone], self.rng).format(the=the(name), t=times(claimed))
        return statement, pick(w.COUNT, self.rng).format(the=the(name)), f"You hear {the(name)} {times(truth)}.", NUMBERS[claimed], NUMBERS[truth]

    def _claim_pitch(self, tone, false):
        known = self.pitched()
        if not known:
            return None
        e = pick(known, self.rng)
        name, truth = e["name"], self.high(e)
        claimed = {"high": "low", "low": "high"}[truth] if false else truth
        statement = pick(w.CLAIM_PITCH[tone], self.rng).format(the=the(name), The=cap(the(name)), n=name, p=claimed)
        return statement, pick(w.PITCH, self.rng).format(the=the(name)), f"{cap(the(name))} is {truth}.", claimed, truth

    def _claim_word(self, tone, false):
        if len(self.words) != 1:
            return None
        truth = self.words[0]
        claimed = other_word(truth, self.rng) if false else truth
        statement = pick(w.CLAIM_WORD[tone], self.rng).format(w=claimed)
        return statement, pick(w.SAY, self.rng), f"The voice says {truth}.", claimed, truth


WEIGHTS = {"name": 0.16, "kind_of": 0.05, "exist": 0.11, "confirm": 0.04, "count": 0.11, "count_all": 0.04, "count_words": 0.02, "first": 0.07, "after": 0.08, "before": 0.08,
           "when": 0.06, "apart": 0.05, "pitch": 0.12, "glide": 0.05, "louder": 0.1, "background": 0.05, "say": 0.12, "say_kind": 0.04, "say_check": 0.08, "describe": 0.13, "chat": 0.005}
_KINDS, _SHARES = list(WEIGHTS), [s / sum(WEIGHTS.values()) for s in WEIGHTS.values()]
CLAIM_SHARE = 0.2


def ask(scene, rng, count):
    """Enough to fill a row. Where hardly anything can be heard, only claims that hold are asked about."""
    asker, out = Asker(scene, rng), []
    for way in rng.choice(len(_KINDS), 3 * count, p=_SHARES).tolist():
        if scene["faint"]:
            got = asker.claim(tone="sure", false=False) if scene["events"] else None
        elif rng.random() < CLAIM_SHARE:
            got = asker.claim()
        else:
            got = getattr(asker, _KINDS[way])()
        if got is not None:
            got["question"] = casual(got["question"], rng)
            out.append(got)
            if len(out) == count:
                break
    return out


def claimed_answers(got):
    """The answers of one who believes the claim of a claim item."""
    if got["truth"] in ("yes", "no"):
        return [f"Yes, there is {a(got['answer'].removeprefix('No, there is no ').rstrip('.'))}."]
    if got["about"] == "count":
        return [got["answer"].replace(times(NUMBERS.index(got["truth"])), times(NUMBERS.index(got["claimed"])))]
    if got["about"] == "name":
        return [f"It is {a(got['claimed'])}."]
    return [got["answer"].replace(f" {got['truth']}.", f" {got['claimed']}.")]
