"""Holds the lean audio model and our log-mel against transformers': python -m model.check_audio MODEL_FOLDER"""

import sys

import numpy as np
import torch

from audio.compose import filters, log_mel

from .audio_export import read
from .media_tokenizer import AUDIO, AUDIO_OPENING


@torch.no_grad()
def main():
    from transformers import AutoProcessor, Qwen2AudioForConditionalGeneration
    folder, rng = sys.argv[1], np.random.default_rng(0)
    lean, tokenizer = read(folder), AUDIO.for_segments(f"{folder}/tokenizer.json")
    processor = AutoProcessor.from_pretrained(folder)
    theirs = Qwen2AudioForConditionalGeneration.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    prefix, after = torch.tensor(tokenizer.encode(AUDIO_OPENING).ids), torch.tensor([AUDIO.ID["<|audio_eos|>"]])
    for samples in (21920, 96000, 16000, 50001, 1700):
        t = np.arange(samples) / 16000
        wave = (0.3 * np.sin(2 * np.pi * (300 + 200 * np.sin(5 * t)) * t) + 0.02 * rng.standard_normal(samples)).astype(np.float32)
        asked = [("What is it?", "It is a dog."), ("The recording contains a bell. What do you hear?", "It is a bell.")]
        seen = processor.feature_extractor(wave, sampling_rate=16000, padding="max_length", return_attention_mask=True, return_tensors="pt")
        mel = log_mel(torch.nn.functional.pad(torch.from_numpy(wave), (0, 96000 - samples))[None], torch.from_numpy(filters()).float())
        heard = seen["attention_mask"].sum(-1)
        assert heard.item() == (samples - 1) // 160 + 1
        ids, positions, segments, at, spans = [], [], [], [], []
        for k, (q, a) in enumerate(asked):
            q, a = tokenizer.encode(AUDIO.segment(q)).ids, tokenizer.encode(a).ids
            spans.append(len(a) + 1)
            at += range(len(ids) + len(q) - 1, len(ids) + len(q) + len(a))
            positions += range(len(q) + len(a))
            segments += [k + 1] * (len(q) + len(a))
            ids += q + a
        row = lambda x: torch.tensor(x)[None]
        mine, _ = lean(seen["input_features"], heard, prefix, after, row(ids), row(positions), row(segments), torch.tensor(at))
        worst, start = 0.0, 0
        for (q, a), n in zip(asked, spans):
            talk = [{"role": "user", "content": [{"type": "audio", "audio_url": "x"}, {"type": "text", "text": q}]}]
            text = processor.apply_chat_template(talk, add_generation_prompt=True, tokenize=False) + a
            inputs = processor(text=text, audio=[wave], sampling_rate=16000, return_tensors="pt")
            logits = theirs(**inputs).logits[0, -n:]
            worst = max(worst, (logits - mine[start:start + n]).abs().max().item())
            start += n
        apart = (mel - seen["input_features"]).abs().max().item()
        print(f"{samples} samples: logits differ by {worst:.1e} of {logits.abs().max():.1f}, log-mel by {apart:.1e}, {lean.tokens(heard).item()} audio tokens")
        assert worst < 2e-3 and apart < 1e-3
    print(sum(p.numel() for n, p in lean.named_parameters() if "sound_head" not in n), "parameters")


if __name__ == "__main__":
    main()
