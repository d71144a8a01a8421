"""Tiny random Qwen2.5-VL checkpoints on disk in every layout found in the wild, and what transformers computes."""

import torch
from tokenizers import Tokenizer
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration
from transformers.vision_utils import get_vision_window_index

import qwen_bpe
from common import (
    CLIP_MEAN, CLIP_STD, TEXTS, fill_weights, load_back, margins, save_weights, setup, sharpness, write_config,
    write_json,
)

BEFORE = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
    "<|vision_start|><|image_pad|><|vision_end|>"
)
AFTER = "<|im_end|>\n<|im_start|>assistant\n"
TEMPLATE = BEFORE + "{text}" + AFTER
JINJA = (
    "{% set image_count = namespace(value=0) %}{% set video_count = namespace(value=0) %}{% for message in messages %}"
    "{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% endif %}<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}"
    "<|im_end|>\n{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' or 'image' in "
    "content or 'image_url' in content %}{% set image_count.value = image_count.value + 1 %}{% if add_vision_id %}"
    "Picture {{ image_count.value }}: {% endif %}<|vision_start|><|image_pad|><|vision_end|>{% elif content['type'] "
    "== 'video' or 'video' in content %}{% set video_count.value = video_count.value + 1 %}{% if add_vision_id %}"
    "Video {{ video_count.value }}: {% endif %}<|vision_start|><|video_pad|><|vision_end|>{% elif 'text' in content "
    "%}{{ content['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}"
    "<|im_start|>assistant\n{% endif %}"
)
from qwen_grid import begin, clear_answer, finish, whole

# style: "5" = as transformers 5.17 writes it; "flat4" = one flat config, as on the hub; "nested4" = as transformers
# 4.52 and later wrote it: nested, the text fields repeated at the root.
# names: "hub" = visual., model., lm_head.; "inner" = model.visual., model.language_model., lm_head.
SPECS = {
    "qwen-square": dict(
        style="5", names="inner", dtype=torch.float32, base=420, pad_vocab=2, tied=False, picture="square.png",
        text="What is shown in the picture?", pixels=(19600, 40000), mrope=[2, 3, 3], theta=1e6, eps=1e-6,
        vision=dict(depth=4, hidden_size=24, intermediate_size=36, num_heads=2, patch_size=14, window_size=112,
                    fullatt_block_indexes=[1, 3]),
        llm=dict(hidden_size=64, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4,
                 num_key_value_heads=2),
    ),
    "qwen-wide": dict(
        style="flat4", names="hub", dtype=torch.bfloat16, shards=2, base=400, pad_vocab=70, tied=True,
        gains=[("embed_tokens", 0.3), ("o_proj", 1.5), ("down_proj", 1.5)], picture="wide.png",
        text="Which colour?\nA. red\nB. blue", pixels=(1024, 8192), mrope=[2, 3, 3], theta=1e6,
        eps=1e-6,
        vision=dict(depth=5, hidden_size=32, intermediate_size=48, num_heads=4, patch_size=8, window_size=48,
                    fullatt_block_indexes=[2, 4]),
        llm=dict(hidden_size=96, intermediate_size=80, num_hidden_layers=4, num_attention_heads=6,
                 num_key_value_heads=2),
    ),
    "qwen-tall": dict(
        style="5", names="hub", dtype=torch.float32, base=425, pad_vocab=0, tied=False, picture="tall.png",
        text="그림 속에 무엇이 있나요? Explain.", pixels=(256, 1536), mrope=[1, 3, 2], theta=10000.0, eps=1e-5, eos_at=9,
        vision=dict(depth=3, hidden_size=40, intermediate_size=56, num_heads=5, patch_size=4, window_size=24,
                    fullatt_block_indexes=[0]),
        llm=dict(hidden_size=72, intermediate_size=80, num_hidden_layers=3, num_attention_heads=6,
                 num_key_value_heads=3),
    ),
    "qwen-exact": dict(
        style="nested4", names="inner", dtype=torch.float16, base=410, pad_vocab=50, tied=False, picture="square.png",
        text="  def f(x):\n\treturn x  # 12 34", pixels=(256, 8192), mrope=[4, 3, 3], theta=1e6, eps=1e-6,
        vision=dict(depth=3, hidden_size=32, intermediate_size=44, num_heads=2, patch_size=8, window_size=32,
                    fullatt_block_indexes=[2]),
        llm=dict(hidden_size=80, intermediate_size=88, num_hidden_layers=5, num_attention_heads=4,
                 num_key_value_heads=4),
    ),
}
GAINS = [("q_proj", 1.4), ("k_proj", 1.4), ("qkv", 1.4), ("lm_head", 3.0), ("embed_tokens", 1.0), ("patch_embed", 2.0),
         ("merger", 1.5)]


def rename(names, name):
    """From the names in memory of transformers 5.17 to those of a layout on disk."""
    if names == "hub":
        name = name.replace("model.visual.", "visual.").replace("model.language_model.", "model.")
    return name


def token_fields(spec):
    ids = qwen_bpe.ids(spec["base"])
    return {"image_token_id": ids["<|image_pad|>"], "video_token_id": ids["<|video_pad|>"],
            "vision_start_token_id": ids["<|vision_start|>"], "vision_end_token_id": ids["<|vision_end|>"]}


def vocab_size(spec):
    return spec["base"] + len(qwen_bpe.ids(0)) + spec["pad_vocab"]


def config_for(spec):
    ids = qwen_bpe.ids(spec["base"])
    rope = {"rope_type": "default", "rope_theta": spec["theta"], "mrope_section": spec["mrope"]}
    text = dict(vocab_size=vocab_size(spec), max_position_embeddings=512, rms_norm_eps=spec["eps"],
                rope_parameters=rope, bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], **spec["llm"])
    vision = dict(spec["vision"], out_hidden_size=spec["llm"]["hidden_size"], tokens_per_second=2)
    return Qwen2_5_VLConfig(vision_config=vision, text_config=text, tie_word_embeddings=spec["tied"],
                            **token_fields(spec))


def config_of_transformers4(spec):
    """config.json as transformers 4 wrote it: flat, or nested with the text fields repeated at the root."""
    ids, v, t, dtype = qwen_bpe.ids(spec["base"]), spec["vision"], spec["llm"], str(spec["dtype"]).removeprefix("torch.")
    text = {
        "attention_dropout": 0.0, "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"],
        "hidden_act": "silu", "initializer_range": 0.02, "max_position_embeddings": 512,
        "max_window_layers": t["num_hidden_layers"], **t, "rms_norm_eps": spec["eps"], "rope_theta": spec["theta"],
        "sliding_window": 32768, "use_cache": True, "use_sliding_window": False, "vocab_size": vocab_size(spec),
    }
    nested = spec["style"] == "nested4"
    scaling = {"type": "mrope", "mrope_section": spec["mrope"]}
    if nested:
        scaling = {"mrope_section": spec["mrope"], "rope_type": "default", "type": "default"}
    vision = {
        **v, "hidden_act": "silu", "out_hidden_size": t["hidden_size"], "spatial_merge_size": 2,
        "spatial_patch_size": v["patch_size"], "temporal_patch_size": 2, "tokens_per_second": 2,
    }
    if nested:
        vision |= {"in_channels": 3, "in_chans": 3, "model_type": "qwen2_5_vl", "torch_dtype": dtype}
    else:
        vision["in_chans"] = 3
    config = {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl", **text,
        "rope_scaling": scaling, **token_fields(spec), "vision_token_id": ids["<|vision_pad|>"],
        "tie_word_embeddings": spec["tied"], "torch_dtype": dtype,
        "transformers_version": "4.53.0" if nested else "4.41.2", "vision_config": vision,
    }
    if nested:
        inner = {"architectures": config["architectures"], **text, "model_type": "qwen2_5_vl_text",
                 "rope_scaling": scaling, "sliding_window": None, "torch_dtype": dtype,
                 "tie_word_embeddings": spec["tied"], "vision_token_id": config["vision_token_id"]}
        config["text_config"] = inner
    return dict(sorted(config.items()))


def write_tokenizer(folder, spec):
    new = spec["style"] == "5"
    j = qwen_bpe.tokenizer_json(spec["base"], pairs=new)
    write_json(folder / "tokenizer.json", j)
    template = JINJA if spec["style"] == "flat4" else None
    write_json(folder / "tokenizer_config.json", qwen_bpe.tokenizer_config(j["added_tokens"], not new, template))
    return j


def write_processor(folder, spec):
    low, high = spec["pixels"]
    image = {"image_mean": CLIP_MEAN, "image_std": CLIP_STD, "merge_size": 2, "patch_size": spec["vision"]["patch_size"],
             "temporal_patch_size": 2}
    full = {"do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True, **image,
            "image_processor_type": "Qwen2VLImageProcessor", "resample": 3, "rescale_factor": 0.00392156862745098}
    if spec["style"] == "5":
        size = {"size": {"shortest_edge": low, "longest_edge": high}}
        video = {**full, **size, "do_sample_frames": False, "video_processor_type": "Qwen2VLVideoProcessor"}
        del video["image_processor_type"]
        write_json(folder / "processor_config.json", {
            "image_processor": full | size, "processor_class": "Qwen2_5_VLProcessor", "video_processor": video})
        (folder / "chat_template.jinja").write_text(JINJA, encoding="utf-8")
        return
    limits = {"min_pixels": low, "max_pixels": high}
    if spec["style"] == "flat4":  # as on the hub
        old = limits | image | {"image_processor_type": "Qwen2VLImageProcessor"}
    else:
        old = limits | full | {"size": {"shortest_edge": low, "longest_edge": high}}
        write_json(folder / "chat_template.json", {"chat_template": JINJA})
    write_json(folder / "preprocessor_config.json", old | {"processor_class": "Qwen2_5_VLProcessor"})


def attempt(folder, spec, seed):
    """Write a checkpoint with this seed, load it back from disk and run it."""
    config = config_for(spec)
    model = Qwen2_5_VLForConditionalGeneration(config)
    fill_weights(model, f"{folder.name}/{seed}", spec.get("gains", []) + GAINS)
    model.lm_head.weight[len(qwen_bpe.ids(0)) + spec["base"] :] = 0
    state = {k: v for k, v in model.state_dict().items() if not (spec["tied"] and k == "lm_head.weight")}
    save_weights(folder, state, lambda k: rename(spec["names"], k), spec["dtype"], spec.get("shards", 1))
    write_config(folder, config, Qwen2_5_VLForConditionalGeneration, spec, config_of_transformers4)
    loaded = load_back(Qwen2_5_VLForConditionalGeneration, folder, model, spec["dtype"])
    mine, theirs = config.text_config, loaded.config.text_config
    for field in ("rope_parameters", "rms_norm_eps", "num_key_value_heads", "vocab_size"):
        assert getattr(mine, field).items() <= getattr(theirs, field).items() if field == "rope_parameters" else (
            getattr(mine, field) == getattr(theirs, field)), field
    return loaded


def good(golden, spec):
    """An answer that a small numerical difference cannot change, and that is not one word over and over."""
    ids = golden["generated_ids"].tolist()
    return (margins(golden["logits_generated"])["relative_min"] > 0.012 and len(set(ids)) >= 11
            and all(i < spec["base"] for i in ids) and 0.15 < sharpness(golden) < 0.8)


def text_cases(processor, path, image, n, pad, before=BEFORE):
    """Ids of the prompt with nothing in the person's text read as a special token: [before] + text alone + [after]."""
    whole = processor.tokenizer
    raw = Tokenizer.from_file(str(path))
    raw.encode_special_tokens = True
    head, tail = whole(before.replace("<|image_pad|>", "<|image_pad|>" * n))["input_ids"], whole(AFTER)["input_ids"]
    assert head.count(pad) == n
    cases = []
    for text in TEXTS:
        ids = head + raw.encode(text, add_special_tokens=False).ids + tail
        special = any(s in text for s in qwen_bpe.SPECIAL)
        split = whole(text, split_special_tokens=True, add_special_tokens=False)["input_ids"]
        assert ids == head + split + tail, text
        if not special:
            assert ids == list(processor(text=before + text + AFTER, images=image)["input_ids"][0]), text
        cases.append({"text": text, "special": special, "ids": ids})
    for text in TEXTS[:8]:
        turn = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
        holder = processor if processor.chat_template else whole  # the oldest folders keep it with the tokenizer
        rendered = holder.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
        assert rendered == before + text + AFTER
    return cases


def vision_parts(model, pixel_values, grid, spec):
    """Patches after the last block, put back into the order of pixel_values, and the windows they were seen in."""
    out = model.model.visual(pixel_values, grid_thw=grid, return_dict=True)
    order, bounds = get_vision_window_index(grid, spatial_merge_size=2, window_size=spec["vision"]["window_size"],
                                            patch_size=spec["vision"]["patch_size"])
    hidden = out.last_hidden_state
    hidden = hidden.reshape(len(order), 4, -1)[order.argsort()].reshape(hidden.shape)
    features = model.model.visual.merger(hidden)
    assert torch.allclose(features, out.pooler_output, atol=1e-5)
    return {"vision_hidden": hidden, "image_features": out.pooler_output, "window_index": order,
            "window_bounds": bounds.long()}


def make(name):
    spec = SPECS[name]
    folder = begin(name, spec, write_tokenizer, write_processor)
    run = clear_answer(folder, spec, TEMPLATE, attempt, good)
    _, model, _, inputs, golden = run
    worst = whole(model, inputs, golden, spec, kinds=True)
    golden |= vision_parts(model, inputs["pixel_values"], inputs["image_grid_thw"], spec)
    generation = {"repetition_penalty": 1.05, "temperature": 0.000001, "transformers_version": "4.49.0"}
    finish(folder, spec, run, worst, generation, TEMPLATE, text_cases, BEFORE)


if __name__ == "__main__":
    setup()
    for name in SPECS:
        make(name)
