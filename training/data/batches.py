"""Training batches, made by worker processes: scenes as numbers, questions as token rows."""

import numpy as np
import torch
from torch.utils.data import IterableDataset

from .easyvqa import as_item
from .questions import casual
from .rows import token_rows
from .samples import ask
from .scenes import CELL, LOOK, PLACE, SHAPES, SLOTS, Catalogue, sample

EASY_SHARE = 0.1
TARGETS_PER_ROW = 112


class Batches(IterableDataset):
    """`words` is the family's tokenizer module; `frames` the shares of picture forms, one form a batch (none: only squares)."""

    def __init__(self, rows, easy_questions, tokenizer, batch, length, seed, start, words, frames=()):
        self.rows, self.tokenizer, self.batch, self.length = rows, str(tokenizer), batch, length
        self.easy, self.seed, self.start = {}, seed, start
        self.words, self.frames = words, frames
        for question, word, number in easy_questions:
            self.easy.setdefault(number, []).append((question, word))

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, self.start, info.id if info else 0])
        cat, tokenizer = Catalogue(self.rows), self.words.for_segments(self.tokenizer)
        torch.set_num_threads(1)
        while True:
            yield self.make(cat, tokenizer, rng)

    def make(self, cat, tokenizer, rng):
        frame = int(rng.choice(len(self.frames), p=self.frames)) if len(self.frames) else 0
        place = np.zeros((self.batch, SLOTS, PLACE), np.float32)
        place[:, :, CELL] = -1
        look = np.zeros((self.batch, LOOK), np.float32)
        easy = np.full(self.batch, -1, np.int64)
        present = np.zeros((self.batch, len(cat.names) + len(SHAPES)), np.float32)
        asked = []
        order = {n: i for i, n in enumerate(cat.names + SHAPES)}
        for b in range(self.batch):
            if frame == 0 and rng.random() < EASY_SHARE:
                easy[b] = number = int(rng.random() * len(self.easy))
                pool = self.easy[number]
                items = [as_item(*pool[i]) for i in rng.permutation(len(pool))[:8]]
                for got in items:
                    if rng.random() < 0.2:
                        got["question"] = casual(got["question"].capitalize(), rng)
                present[b] = -1
            else:
                scene = sample(cat, rng)
                place[b], look[b] = scene["place"], scene["look"]
                for thing in scene["objects"]:
                    present[b, order[thing["name"]]] = 1
                items = ask(scene, cat, rng, 11)
            asked.append(items)
        return {"place": torch.from_numpy(place), "look": torch.from_numpy(look), "easy": torch.from_numpy(easy),
                "present": torch.from_numpy(present), "frame": torch.tensor(frame), **token_rows(asked, tokenizer, self.words, self.length, TARGETS_PER_ROW)}
