"""llama.cpp beside the lab on a processor: random weights of a published size, every matrix q4_K.

    npm pack @node-llama-cpp/linux-x64@3.22.1 && tar xzf node-llama-cpp-linux-x64-3.22.1.tgz
    python tests/bench/llama_cpp.py --library package/bins/linux-x64 [--shape llava-1.5-7b] [--tokens 640]
                                    [--new-tokens 24] [--threads 2] [--runs 3] [--file FILE.gguf]

The libraries are node-llama-cpp's builds, one for each kind of processor, of which ggml takes the best that runs
here. Prints a line a run, tokens of the prompt a second and milliseconds a generated token, then the process's peak
memory (VmHWM). There is no vision tower, and nothing is watched. Needs numpy; the file is written once and kept.
"""

import argparse
import ctypes
import pathlib
import struct
import time

import numpy

SHAPES = {  # vocabulary, width, MLP, layers, heads, key heads
    "llava-10m": (2048, 256, 768, 8, 8, 8),
    "llava-1.5-7b": (32_064, 4096, 11_008, 32, 32, 32),
}
Q4_K, F32 = 12, 0

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--library", required=True, type=pathlib.Path, help="the folder of libllama and libggml")
parser.add_argument("--shape", default="llava-1.5-7b", choices=SHAPES)
parser.add_argument("--tokens", type=int, default=640)
parser.add_argument("--new-tokens", type=int, default=24)
parser.add_argument("--threads", type=int, default=2)
parser.add_argument("--runs", type=int, default=3)
parser.add_argument("--file", type=pathlib.Path)
args = parser.parse_args()


def write(path):
    """A GGUF file of the shape: metadata, tensors' names and places, then random blocks."""
    vocab, width, mlp, layers, heads, kv_heads = SHAPES[args.shape]
    keys = width // heads * kv_heads
    of_layer = {"attn_q": (width, width), "attn_k": (width, keys), "attn_v": (width, keys), "attn_output": (width, width),
                "ffn_gate": (width, mlp), "ffn_up": (width, mlp), "ffn_down": (mlp, width)}
    tensors = {"token_embd.weight": (width, vocab), "output.weight": (width, vocab), "output_norm.weight": (width,)}
    for layer in range(layers):
        tensors |= {f"blk.{layer}.{name}.weight": shape for name, shape in of_layer.items()}
        tensors |= {f"blk.{layer}.{name}.weight": (width,) for name in ("attn_norm", "ffn_norm")}
    size = {name: 4 * shape[0] if len(shape) == 1 else shape[0] * shape[1] // 256 * 144 for name, shape in tensors.items()}
    text = lambda value: struct.pack("<Q", len(value)) + value.encode()
    number = lambda key, value: text(key) + struct.pack("<II", 4, value)
    real = lambda key, value: text(key) + struct.pack("<If", 6, value)
    words = lambda key, value: text(key) + struct.pack("<I", 8) + text(value)
    metadata = [
        words("general.architecture", "llama"), words("tokenizer.ggml.model", "none"),
        number("llama.vocab_size", vocab), number("llama.context_length", 4096), number("llama.embedding_length", width),
        number("llama.block_count", layers), number("llama.feed_forward_length", mlp),
        number("llama.attention.head_count", heads), number("llama.attention.head_count_kv", kv_heads),
        number("llama.rope.dimension_count", width // heads), real("llama.attention.layer_norm_rms_epsilon", 1e-5)]
    head, at = struct.pack("<IIQQ", 0x46554747, 3, len(tensors), len(metadata)) + b"".join(metadata), 0
    for name, shape in tensors.items():
        kind = F32 if len(shape) == 1 else Q4_K
        head += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", kind, at)
        at += -(-size[name] // 32) * 32
    random = numpy.random.default_rng(0)
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % 32))
        for name, shape in tensors.items():
            if len(shape) == 1:
                data = numpy.ones(shape, "<f4").tobytes()
            else:
                blocks = random.integers(0, 256, (size[name] // 144, 144), "u1")
                blocks[:, :4] = numpy.array([0.0008, 0.006], "<f2").view("u1")
                data = blocks.tobytes()
            file.write(data + bytes(-len(data) % 32))


class Opaque(ctypes.Structure):
    """Settings, handed over as they are but for what is set by its place: larger than any version's."""

    _fields_ = [("bytes", ctypes.c_uint8 * 1024)]


class Batch(ctypes.Structure):
    _fields_ = [("tokens", ctypes.c_int32), *[(name, ctypes.c_void_p) for name in
                ("token", "embd", "pos", "n_seq_id", "seq_id", "logits")]]


path = args.file or pathlib.Path(f"{args.shape}-q4_k.gguf")
if not path.exists():
    write(path)
one = lambda name: next(iter(sorted(args.library.glob(name)))).resolve()
base = ctypes.CDLL(str(one("libggml-base*.so*")), ctypes.RTLD_GLOBAL)
ggml = ctypes.CDLL(str(one("libggml.*so*")), ctypes.RTLD_GLOBAL)
llama = ctypes.CDLL(str(one("libllama.*so*")), ctypes.RTLD_GLOBAL)
ggml.ggml_backend_load_all_from_path.argtypes = [ctypes.c_char_p]
ggml.ggml_backend_load_all_from_path(str(args.library.resolve()).encode())
llama.llama_backend_init()
for name, result in (("llama_model_default_params", Opaque), ("llama_context_default_params", Opaque),
                     ("llama_model_load_from_file", ctypes.c_void_p), ("llama_init_from_model", ctypes.c_void_p),
                     ("llama_get_memory", ctypes.c_void_p), ("llama_batch_get_one", Batch)):
    getattr(llama, name).restype = result
llama.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Opaque]
llama.llama_init_from_model.argtypes = [ctypes.c_void_p, Opaque]
llama.llama_batch_get_one.argtypes = [ctypes.c_void_p, ctypes.c_int32]
llama.llama_decode.argtypes = [ctypes.c_void_p, Batch]
llama.llama_get_memory.argtypes = [ctypes.c_void_p]
llama.llama_memory_clear.argtypes = [ctypes.c_void_p, ctypes.c_bool]
llama.llama_synchronize.argtypes = [ctypes.c_void_p]

model = llama.llama_model_load_from_file(str(path).encode(), llama.llama_model_default_params())
assert model, "llama.cpp does not load the file"
settings = llama.llama_context_default_params()
# llama_context_params begins with n_ctx, n_batch, n_ubatch, n_seq_max and, since 2026, may have more before the threads.
numbers = ctypes.cast(ctypes.byref(settings), ctypes.POINTER(ctypes.c_int32))
defaults = [numbers[i] for i in range(8)]
assert defaults[1:3] == [2048, 512], f"settings of another version: {defaults}"
numbers[0] = args.tokens + args.new_tokens
context = llama.llama_init_from_model(model, settings)
assert context, "llama.cpp makes no context"
llama.llama_set_n_threads.argtypes = [ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32]
llama.llama_set_n_threads(context, args.threads, args.threads)


def decode(tokens):
    ids = (ctypes.c_int32 * len(tokens))(*tokens)
    assert llama.llama_decode(context, llama.llama_batch_get_one(ids, len(tokens))) == 0, "llama.cpp fails"
    llama.llama_synchronize(context)


for run in range(args.runs + 1):
    llama.llama_memory_clear(llama.llama_get_memory(context), True)
    start = time.perf_counter()
    decode([10 + i % 400 for i in range(args.tokens)])
    read = time.perf_counter()
    for i in range(args.new_tokens - 1):
        decode([10 + i])
    end = time.perf_counter()
    if run:  # the first one warms up
        print(f"prompt {args.tokens / (read - start):.1f} tokens/s, a token {1e3 * (end - read) / (args.new_tokens - 1):.1f} ms, "
              f"{args.tokens} + {args.new_tokens} in {end - start:.2f} s", flush=True)
peak = [line for line in open("/proc/self/status") if line.startswith("VmHWM")][0].split()
print(f"peak {int(peak[1]) / 1024:.0f} MiB")
