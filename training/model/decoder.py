"""Qwen2's decoder as the audio and the series model share it: a context, then many questions about it.

Same arithmetic as transformers' Qwen2ForCausalLM. As in llava.py the questions share the context and do not see each
other; positions restart for each, so that every question sees exactly what it would see alone. Contexts differ
in length: their rows are padded, `there` says what counts, and positions are given.
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

from .llava import RMSNorm
from .qwen import TextLayer


def begin(model, layers):
    """Starting weights."""
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv1d)):
            nn.init.normal_(module.weight, std=min(0.04, 0.8 * module.weight[0].numel() ** -0.5))
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.02)
    for layer in layers:
        for last in (layer.o_proj, layer.down_proj):
            last.weight.data.mul_((2 * len(layers)) ** -0.5)


class Decoder(nn.Module):
    """`s` has width, heads, kv_heads, mlp, layers, vocab, theta and eps."""

    def __init__(self, s):
        super().__init__()
        self.embed_tokens = nn.Embedding(s.vocab, s.width)
        self.layers = nn.ModuleList(TextLayer(s) for _ in range(s.layers))
        self.norm = RMSNorm(s.width, s.eps)
        self.lm_head = nn.Linear(s.width, s.vocab, bias=False)
        half = s.width // s.heads // 2
        self.register_buffer("mix", torch.zeros(()), persistent=False)  # how far weights train as 4-bit ones
        self.register_buffer("frequency", s.theta ** (-torch.arange(half).float() / half), persistent=False)

    def forward(self, context, there, places, ids, positions, segments, targets_at):
        """Logits at the given flat positions of the text part.

        context: [B, C, width]; there: [B, C] bool; places: [B, C], the positions of what is there, from 0 on without gaps;
        ids, positions, segments: [B, T], segment 1, 2, … a question.
        """
        n = context.shape[1]
        x = torch.cat([context, self.embed_tokens(ids).to(context.dtype)], 1)
        where = torch.cat([places, positions + there.sum(1, keepdim=True)], 1)
        belongs = torch.cat([there.long() - 1, segments], 1)
        order = torch.arange(x.shape[1], device=ids.device)
        mask = (order[:, None] >= order[None]) & ((belongs[:, None, :] == 0) | (belongs[:, None, :] == belongs[:, :, None]))
        mask = torch.zeros(mask.shape, dtype=x.dtype, device=x.device).masked_fill_(~mask, float("-inf")).unsqueeze(1)
        angle = where[..., None].float() * self.frequency
        angle = torch.cat([angle, angle], -1).unsqueeze(1)
        cos, sin = angle.cos(), angle.sin()
        for layer in self.layers:
            x = layer(x, cos, sin, mask, self.mix)
        return self.lm_head(self.norm(x[:, n:].flatten(0, 1)[targets_at]))


def names(state, before="model.", head="lm_head."):
    """The decoder's parameters under transformers' names."""
    out = {}
    for name, value in state.items():
        for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
            name = name.replace(f".{part}", f".self_attn.{part}")
        for part in ("gate_proj", "up_proj", "down_proj"):
            name = name.replace(f".{part}", f".mlp.{part}")
        out[head + name.removeprefix("lm_head.") if name.startswith("lm_head.") else before + name] = value
    return out


def config(s, words):
    """Qwen2's configuration."""
    return dict(vocab_size=s.vocab, hidden_size=s.width, intermediate_size=s.mlp, num_hidden_layers=s.layers, num_attention_heads=s.heads, num_key_value_heads=s.kv_heads,
                max_position_embeddings=4096, rms_norm_eps=s.eps, rope_parameters={"rope_type": "default", "rope_theta": s.theta}, tie_word_embeddings=False,
                bos_token_id=words.ID["<|endoftext|>"], eos_token_id=words.EOS)


def answer_loss(logits, labels):
    return F.cross_entropy(logits.float(), labels, ignore_index=-100)
