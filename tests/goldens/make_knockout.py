"""Attention knocked out, and questions without a picture, computed with transformers on the checkpoints beside this.

A knockout is an additive 4D mask, -inf where a row does not see a key, that a hook gives the attention module of each
decoder layer in its band, in the prompt and while generating; eager attention does the rest.
"""

import json
import shutil

import torch
from safetensors.torch import load_file
from transformers import (
    AutoTokenizer, DynamicCache, InternVLForConditionalGeneration, LlavaForConditionalGeneration,
    Qwen2_5_VLForConditionalGeneration, Qwen2VLForConditionalGeneration, Qwen3VLForConditionalGeneration,
)

import make_interleave
import make_internvl
import make_llava
import make_qwen
import make_qwen2
import make_qwen3
from common import HERE, margins, save_tensors, setup

NEW_TOKENS = 10
MODELS = {"llava-mha": LlavaForConditionalGeneration, "interleave-full": LlavaForConditionalGeneration,
          "qwen-tall": Qwen2_5_VLForConditionalGeneration, "qwen2-tall": Qwen2VLForConditionalGeneration,
          "qwen3-tall": Qwen3VLForConditionalGeneration, "internvl-qwen2": InternVLForConditionalGeneration}
TEXT, BEGIN, IMAGE, GENERATED = {"begin", "text"}, {"begin"}, {"image"}, {"generated"}
# As the lab writes it; whose rows, which keys, first and last layer, heads (None: all).
CASES = [
    ("text>image", TEXT, IMAGE, 0, 2, None),
    ("text+generated>image@1", TEXT | GENERATED, IMAGE, 1, 1, None),
    ("generated>image", GENERATED, IMAGE, 0, 2, None),
    ("all>text@0-1#0,2", TEXT | IMAGE | GENERATED, TEXT, 0, 1, [0, 2]),  # rows before the picture keep their own key
    ("image>image@1", IMAGE, IMAGE, 1, 1, None),
]


def groups(ids, image):
    return ["begin" if i == 0 else "image" if t == image else "text" for i, t in enumerate(ids)]


def mask(of, heads, first, case):
    """[1, heads, rows, keys]: 0 where a row sees a key, -inf elsewhere; rows are the positions from `first` on."""
    _, rows, keys, _, _, only = case
    out = torch.zeros(1, heads, len(of) - first, len(of))
    for h in range(heads):
        for i in range(first, len(of)):
            seen = [j for j in range(i + 1)
                    if not (of[i] in rows and of[j] in keys and (only is None or h in only))]
            out[0, h, i - first] = -torch.inf
            out[0, h, i - first, seen or [i]] = 0
    return out


class Knockout:
    """Gives the attention modules of a band of layers another mask; `of` are the groups of all positions so far."""

    def __init__(self, model, case):
        self.case, self.of, self.calls, self.heads = case, [], 0, model.config.text_config.num_attention_heads
        layers = model.model.language_model.layers
        assert case[4] < len(layers)
        self.hooks = [layer.self_attn.register_forward_pre_hook(self.replace, with_kwargs=True)
                      for layer in layers[case[3] : case[4] + 1]]

    def replace(self, module, args, kwargs):
        states = kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]
        self.calls += 1
        new = mask(self.of, self.heads, len(self.of) - states.shape[1], self.case)
        return args, kwargs | {"attention_mask": new}

    def remove(self):
        for hook in self.hooks:
            hook.remove()


def answer(model, inputs, image, case):
    """Greedy decoding with a cache, checked against one forward over everything without one."""
    ids = inputs["input_ids"][0].tolist()
    s, n = len(ids), NEW_TOKENS
    knockout = Knockout(model, case) if case else None
    of = groups(ids, image)
    if case:
        knockout.of = of
    cache = DynamicCache(config=model.config.text_config)
    given = dict(use_cache=True, output_attentions=True, past_key_values=cache)
    step = model(**inputs, **given)
    delta = getattr(model.model, "rope_deltas", None)
    maps = torch.stack([a[0] for a in step.attentions])
    logits, new = [step.logits[0, -1]], []
    rows = torch.zeros(*maps.shape[:2], 2, s + n - 1)
    rows[:, :, 0, :s] = maps[:, :, -1]
    for k in range(n):
        new.append(int(logits[-1].argmax()))
        if k + 1 == n:
            break
        of = of + ["generated"]
        if case:
            knockout.of = of
        at = torch.tensor([[s + k + (int(delta) if delta is not None else 0)]])
        at = at if delta is None else at.expand(3, 1, 1)
        step = model(input_ids=torch.tensor([[new[-1]]]), position_ids=at,
                     attention_mask=torch.ones(1, s + k + 1), **given)
        logits.append(step.logits[0, -1])
        if k + 2 == n:
            rows[:, :, 1] = torch.stack([a[0, :, 0] for a in step.attentions])
    logits = torch.stack(logits)
    whole = {k: v for k, v in inputs.items() if k != "mm_token_type_ids"}
    whole["input_ids"] = torch.tensor([ids + new[:-1]])
    whole["attention_mask"] = torch.ones(1, s + n - 1, dtype=torch.long)
    if "mm_token_type_ids" in inputs:
        whole["mm_token_type_ids"] = (whole["input_ids"] == image).int()
    once = model(**whole, use_cache=False, output_attentions=True)
    assert (once.logits[0, s - 1 :] - logits).abs().max() < 1e-3
    seen = torch.stack([a[0] for a in once.attentions])
    assert (seen[:, :, [s - 1, -1]] - rows).abs().max() < 1e-5
    assert (seen.sum(-1) - 1).abs().max() < 1e-5
    if case:
        blocked = mask(of, knockout.heads, 0, case)[0].isinf()
        assert knockout.calls == (case[4] - case[3] + 1) * (n + 1)
        assert (seen[case[3] : case[4] + 1][:, blocked] == 0).all(), "blocked weights are exactly 0"
        assert blocked.tril().any(), "something is blocked"
        knockout.remove()
    lower = torch.ones(maps.shape[-2:]).tril().bool()
    return {"generated_ids": torch.tensor(new), "logits": logits[[0, -1]], "rows": rows,
            "last_layer": maps[-1].mean(0)[lower]}, margins(logits)["relative_min"]


def main():
    setup()
    folder = HERE / "knockout"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, kind in MODELS.items():
        golden = load_file(HERE / name / "golden.safetensors")
        facts = json.loads((HERE / name / "golden.json").read_text())
        model = kind.from_pretrained(HERE / name, dtype=torch.float32, attn_implementation="eager").eval()
        image = facts["image_token_id"]
        one_axis = (make_llava, make_interleave, make_internvl)
        maker = next(maker for maker in (*one_axis, make_qwen, make_qwen2, make_qwen3) if name in maker.SPECS)
        ids = golden["input_ids"][None]
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        if maker in one_axis:
            inputs["pixel_values"] = golden["pixel_values"][None]
        else:
            inputs |= {"pixel_values": golden["pixel_values"], "image_grid_thw": golden["image_grid_thw"][None],
                       "mm_token_type_ids": (ids == image).int()}
        tensors, worst = {}, 1.0
        plain, _ = answer(model, inputs, image, None)
        assert torch.equal(plain["generated_ids"], golden["generated_ids"][:NEW_TOKENS]), "no hook, no change"
        for case in CASES:
            out, margin = answer(model, inputs, image, case)
            assert (out["logits"][-1] - plain["logits"][-1]).abs().max() > 0.1, f"{case[0]} changes something"
            tensors |= {f"{case[0]}/{k}": v for k, v in out.items()}
            worst = min(worst, margin)
        # The question alone: what the family's own chat template makes of a message without a picture.
        tokenizer = AutoTokenizer.from_pretrained(HERE / name)
        message = [{"role": "user", "content": [{"type": "text", "text": facts["text"]}]}]
        prompt = tokenizer.apply_chat_template(message, chat_template=maker.JINJA, add_generation_prompt=True, tokenize=False)
        alone = torch.tensor([tokenizer(prompt)["input_ids"]])
        assert image not in alone
        inputs = {"input_ids": alone, "attention_mask": torch.ones_like(alone)}
        if maker not in one_axis:
            model.model.rope_deltas = None
        out, margin = answer(model, inputs, image, None)
        tensors |= {f"none/{k}": v for k, v in out.items()} | {"none/input_ids": alone[0]}
        worst = min(worst, margin)
        save_tensors(folder / f"{name}.safetensors", tensors)
        size = (folder / f"{name}.safetensors").stat().st_size
        line = f"{name}: {len(CASES)} knockouts and {alone.shape[1]} tokens alone, margin {worst:.4f}, {size / 2**10:.0f} KiB"
        assert worst > 1e-3, line
        print(line, flush=True)


if __name__ == "__main__":
    main()
