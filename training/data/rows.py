"""Questions and answers as rows of tokens, and the loader of batches."""

import numpy as np
import torch
from torch.utils.data import DataLoader


def token_rows(asked, tokenizer, words, length, targets):
    """One row of `length` tokens for each list of items: the questions one after another, each a segment of its
    own with its own positions. `targets` places a row, on average, are kept for answers."""
    flat = [q for items in asked for q in items]
    questions = tokenizer.encode_batch([words.segment(q["question"]) for q in flat])
    answers = tokenizer.encode_batch([words.reply(q["answer"]) for q in flat])
    shape = (len(asked), length)
    ids, positions = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    segments = np.full(shape, 99, np.int64)
    where, labels, at = [], [], 0
    for row, items in enumerate(asked):
        used = 0
        for number in range(len(items)):
            q, a = questions[at + number].ids, answers[at + number].ids + [words.EOS]
            n = len(q) + len(a) - 1
            if used + n > length:
                continue
            ids[row, used:used + n] = q + a[:-1]
            positions[row, used:used + n] = np.arange(n)
            segments[row, used:used + n] = number + 1
            first = row * length + used + len(q) - 1
            where += range(first, first + len(a))
            labels += a
            used += n
        at += len(items)
    limit = len(asked) * targets
    where, labels = where[:limit], labels[:limit]
    pad = limit - len(where)
    return {"ids": torch.from_numpy(ids), "positions": torch.from_numpy(positions), "segments": torch.from_numpy(segments),
            "targets_at": torch.tensor(where + [0] * pad), "labels": torch.tensor(labels + [-100] * pad)}


def loader(dataset, workers):
    return DataLoader(dataset, batch_size=None, num_workers=workers, pin_memory=torch.cuda.is_available(),
                      prefetch_factor=4 if workers else None, persistent_workers=workers > 0)
