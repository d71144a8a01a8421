"""The bench's peer: transformers with eager attention, attentions handed out, on random weights.

    python tests/bench/peer.py [--shape llava-10m] [--device cpu] [--mode f32] [--text-tokens 27]
                               [--new-tokens 20] [--runs N]

The sizes are those of `langoverrule bench`, which runs this beside itself when it is named with --peer. What is
timed is what the paper's reference implementation does: generate with every attention map kept, then the mean over
heads of every layer's and token's map brought to the host. Prints one JSON line: medians in milliseconds, and on a GPU
the most memory in use, as its driver sees it. Needs torch and transformers, and bitsandbytes for nf4.
"""

import argparse
import gc
import json
import statistics
import time

import torch
import transformers

SHAPES = {  # vision: width, MLP, layers, heads, pixels; text: vocabulary, width, MLP, layers, heads, key heads
    "llava-10m": ((192, 768, 6, 6, 168), (2048, 256, 768, 8, 8, 8)),
    "llava-1.5-7b": ((1024, 4096, 24, 16, 336), (32_064, 4096, 11_008, 32, 32, 32)),
    "llava-1.5-13b": ((1024, 4096, 24, 16, 336), (32_064, 5120, 13_824, 40, 40, 40)),
    "qwen2.5-vl-3b": (None, (151_936, 2048, 11_008, 36, 16, 2)),
    "qwen2.5-vl-7b": (None, (152_064, 3584, 18_944, 28, 28, 4)),
}
TYPES = {"f32": torch.float32, "fp16": torch.float16, "nf4": torch.float16}

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--shape", default="llava-10m", choices=SHAPES)
parser.add_argument("--device", default="cpu")
parser.add_argument("--mode", default="f32", choices=TYPES)
parser.add_argument("--text-tokens", type=int, default=27)
parser.add_argument("--new-tokens", type=int, default=20)
parser.add_argument("--runs", type=int)
parser.add_argument("--layers", type=int, help="so many layers only, to try this script where the whole does not fit")
args = parser.parse_args()

device, dtype, on_gpu = torch.device(args.device), TYPES[args.mode], args.device.startswith("cuda")
runs = args.runs or (5 if on_gpu else 11)
transformers.logging.set_verbosity_error()
torch.manual_seed(0)
torch.set_num_threads(min(torch.get_num_threads(), 2))


def llava():
    """A LLaVA and the number of its image tokens."""
    (width, mlp, layers, heads, pixels), (vocab, *text) = SHAPES[args.shape]
    vision = transformers.CLIPVisionConfig(hidden_size=width, intermediate_size=mlp, num_hidden_layers=args.layers or layers,
                                           num_attention_heads=heads, image_size=pixels, patch_size=14)
    text = transformers.LlamaConfig(vocab_size=vocab, max_position_embeddings=1 << 18, rms_norm_eps=1e-5,
                                    **sizes(*text))
    config = transformers.LlavaConfig(vision_config=vision, text_config=text, image_token_index=vocab - 1,
                                      vision_feature_layer=-2, vision_feature_select_strategy="default")
    pictures = {"pixel_values": torch.randn(1, 3, pixels, pixels)}
    return transformers.LlavaForConditionalGeneration, config, vocab - 1, (pixels // 14) ** 2, pictures


def qwen():
    """A Qwen2.5-VL and the number of image tokens of a picture of 480 × 480."""
    vocab, *text = SHAPES[args.shape][1]
    side = 34  # patches: 476 pixels
    config = transformers.Qwen2_5_VLConfig(
        text_config={"vocab_size": vocab, "max_position_embeddings": 128_000, "rms_norm_eps": 1e-6, **sizes(*text),
                     "tie_word_embeddings": args.shape.endswith("3b"),
                     "rope_scaling": {"type": "mrope", "rope_type": "default", "mrope_section": [16, 24, 24]}},
        vision_config={"depth": args.layers or 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "patch_size": 14,
                       "spatial_merge_size": 2, "window_size": 112, "fullatt_block_indexes": [7, 15, 23, 31],
                       "out_hidden_size": text[0]},
        image_token_id=151_655, vision_start_token_id=151_652)
    pictures = {"pixel_values": torch.randn(side * side, 3 * 2 * 14 * 14),
                "image_grid_thw": torch.tensor([[1, side, side]])}
    return transformers.Qwen2_5_VLForConditionalGeneration, config, 151_655, (side // 2) ** 2, pictures


def sizes(width, mlp, layers, heads, kv_heads):
    return {"hidden_size": width, "intermediate_size": mlp, "num_hidden_layers": args.layers or layers,
            "num_attention_heads": heads, "num_key_value_heads": kv_heads}


def quantize(model):
    """All linear maps but the head in bitsandbytes' nf4."""
    import bitsandbytes as bnb

    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, torch.nn.Linear) and name != "lm_head":
                new = bnb.nn.Linear4bit(child.in_features, child.out_features, child.bias is not None,
                                        compute_dtype=dtype, compress_statistics=False, quant_type="nf4", device="meta")
                new.weight = bnb.nn.Params4bit(child.weight.data, requires_grad=False, compress_statistics=False,
                                               quant_type="nf4")
                if child.bias is not None:
                    new.bias = torch.nn.Parameter(child.bias.data, requires_grad=False)
                setattr(module, name, new.to(device))


make, config, image_token, image_tokens, pictures = llava() if args.shape.startswith("llava") else qwen()
torch.set_default_dtype(dtype)
with device:
    model = make._from_config(config, attn_implementation="eager", dtype=dtype).eval()
torch.set_default_dtype(torch.float32)
parameters = sum(p.numel() for p in model.parameters())
if args.mode == "nf4":
    quantize(model)
generation = model.generation_config
generation.eos_token_id, generation.pad_token_id, generation.bos_token_id = None, 0, 1

ids = torch.randint(10, 400, (1, image_tokens + args.text_tokens))
ids[0, 7:7 + image_tokens] = image_token
if not args.shape.startswith("llava"):
    ids[0, 6] = config.vision_start_token_id
inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), **pictures}
if "image_grid_thw" in pictures:
    inputs["mm_token_type_ids"] = (ids == image_token).int()
inputs = {name: x.to(device, dtype if x.is_floating_point() else None) for name, x in inputs.items()}


def generate(tokens, **options):
    return model.generate(**inputs, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=False, **options)


def whole():
    out = generate(args.new_tokens, output_attentions=True, return_dict_in_generate=True)
    return [[layer.mean(1).cpu() for layer in step] for step in out.attentions]


def observed_prefill():
    return model(**inputs, use_cache=True, output_attentions=True, logits_to_keep=1)


def prefill():
    return model(**inputs, use_cache=True, logits_to_keep=1)


def wait():
    if on_gpu:
        torch.cuda.synchronize()


@torch.inference_mode()
def median(call):
    for _ in range(1 if on_gpu else 2):
        call()
    times = []
    for _ in range(runs):
        wait()
        start = time.perf_counter()
        result = call()
        wait()
        times.append(1e3 * (time.perf_counter() - start))
        del result
    return statistics.median(times)


gc.collect()
if on_gpu:
    torch.cuda.empty_cache()
whole_ms = median(whole)
peak = None
if on_gpu:
    # Torch keeps what it was given, so what is in use now is the most there was.
    free, total = torch.cuda.mem_get_info()
    peak = (total - free) / 2**20
many, one = median(lambda: generate(args.new_tokens)), median(lambda: generate(1))
print(json.dumps({
    "mode": args.mode, "tokens_in": ids.shape[1], "tokens_out": args.new_tokens, "whole_ms": whole_ms,
    "observed_prefill_ms": median(observed_prefill), "prefill_ms": median(prefill),
    "ms_per_token": (many - one) / max(args.new_tokens - 1, 1), "gpu_peak_mib": peak, "runs": runs,
    "torch": torch.__version__, "transformers": transformers.__version__, "parameters": parameters}))
