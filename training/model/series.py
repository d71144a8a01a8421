"""A lean ChatTS for training: an MLP over patches of values, Qwen2's decoder. No transformers class exists for it.

As ChatTS-14B's public code has it: patches of `patch` normalised values, the last one filled up with zeros, an MLP of
five Linears with exact GELU between them, its outputs in the place of the marks <ts><ts/>.
"""

from dataclasses import dataclass

import torch
import torch.nn as nn

from series.shapes import LONGEST, PATCH

from .decoder import Decoder, begin
from .media_tokenizer import SERIES


@dataclass
class Shape:
    patch: int = PATCH
    patches: int = LONGEST // PATCH  # of all series of a prompt, in training
    encoder_layers: int = 5
    width: int = 256
    mlp: int = 512
    layers: int = 8
    heads: int = 8
    kv_heads: int = 2
    vocab: int = SERIES.vocab
    theta: float = 1e6
    eps: float = 1e-6


class Series(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.shape = s
        parts, d = [], s.patch
        for _ in range(s.encoder_layers - 1):
            parts += [nn.Linear(d, s.width), nn.GELU()]
            d = s.width
        self.encoder = nn.Sequential(*parts, nn.Linear(d, s.width))
        self.decoder = Decoder(s)
        begin(self, self.decoder.layers)
        for layer in self.encoder:
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=1.4 * layer.in_features ** -0.5)
        nn.init.normal_(self.encoder[-1].weight, std=0.04)

    def forward(self, values, context_ids, slots, ids, positions, segments, targets_at):
        """Logits at the given flat positions of the text part.

        values: [B, P, patch]; context_ids: [B, C], -1 behind the end; slots: [B, C], which patch stands there, or -1.
        """
        features = self.encoder(values)
        words = self.decoder.embed_tokens(context_ids.clamp(min=0)).to(features.dtype)
        placed = features.gather(1, slots.clamp(min=0)[..., None].expand(-1, -1, features.shape[-1]))
        context = torch.where((slots >= 0)[..., None], placed, words)
        there = context_ids >= 0
        places = torch.arange(context_ids.shape[1], device=ids.device).expand_as(context_ids)
        return self.decoder(context, there, places, ids, positions, segments, targets_at)
