"""Golden checkpoints as llama.cpp's GGUF files, and what transformers computes with the values in them.

The files are what convert_hf_to_gguf.py (the language models, and the mmproj of Qwen's) and
legacy-models/convert_image_encoder_to_gguf.py (LLaVA's mmproj) of llama.cpp write: tensor names come from the tables
of the `gguf` package, or for LLaVA's mmproj from the older script's replacements.
"""

import json
import shutil

import gguf
import numpy as np
import sentencepiece
import torch
from gguf import GGMLQuantizationType as Kind
from safetensors.torch import load_file
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, pre_tokenizers
from transformers import (
    GenerationConfig, InternVLForConditionalGeneration, LlavaForConditionalGeneration, Qwen2_5_VLForConditionalGeneration,
    Qwen2VLForConditionalGeneration, Qwen3VLForConditionalGeneration,
)

from common import HERE, TEXTS, greedy, margins, save_tensors, setup, write_json
from gguf_mmproj import clip, internvl, qwen, qwen2, qwen3, siglip
from gguf_text import close, language_model, pieces
from make_llava import TEMPLATE, VICUNA

OUT = HERE / "gguf"

# kind: what matrices are stored as. mmproj: how the vision tower is written down (see clip()).
SPECS = {
    "llava-mha": dict(kind=Kind.F32, mmproj="whole"),
    "llava-gqa": dict(kind=Kind.F16, mmproj="legacy"),
    "llava-headdim": dict(kind=Kind.BF16, mmproj="layer"),
    "interleave-full": dict(kind=Kind.F16, mmproj="siglip"),
    "qwen-square": dict(kind=Kind.F16, mmproj="pattern"),
    "qwen-wide": dict(kind=Kind.BF16, mmproj="list"),
    "qwen2-tall": dict(kind=Kind.F16, mmproj="first"),
    "qwen2-wide": dict(kind=Kind.BF16, mmproj="present"),
    "qwen3-tall": dict(kind=Kind.F16, mmproj="deepstack"),
    "qwen3-wide": dict(kind=Kind.BF16, mmproj="deepstack"),
    "internvl-qwen2": dict(kind=Kind.F16, mmproj="internvl"),
    "internvl-qwen3": dict(kind=Kind.BF16, mmproj="internvl"),
}
# By what begins a checkpoint's name.
FAMILIES = {
    "llava": (LlavaForConditionalGeneration, gguf.MODEL_ARCH.LLAMA),
    "interleave": (LlavaForConditionalGeneration, gguf.MODEL_ARCH.QWEN2),
    "qwen": (Qwen2_5_VLForConditionalGeneration, gguf.MODEL_ARCH.QWEN2VL),
    "qwen2": (Qwen2VLForConditionalGeneration, gguf.MODEL_ARCH.QWEN2VL),
    "internvl": (InternVLForConditionalGeneration, None),
    "qwen3": (Qwen3VLForConditionalGeneration, gguf.MODEL_ARCH.QWEN3VL),
}
TORCH = {Kind.F32: torch.float32, Kind.F16: torch.float16, Kind.BF16: torch.bfloat16}


def rounded(model, kind):
    """Give the model the values its files hold."""
    for name, p in model.named_parameters():
        if p.squeeze().ndim >= 2 and "vision_tower.embeddings.position_embeddings" not in name:
            p.copy_(p.to(TORCH[kind]).float())
    return model


def sentence_piece(tokenizer):
    """SentencePiece itself with the vocabulary of a tiny tokenizer."""
    size = len(tokenizer["model"]["vocab"])
    proto = sentencepiece_model_pb2.ModelProto()
    for token, score, kind in zip(*(x[:size] for x in pieces(tokenizer, size + 2))):
        proto.pieces.add(piece=token, score=score, type=int(kind))
    proto.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.ModelType.BPE
    proto.trainer_spec.byte_fallback = True
    proto.trainer_spec.unk_id, proto.trainer_spec.bos_id, proto.trainer_spec.eos_id = 0, 1, 2
    proto.normalizer_spec.name = "identity"
    proto.normalizer_spec.add_dummy_prefix = True
    proto.normalizer_spec.remove_extra_whitespaces = False
    return sentencepiece.SentencePieceProcessor(model_proto=proto.SerializeToString())


def llava_ids(processor, text, template, image, n):
    """[bos] + text before the picture + picture + text after it: a prefix space goes before both texts."""
    before, after = template.split("<image>")
    return [1] + processor.encode(before) + [image] * n + processor.encode(after.format(text=text))


def make(name):
    spec, folder = SPECS[name], HERE / name
    llava = name.startswith("llava")
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    facts = json.loads((folder / "golden.json").read_text())
    old = load_file(folder / "golden.safetensors")
    kind, form = spec["kind"], spec["mmproj"]
    family, arch = FAMILIES[name.split("-")[0]]
    if arch is None:
        arch = gguf.MODEL_ARCH.QWEN3 if name.endswith("qwen3") else gguf.MODEL_ARCH.QWEN2
    model = family.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    model.generation_config = GenerationConfig()  # the folder's has a repetition penalty
    model = rounded(model, kind)
    eos = facts["eos_token_ids"]
    language_model(OUT / f"{name}.gguf", model, arch, kind, tokenizer, eos[-1] if len(eos) > 1 and llava else None)
    mmproj = OUT / f"{name}-mmproj.gguf"
    ids = old["input_ids"]
    image = model.config.image_token_id
    if llava:
        clip(mmproj, model, kind, form)
        processor = sentence_piece(tokenizer)
        n = int((ids == image).sum())
        ids = torch.tensor(llava_ids(processor, facts["text"], TEMPLATE, image, n))
        write_json(OUT / f"{name}.json", [
            {"text": text, "ids": llava_ids(processor, text, TEMPLATE, image, n),
             "ids_vicuna_v1": llava_ids(processor, text, VICUNA, image, n)} for text in TEXTS])
        inputs = {"pixel_values": old["pixel_values"][None]}
    elif form == "siglip":
        siglip(mmproj, model, kind)
        inputs = {"pixel_values": old["pixel_values"][None]}
    else:
        if form == "internvl":
            internvl(mmproj, model, kind, None if name == "internvl-qwen2" else 6)
        elif form == "deepstack":
            qwen3(mmproj, folder, model, kind)
        else:
            (qwen2 if form in ("first", "present") else qwen)(mmproj, folder, model, kind, form)
        if form == "internvl":
            inputs = {"pixel_values": old["pixel_values"][None]}
        else:
            inputs = {"pixel_values": old["pixel_values"], "image_grid_thw": old["image_grid_thw"][None],
                      "mm_token_type_ids": (ids == image).int()[None]}
    inputs |= {"input_ids": ids[None], "attention_mask": torch.ones_like(ids)[None]}
    golden = greedy(model, inputs)
    save_tensors(OUT / f"{name}.safetensors", {
        "input_ids": ids, "generated_ids": golden["generated_ids"], "logits_generated": golden["logits_generated"]})
    print(name, "smallest margin", margins(golden["logits_generated"])["relative_min"])


def block_types():
    """One row of every block type with random contents, and the values that the `gguf` package reads from it."""
    random = np.random.default_rng(20)
    writer = gguf.GGUFWriter(OUT / "types.gguf", "types")
    values = {}
    # Where a block's 16-bit scales lie; everything else in it may be anything.
    scales = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
              "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}
    for name, places in scales.items():
        kind = Kind[name]
        width, size = gguf.GGML_QUANT_SIZES[kind]
        blocks = random.integers(0, 256, (3, 512 // width, size), dtype=np.uint8)
        for at in places:
            scale = (random.standard_normal((3, 512 // width, 1)) / 50).astype(np.float16)
            blocks[..., at : at + 2] = scale.view(np.uint8)
        raw = blocks.reshape(3, -1)
        writer.add_tensor(name.lower(), raw, raw_dtype=kind)
        values[name.lower()] = torch.tensor(gguf.quants.dequantize(raw, kind))
    for name in ("F32", "F16", "BF16"):
        plain = random.standard_normal((3, 512)).astype(np.float32)
        raw = gguf.quants.quantize(plain, Kind[name])
        writer.add_tensor(name.lower(), raw, raw_dtype=Kind[name])
        values[name.lower()] = torch.tensor(gguf.quants.dequantize(raw, Kind[name]))
    close(writer)
    save_tensors(OUT / "types.safetensors", values)


LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# Put into unused rows: with numbers of one digit only, nobody could tell some of the ways apart.
NUMBERS = [("1", "2"), ("2", "0")]


def byte_level(name, pre):
    """A tiny Qwen vocabulary behind another way to cut text into words, as the models of that name have it."""
    j = json.loads((HERE / name / "tokenizer.json").read_text())
    for added in j["added_tokens"]:
        added["special"] |= added["content"].startswith("<|")
        j["model"]["vocab"][added["content"]] = added["id"]  # or they would be numbered anew
    j["normalizer"] = None
    merges = j["model"]["merges"]
    for i, (a, b) in enumerate(NUMBERS):
        j["model"]["vocab"][a + b] = 442 + i
        merges.append([a, b] if isinstance(merges[0], list) else f"{a} {b}")
    if pre == "llama-bpe":
        j["model"]["ignore_merges"] = True
        j["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = LLAMA3
    tokenizer = Tokenizer.from_str(json.dumps(j))
    if pre == "gpt-2":
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.encode_special_tokens = True
    return lambda text: tokenizer.encode(text, add_special_tokens=False).ids


def words():
    """Ids of texts behind the pre-tokenizers that no golden here has; `numbers` are in rows 442 and 443."""
    name = "qwen-square"
    ways = {pre: byte_level(name, pre) for pre in ("llama-bpe", "gpt-2")}
    cases = [{"text": t, **{pre: ids(t) for pre, ids in ways.items()}} for t in TEXTS]
    write_json(OUT / "words.json", {"numbers": NUMBERS, "cases": cases})
    assert all(any(a(t) != byte_level(name, "qwen2")(t) for t in TEXTS) for a in [ways["llama-bpe"], ways["gpt-2"]])


if __name__ == "__main__":
    setup()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir()
    block_types()
    words()
    for name in SPECS:
        make(name)
