"""Holds the lean Qwen against transformers' on random weights: python -m model.check_qwen [TOKENIZER_FOLDER]"""

import sys
from pathlib import Path

import torch
from PIL import Image

from . import qwen_tokenizer
from .families import Qwen
from .qwen import patches, tables
from .qwen_export import describe, export, to_transformers


def main():
    torch.manual_seed(0)
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "../models/demo-qwen")
    family = Qwen({}, 214, folder / "tokenizer.json", "cpu")
    s, model = family.shape, family.model.eval()
    with torch.no_grad():  # biases, norms and sharper attention, so that every part counts
        for name, p in model.named_parameters():
            if p.ndim == 1:
                p.add_(torch.randn_like(p) * 0.2)
            elif "embed_tokens" in name:
                p.mul_(20)
            else:
                p.mul_(2)
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
    processor = Qwen2VLImageProcessorPil(patch_size=s.patch, merge_size=s.merge, temporal_patch_size=2,
                                         size={"shortest_edge": s.min_pixels, "longest_edge": s.max_pixels})
    hf, words = to_transformers(model), qwen_tokenizer.for_segments(folder / "tokenizer.json")
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (processor.image_mean, processor.image_std))
    asked = [("What is it?", "It is a dog."), ("How many things are there in the picture?", "There are three things.")]
    for rows, columns in family.forms:
        eight = torch.randint(0, 256, (rows * family.patch, columns * family.patch, 3), dtype=torch.uint8)
        seen = processor(Image.fromarray(eight.numpy()), return_tensors="pt")
        assert seen["image_grid_thw"].tolist() == [[1, 2 * rows, 2 * columns]], (rows, columns, seen["image_grid_thw"])
        mine = patches(((eight.permute(2, 0, 1).float() / 255).sub(mean) / std)[None], s)
        both = seen["pixel_values"].view(-1, 3, 2, s.patch ** 2)
        n = len(both)
        apart = (both[:, :, 0].flatten(1) - mine[0, :n]).abs().max().item()
        assert torch.equal(both[:, :, 0], both[:, :, 1])
        ids, positions, segments, at, spans = [], [], [], [], []
        for k, (q, a) in enumerate(asked):
            q, a = words.encode(qwen_tokenizer.segment(q)).ids, words.encode(a).ids
            spans.append((q, a))
            at += range(len(ids) + len(q) - 1, len(ids) + len(q) + len(a))
            ids += q + a
            positions += range(len(q) + len(a))
            segments += [k + 1] * (len(q) + len(a))
        row = lambda x: torch.tensor(x)[None]
        with torch.no_grad():
            logits, *_ = model(mine, tables(s, rows, columns, len(family.prefix)), family.prefix, family.after, row(ids), row(positions), row(segments), torch.tensor(at))
            worst, start = 0.0, 0
            for q, a in spans:
                whole = torch.cat([family.prefix, torch.full((n // 4,), qwen_tokenizer.ID["<|image_pad|>"]), family.after, torch.tensor(q + a)])[None]
                kinds = (whole == qwen_tokenizer.ID["<|image_pad|>"]).int()
                theirs = hf(input_ids=whole, mm_token_type_ids=kinds, **seen).logits[0, -len(a) - 1:]
                worst = max(worst, (theirs - logits[start:start + len(a) + 1]).abs().max().item())
                start += len(a) + 1
        print(f"{rows} x {columns}: logits differ by {worst:.1e} of {theirs.abs().max():.1f}, pixels by {apart:.1e}, "
              f"tokens {len(family.prefix) + s.tokens + 1} + text")
        assert worst < 2e-3 and apart < 1e-5
    print(sum(p.numel() for n, p in model.named_parameters() if "head." not in n), "parameters")
    if len(sys.argv) > 2:  # a folder with these random weights, to try loading
        print(export(model, sys.argv[2]), "bytes")
        describe(s, sys.argv[2])


if __name__ == "__main__":
    main()
