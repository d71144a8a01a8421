"""A lean Qwen2.5-VL for training: vision tower with windows and 2-D rotary positions, merger, Qwen2 decoder with M-RoPE.

Same arithmetic as transformers' Qwen2_5_VLForConditionalGeneration (names: qwen_export.py). As in llava.py
one forward pass answers many questions about a picture. Whatever depends on the picture's grid lies in
tables (`tables`): grids of any form are padded to the same number of tokens, so one compiled graph
serves them all. Windows are masks.
"""

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from .llava import QLinear, RMSNorm, turn
from .qwen_tokenizer import VOCAB


@dataclass
class Shape:
    patch: int = 12
    merge: int = 2
    frames: int = 1  # that a patch holds; the real model's two are one and the same of a still picture
    window: int = 4  # the side of a window, in merged tokens
    tokens: int = 66  # the most merged tokens of a picture
    vision_width: int = 192
    vision_mlp: int = 480
    vision_layers: int = 6
    vision_heads: int = 6
    full: tuple = (2, 5)  # the blocks that see beyond their window
    width: int = 256
    mlp: int = 512
    layers: int = 8
    heads: int = 8
    kv_heads: int = 2
    vocab: int = VOCAB
    # The real model's 1e6 would turn columns by less than 2e-4 a token in a head of 32: too little to learn from.
    theta: float = 40.0
    section: tuple = (4, 6, 6)
    eps: float = 1e-6
    min_pixels: int = 50 * 24 * 24
    max_pixels: int = 66 * 24 * 24


def tables(s, rows, columns, prefix, device="cpu"):
    """What a picture of rows × columns merged tokens means for the model, padded to s.tokens."""
    n, m = rows * columns, s.merge
    r, c = torch.arange(n) // columns, torch.arange(n) % columns
    inner = torch.arange(m * m)
    row, column = (r[:, None] * m + inner // m).flatten(), (c[:, None] * m + inner % m).flatten()
    pad = lambda x, size, value: F.pad(x, (0, size - len(x)), value=value)
    patches = s.tokens * m * m
    quarter = s.vision_width // s.vision_heads // 4
    turns = 10000.0 ** (-torch.arange(quarter).float() / quarter)
    angle = torch.cat([pad(x, patches, 0)[:, None] * turns for x in (row, column)], 1)
    window = (r // s.window) * -(-columns // s.window) + c // s.window
    window = pad(window.repeat_interleave(m * m), patches, -1)
    there = window >= 0
    mask = lambda group: torch.zeros(len(group), len(group)).masked_fill_(group[:, None] != group[None], float("-inf"))
    # Positions of the opening and the picture, one a rotary frequency; the text goes on from `offset`.
    three = torch.cat([torch.arange(prefix).expand(3, -1), prefix + torch.stack([pad(x, s.tokens, 0) for x in (r * 0, r, c)])], 1)
    axis = torch.repeat_interleave(torch.arange(3), torch.tensor(s.section))
    out = {"vision_turn": torch.cat([angle, angle], 1), "window": mask(window), "whole": mask(there.long()), "there": there.float(),
           "start": three[axis].T.float(), "offset": torch.tensor(prefix + max(rows, columns)),
           "belongs": torch.cat([torch.zeros(prefix), torch.where(torch.arange(s.tokens) < n, 0.0, -1.0), torch.zeros(1)]).long()}
    return {k: v.to(device) for k, v in out.items()}


def patches(pixels, s):
    """[B, 3, H, W] -> [B, 4 · s.tokens, 3 · patch²] in the processor's order; one of the two equal frames."""
    b, _, h, w = pixels.shape
    p, m = s.patch, s.merge
    x = pixels.view(b, 3, h // p // m, m, p, w // p // m, m, p).permute(0, 2, 5, 3, 6, 1, 4, 7).reshape(b, -1, 3 * p * p)
    return F.pad(x, (0, 0, 0, s.tokens * m * m - x.shape[1]))


class VisionLayer(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s.vision_width
        self.heads = s.vision_heads
        self.norm1, self.norm2 = RMSNorm(d, 1e-6), RMSNorm(d, 1e-6)
        self.q_proj, self.k_proj, self.v_proj, self.proj = (nn.Linear(d, d) for _ in range(4))
        self.gate_proj, self.up_proj, self.down_proj = nn.Linear(d, s.vision_mlp), nn.Linear(d, s.vision_mlp), nn.Linear(s.vision_mlp, d)

    def forward(self, x, cos, sin, mask):
        h = self.norm1(x)
        q, k, v = (p(h).unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        q, k = turn(q, cos, sin).to(v.dtype), turn(k, cos, sin).to(v.dtype)
        mask = mask.to(v.dtype).expand(len(x), 1, -1, -1)
        x = x + self.proj(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))
        h = self.norm2(x)
        return x + self.down_proj(F.silu(self.gate_proj(h)) * self.up_proj(h))


class Vision(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s.vision_width
        self.full, self.block = s.full, s.merge ** 2 * d
        self.patch_embedding = nn.Linear(3 * s.frames * s.patch ** 2, d, bias=False)
        self.layers = nn.ModuleList(VisionLayer(s) for _ in range(s.vision_layers))
        self.ln_q = RMSNorm(d, 1e-6)
        self.merger_0, self.merger_2 = nn.Linear(self.block, self.block), nn.Linear(self.block, s.width)

    def forward(self, x, table):
        """(image features, what the merger sees)"""
        x = self.patch_embedding(x)
        cos, sin = table["vision_turn"].cos(), table["vision_turn"].sin()
        for i, layer in enumerate(self.layers):
            x = layer(x, cos, sin, table["whole" if i in self.full else "window"])
        seen = self.ln_q(x).unflatten(1, (-1, self.block // x.shape[-1])).flatten(2)
        return self.merger_2(F.gelu(self.merger_0(seen))), seen


class TextLayer(nn.Module):
    def __init__(self, s):
        super().__init__()
        d, head = s.width, s.width // s.heads
        self.head, self.groups = head, s.heads // s.kv_heads
        self.input_layernorm, self.post_attention_layernorm = RMSNorm(d, s.eps), RMSNorm(d, s.eps)
        self.q_proj, self.k_proj, self.v_proj = QLinear(d, d), QLinear(d, s.kv_heads * head), QLinear(d, s.kv_heads * head)
        self.o_proj = QLinear(d, d, bias=False)
        self.gate_proj, self.up_proj = QLinear(d, s.mlp, bias=False), QLinear(d, s.mlp, bias=False)
        self.down_proj = QLinear(s.mlp, d, bias=False)

    def forward(self, x, cos, sin, mask, mix):
        h = self.input_layernorm(x)
        q, k, v = (p(h, mix).unflatten(-1, (-1, self.head)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        q, k = turn(q, cos, sin).to(v.dtype), turn(k, cos, sin).to(v.dtype)
        k, v = k.repeat_interleave(self.groups, 1), v.repeat_interleave(self.groups, 1)
        x = x + self.o_proj(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2), mix)
        h = self.post_attention_layernorm(x)
        return x + self.down_proj(F.silu(self.gate_proj(h, mix)) * self.up_proj(h, mix), mix)


class Qwen(nn.Module):
    def __init__(self, s, classes):
        super().__init__()
        self.shape = s
        self.vision = Vision(s)
        self.embed_tokens = nn.Embedding(s.vocab, s.width)  # the output head too: tied
        self.layers = nn.ModuleList(TextLayer(s) for _ in range(s.layers))
        self.norm = RMSNorm(s.width, s.eps)
        self.helpers(s, classes)
        half = s.width // s.heads // 2
        self.register_buffer("mix", torch.zeros(()), persistent=False)  # how far weights train as 4-bit ones
        self.register_buffer("frequency", s.theta ** (-torch.arange(half).float() / half), persistent=False)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=min(0.04, 0.8 * module.in_features ** -0.5))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.02)
        for layer in self.layers:
            for last in (layer.o_proj, layer.down_proj):
                last.weight.data.mul_((2 * s.layers) ** -0.5)

    def helpers(self, s, classes):
        """Only for training: which thing covers each merged token, which things are there at all."""
        self.patch_head = nn.Linear(s.merge ** 2 * s.vision_width, classes + 1)
        self.scene_head = nn.Linear(s.vision_width, classes)

    def forward(self, x, table, prefix, after, ids, positions, segments, targets_at):
        """Logits at the given flat positions of the text part, and the training heads' outputs.

        prefix, after: the ids before and (one) after the picture; ids, positions, segments: [B, T], segment 1, 2, … per question.
        """
        image, seen = self.vision(x, table)
        b, half = len(ids), self.frequency.shape[0]
        text = torch.cat([torch.zeros_like(positions[:, :1]), positions + 1], 1) + table["offset"]
        where = torch.cat([table["start"].expand(b, -1, -1), text[..., None].expand(-1, -1, half).float()], 1)
        logits = self.answer(image, prefix, after, ids, where, torch.cat([table["belongs"].expand(b, -1), segments], 1), targets_at)
        there = table["there"].view(-1, self.shape.merge ** 2)[:, :1]
        mean = (seen * there).sum(1) / there.sum()
        mean = mean.unflatten(-1, (self.shape.merge ** 2, -1)).mean(1)
        return logits, self.patch_head(seen), self.scene_head(mean)

    def answer(self, image, prefix, after, ids, where, belongs, targets_at):
        """Logits behind prefix, image features, `after` and text. where: positions, one a rotary frequency; belongs: 0 is
        seen by all, -1 by none, a question by itself."""
        words = lambda i: self.embed_tokens(i).expand(len(ids), -1, -1).to(image.dtype)
        x = torch.cat([words(prefix), image, words(after), self.embed_tokens(ids).to(image.dtype)], 1)
        order = torch.arange(x.shape[1], device=ids.device)
        mask = (order[:, None] >= order[None]) & ((belongs[:, None, :] == 0) | (belongs[:, None, :] == belongs[:, :, None]))
        mask = torch.zeros(mask.shape, dtype=x.dtype, device=x.device).masked_fill_(~mask, float("-inf")).unsqueeze(1)
        angle = where * self.frequency
        angle = torch.cat([angle, angle], -1).unsqueeze(1)
        cos, sin = angle.cos(), angle.sin()
        for layer in self.layers:
            x = layer(x, cos, sin, mask, self.mix)
        x = self.norm(x[:, -ids.shape[1]:].flatten(0, 1)[targets_at])
        return F.linear(x, self.embed_tokens.weight.to(x.dtype))
