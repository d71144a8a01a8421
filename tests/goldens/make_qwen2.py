"""Tiny random Qwen2-VL checkpoints on disk as transformers 5 writes them and as they lie on the hub, and what
transformers computes."""

import torch
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

import qwen_bpe
from common import CLIP_MEAN, CLIP_STD, fill_weights, load_back, save_weights, setup, write_config, write_json
from make_qwen import BEFORE, JINJA, TEMPLATE, good, rename, text_cases, token_fields, vocab_size
from qwen_grid import begin, clear_answer, finish, whole

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
    write_config(folder, config, Qwen2VLForConditionalGeneration, spec, config_of_transformers4)
    loaded = load_back(Qwen2VLForConditionalGeneration, folder, model, spec["dtype"])
    mine, theirs = config.text_config, loaded.config.text_config
    assert mine.rope_parameters.items() <= theirs.rope_parameters.items(), theirs.rope_parameters
    assert mine.rms_norm_eps == theirs.rms_norm_eps
    return loaded


def make(name):
    spec = SPECS[name]
    folder = begin(name, spec, write_tokenizer, write_processor)
    run = clear_answer(folder, spec, TEMPLATE, attempt, good)
    _, model, _, inputs, golden = run
    worst = whole(model, inputs, golden, spec)
    vision = model.model.visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"], return_dict=True)
    golden |= {"vision_hidden": vision.last_hidden_state, "image_features": vision.pooler_output}
    generation = {"temperature": 0.01, "top_k": 1, "top_p": 0.001, "transformers_version": "4.41.2"}
    finish(folder, spec, run, worst, generation, TEMPLATE, text_cases, BEFORE)


if __name__ == "__main__":
    setup()
    for name in SPECS:
        make(name)
