"""A tiny Qwen2.5-VL asked about a film: checkpoint, six frames of three seconds, and what transformers computes of it.

Three steps of 3 x 5 tokens at two frames a second, windows of 112 pixels, full attention in blocks 1 and 3 of 4. Random
weights big enough that attention is far from uniform, one eager pass, 20 greedy tokens, f32, one thread.
`golden.safetensors` holds the processor's outputs by their names, `features` behind the merger, `position_ids` [3, S],
`logits` of the last prompt row, `prefill` [layers, heads, S, S], `generated` [layers, heads, 19, S + 19] and
`logits_generated`. Helpers are those of make_audio.py.
"""

import shutil

import numpy as np
import torch
from PIL import Image, ImageDraw
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.qwen2_vl.video_processing_qwen2_vl import Qwen2VLVideoProcessor
from transformers.video_utils import VideoMetadata

import make_audio
from common import HERE
from make_audio import build, qwen_tok, tries

OUT = make_audio.OUT = HERE / "qwen2.5-vl-film"
VIS = ["<|object_ref_start|>", "<|object_ref_end|>", "<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>"]
JINJA = ("{% for message in messages %}{% if loop.first and message['role'] != 'system' %}<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n{% endif %}"
         "<|im_start|>{{ message['role'] }}\n{% for c in message['content'] %}{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
         "{% elif c['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}{% endfor %}<|im_end|>\n{% endfor %}"
         "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def picture(w, h, seed):
    r = np.random.default_rng(seed)
    im = Image.fromarray(r.integers(0, 255, (max(2, h // 9), max(2, w // 9), 3), dtype=np.uint8)).resize((w, h), Image.BICUBIC)
    d = ImageDraw.Draw(im); d.ellipse((w * .1, h * .2, w * .5, h * .7), fill=(220, 30, 40)); d.rectangle((w * .6, h * .5, w * .9, h * .9), fill=(20, 60, 220))
    return im


def make(seed, text, vision, llm, section, pixels, video):
    d = OUT; shutil.rmtree(d, ignore_errors=True); (d / "frames").mkdir(parents=True)
    tok = qwen_tok(VIS); tid = tok.convert_tokens_to_ids; p = vision["patch_size"]
    ip = Qwen2VLImageProcessorPil(patch_size=p, size={"shortest_edge": pixels[0], "longest_edge": pixels[1]})
    vmin, vmax = video["pixels"]
    vp = Qwen2VLVideoProcessor(patch_size=p, size={"shortest_edge": vmin, "longest_edge": vmax}, cap_pixels_per_frame=False, do_sample_frames=False)
    proc = Qwen2_5_VLProcessor(image_processor=ip, tokenizer=tok, video_processor=vp, chat_template=JINJA)
    cfg = Qwen2_5_VLConfig(
        text_config=dict(vocab_size=len(tok) + 3, rms_norm_eps=1e-6, max_position_embeddings=4096, tie_word_embeddings=False, bos_token_id=tid("<|endoftext|>"),
                         rope_parameters={"rope_type": "default", "rope_theta": 1e6, "mrope_section": section}, eos_token_id=tid("<|im_end|>"), pad_token_id=None, **llm),
        vision_config=vision, image_token_id=tid("<|image_pad|>"), video_token_id=tid("<|video_pad|>"), vision_start_token_id=tid("<|vision_start|>"),
        vision_end_token_id=tid("<|vision_end|>"), tie_word_embeddings=False)
    m = build(Qwen2_5_VLForConditionalGeneration, cfg, seed); m.generation_config.eos_token_id = [tid("<|im_end|>"), tid("<|endoftext|>")]
    w, h, total, fps, idx = video["w"], video["h"], video["total"], video["fps"], video["indices"]; frames = []
    for i in idx:
        im = picture(w, h, seed % 100); ImageDraw.Draw(im).rectangle((w * i / total, 0, w * i / total + w / 8, h / 3), fill=(0, 255 * i // total, 0))
        im.save(d / f"frames/{i:05d}.png"); frames.append(np.array(im))
    prompt = proc.apply_chat_template([{"role": "user", "content": [{"type": "video"}, {"type": "text", "text": text}]}], add_generation_prompt=True)
    meta = VideoMetadata(total_num_frames=total, fps=fps, frames_indices=list(idx), width=w, height=h)
    x = proc(text=[prompt], return_tensors="pt", videos=[np.stack(frames)], videos_kwargs={"video_metadata": [meta], "do_sample_frames": False}); x.pop("video_metadata", None)
    pos, delta = m.model.get_rope_index(x["input_ids"], mm_token_type_ids=x["mm_token_type_ids"], image_grid_thw=None, video_grid_thw=x["video_grid_thw"],
                                        second_per_grid_ts=x["second_per_grid_ts"], attention_mask=x["attention_mask"])
    m.model.rope_deltas = None; f = torch.cat(list(m.model.get_image_features(x["pixel_values_videos"], x["video_grid_thw"]).pooler_output)); m.model.rope_deltas = None
    raw = {"text": text, "frames": "frames", "source_frames": total, "source_fps": fps, "frames_indices": list(idx)}
    extra = {"second_per_grid_ts": [float(s) for s in x["second_per_grid_ts"]], "rope_delta": int(delta), "grid_thw": x["video_grid_thw"].tolist()}
    make_audio.run(m, proc, x, {tid("<|image_pad|>"), tid("<|video_pad|>")}, prompt, raw, features=f, extra=extra, more={"position_ids": pos[:, 0]})


if __name__ == "__main__":
    tries(make, 15, "What happens?",
          dict(in_channels=3, spatial_merge_size=2, temporal_patch_size=2, hidden_act="silu", tokens_per_second=2, depth=4, hidden_size=32, num_heads=4, intermediate_size=48,
               out_hidden_size=48, patch_size=14, window_size=112, fullatt_block_indexes=[1, 3]),
          dict(hidden_size=48, intermediate_size=80, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=2), [1, 2, 1], (3136, 12845056),
          dict(w=160, h=90, total=90, fps=30.0, indices=[0, 18, 36, 53, 71, 89], pixels=(784, 12544)))
