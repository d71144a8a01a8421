"""Tiny random checkpoints of LLaVA-Interleave's kind (LLaVA with SigLIP and Qwen2) as transformers 5 and 4 write them,
and what transformers computes.

Every patch of the tower is a feature ("full"); the feature layer's hidden state is taken before the norm that follows
the blocks, and pictures are stretched to the tower's square.
"""

import shutil

import torch
from tokenizers import Tokenizer
from transformers import AutoProcessor, LlavaConfig, LlavaForConditionalGeneration
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

import qwen_bpe
from common import (
    HERE, TEXTS, answer_facts, check, fill_weights, greedy, load_back, open_rgb, report, save_tensors, save_weights,
    setup, write_config, write_json,
)
from make_qwen import good

BEFORE = "<|im_start|>user <image>\n"
AFTER = "<|im_end|><|im_start|>assistant"
TEMPLATE = BEFORE + "{text}" + AFTER
JINJA = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + ' '}}"
    "{# Render all images first #}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}{# Render all text next #}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] }}{% endfor %}"
    "{{'<|im_end|>'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant' }}{% endif %}"
)
HALF = [0.5, 0.5, 0.5]

# style: "5" = as transformers 5.17 writes it; "4" = as on the hub and as transformers 4 wrote it.
# names: how weights are called. "saved5" is what save_pretrained of 5.17 writes, "inner4" the names of the modules in
# memory of transformers 4.5x, "hub" those of published files.
SPECS = {
    "interleave-full": dict(
        style="5", names="saved5", dtype=torch.float32, base=420, pad_vocab=1, tied=True, picture="wide.png",
        gains=[("embed_tokens", 0.3), ("o_proj", 1.5), ("down_proj", 1.5)],
        text="What is in the picture?", layer=-1, theta=1e6, 
        seed=186,  # the first whose answers stay clear under make_levers and make_knockout, too
        vision=dict(hidden_size=32, intermediate_size=44, num_hidden_layers=3, num_attention_heads=4, image_size=40,
                    patch_size=8, vision_use_head=False),
        llm=dict(hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=4,
                 num_key_value_heads=4),
    ),
    "interleave-v4": dict(
        style="4", names="hub", dtype=torch.bfloat16, shards=2, base=400, pad_vocab=9, tied=False, picture="tall.png",
        text="그림 속에 무엇이 있나요? 🙂", layer=-2, theta=10000.0, seed=19,  # no two scores are close
        # 44 pixels have room for six patches of seven, and two pixels that nobody sees; a head that nobody asks.
        vision=dict(hidden_size=36, intermediate_size=52, num_hidden_layers=3, num_attention_heads=3, image_size=44,
                    patch_size=7, vision_use_head=True),
        llm=dict(hidden_size=60, intermediate_size=64, num_hidden_layers=3, num_attention_heads=6,
                 num_key_value_heads=3),
    ),
}
GAINS = [("q_proj", 1.4), ("k_proj", 1.4), ("lm_head", 3.0), ("embed_tokens", 1.0), ("position_embedding", 0.5),
         ("patch_embedding", 1.5), ("linear_1", 1.5), ("linear_2", 1.5)]


def token_ids(spec):
    """Qwen's added tokens, the first that are not special, and behind them the picture's."""
    ids = qwen_bpe.ids(spec["base"])
    return ids | {"<image>": spec["base"] + len(ids)}


def vocab_size(spec):
    return spec["base"] + len(qwen_bpe.ids(0)) + 1 + spec["pad_vocab"]


def rename(names, name):
    """From the names in memory of transformers 5.17 to those of a layout on disk."""
    if names != "saved5":
        name = name.replace("vision_tower.", "vision_tower.vision_model.")
    if names != "inner4":
        name = name.replace("model.language_model.", "language_model.model.", 1).removeprefix("model.")
        name = name.replace("lm_head.", "language_model.lm_head.")
    return name


def config_for(spec):
    ids, v = token_ids(spec), spec["vision"]
    text = dict(model_type="qwen2", vocab_size=vocab_size(spec), max_position_embeddings=512, rms_norm_eps=1e-6,
                rope_parameters={"rope_type": "default", "rope_theta": spec["theta"]}, tie_word_embeddings=spec["tied"],
                bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], **spec["llm"])
    return LlavaConfig(
        vision_config=dict(model_type="siglip_vision_model", hidden_act="gelu_pytorch_tanh", **v), text_config=text,
        image_token_index=ids["<image>"], image_seq_length=(v["image_size"] // v["patch_size"]) ** 2,
        vision_feature_layer=spec["layer"], vision_feature_select_strategy="full", tie_word_embeddings=spec["tied"])


def config_of_transformers4(spec):
    """config.json as on the hub: what equals a default is absent, the rest has the old names."""
    ids, dtype = token_ids(spec), str(spec["dtype"]).removeprefix("torch.")
    text = {
        "_name_or_path": "Qwen/Qwen1.5-0.5B-Chat", "architectures": ["Qwen2ForCausalLM"],
        "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"], "max_position_embeddings": 512,
        "max_window_layers": 21, "model_type": "qwen2", "rope_theta": spec["theta"], "sliding_window": 32768,
        "tie_word_embeddings": spec["tied"], "torch_dtype": dtype, "use_sliding_window": False,
        "vocab_size": vocab_size(spec), **spec["llm"],
    }
    vision = {k: v for k, v in spec["vision"].items() if k != "vision_use_head"}
    return {
        "architectures": ["LlavaForConditionalGeneration"], "ignore_index": -100, "image_token_index": ids["<image>"],
        "model_type": "llava", "projector_hidden_act": "gelu", "text_config": dict(sorted(text.items())),
        "tie_word_embeddings": spec["tied"], "torch_dtype": dtype, "transformers_version": "4.41.0.dev0",
        "vision_config": {**vision, "model_type": "siglip_vision_model"}, "vision_feature_layer": spec["layer"],
        "vision_feature_select_strategy": "full", "vocab_size": vocab_size(spec),
    }


def write_tokenizer(folder, spec):
    new = spec["style"] == "5"
    j = qwen_bpe.tokenizer_json(spec["base"], pairs=new)
    j["added_tokens"].append(dict(j["added_tokens"][0], id=token_ids(spec)["<image>"], content="<image>"))
    write_json(folder / "tokenizer.json", j)
    config = qwen_bpe.tokenizer_config(j["added_tokens"], not new)
    write_json(folder / "tokenizer_config.json", config | ({"processor_class": "LlavaProcessor"} if new else {}))


def write_processor(folder, spec, processor_class="LlavaProcessor"):
    side = spec["vision"]["image_size"]
    image = {"do_convert_rgb": True, "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": HALF,
             "image_processor_type": "SiglipImageProcessor", "image_std": HALF, "resample": 3,
             "rescale_factor": 0.00392156862745098, "size": {"height": side, "width": side}}
    rest = {"image_token": "<image>", "num_additional_image_tokens": 0, "patch_size": spec["vision"]["patch_size"],
            "processor_class": processor_class, "vision_feature_select_strategy": "full"}
    if spec["style"] == "5":
        write_json(folder / "processor_config.json", {"image_processor": image, **rest})
        (folder / "chat_template.jinja").write_text(JINJA, encoding="utf-8")
        return
    del image["do_convert_rgb"]
    write_json(folder / "preprocessor_config.json", image | {"processor_class": processor_class})
    write_json(folder / "processor_config.json", rest)
    write_json(folder / "chat_template.json", {"chat_template": JINJA})


def attempt(folder, spec, seed):
    """Write a checkpoint with this seed, load it back from disk and run it."""
    config = config_for(spec)
    model = LlavaForConditionalGeneration(config)
    fill_weights(model, f"{folder.name}/{seed}", spec.get("gains", []) + GAINS)
    model.lm_head.weight[len(qwen_bpe.ids(0)) + spec["base"] :] = 0
    state = {k: v for k, v in model.state_dict().items() if not (spec["tied"] and k == "lm_head.weight")}
    save_weights(folder, state, lambda k: rename(spec["names"], k), spec["dtype"], spec.get("shards", 1))
    write_config(folder, config, LlavaForConditionalGeneration, spec, config_of_transformers4)
    loaded = load_back(LlavaForConditionalGeneration, folder, model, spec["dtype"])
    assert loaded.config.text_config.rope_parameters["rope_theta"] == spec["theta"]
    return loaded


def text_cases(processor, path, image, n, before=BEFORE, after=AFTER):
    """Ids of the prompt with nothing in the person's text read as a special token. The line break behind the picture and
    the text are one piece: [before the picture] + pictures + [break and text] + [after]."""
    whole = processor.tokenizer
    raw = Tokenizer.from_file(str(path))
    raw.encode_special_tokens = True
    start, rest = before.split("<image>")
    head, tail = whole(start + "<image>" * n)["input_ids"], whole(after)["input_ids"]
    cases = []
    for text in TEXTS:
        middle = raw.encode(rest + text, add_special_tokens=False).ids
        assert middle == whole(rest + text, split_special_tokens=True, add_special_tokens=False)["input_ids"], text
        special = any(s in text for s in [*qwen_bpe.SPECIAL, "<image>"])
        ids = head + middle + tail
        if not special:
            assert ids == list(processor(text=before + text + after, images=image)["input_ids"][0]), text
        cases.append({"text": text, "special": special, "ids": ids})
    for text in TEXTS[:8]:
        turn = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
        rendered = processor.apply_chat_template(turn, add_generation_prompt=True, tokenize=False)
        assert rendered == before + text + after
    return cases


def vision_parts(model, pixel_values, layer):
    """Hidden states of the feature layer, and the attention that each patch receives in the block that makes them, mean
    over heads and queries."""
    out = model.model.vision_tower(pixel_values, output_hidden_states=True, output_attentions=True)
    blocks = len(out.attentions)
    index = layer % (blocks + 1)
    assert index >= 1
    return out.hidden_states[layer][0], out.attentions[index - 1][0].mean((0, 1))


def make(name):
    spec, folder = SPECS[name], HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_tokenizer(folder, spec)
    write_processor(folder, spec)
    image, tokens, side = open_rgb(spec["picture"]), token_ids(spec), spec["vision"]["image_size"]
    pad, grid = tokens["<image>"], side // spec["vision"]["patch_size"]
    for seed in range(spec.get("seed", 0), 300):
        model = attempt(folder, spec, seed)
        processor = AutoProcessor.from_pretrained(folder)
        processor.image_processor = SiglipImageProcessorPil.from_pretrained(folder)
        assert dict(processor.image_processor.size) == {"height": side, "width": side}
        inputs = processor(text=[TEMPLATE.format(text=spec["text"])], images=[image], return_tensors="pt")
        inputs = {k: inputs[k] for k in ("input_ids", "attention_mask", "pixel_values")}
        golden = greedy(model, inputs)
        if good(golden, spec):
            break
    else:
        raise SystemExit(f"{name}: no seed gives a clear answer")
    ids, new = inputs["input_ids"][0], golden["generated_ids"]
    s, n = len(ids), int((ids == pad).sum())
    assert n == grid**2
    golden["logits_prefill"] = model(**inputs).logits[0]
    both = torch.cat([ids, new])[None]
    full = model(input_ids=both[:, :-1], pixel_values=inputs["pixel_values"], use_cache=False, output_attentions=True)
    worst = check(golden, full, s)
    hidden, received = vision_parts(model, inputs["pixel_values"], spec["layer"])
    features = model.model.multi_modal_projector(hidden)
    assert torch.allclose(features, full.image_hidden_states.reshape(features.shape), atol=1e-6)
    assert abs(received.sum() - 1) < 1e-5
    golden |= {"pixel_values": inputs["pixel_values"][0], "input_ids": ids, "image_features": features,
               "vision_hidden": hidden}
    save_tensors(folder / "golden.safetensors", golden)

    eos = [tokens["<|im_end|>"], tokens["<|endoftext|>"]]
    write_json(folder / "generation_config.json", {
        "bos_token_id": tokens["<|endoftext|>"], "eos_token_id": eos, "pad_token_id": tokens["<|endoftext|>"],
        "transformers_version": "4.41.0"})
    write_json(folder / "text.json", text_cases(processor, folder / "tokenizer.json", image, n))
    facts = answer_facts(processor.tokenizer, golden, ids, pad, eos)
    write_json(folder / "golden.json", {
        "picture": spec["picture"], "text": spec["text"], "template": TEMPLATE,
        "prompt": TEMPLATE.format(text=spec["text"]), "seed": seed, "own_differences": worst, "grid": [grid, grid],
        **facts,
    })
    report(folder, seed, golden, worst, facts["generated_text"])


if __name__ == "__main__":
    setup()
    for name in SPECS:
        make(name)
