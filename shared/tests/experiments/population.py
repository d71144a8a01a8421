"""population.json: the demo models' own MDI and words' share on 100 samples, from which
experiment_coverage.rs draws.

    langoverrule experiment --model demo-llava,demo-qwen --prune 0,0.75,0.95 --samples 100 --out results/paper
    python shared/tests/experiments/population.py results/paper/items.jsonl
"""

import json
import sys
from pathlib import Path

IMAGE, GENERATED = 4, 6
TEXT = [0, 1, 2, 3, 5]
# Model, share dropped, layers from the end that make the stage (8 layers: the last two; the middle two).
WANTED = [("demo-llava", 0.75, [6, 7]), ("demo-qwen", 0.95, [3, 4])]

lines = [json.loads(line) for line in open(sys.argv[1])]
grid = lines[0]["experiment"]["grid"]
items = {line["item"]: line["outcome"]["masses"] for line in lines[1:] if line.get("outcome")}


def of(masses, layers):
    counts = masses["extent"]["prompt"]
    n_text, n_image = sum(counts[g] for g in TEXT), counts[IMAGE]
    mdi, share = 0.0, 0.0
    for layer in layers:
        row = [a + b for a, b in zip(masses["layers"][layer]["last"], masses["layers"][layer]["generated"])]
        text, image = sum(row[g] for g in TEXT), row[IMAGE]
        mdi += text / n_text / (image / n_image) / len(layers)
        share += text / (text + image) / len(layers)
    return mdi, share


found = []
for model, dropped, layers in WANTED:
    def condition(prune):
        fits = [
            c["index"] for c in grid["conditions"]
            if c["model"] == model and abs(c["prune"] - prune) < 1e-6 and c["replicate"] == 1
            and not c.get("prune_by") and not c.get("picture")
        ]
        assert len(fits) == 1, fits
        return fits[0] * grid["samples"]

    pairs = [
        (of(items[condition(0) + s], layers), of(items[condition(dropped) + s], layers))
        for s in range(grid["samples"])
    ]
    found.append({
        "what": f"{model}, layers {layers}, {dropped:.0%} dropped",
        "mdi": [[round(a[0], 5), round(b[0], 5)] for a, b in pairs],
        "share": [[round(a[1], 5), round(b[1], 5)] for a, b in pairs],
    })
(Path(__file__).parent / "population.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")
