"""Opens the files of gguf/ with llama.cpp itself and compares: ids of awkward text, logits, greedy tokens on text.

Needs llama-cpp-python (0.3.36 was used; it has to be compiled) beside requirements.txt. Not part of make.sh. The
language models are compared without a picture: transformers runs them on the same ids, with the values in the files.
Of the vision towers only Qwen's is compared, up to the rows it makes of a picture: llama.cpp runs LLaVA's one block short
(its issue 25817), and with the norm after the last block where the file has it.
"""

import ctypes
import json
import pathlib
import sys
import tempfile

import gguf
import llama_cpp
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from llama_cpp import mtmd_cpp as mtmd
from PIL import Image
from tokenizers import Tokenizer
from transformers import GenerationConfig, Qwen2_5_VLForConditionalGeneration
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

from common import HERE, TEXTS, setup
from make_gguf import FAMILIES, NUMBERS, OUT, SPECS, byte_level, close, language_model, qwen, rounded, sentence_piece

NEW = 20
PROMPT = "USER: Describe the picture in one sentence. 그림 설명 def f(x): return x ** 2 ASSISTANT:"


def silence():
    @llama_cpp.llama_log_callback
    def quiet(level, text, data):
        pass

    llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
    mtmd.mtmd_log_set(quiet, ctypes.c_void_p(0))
    return quiet


def reference_ids(folder, llava):
    """Text to ids as the format means it: SentencePiece for LLaVA, tokenizer.json with NFC left out for Qwen."""
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    if llava:
        return sentence_piece(tokenizer).encode
    tokenizer["normalizer"] = None
    # What looks special is special in a GGUF file, and what is special is not found in text.
    for added in tokenizer["added_tokens"]:
        added["special"] |= added["content"].startswith("<|")
    model = Tokenizer.from_str(json.dumps(tokenizer))
    model.encode_special_tokens = True
    return lambda text: model.encode(text, add_special_tokens=False).ids


def same_ids(model, encode, name):
    different = []
    for text in TEXTS:
        got = model.tokenize(text.encode(), add_bos=False, special=False)
        if got != encode(text):
            different.append(text)
    print(f"{name}: ids of {len(TEXTS) - len(different)} of {len(TEXTS)} texts are the same", different or "")
    return different


def generate(path, prompt):
    """Ids, and logits of the rows they come from."""
    model = load(path)
    model.eval(prompt)
    logits, ids = [], []
    for _ in range(NEW):
        logits.append(np.array(model.scores[model.n_tokens - 1]))
        ids.append(int(logits[-1].argmax()))
        model.eval(ids[-1:])
    return ids, np.stack(logits)


def load(path):
    return llama_cpp.Llama(str(path), n_ctx=256, n_batch=256, logits_all=True, verbose=False, n_threads=1, type_k=0,
                           type_v=0, flash_attn=False)


def compare(name, temporary):
    folder, llava, kind = HERE / name, name.startswith("llava"), SPECS[name]["kind"]
    model = load(OUT / f"{name}.gguf")
    good = not same_ids(model, reference_ids(folder, llava), name)
    prompt = model.tokenize(PROMPT.encode(), add_bos=llava, special=False)

    family, arch = FAMILIES[name.split("-")[0]]
    whole = family.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    whole = rounded(whole, kind)
    whole.generation_config = GenerationConfig()
    batch = torch.tensor(prompt)[None]
    out = whole.generate(input_ids=batch, attention_mask=torch.ones_like(batch), do_sample=False, max_new_tokens=NEW,
                         pad_token_id=0, output_logits=True, return_dict_in_generate=True)
    want = out.sequences[0, len(prompt):].tolist()
    logits = torch.stack([x[0] for x in out.logits]).numpy()

    # llama.cpp rounds activations to the type of 16-bit weights; in f32 nothing is in the way.
    exact = temporary / f"{name}.gguf"
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    language_model(exact, whole, arch, Kind.F32, tokenizer, None)
    for path, what, most in [(exact, "the same values in f32", 1e-4), (OUT / exact.name, kind.name.lower(), 2e-2)]:
        ids, theirs = generate(path, prompt)
        same = next((i for i, (a, b) in enumerate(zip(ids, want)) if a != b), NEW)
        rows = min(same + 1, NEW)  # what follows other tokens cannot be compared
        off = np.abs(theirs[:rows] - logits[:rows]).max() / np.abs(logits).max()
        print(f"{name}, {what}: {same} of {NEW} greedy tokens the same, logits off by {off:.1e} of the largest")
        good &= off < most and (same == NEW or path != exact)
    return good


def words(name, temporary):
    """The other pre-tokenizers, with the same vocabulary and merges."""
    source, good = gguf.GGUFReader(OUT / f"{name}.gguf"), True
    for pre in ("llama-bpe", "gpt-2"):
        path = temporary / f"{pre}.gguf"
        writer = gguf.GGUFWriter(path, "qwen2vl")
        for field in source.fields.values():
            if not field.name.startswith("GGUF.") and field.name not in ("general.architecture", "tokenizer.ggml.pre"):
                sub = field.types[-1] if len(field.types) > 1 else None
                value = field.contents()
                for i, (a, b) in enumerate(NUMBERS):
                    if field.name.endswith("ggml.tokens"):
                        value[442 + i] = a + b
                    elif field.name.endswith("ggml.token_type"):
                        value[442 + i] = gguf.TokenType.NORMAL
                    elif field.name.endswith("ggml.merges"):
                        value.append(f"{a} {b}")
                writer.add_key_value(field.name, value, field.types[0], sub_type=sub)
        writer.add_tokenizer_pre(pre)
        for tensor in source.tensors:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        close(writer)
        good &= not same_ids(load(path), byte_level(name, pre), f"{name} as {pre}")
    return good


def picture(name, temporary):
    """Qwen's vision tower: the rows that a picture becomes, at a size that neither side has to resize."""
    folder = HERE / name
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    model = model.eval()
    mmproj = temporary / f"{name}-mmproj.gguf"
    qwen(mmproj, folder, model, Kind.F32, SPECS[name]["mmproj"])
    side = 5 * 28
    pixels = np.random.default_rng(3).integers(0, 256, (side, side, 3), dtype=np.uint8)
    pixels[30:90, 40:100] = [200, 30, 60]
    processor = Qwen2VLImageProcessorPil.from_pretrained(folder)
    ready = processor(images=[Image.fromarray(pixels)], return_tensors="pt")
    assert ready["image_grid_thw"].tolist() == [[1, 10, 10]]
    want = model.model.visual(ready["pixel_values"], grid_thw=ready["image_grid_thw"], return_dict=True).pooler_output

    text = load(OUT / f"{name}.gguf")
    options = mtmd.mtmd_context_params_default()
    options.use_gpu, options.print_timings, options.n_threads, options.warmup = False, False, 1, False
    options.flash_attn_type = 0
    context = mtmd.mtmd_init_from_file(str(mmproj).encode(), text.model, options)
    data = (ctypes.c_uint8 * pixels.size).from_buffer_copy(pixels.tobytes())
    bitmap = mtmd.mtmd_bitmap_init(side, side, data)
    chunks = mtmd.mtmd_input_chunks_init()
    marker = mtmd.mtmd_default_marker()
    prompt = mtmd.mtmd_input_text(text=marker, text_len=len(marker), add_special=False, parse_special=True)
    bitmaps = (mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap)
    assert mtmd.mtmd_tokenize(context, chunks, ctypes.byref(prompt), bitmaps, 1) == 0
    count = mtmd.mtmd_input_chunks_size(chunks)
    parts = [mtmd.mtmd_input_chunks_get(chunks, i) for i in range(count)]
    part = next(p for p in parts if mtmd.mtmd_input_chunk_get_type(p) == 1)
    assert mtmd.mtmd_encode_chunk(context, part) == 0
    got = np.ctypeslib.as_array(mtmd.mtmd_get_output_embd(context), want.shape).copy()
    off = np.abs(got - want.numpy()).max() / np.abs(want.numpy()).max()
    print(f"{name}: {len(got)} rows of a picture, off by {off:.1e} of the largest")
    return off < 1e-2


if __name__ == "__main__":
    setup()
    quiet = silence()
    print("llama-cpp-python", llama_cpp.__version__)
    with tempfile.TemporaryDirectory() as temporary:
        results = [compare(name, pathlib.Path(temporary)) for name in SPECS]
        results.append(words("qwen-square", pathlib.Path(temporary)))
        results.append(picture("qwen-square", pathlib.Path(temporary)))
    sys.exit(0 if all(results) else 1)
