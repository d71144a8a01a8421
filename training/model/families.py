"""What training needs to know of a model family: its words, its model, what its model is given, its losses, its export."""

import torch
import torch.nn.functional as F

from . import export, llava, qwen, qwen_export, qwen_tokenizer, tokenizer


def _answer_and_dense(logits, patches, batch, target, classes):
    answer = F.cross_entropy(logits.float(), batch["labels"], ignore_index=-100)
    weight = torch.ones(classes + 1, device=target.device)
    weight[classes] = 0.15
    return answer, F.cross_entropy(patches.float().flatten(0, 1), target.flatten(), weight=weight, ignore_index=-100)


def _target(batch, owner, classes):
    real = batch["easy"] < 0
    return real, torch.where(real[:, None], torch.where(owner < 0, classes, owner), -100)


def _scene(heads, batch, known):
    many = torch.full((), 20.0, device=known.device)
    return sum((F.binary_cross_entropy_with_logits(x.float(), batch["present"].clamp(min=0), reduction="none", pos_weight=many) * known).mean()
               for x in heads)


def easy_pictures(pictures, size, device):
    """easy-VQA's pictures as the processors prepare them, before normalising (8 bit)."""
    import numpy as np
    from PIL import Image
    out = np.stack([np.asarray(Image.fromarray(p).resize((size, size), Image.Resampling.BICUBIC)) for p in pictures])
    return torch.from_numpy(out).permute(0, 3, 1, 2).contiguous().to(device)


def _pixels(composer, batch, easy):
    pixels, owner = composer(batch["place"], batch["look"])
    if easy is not None:
        is_easy = (batch["easy"] >= 0).view(-1, 1, 1, 1)
        pixels = torch.where(is_easy, easy[batch["easy"].clamp(min=0)].float() / 255, pixels)
    return composer.normalise(pixels), owner


class Llava:
    words, folder, length, frames = tokenizer, "demo-llava", 204, ()
    size, patch = llava.Shape.image, llava.Shape.patch

    def __init__(self, changes, classes, tokenizer_file, device):
        self.shape, self.classes = llava.Shape(**changes), classes
        self.size, self.patch = self.shape.image, self.shape.patch
        self.model = llava.Llava(self.shape, classes).to(device)
        self.prefix = torch.tensor([1] + tokenizer.for_segments(tokenizer_file).encode(" USER: ").ids, device=device)

    def pictures(self, composer, easy):
        self.composer, self.easy = composer, easy

    def inputs(self, batch):
        pixels, owner = _pixels(self.composer, batch, self.easy)
        return (pixels, self.prefix, batch["ids"], batch["positions"], batch["segments"], batch["targets_at"]), owner

    def losses(self, outputs, batch, owner, aux):
        logits, patches, cls, early = outputs
        real, target = _target(batch, owner, self.classes)
        answer, dense = _answer_and_dense(logits, patches, batch, target, self.classes)
        scene = _scene((cls, early), batch, real.float().unsqueeze(1))
        return answer + aux * dense + 2 * aux * scene, answer.detach(), dense.detach(), scene.detach()

    def export(self, folder):
        return export.export(self.model, folder)


class Qwen:
    words, folder, length = qwen_tokenizer, "demo-qwen", 222
    # Forms of pictures, rows by columns of merged tokens: squares, and what the processor makes of common other forms.
    forms = [(8, 8), (7, 9), (9, 7), (6, 10), (10, 6), (6, 9), (9, 6), (7, 8), (8, 7), (5, 12), (12, 5), (6, 11), (11, 6)]
    frames = [0.64] + [0.05] * 4 + [0.02] * 8

    def __init__(self, changes, classes, tokenizer_file, device):
        self.shape, self.classes = qwen.Shape(**changes), classes
        self.patch = self.shape.patch * self.shape.merge
        self.size = self.forms[0][0] * self.patch
        self.model = qwen.Qwen(self.shape, classes).to(device)
        self.prefix = torch.tensor(qwen_tokenizer.prefix(tokenizer_file), device=device)
        self.after = torch.tensor([qwen_tokenizer.ID["<|vision_end|>"]], device=device)
        self.tables = [qwen.tables(self.shape, r, c, len(self.prefix), device) for r, c in self.forms]

    def pictures(self, composer, easy):
        self.easy = easy
        self.composers = [composer.framed(r * self.patch, c * self.patch, self.patch) for r, c in self.forms]

    def inputs(self, batch):
        frame = int(batch["frame"])
        pixels, owner = _pixels(self.composers[frame], batch, None if frame else self.easy)
        owner = F.pad(owner, (0, self.shape.tokens - owner.shape[1]), value=-100)
        return (qwen.patches(pixels, self.shape), self.tables[frame], self.prefix, self.after,
                batch["ids"], batch["positions"], batch["segments"], batch["targets_at"]), owner

    def losses(self, outputs, batch, owner, aux):
        logits, patches, mean = outputs
        real, target = _target(batch, owner, self.classes)
        target = torch.where(owner == -100, -100, target)
        answer, dense = _answer_and_dense(logits, patches, batch, target, self.classes)
        scene = _scene((mean,), batch, real.float().unsqueeze(1))
        return answer + aux * dense + 2 * aux * scene, answer.detach(), dense.detach(), scene.detach()

    def export(self, folder):
        return qwen_export.export(self.model, folder)


FAMILIES = {"llava": Llava, "qwen": Qwen}
