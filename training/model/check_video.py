"""Holds the lean film model and the drawn patches against transformers': python -m model.check_video TOKENIZER_OR_MODEL_FOLDER

Without weights in the folder, random ones.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from video import draw, scenes
from video.batches import text_at

from . import qwen_export
from .media_tokenizer import OPENING, VIDEO
from .qwen import tables
from .video import Shape, Video
from .video_export import describe, read


def random(s):
    """Random weights with biases, norms and attention sharp enough that every part counts."""
    torch.manual_seed(0)
    model = Video(s).eval()
    for name, p in model.named_parameters():
        if p.ndim == 1:
            p.add_(torch.randn_like(p) * 0.2)
        else:
            p.mul_(20 if "embed_tokens" in name else 2)
    return model


@torch.no_grad()
def main():
    from transformers import Qwen2VLVideoProcessor
    from transformers.video_utils import VideoMetadata
    folder, s, rng = Path(sys.argv[1]), Shape(), np.random.default_rng(0)
    model = read(folder) if (folder / "model.safetensors").exists() else random(s)
    hf, words = qwen_export.to_transformers(model, VIDEO.ID), VIDEO.for_segments(folder / "tokenizer.json")
    with tempfile.TemporaryDirectory() as own:
        describe(s, own)
        processor = Qwen2VLVideoProcessor.from_pretrained(own)
    prefix, after, pad = torch.tensor(words.encode(OPENING).ids), torch.tensor([VIDEO.ID["<|vision_end|>"]]), VIDEO.ID["<|video_pad|>"]
    asked = [("Which way does the circle move?", "The circle moves left."), ("The film shows that the star grows. What happens first?", "The star grows.")]
    for form, grids, fps in ((0, 8, 2.0), (1, 4, 1.0), (6, 5, 2.0), (7, 3, 0.75), (9, 2, 4.0), (4, 1, 2.0)):
        rows, columns = scenes.FORMS[form]
        scene = scenes.sample(rng, form, grids)
        scene["look"][scenes.GRAIN] = 0
        frames = draw.film(scene["track"], scene["look"], scene["n"], rows * scenes.TOKEN, columns * scenes.TOKEN)
        seen = processor(videos=[frames], return_tensors="pt", video_metadata=[VideoMetadata(total_num_frames=len(frames), fps=fps, frames_indices=list(range(len(frames))))])
        assert seen["video_grid_thw"].tolist() == [[grids, 2 * rows, 2 * columns]], seen["video_grid_thw"]
        as_tensor = lambda x: torch.as_tensor(x)[None]
        mine, *_ = draw.Composer((rows, columns), s, "cpu")(as_tensor(scene["track"]), as_tensor(scene["look"]), draw.patches_and_owners)
        theirs = seen["pixel_values_videos"].view(grids, -1, mine.shape[-1])
        apart = (mine[0, :grids, :theirs.shape[1]] - theirs).abs().max().item()
        seconds = 2 / fps
        step = 2 * int(seconds)  # transformers 5.17: whole seconds only
        times = torch.zeros(1, s.grids)
        times[0, :grids] = torch.arange(grids) * step
        ids, positions, segments, at, spans = [], [], [], [], []
        for k, (q, a) in enumerate(asked):
            q, a = words.encode(VIDEO.segment(q)).ids, words.encode(a).ids
            spans.append((q, a))
            at += range(len(ids) + len(q) - 1, len(ids) + len(q) + len(a))
            ids += q + a
            positions += range(len(q) + len(a))
            segments += [k + 1] * (len(q) + len(a))
        row = lambda x: torch.tensor(x)[None]
        logits, *_ = model(mine, tables(s, rows, columns, len(prefix)), times, torch.tensor([grids]), torch.tensor([text_at(times[0, :grids].numpy(), rows, columns, False)]),
                           prefix, after, row(ids), row(positions), row(segments), torch.tensor(at))
        worst, start = 0.0, 0
        for q, a in spans:
            whole = torch.cat([prefix, torch.full((grids * rows * columns,), pad), after, torch.tensor(q + a)])[None]
            out = hf(input_ids=whole, mm_token_type_ids=2 * (whole == pad).int(), pixel_values_videos=seen["pixel_values_videos"], video_grid_thw=seen["video_grid_thw"],
                     second_per_grid_ts=torch.tensor([seconds])).logits[0, -len(a) - 1:]
            hf.model.rope_deltas = None
            worst = max(worst, (out - logits[start:start + len(a) + 1]).abs().max().item())
            start += len(a) + 1
        print(f"{grids} pairs of {rows} x {columns} at {fps} frames a second: logits differ by {worst:.1e} of {out.abs().max():.1f}, pixels by {apart:.1e}")
        assert worst < 2e-3 and apart < 1e-5
    print(sum(p.numel() for n, p in model.named_parameters() if "_head." not in n), "parameters")


if __name__ == "__main__":
    main()
