"""A lean LLaVA-1.5 for training: CLIP tower with [CLS], two-layer GELU projector, Llama.

Same arithmetic and parameter names as transformers' LlavaForConditionalGeneration (see export.py), but
one forward pass answers many questions about a picture: they share the picture's prefix, and a mask
keeps them from seeing each other. Positions restart for each, so every question sees exactly what it
would see alone.
"""

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Shape:
    image: int = 168
    patch: int = 14
    vision_width: int = 192
    vision_mlp: int = 640
    vision_layers: int = 6
    vision_heads: int = 6
    width: int = 256
    mlp: int = 512
    layers: int = 8
    heads: int = 8
    vocab: int = 1536
    theta: float = 10000.0
    eps: float = 1e-5

    @property
    def image_tokens(self):
        return (self.image // self.patch) ** 2


def fake_q4(weight, mix):
    """Moves a weight toward what a 4-bit k-quant makes of it (blocks of 32, scale and minimum); gradients pass through."""
    with torch.no_grad():
        blocks = weight.float().view(-1, 32)
        low = blocks.amin(1, keepdim=True).clamp(max=0)
        step = ((blocks.amax(1, keepdim=True) - low) / 15).clamp(min=1e-8)
        rounded = (((blocks - low) / step).round().clamp(0, 15) * step + low).view_as(weight)
    return weight + mix * (rounded - weight).detach()


class QLinear(nn.Linear):
    """A linear layer that can train as if its weight were stored in four bits: `mix` of 0 to 1."""

    def forward(self, x, mix):
        return F.linear(x, fake_q4(self.weight, mix), self.bias)


class VisionLayer(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s.vision_width
        self.heads = s.vision_heads
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(d), nn.LayerNorm(d)
        self.q_proj, self.k_proj, self.v_proj, self.out_proj = (nn.Linear(d, d) for _ in range(4))
        self.fc1, self.fc2 = nn.Linear(d, s.vision_mlp), nn.Linear(s.vision_mlp, d)

    def forward(self, x):
        h = self.layer_norm1(x)
        q, k, v = (p(h).unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        x = x + self.out_proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        h = self.fc1(self.layer_norm2(x))
        return x + self.fc2(h * torch.sigmoid(1.702 * h))


class Vision(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s.vision_width
        self.patch = s.patch
        self.class_embedding = nn.Parameter(torch.randn(d) * 0.02)
        self.patch_embedding = nn.Linear(3 * s.patch ** 2, d, bias=False)
        self.position_embedding = nn.Embedding(s.image_tokens + 1, d)
        self.pre_layrnorm, self.post_layernorm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.layers = nn.ModuleList(VisionLayer(s) for _ in range(s.vision_layers))

    def forward(self, pixels):
        """(hidden states before the last layer: LLaVA's layer -2, the last layer's [CLS] after its norm)"""
        b, c, h, w = pixels.shape
        p = self.patch
        x = pixels.view(b, c, h // p, p, w // p, p).permute(0, 2, 4, 1, 3, 5).reshape(b, -1, c * p * p)
        x = self.patch_embedding(x)
        x = torch.cat([self.class_embedding.expand(b, 1, -1).to(x.dtype), x], 1) + self.position_embedding.weight
        x = self.pre_layrnorm(x)
        for layer in self.layers[:-1]:
            x = layer(x)
        return x, self.post_layernorm(self.layers[-1](x)[:, 0])


class RMSNorm(nn.Module):
    def __init__(self, d, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(d)), eps

    def forward(self, x):
        h = x.float()
        return self.weight * (h * torch.rsqrt(h.square().mean(-1, keepdim=True) + self.eps)).to(x.dtype)


def turn(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


class TextLayer(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s.width
        self.heads = s.heads
        self.input_layernorm, self.post_attention_layernorm = RMSNorm(d, s.eps), RMSNorm(d, s.eps)
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (QLinear(d, d, bias=False) for _ in range(4))
        self.gate_proj, self.up_proj = QLinear(d, s.mlp, bias=False), QLinear(d, s.mlp, bias=False)
        self.down_proj = QLinear(s.mlp, d, bias=False)

    def forward(self, x, cos, sin, mask, mix):
        h = self.input_layernorm(x)
        q, k, v = (p(h, mix).unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        q, k = turn(q, cos, sin).to(v.dtype), turn(k, cos, sin).to(v.dtype)
        x = x + self.o_proj(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2), mix)
        h = self.post_attention_layernorm(x)
        return x + self.down_proj(F.silu(self.gate_proj(h, mix)) * self.up_proj(h, mix), mix)


class Llava(nn.Module):
    def __init__(self, s, classes):
        super().__init__()
        self.shape = s
        self.vision = Vision(s)
        self.linear_1, self.linear_2 = nn.Linear(s.vision_width, s.width), nn.Linear(s.width, s.width)
        self.embed_tokens = nn.Embedding(s.vocab, s.width)  # the output head too: tied
        self.layers = nn.ModuleList(TextLayer(s) for _ in range(s.layers))
        self.norm = RMSNorm(s.width, s.eps)
        # Only for training: which thing covers each patch, which things are there at all.
        self.patch_head = nn.Linear(s.vision_width, classes + 1)
        self.scene_head, self.early_scene_head = nn.Linear(s.vision_width, classes), nn.Linear(s.vision_width, classes)
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

    def forward(self, pixels, prefix, ids, positions, segments, targets_at):
        """Logits at the given flat positions of the text part, and the training heads' outputs.

        prefix: the ids before the picture; ids, positions, segments: [B, T], segment 1, 2, … per question.
        """
        hidden, cls = self.vision(pixels)
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
        return (F.linear(x, self.embed_tokens.weight.to(x.dtype)), self.patch_head(hidden[:, 1:]), self.scene_head(cls),
                self.early_scene_head(hidden[:, 0]))
