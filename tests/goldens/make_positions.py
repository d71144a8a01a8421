"""Where tokens of a Qwen2.5-VL prompt stand, by transformers' get_rope_index: whole, pruned and repeated pictures.

get_rope_index knows pictures that are whole and have text around them. From those follow the lab's two levers:
a pruned picture's tokens stand where they stood in the whole one, and text goes on where it would have; a repeated
picture is that many pictures with no text between (asked with one word between, which is then taken out).
"""

import random

import torch
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from common import HERE, write_json

GRIDS = [(1, 1), (2, 2), (3, 5), (5, 3), (1, 7), (6, 2), (4, 9)]


def model():
    vision = dict(depth=1, hidden_size=8, intermediate_size=8, num_heads=2, out_hidden_size=8, fullatt_block_indexes=[0])
    text = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, num_key_value_heads=1,
                vocab_size=32, rope_parameters=dict(rope_type="default", rope_theta=1e6, mrope_section=[1, 1, 2]))
    return Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(vision_config=vision, text_config=text)).model


def rope_index(model, before, rows, cols, copies, after):
    """Positions [3, n] of before text, copies of a picture with nothing between, after text; and the next one."""
    kinds = [0] * before
    for copy in range(copies):
        kinds += ([0] if copy else []) + [1] * (rows * cols)
    kinds += [0] * after
    merge = model.config.vision_config.spatial_merge_size
    grid = torch.tensor([[1, rows * merge, cols * merge]] * copies)
    ids, kinds = torch.zeros(1, len(kinds), dtype=torch.long), torch.tensor([kinds], dtype=torch.int)
    found, delta = model.get_rope_index(ids, mm_token_type_ids=kinds, image_grid_thw=grid)
    found = found[:, 0]
    follows = int(delta[0, 0]) + kinds.shape[1]
    step = rows * cols + 1
    words = [before + copy * step - 1 for copy in range(1, copies)]
    keep = [i for i in range(kinds.shape[1]) if i not in words]
    shift = torch.tensor([sum(word < i for word in words) for i in keep])
    return (found[:, keep] - shift).T.tolist(), follows - len(words)


def main():
    reference, draw, cases = model(), random.Random(0), []
    for rows, cols in GRIDS:
        for copies in (1, 3):
            for before, after in ((2, 1), (5, 3))[: 2 if rows > cols else 1]:
                whole, follows = rope_index(reference, before, rows, cols, copies, after)
                n = rows * cols
                for kept in ([*range(n)], sorted(draw.sample(range(n), (n + 3) // 4))):
                    pictures = [whole[before + c * n + i] for c in range(copies) for i in kept]
                    cases.append(dict(
                        rows=rows, cols=cols, copies=copies, before=before, after=after, kept=kept, next=follows,
                        positions=whole[:before] + pictures + whole[before + copies * n:],
                    ))
    write_json(HERE / "positions.json", dict(cases=cases))
    print(f"positions.json: {len(cases)} cases")


if __name__ == "__main__":
    main()
