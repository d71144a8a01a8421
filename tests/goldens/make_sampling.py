"""Answers under a repetition penalty, and what temperature and top-p make of probabilities, by transformers.

Answers: `generate` on two checkpoints, greedy with a penalty (over prompt and answer, the picture's tokens among
them). Probabilities: the warpers transformers draws with, on the logits of a prompt's last row.
"""

import json

import torch
from safetensors.torch import load_file
from transformers import (
    GenerationConfig, LlavaForConditionalGeneration, Qwen2_5_VLForConditionalGeneration, TemperatureLogitsWarper,
    TopPLogitsWarper,
)

from common import HERE, NEW_TOKENS, setup, write_json

MODELS = {"llava-mha": LlavaForConditionalGeneration, "qwen-square": Qwen2_5_VLForConditionalGeneration}
PENALTIES = [1.05, 1.3, 0.8]
DRAWN = [(0.7, 1.0), (1.0, 0.9), (2.0, 0.5)]  # temperature, top-p


def inputs(name, golden):
    ids = golden["input_ids"][None]
    out = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    config = json.loads((HERE / name / "config.json").read_text())
    image = config.get("image_token_id", config.get("image_token_index"))
    if name.startswith("qwen"):
        out |= {"pixel_values": golden["pixel_values"], "image_grid_thw": golden["image_grid_thw"][None],
                "mm_token_type_ids": (ids == image).int()}
    else:
        out["pixel_values"] = golden["pixel_values"][None]
    return out


def answer(model, given, penalty):
    config = GenerationConfig(do_sample=False, max_new_tokens=NEW_TOKENS, repetition_penalty=penalty, pad_token_id=0)
    # The checkpoint's own settings would be filled in where these say nothing.
    model.generation_config = GenerationConfig()
    out = model.generate(**given, generation_config=config, return_dict_in_generate=True, output_scores=True)
    gaps = [float(s[0].topk(2).values.diff().abs() / s[0].abs().max()) for s in out.scores]
    assert len(gaps) == NEW_TOKENS
    return out.sequences[0, given["input_ids"].shape[1]:].tolist(), min(gaps)


def make():
    out = {}
    for name, kind in MODELS.items():
        model = kind.from_pretrained(HERE / name, dtype=torch.float32, attn_implementation="eager").eval()
        golden = load_file(HERE / name / "golden.safetensors")
        given = inputs(name, golden)
        plain, _ = answer(model, given, 1.0)
        assert plain == golden["generated_ids"].tolist()
        answers = []
        for penalty in PENALTIES:
            ids, gap = answer(model, given, penalty)
            assert gap > 2e-4, (name, penalty, gap)
            answers.append({"repetition_penalty": penalty, "generated_ids": ids})
        assert any(a["generated_ids"] != plain for a in answers)
        drawn = []
        for temperature, top_p in DRAWN:
            scores = golden["logits_prefill"][-1:].clone()
            scores = TemperatureLogitsWarper(temperature)(given["input_ids"], scores)
            if top_p < 1:
                scores = TopPLogitsWarper(top_p)(given["input_ids"], scores)
            drawn.append({"temperature": temperature, "top_p": top_p,
                          "probabilities": [round(p, 9) for p in scores.softmax(-1)[0].tolist()]})
        out[name] = {"answers": answers, "drawn": drawn}
    write_json(HERE / "sampling.json", out)


if __name__ == "__main__":
    setup()
    make()
