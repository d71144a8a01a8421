"""A lean Qwen2.5-VL for films: qwen.py's tower over each pair of frames, its decoder behind all pairs.

Same arithmetic as transformers' Qwen2_5_VLForConditionalGeneration with pixel_values_videos. The tower never looks from one
pair to another: what happens over time is for the decoder to see, and only temporal positions tell it when a pair is.
Films of different lengths are padded to the same number of pairs, frames of any form to the same number of tokens.
"""

from dataclasses import dataclass

import torch
import torch.nn as nn

from video.scenes import COLOURS, FRAMES, SHAPES, TOKEN

from . import qwen
from .media_tokenizer import VIDEO


@dataclass
class Shape(qwen.Shape):
    patch: int = TOKEN // 2
    frames: int = 2
    window: int = 3
    tokens: int = 26  # the most merged tokens of a pair of frames
    grids: int = FRAMES // 2  # the most pairs of a film, in training
    vocab: int = VIDEO.vocab
    min_pixels: int = 16 * TOKEN ** 2
    max_pixels: int = 26 * TOKEN ** 2


class Video(qwen.Qwen):
    def __init__(self, s):
        super().__init__(s, 0)
        axis = torch.repeat_interleave(torch.arange(3), torch.tensor(s.section))
        self.register_buffer("axis", axis, persistent=False)

    def helpers(self, s, classes):
        """Only for training: which shape and which colour covers each merged token."""
        self.shape_head = nn.Linear(s.merge ** 2 * s.vision_width, len(SHAPES) + 1)
        self.colour_head = nn.Linear(s.merge ** 2 * s.vision_width, len(COLOURS) + 1)

    def forward(self, x, table, times, grids, text_at, prefix, after, ids, positions, segments, targets_at):
        """Logits at the given flat positions of the text part, and the training heads' outputs.

        x: [B, T, patches, values]; times: [B, T], temporal positions from 0 on; grids: [B], pairs of frames that are there;
        text_at: [B], where <|vision_end|> stands, counted from the film's first position; the rest as in qwen.py.
        """
        b, t = x.shape[:2]
        image, seen = self.vision(x.flatten(0, 1), table)
        p, n = len(prefix), image.shape[1]
        heads = [head(seen).unflatten(0, (b, t)) for head in (self.shape_head, self.colour_head)]
        place = table["start"][p:, [self.shape.section[0], -1]].T - p  # rows and columns of one pair's tokens
        film = torch.stack([times[:, :, None].expand(-1, -1, n), *(x.expand(b, t, -1) for x in place)], 1).flatten(2) + p
        where = torch.cat([torch.arange(p, device=x.device).expand(b, 3, -1).float(), film], 2)[:, self.axis].transpose(1, 2)
        text = torch.cat([torch.zeros_like(positions[:, :1]), positions + 1], 1) + (p + text_at)[:, None]
        where = torch.cat([where, text[..., None].expand(-1, -1, len(self.axis)).float()], 1)
        known = (torch.arange(t, device=x.device) < grids[:, None])[:, :, None] & (table["belongs"][p:p + n] == 0)
        first = known.new_zeros((b, p)).long()
        belongs = torch.cat([first, known.flatten(1).long() - 1, first[:, :1], segments], 1)
        return self.answer(image.reshape(b, t * n, -1), prefix, after, ids, where, belongs, targets_at), *heads
