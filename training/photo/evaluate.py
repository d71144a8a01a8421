"""Asks a model about photographs from elsewhere: python -m photo.evaluate MODEL_FOLDER [--names-only]

The path is a user's: picture -> processor -> greedy generate, f32, through transformers. Seeded. --names-only asks any model "What is it?".
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np

from evaluate import answers, load, plain

from .questions import ALIKE, absent, is_it
from .elsewhere import test_pictures
from .things import a

FALSE = {"sure": "The picture shows {a}. What is it?", "plain": "I see {a}. What is it?", "doubtful": "Maybe it is {a}. What is it?"}


def names(text, name):
    return re.search(rf"\b{re.escape(name)}\b", text.lower()) is not None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--names-only", action="store_true")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    processor, model = load(args.model, "cpu")
    rng, result = np.random.default_rng(4), {}
    for group, pictures in test_pictures().items():
        say = lambda prompts: answers(processor, model, [(p, q) for (_, p), q in zip(pictures, prompts)], 48)
        said = say(["What is it?"] * len(pictures))
        right = [names(s, n) for s, (n, _) in zip(said, pictures)]
        akin = [r or any(n in x and any(names(s, m) for m in x) for x in ALIKE) for r, s, (n, _) in zip(right, said, pictures)]
        row = {"name it": [sum(right), len(right)], "that or something akin": [sum(akin), len(akin)]}
        print(group, row, flush=True)
        if not args.names_only:
            other = [absent(n, rng) for n, _ in pictures]
            row["is there, true"] = [sum(plain(s).startswith("yes") for s in say([f"Is there {a(n)}?" for n, _ in pictures])), len(pictures)]
            row["is there, false"] = [sum(plain(s).startswith("no") for s in say([f"Is there {a(o)}?" for o in other])), len(pictures)]
            for tone, text in FALSE.items():
                told = say([text.format(a=a(o)) for o in other])
                helped = say([text.format(a=a(n)) for n, _ in pictures])
                known = [i for i, r in enumerate(right) if r]
                won, lost = sum(plain(told[i]) == plain(is_it(other[i])) for i in known), sum(plain(told[i]) == plain(is_it(pictures[i][0])) for i in known)
                row[f"false {tone} claim, named without it"] = {"words win": won, "picture wins": lost, "of": len(known)}
                unknown = [i for i, r in enumerate(right) if not r]
                row[f"false {tone} claim, not named without it"] = {"words win": sum(plain(told[i]) == plain(is_it(other[i])) for i in unknown), "of": len(unknown)}
                row[f"true {tone} claim"] = [sum(names(s, n) for s, (n, _) in zip(helped, pictures)), len(pictures)]
            print(json.dumps(row, indent=1), flush=True)
        row["said"] = [[n, s] for (n, _), s in zip(pictures, said)]
        result[group] = row
    if args.out:
        args.out.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
