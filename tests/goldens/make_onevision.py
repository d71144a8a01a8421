"""Tiny random LLaVA-OneVision checkpoints as transformers 5 and 4 write them, and what transformers computes of a picture
in tiles, of the whole picture alone, of tokens dropped and repeated, and of two pictures.

The whole picture alone is what transformers makes of each of several pictures (one tile, and one line end behind it), but
that one picture is stretched as it is beside tiles, and several are padded.
"""

import json
import shutil

import numpy as np
import torch
from transformers import (
    AutoProcessor, LlavaOnevisionConfig, LlavaOnevisionForConditionalGeneration, LlavaOnevisionProcessor,
)
from transformers.models.llava_onevision.image_processing_pil_llava_onevision import LlavaOnevisionImageProcessorPil

import make_interleave
import qwen_bpe
from common import (
    HERE, answer_facts, check, fill_weights, greedy, load_back, margins, open_rgb, report, save_tensors, save_weights,
    setup, sharpness, write_config, write_json,
)
from make_interleave import GAINS, HALF, text_cases, token_ids, vision_parts, vocab_size
from make_knockout import answer
from make_levers import count, keep, run
from make_several import mdi

BEFORE = "<|im_start|>user\n<image>\n"
AFTER = "<|im_end|>\n<|im_start|>assistant\n"
TEMPLATE = BEFORE + "{text}" + AFTER
BODY = (
    "{% for content in message['content'] | selectattr('type', 'equalto', 'image') %}{{ '<image>\n' }}{% endfor %}"
    "{% for content in message['content'] | selectattr('type', 'equalto', 'text') %}{{ content['text'] }}{% endfor %}"
)
JINJA = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n'}}" + BODY + "{{'<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# As older uploads have it.
OLD_JINJA = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + ' '}}" + BODY + "{{'<|im_end|>'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)

SPECS = {
    "onevision": dict(
        style="5", names="inner5", dtype=torch.float32, base=420, pad_vocab=2, tied=True, picture="tall.png",
        gains=[("embed_tokens", 0.3), ("o_proj", 1.5), ("down_proj", 1.5)], seed=13,  # the first whose answers all stay clear
        text="What is in the picture?", layer=-1, theta=1e6, most=9,
        pins=[[28 * rows, 28 * cols] for rows in range(1, 4) for cols in range(1, 4)],
        vision=dict(hidden_size=32, intermediate_size=44, num_hidden_layers=3, num_attention_heads=4, image_size=28,
                    patch_size=7, vision_use_head=False),
        llm=dict(hidden_size=48, intermediate_size=56, num_hidden_layers=3, num_attention_heads=4,
                 num_key_value_heads=2),
    ),
    # A map that is shrunk, sizes in an order of their own, an older chat template.
    "onevision-v4": dict(
        style="4", names="hub", dtype=torch.bfloat16, shards=2, base=400, pad_vocab=9, tied=False, picture="wide.png",
        text="그림 속에 무엇이 있나요? 🙂", layer=-1, theta=10000.0, most=2, seed=2,
        pins=[[60, 60], [90, 90], [30, 60], [60, 30], [30, 90], [90, 30]],
        vision=dict(hidden_size=36, intermediate_size=52, num_hidden_layers=2, num_attention_heads=3, image_size=30,
                    patch_size=6, vision_use_head=False),
        llm=dict(hidden_size=60, intermediate_size=64, num_hidden_layers=3, num_attention_heads=6,
                 num_key_value_heads=3),
    ),
}


def ids_of(spec):
    ids = token_ids(spec)
    return ids | {"<video>": ids["<image>"] + 1}


def config_for(spec):
    ids = ids_of(spec)
    text = dict(model_type="qwen2", vocab_size=vocab_size(spec) + 1, max_position_embeddings=512, rms_norm_eps=1e-6,
                rope_parameters={"rope_type": "default", "rope_theta": spec["theta"]}, tie_word_embeddings=spec["tied"],
                bos_token_id=ids["<|endoftext|>"], eos_token_id=ids["<|im_end|>"], **spec["llm"])
    return LlavaOnevisionConfig(
        vision_config=dict(model_type="siglip_vision_model", hidden_act="gelu_pytorch_tanh", **spec["vision"]),
        text_config=text, image_token_index=ids["<image>"], video_token_index=ids["<video>"],
        image_grid_pinpoints=spec["pins"], vision_aspect_ratio=f"anyres_max_{spec['most']}",
        tie_word_embeddings=spec["tied"])


def config_of_transformers4(spec):
    """config.json as on the hub: what equals a default is absent, the rest has the old names."""
    old = make_interleave.config_of_transformers4(spec)
    ids = ids_of(spec)
    old["text_config"]["vocab_size"] += 1
    old["vision_config"]["vision_use_head"] = False
    del old["vocab_size"], old["vision_feature_select_strategy"], old["vision_feature_layer"]
    return old | {
        "architectures": ["LlavaOnevisionForConditionalGeneration"], "model_type": "llava_onevision",
        "image_grid_pinpoints": spec["pins"], "use_image_newline_parameter": True,
        "video_token_index": ids["<video>"], "vision_aspect_ratio": f"anyres_max_{spec['most']}",
        "vision_feature_layer": spec["layer"], "vision_feature_select_strategy": "full",
        "transformers_version": "4.45.0.dev0",
    }


def write_tokenizer(folder, spec):
    make_interleave.write_tokenizer(folder, spec)
    path = folder / "tokenizer.json"
    j = json.loads(path.read_text())
    j["added_tokens"].append(dict(j["added_tokens"][0], id=ids_of(spec)["<video>"], content="<video>"))
    write_json(path, j)
    new = spec["style"] == "5"
    config = qwen_bpe.tokenizer_config(j["added_tokens"], not new)
    write_json(folder / "tokenizer_config.json", config | ({"processor_class": "LlavaOnevisionProcessor"} if new else {}))


def write_processor(folder, spec):
    side = spec["vision"]["image_size"]
    n = (side // spec["vision"]["patch_size"]) ** 2
    image = {"do_convert_rgb": True, "do_normalize": True, "do_pad": True, "do_rescale": True, "do_resize": True,
             "image_grid_pinpoints": spec["pins"], "image_mean": HALF,
             "image_processor_type": "LlavaOnevisionImageProcessor", "image_std": HALF, "resample": 3,
             "rescale_factor": 0.00392156862745098, "size": {"height": side, "width": side}}
    video = {k: v for k, v in image.items() if k not in ("do_pad", "image_grid_pinpoints", "image_processor_type")}
    video["video_processor_type"] = "LlavaOnevisionVideoProcessor"
    rest = {"image_token": "<image>", "num_image_tokens": n, "processor_class": "LlavaOnevisionProcessor",
            "video_token": "<video>", "vision_aspect_ratio": f"anyres_max_{spec['most']}",
            "vision_feature_select_strategy": "full"}
    if spec["style"] == "5":
        write_json(folder / "processor_config.json", {"image_processor": image, "video_processor": video, **rest})
        (folder / "chat_template.jinja").write_text(JINJA, encoding="utf-8")
        return
    own = {"processor_class": "LlavaOnevisionProcessor"}
    write_json(folder / "preprocessor_config.json", image | own)
    write_json(folder / "video_preprocessor_config.json", video | own)
    write_json(folder / "processor_config.json", rest)
    write_json(folder / "chat_template.json", {"chat_template": OLD_JINJA})


def load_processor(folder):
    processor = AutoProcessor.from_pretrained(folder)
    processor.image_processor = LlavaOnevisionImageProcessorPil.from_pretrained(folder)
    assert type(processor) is LlavaOnevisionProcessor
    return processor


def clear(golden, spec):
    """An answer that a small numerical difference cannot change, and that is not one word over and over."""
    ids = golden["generated_ids"].tolist()
    return (margins(golden["logits_generated"])["relative_min"] > 0.005 and len(set(ids)) >= 5
            and all(i < spec["base"] for i in ids) and sharpness(golden) > 0.12)


def attempt(folder, spec, seed):
    """Write a checkpoint with this seed, load it back from disk and run it."""
    config = config_for(spec)
    model = LlavaOnevisionForConditionalGeneration(config)
    fill_weights(model, f"{folder.name}/{seed}", spec.get("gains", []) + GAINS)
    model.lm_head.weight[len(qwen_bpe.ids(0)) + spec["base"] :] = 0
    state = {k: v for k, v in model.state_dict().items() if not (spec["tied"] and k == "lm_head.weight")}
    rename = (lambda k: k) if spec["names"] == "inner5" else lambda k: make_interleave.rename(spec["names"], k)
    save_weights(folder, state, rename, spec["dtype"], spec.get("shards", 1))
    write_config(folder, config, LlavaOnevisionForConditionalGeneration, spec, config_of_transformers4)
    loaded = load_back(LlavaOnevisionForConditionalGeneration, folder, model, spec["dtype"])
    assert loaded.config.text_config.rope_parameters["rope_theta"] == spec["theta"]
    assert loaded.config.image_grid_pinpoints == spec["pins"]
    return loaded


def lower(maps):
    """Rows up to the diagonal, one after another."""
    s = maps.shape[-1]
    rows, columns = torch.tril_indices(s, s)
    return maps[:, :, rows, columns]


def scores(model, pixels, size):
    """What each feature draws, and 0 of line ends: the tower's attention received, tile by tile, through transformers' own
    way of putting features together, which is linear. `size` is the picture's height and width; None: the whole alone."""
    layer = model.config.vision_feature_layer
    received = torch.stack([vision_parts(model, tile[None], layer)[1] for tile in pixels])[..., None]
    rows, _ = model.model.pack_image_features(
        [received], torch.tensor([size or [1, 1]]), image_newline=torch.zeros(1),
        vision_aspect_ratio=model.config.vision_aspect_ratio)
    return rows[0][:, 0]


class Bare:
    """What make_levers.run asks of a checkpoint."""

    deep = None

    def __init__(self, model):
        self.model, self.token = model, model.config.image_token_id

    def forward(self, ids=None, embeds=None, **given):
        given |= {"input_ids": ids} if embeds is None else {"inputs_embeds": embeds}
        return self.model(**given)

    def ids(self, positions):
        return positions.T


def lever(model, ids, features, indices, tensors, name):
    """The answer to the prompt with these features, one after another, and what was looked at."""
    s = len(ids) - int((ids == model.config.image_token_id).sum()) + len(indices)
    out = run(Bare(model), ids, features, indices, torch.arange(s)[:, None], s)
    maps = out["maps"]
    below = torch.ones(maps.shape[-2:]).tril().bool()
    tensors |= {f"{name}/generated_ids": out["ids"], f"{name}/rows": out["rows"][:, :, [0, -1]],
                f"{name}/logits": out["logits"][[0, -1]], f"{name}/last_layer": maps[-1][:, below]}
    return margins(out["logits"])["relative_min"]


def several(model, processor, text, template, tensors):
    """Two pictures in one prompt: each padded to a square and seen whole."""
    names = ["wide.png", "tall.png"]
    turn = [{"role": "user", "content": [{"type": "image"}] * 2 + [{"type": "text", "text": text}]}]
    prompt = processor.apply_chat_template(turn, chat_template=template, add_generation_prompt=True, tokenize=False)
    inputs = processor(text=[prompt], images=[[open_rgb(n) for n in names]], return_tensors="pt")
    golden = greedy(model, dict(inputs), 8)
    ids = inputs["input_ids"][0]
    assert list(inputs["pixel_values"].shape[:2]) == [2, 1]
    token, s = model.config.image_token_id, len(ids)
    at = np.flatnonzero(ids.numpy() == token)
    image, half = ids.numpy() == token, len(at) // 2
    first, second = np.zeros(s, dtype=bool), np.zeros(s, dtype=bool)
    first[at[:half]], second[at[half:]] = True, True
    tensors |= {"several/pixel_values": inputs["pixel_values"].reshape(-1), "several/input_ids": ids,
                "several/generated_ids": golden["generated_ids"], "several/logits": golden["logits_generated"]}
    sides = {"paper": (~image, image), "paper:1": (~image, first), "paper:2/1": (second, first)}
    return {"pictures": names, "mdi": {k: mdi(golden, s, *v) for k, v in sides.items()}}, margins(
        golden["logits_generated"])["relative_min"]


KNOCKOUTS = [("text>image", {"begin", "text"}, {"image"}, 0, 2, None), ("image>image@1", {"image"}, {"image"}, 1, 1, None)]


def levers(model, spec, inputs, golden, tensors):
    """Whole runs with fewer, more and other tokens; the smallest margin of all answers."""
    ids, token = inputs["input_ids"][0], model.config.image_token_id
    grid = spec["vision"]["image_size"] // spec["vision"]["patch_size"]
    features, pixels = golden["image_features"], inputs["pixel_values"][0]
    n, whole = len(features), grid * grid
    ranked = scores(model, pixels, inputs["image_sizes"][0].tolist())
    assert len(ranked) == n and abs(ranked[:whole].sum() - 1) < 1e-5
    kept = {rate: keep(ranked, count(n, rate, "round")) for rate in ("0.5", "0.75")}
    worst = min(lever(model, ids, features, kept[rate], tensors, f"prune {rate}") for rate in kept)
    twice = torch.cat([torch.arange(whole).repeat(2), torch.arange(whole, n).repeat(2)])
    worst = min(worst, lever(model, ids, features, twice, tensors, "replicate 2"))
    # The whole picture alone, a line end behind it.
    end = model.model.image_newline[None]
    alone = torch.cat([model.model.multi_modal_projector(vision_parts(model, pixels[:1], spec["layer"])[0]), end])
    assert torch.allclose(alone[:-1], features[:whole], atol=1e-5)
    start = ids.tolist().index(token)
    few = torch.cat([ids[:start], torch.full((whole + 1,), token), ids[start + n :]])
    worst = min(worst, lever(model, few, alone, torch.arange(whole + 1), tensors, "whole"))
    worst = min(worst, lever(model, few, alone, torch.arange(whole + 1).repeat(2), tensors, "whole twice"))
    of_whole = scores(model, pixels[:1], None)
    half = keep(of_whole, count(whole + 1, "0.5", "round"))
    worst = min(worst, lever(model, few, alone, half, tensors, "whole pruned"))
    if min(r[r > 0].sort().values.diff().min().item() for r in (ranked, of_whole)) < 2e-6:
        return {}, 0  # two scores are too close a call
    given = {k: inputs[k] for k in ("input_ids", "attention_mask", "pixel_values", "image_sizes")}
    for case in KNOCKOUTS:
        out, margin = answer(model, given, token, case)
        tensors |= {f"{case[0]}/{k}": v for k, v in out.items()}
        worst = min(worst, margin)
    tensors |= {"scores": ranked, "scores of the whole": of_whole}
    facts = {"kept": {rate: k.tolist() for rate, k in kept.items()} | {"whole": half.tolist()}}
    return facts, worst


def make(name):
    spec, folder = SPECS[name], HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_tokenizer(folder, spec)
    write_processor(folder, spec)
    image, tokens = open_rgb(spec["picture"]), ids_of(spec)
    old = spec["style"] == "4"
    template = TEMPLATE.replace("user\n", "user ").replace("<|im_end|>\n", "<|im_end|>") if old else TEMPLATE
    pad, grid = tokens["<image>"], spec["vision"]["image_size"] // spec["vision"]["patch_size"]
    for seed in range(spec["seed"], 300):
        model = attempt(folder, spec, seed)
        processor = load_processor(folder)
        inputs = processor(text=[template.format(text=spec["text"])], images=[image], return_tensors="pt")
        golden = greedy(model, dict(inputs))
        if not clear(golden, spec):
            continue
        seen = model.model.get_image_features(inputs["pixel_values"], inputs["image_sizes"])
        golden["image_features"] = torch.cat(list(seen.pooler_output))
        tensors = {}
        facts, worst_margin = ({}, 1) if old else levers(model, spec, inputs, golden, tensors)
        if not old:
            facts["several"], margin = several(model, processor, "Which one is red?", JINJA, tensors)
            worst_margin = min(worst_margin, margin)
        if worst_margin > 1e-3:
            break
        print(name, seed, worst_margin, flush=True)
    else:
        raise SystemExit(f"{name}: no seed gives a clear answer")
    ids, new = inputs["input_ids"][0], golden["generated_ids"]
    s, n = len(ids), int((ids == pad).sum())
    golden["logits_prefill"] = model(**inputs).logits[0]
    both = torch.cat([ids, new])[None]
    full = model(input_ids=both[:, :-1], pixel_values=inputs["pixel_values"], image_sizes=inputs["image_sizes"],
                 use_cache=False, output_attentions=True)
    worst = check(golden, full, s)
    whole = {"attention_prefill": lower(golden["attention_prefill"]), "pixel_values": inputs["pixel_values"][0],
             "input_ids": ids}
    kept = {k: v for k, v in golden.items() if k != "logits_prefill"}
    save_tensors(folder / "golden.safetensors", kept | tensors | whole)

    eos = [tokens["<|im_end|>"], tokens["<|endoftext|>"]]
    write_json(folder / "generation_config.json", {
        "bos_token_id": tokens["<|endoftext|>"], "eos_token_id": eos, "pad_token_id": tokens["<|endoftext|>"],
        "transformers_version": "4.45.0"})
    before, after = template.split("{text}")
    cases = text_cases(processor, folder / "tokenizer.json", image, n, before, after)
    write_json(folder / "text.json", cases)
    answered = answer_facts(processor.tokenizer, golden, ids, pad, eos)
    height, width = inputs["image_sizes"][0].tolist()
    write_json(folder / "golden.json", {
        "picture": spec["picture"], "text": spec["text"], "template": template,
        "prompt": template.format(text=spec["text"]), "seed": seed, "own_differences": worst,
        "tiles": len(inputs["pixel_values"][0]) - 1, "whole": grid * grid, "size": [width, height],
        **answered, **facts,
    })
    report(folder, seed, golden, worst, answered["generated_text"])
    print("  tokens", n, "of", len(inputs["pixel_values"][0]) - 1, "tiles, smallest margin", worst_margin, flush=True)


if __name__ == "__main__":
    setup()
    for name in SPECS:
        make(name)
