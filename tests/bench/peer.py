"""The bench's peer: transformers, eager attention, attentions handed out, on a LLaVA of 10.8 million parameters.

    python tests/bench/peer.py [RUNS]

Random weights of the sizes that `langoverrule bench --shape llava-10m` runs: 171 tokens in, 20 new ones.
Prints one JSON line: medians in milliseconds of one forward pass and of generating. Needs torch and transformers.
"""

import json
import statistics
import sys
import time

import torch
import transformers
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

transformers.logging.set_verbosity_error()
torch.manual_seed(0)
torch.set_num_threads(torch.get_num_threads() if torch.get_num_threads() < 2 else 2)
runs = int(sys.argv[1]) if len(sys.argv) > 1 else 11

vision = CLIPVisionConfig(hidden_size=192, intermediate_size=768, num_hidden_layers=6, num_attention_heads=6,
                          image_size=168, patch_size=14)
text = LlamaConfig(hidden_size=256, intermediate_size=768, num_hidden_layers=8, num_attention_heads=8,
                   num_key_value_heads=8, vocab_size=2048, max_position_embeddings=4096)
config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=2047, vision_feature_layer=-2)
config._attn_implementation = "eager"
model = LlavaForConditionalGeneration(config).eval()

ids = torch.randint(10, 400, (1, 171))
ids[0, 7:151] = 2047
inputs = {"input_ids": ids, "pixel_values": torch.randn(1, 3, 168, 168), "attention_mask": torch.ones_like(ids)}


@torch.inference_mode()
def forward():
    return model(**inputs, output_attentions=True)


@torch.inference_mode()
def generate():
    return model.generate(**inputs, max_new_tokens=20, min_new_tokens=20, do_sample=False, output_attentions=True,
                          return_dict_in_generate=True)


def median(call):
    for _ in range(3):
        call()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        call()
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times)


print(json.dumps({"forward_ms": median(forward), "generate_ms": median(generate), "runs": runs,
                  "torch": torch.__version__, "transformers": transformers.__version__,
                  "threads": torch.get_num_threads(), "parameters": sum(p.numel() for p in model.parameters())}))
