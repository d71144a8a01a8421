"""Holds the lean series model against transformers' Qwen2 with its encoder in front: python -m model.check_series MODEL_FOLDER"""

import sys

import numpy as np
import torch

from evaluate_media import load_series, series_prompt
from series.questions import ask
from series.shapes import patches, sample

from .series_export import read


@torch.no_grad()
def main():
    lean = read(sys.argv[1])
    tokenizer, encoder, theirs = load_series(sys.argv[1], "cpu")
    rng, worst = np.random.default_rng(3), 0.0
    for _ in range(8):
        scene = sample(rng)
        found = torch.from_numpy(patches(scene)[0]).float()
        two, rows = ask(scene, rng, 2), []
        ids, positions, segments, at = [], [], [], []
        for k, got in enumerate(two):
            whole, slots = series_prompt(scene, got["question"], tokenizer)
            start = len(slots) - slots[::-1].index(max(slots))  # behind the last patch
            text = whole[start:]
            x = theirs.get_input_embeddings()(torch.tensor(whole)).clone()
            x[torch.tensor(slots) >= 0] = encoder(found)
            rows.append(theirs(inputs_embeds=x[None]).logits[0, -1])
            at.append(len(ids) + len(text) - 1)
            ids += text
            positions += range(len(text))
            segments += [k + 1] * len(text)
        row = lambda v: torch.tensor(v)[None]
        # Two more places in the context than needed: what is not there must not count.
        mine = lean(found[None], row(whole[:start] + [-1, -1]), row(slots[:start] + [-1, -1]), row(ids), row(positions), row(segments), torch.tensor(at))
        worst = max(worst, (mine - torch.stack(rows)).abs().max().item())
    print(f"logits differ by {worst:.1e} of {mine.abs().max():.1f}; {sum(p.numel() for p in lean.parameters())} parameters")
    assert worst < 2e-3


if __name__ == "__main__":
    main()
