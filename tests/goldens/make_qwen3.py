"""Tiny random Qwen3-VL checkpoints on disk as transformers 5 and 4 write them, and what transformers computes."""

import torch
from transformers import Qwen3VLConfig, Qwen3VLForConditionalGeneration

import qwen_bpe
from common import fill_weights, load_back, save_weights, setup, write_config, write_json
from make_chat import QWEN3 as JINJA
from make_qwen import AFTER, good, text_cases, token_fields, vocab_size
from qwen_grid import begin, clear_answer, finish, whole

BEFORE = "<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>"
TEMPLATE = BEFORE + "{text}" + AFTER
HALF = [0.5, 0.5, 0.5]

# style: "5" = as transformers 5.17 writes it; "4" = as on the hub and as transformers 4.57 writes it: rope_theta beside
# rope_scaling, the processors in files of their own. The names of tensors are the same in all of them.
SPECS = {
    "qwen3-tall": dict(
        style="5", dtype=torch.float32, base=420, pad_vocab=1, tied=True, picture="tall.png",
        seed=40,  # the first whose answers stay clear under make_levers and make_knockout, too
        gains=[("embed_tokens", 0.3), ("o_proj", 1.5), ("down_proj", 1.5)],
        text="What is in the picture?", pixels=(256, 768), mrope=[2, 2, 2], theta=5e6,
        vision=dict(depth=4, hidden_size=32, intermediate_size=44, num_heads=4, patch_size=4,
                    num_position_embeddings=64, deepstack_visual_indexes=[0, 2]),
        llm=dict(hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=6,
                 num_key_value_heads=2, head_dim=12),
    ),
    "qwen3-wide": dict(
        style="4", dtype=torch.bfloat16, shards=2, base=400, pad_vocab=9, tied=False, picture="wide.png",
        text="그림 속에 무엇이 있나요? 🙂", pixels=(1024, 4096), mrope=[4, 2, 2], theta=1e6,
        vision=dict(depth=4, hidden_size=24, intermediate_size=36, num_heads=2, patch_size=8,
                    num_position_embeddings=9, deepstack_visual_indexes=[1, 2, 3]),
        # Three heads do not divide the width.
        llm=dict(hidden_size=40, intermediate_size=48, num_hidden_layers=4, num_attention_heads=3,
                 num_key_value_heads=1, head_dim=16),
    ),
}
GAINS = [("q_proj", 1.4), ("k_proj", 1.4), ("qkv", 1.6), ("lm_head", 3.0), ("embed_tokens", 1.0), ("pos_embed", 4.0),
         ("patch_embed", 2.0), ("merger", 1.5)]


def config_for(spec):
    ids = qwen_bpe.ids(spec["base"])
    rope = {"rope_type": "default", "rope_theta": spec["theta"], "mrope_section": spec["mrope"], "mrope_interleaved": True}
    text = dict(vocab_size=vocab_size(spec), max_position_embeddings=512, rms_norm_eps=1e-6, rope_parameters=rope,
                bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], **spec["llm"])
    vision = dict(spec["vision"], out_hidden_size=spec["llm"]["hidden_size"])
    return Qwen3VLConfig(vision_config=vision, text_config=text, tie_word_embeddings=spec["tied"], **token_fields(spec))


def config_of_transformers4(spec):
    ids, dtype = qwen_bpe.ids(spec["base"]), str(spec["dtype"]).removeprefix("torch.")
    text = {
        "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": ids["<|endoftext|>"], "dtype": dtype,
        "eos_token_id": ids["<|im_end|>"], "hidden_act": "silu", "initializer_range": 0.02,
        "max_position_embeddings": 512, "model_type": "qwen3_vl_text", "rms_norm_eps": 1e-06,
        "rope_scaling": {"mrope_interleaved": True, "mrope_section": spec["mrope"], "rope_type": "default"},
        "rope_theta": spec["theta"], "use_cache": True, "vocab_size": vocab_size(spec), **spec["llm"],
    }
    vision = {
        **spec["vision"], "hidden_act": "gelu_pytorch_tanh", "in_channels": 3, "initializer_range": 0.02,
        "model_type": "qwen3_vl", "out_hidden_size": spec["llm"]["hidden_size"], "spatial_merge_size": 2,
        "temporal_patch_size": 2,
    }
    return {
        "architectures": ["Qwen3VLForConditionalGeneration"], **token_fields(spec), "model_type": "qwen3_vl",
        "text_config": dict(sorted(text.items())), "tie_word_embeddings": spec["tied"],
        "transformers_version": "4.57.0.dev0", "vision_config": dict(sorted(vision.items())),
    }


def write_tokenizer(folder, spec):
    new = spec["style"] == "5"
    j = qwen_bpe.tokenizer_json(spec["base"], pairs=new)
    write_json(folder / "tokenizer.json", j)
    config = qwen_bpe.tokenizer_config(j["added_tokens"], not new)
    write_json(folder / "tokenizer_config.json", config | ({"processor_class": "Qwen3VLProcessor"} if new else {}))


def write_processor(folder, spec):
    low, high = spec["pixels"]
    image = {"image_mean": HALF, "image_std": HALF, "merge_size": 2, "patch_size": spec["vision"]["patch_size"],
             "size": {"longest_edge": high, "shortest_edge": low}, "temporal_patch_size": 2}
    video = image | {"video_processor_type": "Qwen3VLVideoProcessor"}
    if spec["style"] == "5":
        full = {"do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True, **image,
                "image_processor_type": "Qwen2VLImageProcessor", "resample": 3, "rescale_factor": 0.00392156862745098}
        write_json(folder / "processor_config.json", {
            "image_processor": full, "processor_class": "Qwen3VLProcessor", "video_processor": video})
        (folder / "chat_template.jinja").write_text(JINJA, encoding="utf-8")
        return
    own = {"processor_class": "Qwen3VLProcessor"}
    write_json(folder / "preprocessor_config.json", image | own | {"image_processor_type": "Qwen2VLImageProcessorFast"})
    write_json(folder / "video_preprocessor_config.json", video | own)
    write_json(folder / "chat_template.json", {"chat_template": JINJA})


def attempt(folder, spec, seed):
    """Write a checkpoint with this seed, load it back from disk and run it."""
    config = config_for(spec)
    model = Qwen3VLForConditionalGeneration(config)
    fill_weights(model, f"{folder.name}/{seed}", spec.get("gains", []) + GAINS)
    for name, p in model.named_parameters():
        if name.endswith(("q_norm.weight", "k_norm.weight")):
            p.mul_(1.3)  # else attention is nearly uniform
    model.lm_head.weight[len(qwen_bpe.ids(0)) + spec["base"] :] = 0
    state = {k: v for k, v in model.state_dict().items() if not (spec["tied"] and k == "lm_head.weight")}
    save_weights(folder, state, lambda k: k, spec["dtype"], spec.get("shards", 1))
    write_config(folder, config, Qwen3VLForConditionalGeneration, spec, config_of_transformers4)
    loaded = load_back(Qwen3VLForConditionalGeneration, folder, model, spec["dtype"])
    mine, theirs = config.text_config.rope_parameters, loaded.config.text_config.rope_parameters
    assert mine.items() <= theirs.items(), theirs
    return loaded


def make(name):
    spec = SPECS[name]
    folder = begin(name, spec, write_tokenizer, write_processor)
    run = clear_answer(folder, spec, TEMPLATE, attempt, good)
    _, model, processor, inputs, golden = run
    assert list(processor.image_processor.image_mean) == HALF
    worst = whole(model, inputs, golden, spec)
    vision = model.model.visual(inputs["pixel_values"], grid_thw=inputs["image_grid_thw"], return_dict=True)
    golden |= {"image_features": vision.pooler_output, "deepstack": torch.stack(vision.deepstack_features)}
    assert len(golden["deepstack"]) == len(spec["vision"]["deepstack_visual_indexes"])
    generation = {"repetition_penalty": 1.0, "temperature": 0.7, "top_k": 20, "top_p": 0.8,
                  "transformers_version": "4.56.0"}
    finish(folder, spec, run, worst, generation, TEMPLATE, text_cases, BEFORE)


if __name__ == "__main__":
    setup()
    for name in SPECS:
        make(name)
