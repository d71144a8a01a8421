"""Training batches of series: patches, the prompt up to them, and token rows, made by worker processes."""

import numpy as np
import torch
from torch.utils.data import IterableDataset

from data.rows import token_rows
from model.media_tokenizer import SERIES
from model.qwen_tokenizer import SYSTEM

from .questions import ask
from .shapes import LONGEST, PATCH, context, patches, sample

CONTEXT = 160  # tokens of the longest opening with its patches


def prompt_ids(scene, text, tokenizer):
    """(ids with a run of <ts> for each series' patches, which patch stands where)"""
    _, counts = patches(scene)
    pieces = (SYSTEM + text).split("<ts><ts/>")
    ids, slots, at = [], [], 0
    for piece, count in zip(pieces, [*counts, 0]):
        found = tokenizer.encode(piece).ids if piece else []
        ids += found + [SERIES.ID["<ts>"]] * count
        slots += [-1] * len(found) + list(range(at, at + count))
        at += count
    return ids, slots


class Batches(IterableDataset):
    def __init__(self, tokenizer, batch, length, targets, seed, questions=9):
        self.tokenizer, self.batch, self.length, self.targets, self.seed, self.questions = str(tokenizer), batch, length, targets, seed, questions

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        tokenizer = SERIES.for_segments(self.tokenizer)
        torch.set_num_threads(1)
        while True:
            yield self.make(tokenizer, rng)

    def make(self, tokenizer, rng):
        values = np.zeros((self.batch, LONGEST // PATCH, PATCH), np.float32)
        rows, slots, asked = np.full((self.batch, CONTEXT), -1, np.int64), np.full((self.batch, CONTEXT), -1, np.int64), []
        for b in range(self.batch):
            while True:
                scene = sample(rng)
                text, between = context(scene, rng)
                ids, where = prompt_ids(scene, text, tokenizer)
                if len(ids) <= CONTEXT:
                    break
            found, _ = patches(scene)
            values[b, :len(found)], rows[b, :len(ids)], slots[b, :len(ids)] = found, ids, where
            items = ask(scene, rng, self.questions)
            for got in items:
                got["question"] = between + got["question"]
            asked.append(items)
        return {"values": torch.from_numpy(values), "context": torch.from_numpy(rows), "slots": torch.from_numpy(slots),
                **token_rows(asked, tokenizer, SERIES, self.length, self.targets)}
