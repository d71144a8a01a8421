"""The photograph model while it trains: the lean LLaVA with heads that name what the teacher sees; export drops them."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from model.llava import Llava, Shape

from .teacher import DEEP, FINE

SHAPE = dict(vision_width=256, vision_mlp=768, vision_layers=8, vision_heads=8, width=192, mlp=448, layers=6, heads=6)


class Student(Llava):
    def __init__(self, changes=()):
        s = Shape(**{**SHAPE, **dict(changes)})
        super().__init__(s, 1)
        del self.patch_head, self.scene_head, self.early_scene_head
        self.fine_head = nn.Linear(s.vision_width, FINE)  # the teacher's features at stride 16, one for each patch
        self.deep_head = nn.Linear(s.vision_width, DEEP)  # its last features, one for 2 × 2 patches
        self.cls_head = nn.Linear(s.vision_width, 1000)  # its logits, from [CLS] and from the patches' mean
        self.mean_head = nn.Linear(s.vision_width, 1000)
        for head in (self.fine_head, self.deep_head, self.cls_head, self.mean_head):
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)

    def see(self, pixels):
        """(hidden states of layer -2, what the heads make of them)"""
        hidden, cls = self.vision(pixels)
        patches = hidden[:, 1:]
        side = self.shape.image // self.shape.patch
        grid = patches.transpose(1, 2).unflatten(2, (side, side))
        deep = self.deep_head(F.avg_pool2d(grid, 2).flatten(2).transpose(1, 2))
        return hidden, (self.fine_head(patches), deep, self.cls_head(cls), self.mean_head(patches.mean(1)))

    def tell(self, hidden, prefix, ids, positions, segments, targets_at):
        """Logits of the answers (Llava.forward after the tower)."""
        image = self.linear_2(F.gelu(self.linear_1(hidden[:, 1:])))
        b, t = ids.shape
        start = self.embed_tokens(prefix).expand(b, -1, -1).to(image.dtype)
        x = torch.cat([start, image, self.embed_tokens(ids).to(image.dtype)], 1)
        n = x.shape[1] - t
        where = torch.cat([torch.arange(n, device=ids.device).expand(b, -1), positions + n], 1)
        belongs = torch.cat([torch.zeros(b, n, dtype=segments.dtype, device=ids.device), segments], 1)
        order = torch.arange(n + t, device=ids.device)
        mask = (order[:, None] >= order[None]) & ((belongs[:, None, :] == 0) | (belongs[:, None, :] == belongs[:, :, None]))
        mask = torch.zeros(mask.shape, dtype=x.dtype, device=x.device).masked_fill_(~mask, float("-inf")).unsqueeze(1)
        angle = where[..., None].float() * self.frequency
        angle = torch.cat([angle, angle], -1).unsqueeze(1)
        cos, sin = angle.cos(), angle.sin()
        for layer in self.layers:
            x = layer(x, cos, sin, mask, self.mix)
        x = self.norm(x[:, n:].flatten(0, 1)[targets_at])
        return F.linear(x, self.embed_tokens.weight.to(x.dtype))

    def forward(self, pixels, prefix, ids, positions, segments, targets_at):
        hidden, heads = self.see(pixels)
        return self.tell(hidden, prefix, ids, positions, segments, targets_at), heads


def small(image, side):
    """A picture of 0 to 1 at the student's size."""
    return F.interpolate(image, size=(side, side), mode="bicubic", antialias=True, align_corners=False).clamp(0, 1)


MEAN, STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


def normalise(image):
    mean, std = (torch.tensor(x, device=image.device).view(3, 1, 1) for x in (MEAN, STD))
    return (image - mean) / std


class Distil:
    """How far the student's heads are from the teacher."""

    def __init__(self, things, device):
        self.groups = torch.zeros(1000, len(things), device=device)
        for i, (_, _, classes) in enumerate(things):
            self.groups[classes, i] = 1
        self.fine = self.deep = None

    def measure(self, fine, deep):
        """Takes the features' means and deviations over a batch as their scale."""
        scale = lambda x: (x.mean((0, 2, 3), keepdim=True), x.std((0, 2, 3), keepdim=True) + 1e-3)
        self.fine, self.deep = scale(fine.float()), scale(deep.float())

    def named(self, logits):
        """The teacher's probability of each thing."""
        return logits.float().softmax(-1) @ self.groups

    def loss(self, heads, taught):
        logits, fine, deep = taught
        mine_fine, mine_deep, cls, mean = heads
        flat = lambda x, scale: ((x.float() - scale[0]) / scale[1]).flatten(2).transpose(1, 2)
        fine_loss = F.smooth_l1_loss(mine_fine.float(), flat(fine, self.fine))
        deep_loss = F.smooth_l1_loss(mine_deep.float(), flat(deep, self.deep))
        kl = 0.0
        for t in (1.0, 3.0):
            target = (logits.float() / t).log_softmax(-1)
            for x in (cls, mean):
                kl = kl + t * F.kl_div((x.float() / t).log_softmax(-1), target, log_target=True, reduction="batchmean") / 4
        return fine_loss, deep_loss, kl
