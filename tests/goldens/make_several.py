"""Prompts with several pictures of different sizes, answered by transformers on checkpoints beside this.

The chat template is rendered with so many image items, as transformers renders it; the processor expands each picture's
token. What is kept is small: ids, positions, logits of the last prompt row and of every step, and MDI of the words against
all pictures, of the words against each, and of each against the others, per layer, from the whole maps in float64.
"""

import shutil

import numpy as np
import torch
from transformers import (
    AutoProcessor, AutoTokenizer, GenerationConfig, InternVLForConditionalGeneration, LlavaForConditionalGeneration,
    Qwen2_5_VLForConditionalGeneration, Qwen2VLForConditionalGeneration, Qwen3VLForConditionalGeneration,
)
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from common import HERE, greedy, margins, open_rgb, save_tensors, setup, write_json
from make_interleave import JINJA as INTERLEAVE_JINJA
from make_internvl import JINJA as INTERNVL_JINJA, one_tile, pil
from make_llava import JINJA as LLAVA_JINJA
from make_qwen import JINJA as QWEN_JINJA
from make_qwen3 import JINJA as QWEN3_JINJA

NEW_TOKENS = 8
CASES = {
    "llava-mha-2": ("llava-mha", ["square.png", "wide.png"], "Which one is red?"),
    "llava-gqa-3": ("llava-gqa", ["tall.png", "exact42.png", "wide.png"], "What changed between the pictures?"),
    "interleave-v4-2": ("interleave-v4", ["exact42.png", "wide.png"], "Which one is red?"),
    "qwen-tall-2": ("qwen-tall", ["exact42.png", "tall.png"], "Which one is taller?"),
    "qwen-exact-3": ("qwen-exact", ["gray.png", "exact42.png", "wide.png"], "What do they share?\nA. a\nB. b"),
    "qwen2-wide-2": ("qwen2-wide", ["exact42.png", "tall.png"], "Which one is taller?"),
    "qwen3-wide-2": ("qwen3-wide", ["exact42.png", "tall.png"], "Which one is taller?"),
    "internvl-qwen3-2": ("internvl-qwen3", ["exact42.png", "tall.png"], "Which one is taller?"),
}


def mdi(golden, s, first, second):
    """Under the paper's queries: `first` and `second` are masks over prompt positions."""
    pre, gen = golden["attention_prefill"].double().numpy(), golden["attention_generated"].double().numpy()
    rows = np.concatenate([pre[:, :, s - 1 : s, :], gen[:, :, :, :s]], axis=2).mean(1).sum(1)
    return ((rows[:, first].sum(-1) / first.sum()) / (rows[:, second].sum(-1) / second.sum())).tolist()


def qwen_inputs(folder, tokenizer, prompt, images):
    """As the processors of Qwen2-VL, Qwen2.5-VL and Qwen3-VL put them together; its video part would need torchvision."""
    pictures = Qwen2VLImageProcessorPil.from_pretrained(folder)(images=images, return_tensors="pt")
    pad, parts = "<|image_pad|>", prompt.split("<|image_pad|>")
    counts = (pictures["image_grid_thw"].prod(-1) // 4).tolist()
    assert len(parts) == len(counts) + 1
    whole = parts[0] + "".join(pad * n + part for n, part in zip(counts, parts[1:]))
    text = tokenizer(whole, return_tensors="pt")
    kinds = (text["input_ids"] == tokenizer.convert_tokens_to_ids(pad)).int()
    return {"input_ids": text["input_ids"], "attention_mask": text["attention_mask"], "mm_token_type_ids": kinds,
            "pixel_values": pictures["pixel_values"], "image_grid_thw": pictures["image_grid_thw"]}


def make(name):
    checkpoint, names, text = CASES[name]
    folder = HERE / checkpoint
    llava, internvl = checkpoint.startswith(("llava", "interleave")), checkpoint.startswith("internvl")
    kind, template = {
        "llava": (LlavaForConditionalGeneration, LLAVA_JINJA),
        "interleave": (LlavaForConditionalGeneration, INTERLEAVE_JINJA), "qwen": (Qwen2_5_VLForConditionalGeneration, QWEN_JINJA),
        "qwen2": (Qwen2VLForConditionalGeneration, QWEN_JINJA), "qwen3": (Qwen3VLForConditionalGeneration, QWEN3_JINJA),
        "internvl": (InternVLForConditionalGeneration, INTERNVL_JINJA),
    }[checkpoint.split("-")[0]]
    model = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    model.generation_config = GenerationConfig()  # some checkpoints ask for a repetition penalty
    turn = [{"role": "user", "content": [{"type": "image"}] * len(names) + [{"type": "text", "text": text}]}]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = tokenizer.apply_chat_template(turn, chat_template=template, add_generation_prompt=True, tokenize=False)
    images = [open_rgb(n) for n in names]
    if llava:
        processor = AutoProcessor.from_pretrained(folder, backend="pil")
        inputs = processor(text=[prompt], images=images, return_tensors="pt")
    elif internvl:
        inputs = one_tile(pil(folder), prompt, images)
    else:
        inputs = qwen_inputs(folder, tokenizer, prompt, images)
    golden = greedy(model, inputs, NEW_TOKENS)
    ids, new = inputs["input_ids"][0], golden["generated_ids"]
    token, s = model.config.image_token_id, len(ids)
    if llava or internvl:
        side = model.config.image_seq_length if internvl else (model.config.vision_config.image_size // model.config.vision_config.patch_size) ** 2
        counts, positions = [side] * len(names), torch.arange(s).expand(3, -1)
        grids = [[int(side**0.5)] * 2] * len(names)
        rest = {}
    else:
        thw = inputs["image_grid_thw"]
        counts, grids = (thw.prod(-1) // 4).tolist(), (thw[:, 1:] // 2).tolist()
        positions = model.model.get_rope_index(ids[None], mm_token_type_ids=inputs["mm_token_type_ids"],
                                               image_grid_thw=thw)[0][:, 0]
        rest = {"image_grid_thw": thw, "mm_token_type_ids": inputs["mm_token_type_ids"]}
        model.model.rope_deltas = None
    golden["logits_prefill"] = model(input_ids=ids[None], pixel_values=inputs["pixel_values"], **rest).logits[0]
    assert torch.equal(golden["logits_prefill"][-1].argmax(), new[0])

    prompt_ids = ids.numpy()
    at = np.flatnonzero(prompt_ids == token)
    assert len(at) == sum(counts)
    spans, start = [], 0
    for n in counts:
        mask = np.zeros(s, dtype=bool)
        mask[at[start : start + n]] = True
        assert at[start + n - 1] - at[start] == n - 1, "a picture's tokens stand together"
        spans.append(mask)
        start += n
    words = prompt_ids != token
    sides = {"paper": (words, ~words)}
    for i, mask in enumerate(spans, 1):
        sides[f"paper:{i}"] = (words, mask)
        for j, other in enumerate(spans, 1):
            if i != j:
                sides[f"paper:{i}/{j}"] = (mask, other)
    save_tensors(HERE / "several" / f"{name}.safetensors", {
        "pixel_values": inputs["pixel_values"].reshape(-1), "logits_last": golden["logits_prefill"][-1],
        "logits_generated": golden["logits_generated"],
    })
    write_json(HERE / "several" / f"{name}.json", {
        "checkpoint": checkpoint, "pictures": names, "text": text, "prompt": prompt, "input_ids": ids.tolist(),
        "generated_ids": new.tolist(), "positions": positions.T.tolist(), "grids": grids,
        "margin": margins(golden["logits_generated"])["relative_min"],
        "mdi": {k: mdi(golden, s, *v) for k, v in sides.items()},
    })
    print(name, s, counts, margins(golden["logits_generated"])["relative_min"], flush=True)


if __name__ == "__main__":
    setup()
    shutil.rmtree(HERE / "several", ignore_errors=True)
    (HERE / "several").mkdir()
    for name in CASES:
        make(name)
