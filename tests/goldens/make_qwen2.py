"""Tiny random Qwen2-VL checkpoints on disk as transformers 5 writes them and as they lie on the hub, and what
transformers computes."""

import shutil

import torch
from transformers import AutoProcessor, Qwen2VLConfig, Qwen2VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

import qwen_bpe
from common import (
    CLIP_MEAN, CLIP_STD, HERE, answer_facts, check, fill_weights, greedy, open_rgb, report, save_tensors, save_weights,
    setup, write_json,
)
from make_qwen import AFTER, BEFORE, JINJA, TEMPLATE, good, rename, text_cases, token_fields, vocab_size

# style: "5" = as transformers 5.17 writes it; "4" = as on the hub: one flat config, template with the tokenizer.
# names: "hub" = visual., model., lm_head.; "inner" = model.visual., model.language_model., lm_head.
SPECS = {
    "qwen2-tall": dict(
        style="5", names="inner", dtype=torch.float32, base=420, pad_vocab=1, tied=True, picture="tall.png",
        seed=142,  # the first whose answers stay clear under make_levers and make_knockout, too
        gains=[("embed_tokens", 0.3), ("o_proj", 1.5), ("down_proj", 1.5)],
        text="What is in the picture?", pixels=(256, 768), mrope=[2, 2, 2], theta=1e6, eps=1e-6,
        vision=dict(depth=3, embed_dim=32, mlp_ratio=3, num_heads=4, patch_size=4),
        llm=dict(hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=4,
                 num_key_value_heads=2),
    ),
    "qwen2-wide": dict(
        style="4", names="hub", dtype=torch.bfloat16, shards=2, base=400, pad_vocab=9, tied=False, picture="wide.png",
        text="그림 속에 무엇이 있나요? 🙂", pixels=(1024, 4096), mrope=[4, 2, 2], theta=1e4, eps=1e-5,
        vision=dict(depth=4, embed_dim=24, mlp_ratio=4, num_heads=2, patch_size=8),
        llm=dict(hidden_size=48, intermediate_size=40, num_hidden_layers=4, num_attention_heads=3,
                 num_key_value_heads=1),
    ),
}
GAINS = [("q_proj", 1.4), ("k_proj", 1.4), ("qkv", 1.6), ("lm_head", 3.0), ("embed_tokens", 1.0),
         ("patch_embed", 2.0), ("merger", 1.5)]


def config_for(spec):
    ids = qwen_bpe.ids(spec["base"])
    rope = {"rope_type": "default", "rope_theta": spec["theta"], "mrope_section": spec["mrope"]}
    text = dict(vocab_size=vocab_size(spec), max_position_embeddings=512, rms_norm_eps=spec["eps"],
                rope_parameters=rope, bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], **spec["llm"])
    vision = dict(spec["vision"], hidden_size=spec["llm"]["hidden_size"])
    return Qwen2VLConfig(vision_config=vision, text_config=text, tie_word_embeddings=spec["tied"], **token_fields(spec))


def config_of_transformers4(spec):
    """config.json as on the hub: what is left out of it has its usual value."""
    ids, t = qwen_bpe.ids(spec["base"]), spec["llm"]
    config = {
        "architectures": ["Qwen2VLForConditionalGeneration"], "attention_dropout": 0.0,
        "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"], **token_fields(spec),
        "vision_token_id": ids["<|vision_pad|>"], "hidden_act": "silu", "initializer_range": 0.02, **t,
        "max_position_embeddings": 512, "max_window_layers": t["num_hidden_layers"], "model_type": "qwen2_vl",
        "rms_norm_eps": spec["eps"], "rope_theta": spec["theta"], "sliding_window": 512,
        "tie_word_embeddings": spec["tied"], "torch_dtype": str(spec["dtype"]).removeprefix("torch."),
        "transformers_version": "4.41.2", "use_cache": True, "use_sliding_window": False,
        "rope_scaling": {"type": "mrope", "mrope_section": spec["mrope"]}, "vocab_size": vocab_size(spec),
        "vision_config": {
            **spec["vision"], "hidden_size": t["hidden_size"], "in_chans": 3, "spatial_merge_size": 2,
            "spatial_patch_size": spec["vision"]["patch_size"], "temporal_patch_size": 2,
        },
    }
    return dict(sorted(config.items()))


def write_tokenizer(folder, spec):
    new = spec["style"] == "5"
    j = qwen_bpe.tokenizer_json(spec["base"], pairs=new)
    write_json(folder / "tokenizer.json", j)
    config = qwen_bpe.tokenizer_config(j["added_tokens"], not new, None if new else JINJA)
    write_json(folder / "tokenizer_config.json", config | ({"processor_class": "Qwen2VLProcessor"} if new else {}))


def write_processor(folder, spec):
    low, high = spec["pixels"]
    image = {"image_mean": CLIP_MEAN, "image_std": CLIP_STD, "merge_size": 2, "patch_size": spec["vision"]["patch_size"],
             "temporal_patch_size": 2}
    if spec["style"] == "4":
        write_json(folder / "preprocessor_config.json", image | {
            "image_processor_type": "Qwen2VLImageProcessor", "max_pixels": high, "min_pixels": low,
            "processor_class": "Qwen2VLProcessor"})
        return
    size = {"size": {"longest_edge": high, "shortest_edge": low}}
    full = {"do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True, **image, **size,
            "resample": 3, "rescale_factor": 0.00392156862745098}
    write_json(folder / "processor_config.json", {
        "image_processor": full | {"image_processor_type": "Qwen2VLImageProcessor"},
        "processor_class": "Qwen2VLProcessor",
        "video_processor": full | {"do_sample_frames": False, "video_processor_type": "Qwen2VLVideoProcessor"}})
    (folder / "chat_template.jinja").write_text(JINJA, encoding="utf-8")


def attempt(folder, spec, seed):
    """Write a checkpoint with this seed, load it back from disk and run it."""
    config = config_for(spec)
    model = Qwen2VLForConditionalGeneration(config)
    fill_weights(model, f"{folder.name}/{seed}", spec.get("gains", []) + GAINS)
    model.lm_head.weight[len(qwen_bpe.ids(0)) + spec["base"] :] = 0
    state = {k: v for k, v in model.state_dict().items() if not (spec["tied"] and k == "lm_head.weight")}
    save_weights(folder, state, lambda k: rename(spec["names"], k), spec["dtype"], spec.get("shards", 1))
    if spec["style"] == "5":
        config.dtype = spec["dtype"]
        config.architectures = ["Qwen2VLForConditionalGeneration"]
        config.save_pretrained(folder)
    else:
        write_json(folder / "config.json", config_of_transformers4(spec))
    loaded, info = Qwen2VLForConditionalGeneration.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True
    )
    assert not any(info[k] for k in ("missing_keys", "mismatched_keys", "unexpected_keys")), info
    for k, v in loaded.state_dict().items():
        assert torch.equal(v, model.state_dict()[k].to(spec["dtype"]).float()), k
    mine, theirs = config.text_config, loaded.config.text_config
    assert mine.rope_parameters.items() <= theirs.rope_parameters.items(), theirs.rope_parameters
    assert mine.rms_norm_eps == theirs.rms_norm_eps
    return loaded.eval()


def make(name):
    spec, folder = SPECS[name], HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_tokenizer(folder, spec)
    write_processor(folder, spec)
    image, tokens = open_rgb(spec["picture"]), qwen_bpe.ids(spec["base"])
    pad, patch = tokens["<|image_pad|>"], spec["vision"]["patch_size"]
    for seed in range(spec.get("seed", 0), 200):
        model = attempt(folder, spec, seed)
        processor = AutoProcessor.from_pretrained(folder)
        processor.image_processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
        assert processor.image_processor.patch_size == patch
        assert processor.image_processor.size == dict(zip(("shortest_edge", "longest_edge"), spec["pixels"]))
        inputs = processor(text=[TEMPLATE.format(text=spec["text"])], images=[image], return_tensors="pt")
        golden = greedy(model, inputs)
        if good(golden, spec):
            break
    else:
        raise SystemExit(f"{name}: no seed gives a clear answer")
    ids, new, grid = inputs["input_ids"][0], golden["generated_ids"], inputs["image_grid_thw"]
    s, n = len(ids), int((ids == pad).sum())
    assert n == grid.prod().item() // 4
    model.model.rope_deltas = None
    golden["logits_prefill"] = model(**inputs).logits[0]
    positions, delta = model.model.get_rope_index(
        inputs["input_ids"], mm_token_type_ids=inputs["mm_token_type_ids"], image_grid_thw=grid)
    both = torch.cat([ids, new])[None, :-1]
    after = torch.arange(s, both.shape[1]) + delta[0]
    spelled_out = torch.cat([positions, after.expand(3, 1, -1)], -1)
    model.model.rope_deltas = None
    full = model(input_ids=both, pixel_values=inputs["pixel_values"], image_grid_thw=grid, position_ids=spelled_out,
                 use_cache=False, output_attentions=True)
    worst = check(golden, full, s)
    vision = model.model.visual(inputs["pixel_values"], grid_thw=grid, return_dict=True)
    golden |= {"vision_hidden": vision.last_hidden_state, "image_features": vision.pooler_output}
    golden |= {"pixel_values": inputs["pixel_values"], "input_ids": ids, "position_ids": positions[:, 0],
               "rope_delta": delta[0], "image_grid_thw": grid[0]}
    save_tensors(folder / "golden.safetensors", golden)

    eos = [tokens["<|im_end|>"], tokens["<|endoftext|>"]]
    write_json(folder / "generation_config.json", {
        "bos_token_id": tokens["<|endoftext|>"], "do_sample": True, "eos_token_id": eos,
        "pad_token_id": tokens["<|endoftext|>"], "temperature": 0.01, "top_k": 1, "top_p": 0.001,
        "transformers_version": "4.41.2"})
    write_json(folder / "text.json", text_cases(processor, folder / "tokenizer.json", image, n, pad))
    facts = answer_facts(processor.tokenizer, golden, ids, pad, eos)
    write_json(folder / "golden.json", {
        "picture": spec["picture"], "text": spec["text"], "template": TEMPLATE,
        "prompt": TEMPLATE.format(text=spec["text"]), "seed": seed, "own_differences": worst,
        "min_pixels": spec["pixels"][0], "max_pixels": spec["pixels"][1],
        "resized": [int(grid[0, 2]) * patch, int(grid[0, 1]) * patch],
        "grid": [int(grid[0, 1]) // 2, int(grid[0, 2]) // 2], "rope_delta": int(delta), **facts,
    })
    report(folder, seed, golden, worst, facts["generated_text"])


if __name__ == "__main__":
    setup()
    for name in SPECS:
        make(name)
