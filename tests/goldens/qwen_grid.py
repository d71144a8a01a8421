"""What the makers of checkpoints with Qwen's towers share: from a spec to its answer, and what is written of it."""

import shutil

import torch
from transformers import AutoProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

import qwen_bpe
from common import HERE, answer_facts, check, greedy, open_rgb, report, save_tensors, write_json


def begin(name, spec, write_tokenizer, write_processor):
    """An empty folder with tokenizer and processor."""
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_tokenizer(folder, spec)
    write_processor(folder, spec)
    return folder


def clear_answer(folder, spec, template, attempt, good):
    """The first seed whose answer is a good one: seed, model, processor, inputs and what was generated."""
    image = open_rgb(spec["picture"])
    for seed in range(spec.get("seed", 0), 200):
        model = attempt(folder, spec, seed)
        processor = AutoProcessor.from_pretrained(folder)
        processor.image_processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
        assert processor.image_processor.patch_size == spec["vision"]["patch_size"]
        assert processor.image_processor.size == dict(zip(("shortest_edge", "longest_edge"), spec["pixels"]))
        inputs = processor(text=[template.format(text=spec["text"])], images=[image], return_tensors="pt")
        golden = greedy(model, inputs)
        if good(golden, spec):
            return seed, model, processor, inputs, golden
    raise SystemExit(f"{folder.name}: no seed gives a clear answer")


def whole(model, inputs, golden, spec, kinds=False):
    """Adds what one forward over prompt and answer says, and gives how far apart the two are. With `kinds`, positions of
    the answer's tokens are asked of get_rope_index too."""
    ids, new, grid = inputs["input_ids"][0], golden["generated_ids"], inputs["image_grid_thw"]
    pad = qwen_bpe.ids(spec["base"])["<|image_pad|>"]
    assert int((ids == pad).sum()) == grid.prod().item() // 4
    model.model.rope_deltas = None
    golden["logits_prefill"] = model(**inputs).logits[0]
    positions, delta = model.model.get_rope_index(
        inputs["input_ids"], mm_token_type_ids=inputs["mm_token_type_ids"], image_grid_thw=grid)
    both = torch.cat([ids, new])[None, :-1]
    after = torch.arange(len(ids), both.shape[1]) + delta[0]
    spelled_out = torch.cat([positions, after.expand(3, 1, -1)], -1)
    model.model.rope_deltas = None
    if kinds:
        types = torch.cat([inputs["mm_token_type_ids"], torch.zeros(1, len(new) - 1, dtype=torch.int)], 1)
        asked, _ = model.model.get_rope_index(both, mm_token_type_ids=types, image_grid_thw=grid)
        assert torch.equal(spelled_out, asked)
    full = model(input_ids=both, pixel_values=inputs["pixel_values"], image_grid_thw=grid, position_ids=spelled_out,
                 use_cache=False, output_attentions=True)
    worst = check(golden, full, len(ids))
    golden |= {"pixel_values": inputs["pixel_values"], "input_ids": ids, "position_ids": positions[:, 0],
               "rope_delta": delta[0], "image_grid_thw": grid[0]}
    return worst


def finish(folder, spec, run, worst, generation, template, text_cases, before):
    """Writes golden.safetensors, generation_config.json, text.json and golden.json."""
    seed, _, processor, inputs, golden = run
    save_tensors(folder / "golden.safetensors", golden)
    tokens = qwen_bpe.ids(spec["base"])
    pad, end = tokens["<|image_pad|>"], tokens["<|endoftext|>"]
    ids, new, grid = inputs["input_ids"][0], golden["generated_ids"], inputs["image_grid_thw"]
    eos = [tokens["<|im_end|>"], end]
    if "eos_at" in spec:
        eos.append(int(new[spec["eos_at"]]))
    write_json(folder / "generation_config.json", {
        "bos_token_id": end, "do_sample": True, "eos_token_id": eos, "pad_token_id": end, **generation})
    image, n = open_rgb(spec["picture"]), int((ids == pad).sum())
    write_json(folder / "text.json", text_cases(processor, folder / "tokenizer.json", image, n, pad, before))
    facts, patch = answer_facts(processor.tokenizer, golden, ids, pad, eos), spec["vision"]["patch_size"]
    write_json(folder / "golden.json", {
        "picture": spec["picture"], "text": spec["text"], "template": template,
        "prompt": template.format(text=spec["text"]), "seed": seed, "own_differences": worst,
        "min_pixels": spec["pixels"][0], "max_pixels": spec["pixels"][1],
        "resized": [int(grid[0, 2]) * patch, int(grid[0, 1]) * patch],
        "grid": [int(grid[0, 1]) // 2, int(grid[0, 2]) // 2], "rope_delta": int(golden["rope_delta"]), **facts,
    })
    report(folder, seed, golden, worst, facts["generated_text"])
