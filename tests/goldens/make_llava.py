"""Tiny random LLaVA checkpoints on disk in every layout found in the wild, and what transformers computes with them."""

import json
import shutil

import torch
from tokenizers import Tokenizer
from transformers import (
    AutoProcessor, AutoTokenizer, CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration,
    LlavaProcessor,
)
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

import llama_bpe
from common import (
    CLIP_MEAN, CLIP_STD, HERE, TEXTS, answer_facts, check, fill_weights, greedy, load_back, margins, open_rgb, report,
    save_tensors, save_weights, setup, sharpness, write_config, write_json,
)

TEMPLATE = "USER: <image>\n{text} ASSISTANT:"
VICUNA = (
    "A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
    "and polite answers to the user's questions. USER: <image>\n{text} ASSISTANT:"
)
JINJA = (
    "{% for message in messages %}{% if message['role'] != 'system' %}{{ message['role'].upper() + ': '}}{% endif %}"
    "{# Render all images first #}{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}"
    "{{ '<image>\n' }}{% endfor %}{# Render all text next #}{% if message['role'] != 'assistant' %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] + ' '}}"
    "{% endfor %}{% else %}{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}"
    "{% generation %}{{ content['text'] + ' '}}{% endgeneration %}{% endfor %}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)

# style: how config and files look ("5" = as transformers 5.17 writes them, "4" = as transformers 4 did).
# names: how weights are called. "saved5" and "saved4" are what save_pretrained of the two writes, "inner5" and
# "inner4" are the names of the modules in memory, which also circulate.
SPECS = {
    "llava-mha": dict(
        style="5", names="saved5", dtype=torch.float32, form="metaspace", vocab=480, pad_vocab=0,
        picture="square.png", text="What is shown in the picture?", feature_layer=-2,
        vision=dict(hidden_size=32, intermediate_size=64, num_hidden_layers=3, num_attention_heads=4, image_size=42,
                    patch_size=14, projection_dim=32),
        llm=dict(hidden_size=48, intermediate_size=112, num_hidden_layers=3, num_attention_heads=4,
                 max_position_embeddings=512),
    ),
    "llava-gqa": dict(
        style="5", names="inner4", dtype=torch.float32, form="legacy", vocab=460, pad_vocab=0,
        gains=[("embed_tokens", 0.3), ("o_proj", 1.5), ("down_proj", 1.5)],
        picture="wide.png", text="Which colour?\nA. red\nB. blue", feature_layer=-2,
        vision=dict(hidden_size=40, intermediate_size=80, num_hidden_layers=4, num_attention_heads=5, image_size=40,
                    patch_size=10, projection_dim=32),
        llm=dict(hidden_size=64, intermediate_size=80, num_hidden_layers=4, num_attention_heads=8,
                 num_key_value_heads=2, rms_norm_eps=1e-5, rope_parameters={"rope_type": "default", "rope_theta": 5e5},
                 tie_word_embeddings=True, max_position_embeddings=512),
    ),
    "llava-v4": dict(
        style="4", names="saved4", dtype=torch.float16, form="legacy", vocab=450, pad_vocab=60, shards=2,
        picture="rgba.png", text="그림 속에 무엇이 있나요? Explain.", feature_layer=-2,
        vision=dict(hidden_size=48, intermediate_size=96, num_hidden_layers=5, num_attention_heads=6, image_size=56,
                    patch_size=14, projection_dim=48),
        llm=dict(hidden_size=64, intermediate_size=128, num_hidden_layers=4, num_attention_heads=4, rms_norm_eps=1e-5,
                 max_position_embeddings=512),
    ),
    "llava-headdim": dict(
        style="5", names="inner5", dtype=torch.bfloat16, form="metaspace", vocab=480, pad_vocab=14, eos_at=11,
        picture="tall.png", text="  def f(x):\n\treturn x  # why?", feature_layer=-1,
        vision=dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, image_size=40,
                    patch_size=8, hidden_act="gelu", layer_norm_eps=1e-6, projection_dim=32),
        llm=dict(hidden_size=48, intermediate_size=80, num_hidden_layers=5, num_attention_heads=4,
                 num_key_value_heads=2, head_dim=20, rms_norm_eps=1e-5, max_position_embeddings=512),
    ),
}
GAINS = [("q_proj", 1.6), ("k_proj", 1.6), ("lm_head", 3.0), ("embed_tokens", 1.0), ("position_embedding", 0.5),
         ("patch_embedding", 1.5), ("linear_1", 1.5), ("linear_2", 1.5)]


def rename(names, name):
    """From the names in memory of transformers 5.17 to those of a layout on disk."""
    if names in ("saved4", "inner4"):
        name = name.replace("vision_tower.", "vision_tower.vision_model.")
    if names in ("saved4", "saved5"):
        name = name.replace("model.language_model.", "language_model.model.", 1).removeprefix("model.")
        name = name.replace("lm_head.", "language_model.lm_head.")
    return name


def config_for(spec):
    n = spec["vocab"]
    v = spec["vision"]
    return LlavaConfig(
        vision_config=CLIPVisionConfig(**v), text_config=LlamaConfig(vocab_size=n + 2 + spec["pad_vocab"], **spec["llm"]),
        image_token_index=n, image_seq_length=(v["image_size"] // v["patch_size"]) ** 2,
        vision_feature_layer=spec["feature_layer"],
        tie_word_embeddings=spec["llm"].get("tie_word_embeddings", False),
    )


def config_of_transformers4(spec):
    """config.json as transformers 4 left it: what equals a default is absent, the rest has the old names."""
    n, v, t = spec["vocab"], spec["vision"], spec["llm"]
    return {
        "architectures": ["LlavaForConditionalGeneration"], "ignore_index": -100, "image_token_index": n,
        "model_type": "llava", "pad_token_id": n + 1, "projector_hidden_act": "gelu",
        "text_config": {
            "_name_or_path": "tiny/vicuna", "architectures": ["LlamaForCausalLM"], "hidden_size": t["hidden_size"],
            "intermediate_size": t["intermediate_size"], "max_position_embeddings": t["max_position_embeddings"],
            "model_type": "llama", "num_attention_heads": t["num_attention_heads"],
            "num_hidden_layers": t["num_hidden_layers"], "rms_norm_eps": 1e-05, "rope_scaling": None,
            "rope_theta": 10000.0, "torch_dtype": "float16", "vocab_size": n + 2 + spec["pad_vocab"],
        },
        "tie_word_embeddings": False, "torch_dtype": "float16", "transformers_version": "4.36.0.dev0",
        "vision_config": {**v, "model_type": "clip_vision_model", "vocab_size": 32000},
        "vision_feature_layer": spec["feature_layer"], "vision_feature_select_strategy": "default",
        "vocab_size": n + 2 + spec["pad_vocab"],
    }


def write_tokenizer(folder, spec):
    j = llama_bpe.tokenizer_json(spec["vocab"], spec["form"])
    write_json(folder / "tokenizer.json", j)
    four = spec["style"] == "4"
    write_json(folder / "tokenizer_config.json", llama_bpe.tokenizer_config(j["added_tokens"], four))
    if four:
        write_json(folder / "special_tokens_map.json", {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>",
                                                        "unk_token": "<unk>"})
    return j


def write_processor(folder, spec):
    """Newest: everything in processor_config.json. Between: two files. Old: preprocessor_config.json with bare ints."""
    size, patch = spec["vision"]["image_size"], spec["vision"]["patch_size"]
    image = {
        "crop_size": {"height": size, "width": size}, "do_center_crop": True, "do_convert_rgb": True,
        "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": CLIP_MEAN,
        "image_processor_type": "CLIPImageProcessor", "image_std": CLIP_STD, "resample": 3,
        "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": size},
    }
    rest = {"image_token": "<image>", "num_additional_image_tokens": 1, "patch_size": patch,
            "processor_class": "LlavaProcessor", "vision_feature_select_strategy": "default"}
    if spec["names"] == "saved4":
        old = {k: v for k, v in image.items() if k not in ("do_convert_rgb", "image_processor_type", "rescale_factor")}
        old |= {"crop_size": size, "size": size, "feature_extractor_type": "CLIPFeatureExtractor"}
        del old["do_rescale"]
        write_json(folder / "preprocessor_config.json", old)
    elif spec["names"] == "inner4":
        write_json(folder / "preprocessor_config.json", image | {"processor_class": "LlavaProcessor"})
        write_json(folder / "processor_config.json", rest)
        write_json(folder / "chat_template.json", {"chat_template": JINJA})
    else:
        write_json(folder / "processor_config.json", {"image_processor": image, **rest})
        (folder / "chat_template.jinja").write_text(JINJA, encoding="utf-8")


def load_processor(folder, spec):
    if spec["names"] == "saved4":  # such folders never said the patch size: take it from the model's config
        return LlavaProcessor(
            CLIPImageProcessorPil.from_pretrained(folder), AutoTokenizer.from_pretrained(folder), chat_template=JINJA,
            patch_size=spec["vision"]["patch_size"], vision_feature_select_strategy="default",
            num_additional_image_tokens=1,
        )
    return AutoProcessor.from_pretrained(folder, backend="pil")


def attempt(folder, spec, seed):
    """Write a checkpoint with this seed, load it back from disk and run it."""
    config = config_for(spec)
    model = LlavaForConditionalGeneration(config)
    fill_weights(model, f"{folder.name}/{seed}", spec.get("gains", []) + GAINS)
    head = model.lm_head.weight
    if spec["style"] == "5":
        head[3:259] *= 0.4  # fewer byte tokens in the answer
    head[spec["vocab"] + 2 :] = 0
    state = {k: v for k, v in model.state_dict().items() if not (config.tie_word_embeddings and k == "lm_head.weight")}
    extra = {}
    if spec["style"] == "4":  # buffers that old files carry and nobody reads
        n = config.image_seq_length + 1
        extra["vision_tower.vision_model.embeddings.position_ids"] = torch.arange(n).expand(1, -1).clone()
        inv = 1 / 10000 ** (torch.arange(0, 16, 2).float() / 16)
        extra["language_model.model.layers.0.self_attn.rotary_emb.inv_freq"] = inv
    save_weights(folder, state, lambda k: rename(spec["names"], k), spec["dtype"], spec.get("shards", 1), extra)
    write_config(folder, config, LlavaForConditionalGeneration, spec, config_of_transformers4)
    if spec["names"] == "inner5":  # the other name of the same field
        c = json.loads((folder / "config.json").read_text())
        c["image_token_id"] = c.pop("image_token_index")
        write_json(folder / "config.json", c)
    loaded = load_back(LlavaForConditionalGeneration, folder, model, spec["dtype"], extra)
    assert loaded.config.image_token_id == spec["vocab"]
    return loaded


def good(golden, spec):
    """An answer that a small numerical difference cannot change, and that is not one word over and over."""
    ids = golden["generated_ids"].tolist()
    return (
        margins(golden["logits_generated"])["relative_min"] > 0.012 and len(set(ids)) >= 11
        and all(2 < i < spec["vocab"] for i in ids) and 0.15 < sharpness(golden) < 0.8
    )


def vision_parts(model, pixel_values, layer):
    """Hidden states of the feature layer with [CLS], and the [CLS] row of the block that makes them, head mean."""
    out = model.model.vision_tower(pixel_values, output_hidden_states=True, output_attentions=True)
    blocks = len(out.attentions)
    index = layer % (blocks + 1)  # hidden_states[0] is the input of block 0
    assert index >= 1
    return out.hidden_states[layer][0], out.attentions[index - 1][0, :, 0].mean(0)


def literal_ids(j, spec, text, template, n):
    """Ids of the prompt with nothing in the person's text read as a special token.

    The tokenizer is rebuilt with one added token, a private-use character that stands for the image.
    """
    mark = "\ue001"
    clone = json.loads(json.dumps(j))
    clone["added_tokens"] = [llama_bpe.special(spec["vocab"], mark)]
    before, after = template.split("<image>")
    whole = before + mark * n + after.format(text=text)
    return Tokenizer.from_str(json.dumps(clone)).encode(whole).ids


def composed_ids(j, spec, text, template, n):
    """The same put together from sections, each tokenized alone with special tokens split: how to do it in practice."""
    before, after = template.split("<image>")
    first = Tokenizer.from_str(json.dumps(j))
    rest = json.loads(json.dumps(j))
    if spec["form"] == "metaspace":
        rest["pre_tokenizer"]["prepend_scheme"] = "never"  # "first" means the first section of the whole prompt
    rest = Tokenizer.from_str(json.dumps(rest))
    first.encode_special_tokens = rest.encode_special_tokens = True
    head = first.encode(before, add_special_tokens=False).ids
    tail = rest.encode(after.format(text=text), add_special_tokens=False).ids
    return [1] + head + [spec["vocab"]] * n + tail


def text_cases(processor, j, spec, image, n):
    specials = [a["content"] for a in j["added_tokens"]]
    cases = []
    for text in TEXTS:
        case = {"text": text, "special": any(s in text for s in specials)}
        for key, template in (("ids", TEMPLATE), ("ids_vicuna_v1", VICUNA)):
            ids = literal_ids(j, spec, text, template, n)
            assert ids == composed_ids(j, spec, text, template, n), text
            assert ids.count(spec["vocab"]) == n and ids.count(1) == 1 and 2 not in ids
            if not case["special"]:
                whole = processor(text=template.format(text=text), images=image)["input_ids"][0]
                assert ids == list(whole), text
            case[key] = ids
        cases.append(case)
    if processor.chat_template:
        for text in TEXTS[:8]:
            turn = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": text}]}]
            rendered = processor.apply_chat_template(turn, add_generation_prompt=True)
            assert rendered == TEMPLATE.format(text=text), rendered
    return cases


def make(name):
    spec, folder = SPECS[name], HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    j = write_tokenizer(folder, spec)
    write_processor(folder, spec)
    image = open_rgb(spec["picture"])
    for seed in range(200):
        model = attempt(folder, spec, seed)
        processor = load_processor(folder, spec)
        assert type(processor.image_processor) is CLIPImageProcessorPil
        inputs = processor(text=TEMPLATE.format(text=spec["text"]), images=image, return_tensors="pt")
        inputs = {k: inputs[k] for k in ("input_ids", "attention_mask", "pixel_values")}
        golden = greedy(model, inputs)
        if good(golden, spec):
            break
    else:
        raise SystemExit(f"{name}: no seed gives a clear answer")
    ids, new = inputs["input_ids"][0], golden["generated_ids"]
    s, n = len(ids), int((ids == spec["vocab"]).sum())
    assert n == (spec["vision"]["image_size"] // spec["vision"]["patch_size"]) ** 2
    golden["logits_prefill"] = model(**inputs).logits[0]
    both = torch.cat([ids, new])[None]
    full = model(input_ids=both[:, :-1], pixel_values=inputs["pixel_values"], use_cache=False, output_attentions=True)
    worst = check(golden, full, s)
    hidden, cls_row = vision_parts(model, inputs["pixel_values"], spec["feature_layer"])
    features = model.model.multi_modal_projector(hidden[1:])
    golden |= {"pixel_values": inputs["pixel_values"][0], "input_ids": ids, "image_features": features,
               "vision_hidden": hidden, "vision_cls_attention": cls_row}
    assert torch.allclose(features, full.image_hidden_states.reshape(features.shape), atol=1e-6)
    save_tensors(folder / "golden.safetensors", golden)

    eos = [2] if "eos_at" not in spec else [2, int(new[spec["eos_at"]])]
    if spec["style"] == "5":
        write_json(folder / "generation_config.json", {
            "bos_token_id": 1, "eos_token_id": eos if len(eos) > 1 else 2, "pad_token_id": spec["vocab"] + 1,
            "transformers_version": "5.17.0"})
    write_json(folder / "text.json", text_cases(processor, j, spec, image, n))

    facts = answer_facts(processor.tokenizer, golden, ids, spec["vocab"], eos)
    write_json(folder / "golden.json", {
        "picture": spec["picture"], "text": spec["text"], "template": TEMPLATE,
        "prompt": TEMPLATE.format(text=spec["text"]), "seed": seed, "own_differences": worst,
        "grid": [spec["vision"]["image_size"] // spec["vision"]["patch_size"]] * 2, **facts,
    })
    report(folder, seed, golden, worst, facts["generated_text"])


if __name__ == "__main__":
    setup()
    for name in SPECS:
        make(name)
