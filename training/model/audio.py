"""A lean Qwen2-Audio for training: Whisper's encoder with a mask, pooling by two, one Linear, Qwen2's decoder.

Same arithmetic as transformers' Qwen2AudioForConditionalGeneration (names: audio_export.py). The clip is six seconds
instead of thirty: 600 mel frames, 300 encoder positions, up to 150 tokens of 40 ms.
"""

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

from .decoder import Decoder, begin
from .media_tokenizer import AUDIO


@dataclass
class Shape:
    seconds: int = 6
    mels: int = 128
    audio_width: int = 192
    audio_mlp: int = 576
    audio_layers: int = 6
    audio_heads: int = 6
    width: int = 256
    mlp: int = 512
    layers: int = 8
    heads: int = 8
    kv_heads: int = 8
    vocab: int = AUDIO.vocab
    theta: float = 10000.0
    eps: float = 1e-5

    @property
    def frames(self):
        """Encoder positions, 50 a second."""
        return self.seconds * 50


class AudioLayer(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s.audio_width
        self.heads = s.audio_heads
        self.self_attn_layer_norm, self.final_layer_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.q_proj, self.v_proj, self.out_proj = (nn.Linear(d, d) for _ in range(3))
        self.k_proj = nn.Linear(d, d, bias=False)
        self.fc1, self.fc2 = nn.Linear(d, s.audio_mlp), nn.Linear(s.audio_mlp, d)

    def forward(self, x, mask):
        h = self.self_attn_layer_norm(x)
        q, k, v = (p(h).unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in (self.q_proj, self.k_proj, self.v_proj))
        x = x + self.out_proj(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))


class Encoder(nn.Module):
    def __init__(self, s):
        super().__init__()
        d = s.audio_width
        self.conv1, self.conv2 = nn.Conv1d(s.mels, d, 3, padding=1), nn.Conv1d(d, d, 3, stride=2, padding=1)
        self.embed_positions = nn.Embedding(s.frames, d)  # sinusoids, as Whisper begins; they are not trained
        self.layers = nn.ModuleList(AudioLayer(s) for _ in range(s.audio_layers))
        self.layer_norm = nn.LayerNorm(d)

    def begin(self):
        n, d = self.embed_positions.weight.shape
        turn = torch.exp(-torch.log(torch.tensor(10000.0)) / (d // 2 - 1) * torch.arange(d // 2))
        angle = torch.arange(n)[:, None] * turn
        self.embed_positions.weight.data = torch.cat([angle.sin(), angle.cos()], 1)
        self.embed_positions.weight.requires_grad = False

    def forward(self, features, heard):
        """features [B, mels, 2 · frames], heard mel frames [B] -> (pooled [B, frames / 2, d], before pooling and norm)"""
        x = F.gelu(self.conv2(F.gelu(self.conv1(features)))).transpose(1, 2)
        x = x + self.embed_positions.weight.to(x.dtype)
        real = torch.arange(x.shape[1], device=x.device)[None] < ((heard - 1) // 2 + 1)[:, None]
        mask = torch.zeros(real.shape, dtype=x.dtype, device=x.device).masked_fill_(~real, float("-inf"))[:, None, None]
        mask = mask.expand(-1, 1, x.shape[1], -1)
        for layer in self.layers:
            x = layer(x, mask)
        return self.layer_norm(F.avg_pool1d(x.transpose(1, 2), 2).transpose(1, 2)), x


class Audio(nn.Module):
    def __init__(self, s, classes):
        super().__init__()
        self.shape = s
        self.audio, self.linear = Encoder(s), nn.Linear(s.audio_width, s.width)
        self.decoder = Decoder(s)
        self.sound_head = nn.Linear(s.audio_width, classes)  # only for training: which sound each token's 40 ms hold
        begin(self, self.decoder.layers)
        self.audio.begin()

    def tokens(self, heard):
        return ((heard - 1) // 2 + 1 - 2) // 2 + 1

    def forward(self, features, heard, prefix, after, ids, positions, segments, targets_at):
        """Logits at the given flat positions of the text part, and the training head's output.

        features: [B, mels, 2 · frames]; heard: mel frames of sound [B]; prefix, after: the ids before and (one) after the audio tokens.
        """
        pooled, _ = self.audio(features, heard)
        b, slots = pooled.shape[:2]
        tokens = self.tokens(heard)[:, None]
        words = lambda i: self.decoder.embed_tokens(i).expand(b, -1, -1).to(pooled.dtype)
        context = torch.cat([words(prefix), self.linear(pooled), words(after)], 1)
        slot = torch.arange(slots, device=ids.device).expand(b, -1)
        before = torch.arange(len(prefix), device=ids.device).expand(b, -1)
        there = torch.cat([before >= 0, slot < tokens, tokens > 0], 1)
        places = torch.cat([before, len(prefix) + torch.minimum(slot, tokens - 1), len(prefix) + tokens], 1)
        return self.decoder(context, there, places, ids, positions, segments, targets_at), self.sound_head(pooled)
