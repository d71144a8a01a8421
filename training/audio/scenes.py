"""What happens when: events on a line of at most six seconds, drawn from a library. Numbers only; compose.py makes the sound."""

import numpy as np

from .sounds import KINDS, NAMES, PITCHED, RATE, TEXTURES
from .speech import SPOKEN, WORDS

LENGTH = 96000  # samples of the longest clip: six seconds
SLOTS, SLOT = 7, 6  # row, start, samples, speed, gain, fade
COUNTED = [n for n in NAMES if n not in TEXTURES]  # sounds that are something each time
LOOK = 4  # samples, noise, master gain, tilt
KIND_OF = {n: k for k, names in KINDS.items() for n in names}
WORD_KIND = {w: k for k, words in WORDS.items() for w in words}
# Sounds that are easily taken for each other, for questions about what is not there.
ALIKE = [["rain", "fire", "sea", "snake"], ["wind", "sea"], ["engine", "helicopter", "train", "saw"], ["piano", "guitar", "xylophone", "bell"],
         ["violin", "trumpet", "organ", "horn", "flute"], ["beep", "telephone", "alarm", "siren", "buzzer"], ["bird", "cricket", "whistle", "flute"],
         ["dog", "duck", "frog"], ["cat", "sheep", "cow", "wolf"], ["owl", "cuckoo", "whistle"], ["knock", "drum", "pop", "clock", "drop"], ["glass", "cymbal"],
         ["bee", "engine", "buzzer"], ["thunder", "drum", "wind"], ["laser", "drop", "bird"]]


def other(name, rng):
    """Another sound, half of the time one that is akin."""
    near = [n for group in ALIKE if name in group for n in group if n != name]
    way = rng.random()
    if near and way < 0.5:
        return near[int(rng.random() * len(near))]
    if name in KIND_OF and way < 0.75:
        near = [n for n in KINDS[KIND_OF[name]] if n != name]
        return near[int(rng.random() * len(near))]
    return NAMES[int(rng.random() * len(NAMES))]


def other_word(word, rng):
    same = WORDS[WORD_KIND[word]] if rng.random() < 0.5 else SPOKEN
    while True:
        found = same[int(rng.random() * len(same))]
        if found != word:
            return found


class Scenes:
    """Draws scenes from a library's rows and lengths."""

    def __init__(self, library):
        self.rows, self.length, self.pitch, self.glide = (library[k] for k in ("rows", "length", "pitch", "glide"))

    def event(self, name, word, rng, row=None, gain=1.0):
        rows = self.rows["word", word] if word else self.rows["sound", name]
        row = int(rows[int(rng.random() * len(rows))]) if row is None else row
        speed = float(rng.uniform(0.9, 1.12))
        texture = name in TEXTURES
        n = int(rng.uniform(0.8, 2.2) * RATE) if texture else int((self.length[row] - 2) / speed)
        return {"name": name, "word": word, "row": row, "n": n, "speed": speed, "gain": gain, "fade": 800 if texture else 40,
                "pitch": float(self.pitch[row] * speed), "glide": int(self.glide[row])}

    def sample(self, rng):
        faint, background, way = rng.random() < 0.03, None, rng.random()
        pick = lambda names: names[int(rng.random() * len(names))]
        wanted = []
        if way < 0.03:
            pass  # nothing but noise
        elif way < 0.3:
            wanted = [(pick(NAMES if rng.random() < 0.7 else PITCHED), None)]
        elif way < 0.52:
            wanted = [(pick(COUNTED), None)] * int(rng.integers(2, 6))
            if rng.random() < 0.2:
                wanted.insert(int(rng.integers(0, len(wanted) + 1)), (other(wanted[0][0], rng), None))
        elif way < 0.76:
            wanted = [(pick(NAMES), None)]
            for _ in range(int(rng.integers(1, 4))):
                wanted.append(pick(wanted) if rng.random() < 0.15 else (other(wanted[-1][0], rng), None))
        else:
            wanted = [("voice", pick(SPOKEN)) for _ in range(int(rng.choice(3, p=[0.65, 0.25, 0.1])) + 1)]
            if rng.random() < 0.3:
                for _ in range(int(rng.integers(1, 3))):
                    wanted.insert(0 if rng.random() < 0.5 else len(wanted), (pick(NAMES), None))
        if 0 < len(wanted) < 4 and rng.random() < 0.12:
            background = pick([n for n in TEXTURES if n not in [name for name, _ in wanted]])
        same_row, events, shared = rng.random() < 0.5, [], {}
        close = rng.random()
        spread = 0.25 if close < 0.4 else 1.6 if close > 0.75 else 0.8
        at = rng.uniform(0.02, 0.15) if rng.random() < 0.5 else rng.uniform(0.1, 1.5)
        at = int(at * RATE)
        uneven = rng.random() < 0.35  # some of the sounds plainly quieter than the others
        for name, word in wanted:
            gain = float(10 ** (rng.uniform(-19, -12.5) / 20)) if uneven and rng.random() < 0.5 else float(10 ** (rng.uniform(-6, 0) / 20)) if not uneven and rng.random() < 0.4 else 1.0
            got = self.event(name, word, rng, shared.get(name) if same_row and not word else None, gain)
            shared[name] = got["row"]
            if at + got["n"] > LENGTH - 800:
                if events:
                    break
                at = max(160, LENGTH - 800 - got["n"])
            got["at"] = at
            events.append(got)
            gap = rng.uniform(0.12, 0.3) if close < 0.4 else rng.uniform(0.12, spread)
            at += got["n"] + int((gap if not word else max(0.15, gap * 0.7)) * RATE)
        end = events[-1]["at"] + events[-1]["n"] if events else int(rng.uniform(0.5, 3) * RATE)
        tail = rng.uniform(0.05, 0.3) if rng.random() < 0.5 else rng.uniform(0.1, 2.5)
        length = min(LENGTH, -(-(end + int(tail * RATE)) // 160) * 160)
        slots = np.zeros((SLOTS, SLOT), np.float32)
        level = float(10 ** (rng.uniform(-30, -18) / 20)) if faint else 1.0
        for i, e in enumerate(events):
            slots[i] = e["row"], e["at"], e["n"], e["speed"], e["gain"] * level, e["fade"]
        if background:
            rows = self.rows["sound", background]
            row = int(rows[int(rng.random() * len(rows))])
            slots[SLOTS - 1] = row, 0, length, rng.uniform(0.9, 1.12), 10 ** (rng.uniform(-16, -9) / 20), 400
        if faint:
            hiss = 10 ** (rng.uniform(-24, -12) / 20)
        else:
            hiss = 0.0 if rng.random() < 0.2 else 10 ** (rng.uniform(-75, -33) / 20)
        look = np.array([length, hiss, 10 ** (rng.uniform(-24, 6) / 20), rng.uniform(-1, 1)], np.float32)
        return {"events": events, "background": background, "faint": faint, "length": length, "slots": slots, "look": look}
