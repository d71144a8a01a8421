"""Training batches of films: tracks, times and token rows, made by worker processes."""

import numpy as np
import torch
from torch.utils.data import IterableDataset

from data.rows import token_rows
from model.media_tokenizer import VIDEO

from .questions import CLAIM_SHARE, ask
from .scenes import FAINT, FORM_SHARES, FORMS, FRAMES, LOOK, SLOTS, THING, sample

PER_SECOND = 2  # temporal positions a second, as in the configuration


def times(grids, rng):
    """Temporal positions of a film's pairs of frames. Mostly two frames a second, as the usual sampling has it; else one,
    four (steps of one, or of none where only whole seconds count), or any rate."""
    way = rng.random()
    step = 2 if way < 0.62 else 4 if way < 0.76 else 1 if way < 0.84 else 0 if way < 0.88 else PER_SECOND * rng.uniform(0.4, 2.5)
    return np.floor(np.arange(grids) * step)


def text_at(where, rows, columns, past):
    """Where the text goes on, from the first position of the film: transformers 5's rule, or behind all (`past`)."""
    return int(max(where[-1], rows - 1, columns - 1)) + 1 if past else max(rows, columns)


class Batches(IterableDataset):
    def __init__(self, tokenizer, batch, length, targets, seed, start=0, claims=CLAIM_SHARE, faint=FAINT, questions=9):
        self.claims, self.faint = claims, faint
        self.tokenizer, self.batch, self.length, self.targets, self.seed, self.start, self.questions = str(tokenizer), batch, length, targets, seed, start, questions

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, self.start, info.id if info else 0])
        tokenizer = VIDEO.for_segments(self.tokenizer)
        torch.set_num_threads(1)
        while True:
            yield self.make(tokenizer, rng)

    def make(self, tokenizer, rng):
        form = int(rng.choice(len(FORMS), p=FORM_SHARES))
        track, look = np.zeros((self.batch, FRAMES, SLOTS, THING), np.float32), np.zeros((self.batch, LOOK), np.float32)
        when, text, grids, seen = np.zeros((self.batch, FRAMES // 2), np.float32), np.zeros(self.batch, np.int64), np.zeros(self.batch, np.int64), np.zeros(self.batch, bool)
        asked = []
        for b in range(self.batch):
            scene = sample(rng, form, faint=self.faint)
            track[b], look[b], grids[b], seen[b] = scene["track"], scene["look"], scene["grids"], not scene["faint"]
            found = times(scene["grids"], rng)
            when[b, :len(found)] = found
            text[b] = text_at(found, *FORMS[form], rng.random() < 0.15)
            asked.append(ask(scene, rng, self.questions, self.claims))
        out = {"form": torch.tensor(form), "track": track, "look": look, "times": when, "text_at": text, "grids": grids, "seen": seen}
        return {k: torch.as_tensor(v) for k, v in out.items()} | token_rows(asked, tokenizer, VIDEO, self.length, self.targets)
