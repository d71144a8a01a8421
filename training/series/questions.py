"""Questions and claims about one or two series, with their answers; items as in data/questions.py, claims as in data/claims.py."""

from data.claims import TONES, _weighted
from data.questions import casual, item, pick

from . import wording as w
from .shapes import TRENDS, WAVES

NUMBERS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
PLAIN = ["stay level", "rise", "fall", "rise and then fall", "fall and then rise"]


def cap(text):
    return text[0].upper() + text[1:]


def some(n, word):
    return f"{NUMBERS[n]} {word}{'' if n <= 1 else 's'}"


def there(n, word):
    return f"There {'is' if n <= 1 else 'are'} {some(n, word)}."


def place(at):
    return "at the beginning" if at < 0.34 else "at the end" if at > 0.66 else "in the middle" if 0.41 < at < 0.59 else None


class Asker:
    """Asks about one scene; each method returns None where the scene does not allow its question."""

    def __init__(self, scene, rng):
        self.rng, self.two = rng, len(scene["series"]) == 2
        self.all = scene["series"]
        self.turn()

    def turn(self):
        """Chooses the series that is asked about."""
        at = int(self.rng.random() * len(self.all))
        self.one = self.all[at]
        self.s = f"series {at + 1}" if self.two else "the series"

    def ask(self, patterns, **more):
        choices = [p for p in patterns if "{s}" in p] if self.two else patterns
        return pick(choices, self.rng).format(s=self.s, **more) if choices else None

    def made(self, kind, patterns, answer, **more):
        question = self.ask(patterns, **more)
        return item(kind, question, answer) if question else None

    def trend(self):
        if self.one["shift"]:
            return None
        truth = self.one["trend"]
        fact = f"{self.s} {TRENDS[truth]}"
        if self.rng.random() < 0.6:
            return self.made("trend", w.TREND, cap(fact) + ".")
        asked = truth if self.rng.random() < 0.5 else int(self.rng.random() * 5)
        return self.made("trend", w.TREND_YN, f"{'Yes' if asked == truth else 'No'}, {fact}.", v=PLAIN[asked], vs=TRENDS[asked])

    def cycles(self):
        n = self.one["cycles"]
        if not n and self.rng.random() < 0.6:
            return None
        return self.made("cycles", w.CYCLES, there(n, "cycle"))

    def cycle_check(self):
        n = self.one["cycles"]
        return self.made("cycle?", w.CYCLE_YN, f"Yes, there are {some(n, 'cycle')}." if n else "No, there is no cycle.")

    def wave(self):
        return self.made("wave", w.WAVE, f"The cycle is a {WAVES[self.one['wave']]}.") if self.one["cycles"] else None

    def spikes(self):
        return self.made("spikes", w.SPIKES, there(len(self.one["spikes"]), "spike"))

    def spike_check(self):
        n = len(self.one["spikes"])
        return self.made("spike?", w.SPIKE_YN, f"Yes, there {'is' if n == 1 else 'are'} {some(n, 'spike')}." if n else "No, there is no spike.")

    def spike_where(self):
        if len(self.one["spikes"]) != 1:
            return None
        spike = self.one["spikes"][0]
        if self.rng.random() < 0.4:
            return self.made("spike way", w.SPIKE_WAY, f"The spike points {'up' if spike['way'] > 0 else 'down'}.")
        at = place(spike["at"])
        return self.made("spike where", w.SPIKE_WHERE, f"The spike is {at}.") if at else None

    def shift(self):
        shift = self.one["shift"]
        if self.one["trend"]:
            return None
        fact = shift and f"the level jumps {'up' if shift['way'] > 0 else 'down'}"
        if not shift or self.rng.random() < 0.4:
            return self.made("shift?", w.SHIFT_YN, f"Yes, {fact}." if shift else "No, there is no level shift.")
        if self.rng.random() < 0.5:
            return self.made("shift way", w.SHIFT_WAY, cap(fact) + ".")
        at = place(shift["at"])
        return self.made("shift where", w.SHIFT_WHERE, f"{cap(fact)} {at}.") if at else None

    def noise(self):
        noisy = self.one["noisy"]
        return None if noisy is None else self.made("noise", w.NOISE, f"{cap(self.s)} is {'noisy' if noisy else 'smooth'}.")

    def mean(self):
        mean = self.one["mean"]
        return self.made("mean", w.MEAN, f"The mean is {'positive' if mean > 0 else 'negative'}.") if abs(mean) > 0.02 else None

    def describe(self):
        if self.one["shift"]:
            text = f"The level of {self.s} jumps {'up' if self.one['shift']['way'] > 0 else 'down'}"
        else:
            text = f"{self.s} {TRENDS[self.one['trend']]}"
        parts = [some(self.one["cycles"], "cycle")] * (self.one["cycles"] > 0) + [some(len(self.one["spikes"]), "spike")] * (len(self.one["spikes"]) > 0)
        return self.made("describe", w.DESCRIBE, cap(text) + (", with " + " and ".join(parts) if parts else "") + ".")

    def compare(self):
        if not self.two:
            return None
        one, two = self.all
        way = self.rng.random()
        if way < 0.3:
            a, b = len(one["spikes"]), len(two["spikes"])
            return item("compare", pick(w.MORE, self.rng), "Both have the same number of spikes." if a == b else f"Series {1 if a > b else 2} has more spikes.")
        if one["shift"] or two["shift"]:
            return None
        if way < 0.65:
            asked = int(self.rng.integers(1, 3)) if self.rng.random() < 0.7 else int(self.rng.random() * 5)
            which = [i + 1 for i, s in enumerate(self.all) if s["trend"] == asked]
            answer = f"Series {which[0]} {TRENDS[asked]}." if len(which) == 1 else f"Both series {PLAIN[asked]}." if which else f"Neither series {TRENDS[asked]}."
            return item("compare", pick(w.WHICH, self.rng).format(vs=TRENDS[asked]), answer)
        if one["trend"] == two["trend"]:
            return item("compare", pick(w.SAME, self.rng), f"Both series {PLAIN[one['trend']]}.")
        return item("compare", pick(w.SAME, self.rng), f"Series 1 {TRENDS[one['trend']]} and series 2 {TRENDS[two['trend']]}.")

    def chat(self):
        question, answer = pick(w.CHAT, self.rng)
        return item("chat", question, answer)

    def claim(self, tone=None, false=None, about=None):
        rng = self.rng
        tone = tone or _weighted(TONES, rng)
        false = rng.random() < w.FALSE_SHARE[tone] if false is None else false
        about = about or _weighted([("trend", 0.4), ("spikes", 0.25), ("cycles", 0.2), ("shift", 0.15)], rng)
        one, pattern = self.one, None
        if about == "trend" and not one["shift"]:
            truth = one["trend"]
            claimed = pick([i for i in range(5) if i != truth], rng) if false else truth
            if false and rng.random() < 0.5 and truth in (1, 2):
                claimed = 3 - truth
            claimed, truth = TRENDS[claimed], TRENDS[truth]
            fact, pattern, answer = f"{self.s} {claimed}", w.TREND, f"{cap(self.s)} {truth}."
        elif about == "spikes":
            truth = len(one["spikes"])
            claimed = pick([i for i in range(5) if i != truth], rng) if false else truth
            claimed, truth = some(claimed, "spike"), some(truth, "spike")
            fact, pattern, answer = f"{self.s} has {claimed}", w.SPIKES, there(len(one["spikes"]), "spike")
        elif about == "cycles" and one["cycles"]:
            truth = one["cycles"]
            claimed = pick([i for i in range(2, 10) if i != truth], rng) if false else truth
            claimed, truth = some(claimed, "cycle"), some(truth, "cycle")
            fact, pattern, answer = f"{self.s} has {claimed}", w.CYCLES, there(one["cycles"], "cycle")
        elif about == "shift" and one["shift"]:
            truth = "up" if one["shift"]["way"] > 0 else "down"
            claimed = {"up": "down", "down": "up"}[truth] if false else truth
            fact, pattern, answer = f"the level of {self.s} jumps {claimed}", w.SHIFT_WAY, f"The level jumps {truth}."
        question = pattern and self.ask(pattern)
        if not question:
            return None
        statement = pick(w.CLAIM[tone], rng).format(f=fact, F=cap(fact))
        return item("claim", f"{statement} {question}", answer, claim="false" if false else "true", tone=tone, claimed=claimed, truth=truth, about=about)


WEIGHTS = {"trend": 0.2, "cycles": 0.1, "cycle_check": 0.06, "wave": 0.07, "spikes": 0.11, "spike_check": 0.05, "spike_where": 0.1, "shift": 0.16, "noise": 0.06, "mean": 0.04,
           "describe": 0.13, "compare": 0.3, "chat": 0.005}
_KINDS, _SHARES = list(WEIGHTS), [s / sum(WEIGHTS.values()) for s in WEIGHTS.values()]
CLAIM_SHARE = 0.2


def ask(scene, rng, count):
    """Enough to fill a row. Where nothing can be seen, only claims that hold are asked about."""
    asker, out = Asker(scene, rng), []
    for way in rng.choice(len(_KINDS), 3 * count, p=_SHARES).tolist():
        asker.turn()
        if scene["faint"]:
            got = asker.claim(tone="sure", false=False)
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
    answer = got["answer"].replace(got["truth"], got["claimed"])
    few = got["claimed"].split()[0] in ("no", "one")
    return [answer.replace("There are", "There is") if few else answer.replace("There is", "There are")]
