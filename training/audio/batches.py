"""Training batches of scenes of sounds: numbers and token rows, made by worker processes."""

import numpy as np
import torch
from torch.utils.data import IterableDataset

from data.rows import token_rows
from model.media_tokenizer import AUDIO

from .questions import ask
from .scenes import LENGTH, LOOK, SLOT, SLOTS, Scenes
from .sounds import NAMES
from .speech import SPOKEN

CLASSES = {("sound", n): i for i, n in enumerate(NAMES)} | {("word", w): len(NAMES) + i for i, w in enumerate(SPOKEN)}
NOTHING = len(CLASSES)  # the class of a token in which nothing sounds
TOKENS = LENGTH // 640


class Batches(IterableDataset):
    def __init__(self, library, tokenizer, batch, length, targets, seed, questions=9):
        self.library = {k: v for k, v in library.items() if k != "samples"}
        self.tokenizer, self.batch, self.length, self.targets, self.seed, self.questions = str(tokenizer), batch, length, targets, seed, questions

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        rng = np.random.default_rng([self.seed, info.id if info else 0])
        scenes, tokenizer = Scenes(self.library), AUDIO.for_segments(self.tokenizer)
        torch.set_num_threads(1)
        while True:
            yield self.make(scenes, tokenizer, rng)

    def make(self, scenes, tokenizer, rng):
        slots, look = np.zeros((self.batch, SLOTS, SLOT), np.float32), np.zeros((self.batch, LOOK), np.float32)
        sounding, asked = np.full((self.batch, TOKENS), -100, np.int64), []
        for b in range(self.batch):
            scene = scenes.sample(rng)
            slots[b], look[b] = scene["slots"], scene["look"]
            if not scene["faint"]:
                sounding[b, :scene["length"] // 640] = -100 if scene["background"] else NOTHING
                for e in scene["events"]:
                    sounding[b, e["at"] // 640:(e["at"] + e["n"]) // 640 + 1] = CLASSES[("word", e["word"]) if e["word"] else ("sound", e["name"])]
            asked.append(ask(scene, rng, self.questions))
        return {"slots": torch.from_numpy(slots), "look": torch.from_numpy(look), "sounding": torch.from_numpy(sounding),
                **token_rows(asked, tokenizer, AUDIO, self.length, self.targets)}
