"""The figures that experiment_stats.rs compares with, and golden.json, from numpy and scipy.

    pip install numpy==2.4.6 scipy==1.17.1
    python shared/tests/experiments/reference.py

golden.json holds made-up attention sums of two conditions and what the tables must say of them; nothing
of the lab's own code takes part in it.
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats

HERE = Path(__file__).parent


def t_interval(values):
    """Student's t interval of the mean."""
    if len(values) < 5:
        return None, None
    ci = stats.ttest_1samp(values, 0.0).confidence_interval(0.95)
    return float(ci.low), float(ci.high)


def ratios(values):
    values = np.asarray(values, dtype=float)
    low, high = t_interval(np.log(values))
    return {
        "n": len(values),
        "mean": float(values.mean()),
        "sd": float(values.std(ddof=1)),
        "geometric_mean": float(stats.gmean(values)),
        "sd_factor": float(stats.gstd(values, ddof=1)),
        "geometric_low": None if low is None else float(np.exp(low)),
        "geometric_high": None if high is None else float(np.exp(high)),
    }


def shares(values):
    values = np.asarray(values, dtype=float)
    low, high = t_interval(values)
    return {"n": len(values), "mean": float(values.mean()), "sd": float(values.std(ddof=1)), "low": low, "high": high}


def paired_ratio(before, after):
    logs = np.log(np.asarray(after)) - np.log(np.asarray(before))
    low, high = t_interval(logs)
    return {
        "n": len(logs),
        "ratio": float(np.exp(logs.mean())),
        "sd_factor": float(np.exp(logs.std(ddof=1))),
        "low": None if low is None else float(np.exp(low)),
        "high": None if high is None else float(np.exp(high)),
    }


def paired_difference(before, after):
    before, after = np.asarray(before), np.asarray(after)
    low, high = t_interval(after - before)
    return {"n": len(before), "from": float(before.mean()), "to": float(after.mean()),
            "difference": float((after - before).mean()), "low": low, "high": high}


def bonett_price(before, after):
    """Bonett and Price, 2012: Adjusted Wald interval for a difference of paired proportions."""
    before, after, n = np.asarray(before), np.asarray(after), len(before)
    lost = ((before == 1) & (after == 0)).sum()
    won = ((before == 0) & (after == 1)).sum()
    p12, p21 = (lost + 1) / (n + 2), (won + 1) / (n + 2)
    half = stats.norm.ppf(0.975) * np.sqrt((p12 + p21 - (p21 - p12) ** 2) / (n + 2))
    return after.mean() - before.mean(), p21 - p12 - half, p21 - p12 + half


values = np.array([1.58, 2.26, 0.57, 10.23, 17.37, 3.39, 1.84, 0.86, 0.48, 4.23, 1.1, 5.46])
other = values[::-1] * 0.25 + 1

for df in [1, 4, 30, 31, 99, 1000]:
    print("t", df, repr(float(stats.t.ppf(0.975, df))))
print("ratios", ratios(values))
print("shares", shares(values / 20))
print("paired ratio", paired_ratio(other, values))
print("paired difference", paired_difference(other / 20, values / 20))
print("ratio of means", repr(values.mean() / other.mean()))
print("paired shares", [repr(float(v)) for v in bonett_price([1] * 7 + [0] * 5, [1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0])])
for count, n in [(0, 20), (20, 20), (7, 20), (81, 100), (1, 1)]:
    ci = stats.binomtest(count, n).proportion_ci(method="wilson")
    print("wilson", count, n, repr(ci.low), repr(ci.high))


# ── golden.json: tables from attention sums ──────────────────────────────────

# Key groups in the lab's order.
BEGIN, SYSTEM, TEMPLATE, MARKER, IMAGE, INSTRUCTION, GENERATED = range(7)
LAYERS, SAMPLES = 4, 9
# The paper's best reading: what is not picture and was not generated is text; stages of two layers.
TEXT = [BEGIN, SYSTEM, TEMPLATE, MARKER, INSTRUCTION]
STAGES = {"early": [0, 1], "middle": [1, 2], "late": [2, 3]}


def made(rng, image, sample):
    """One sample's counts and masses: skewed, and rounded so that the file stays small."""
    counts = [1, 0, 5, 2, image, 6 + sample % 4, 0]
    layers = []
    for _ in range(LAYERS):
        last = np.array([rng.lognormal(0.0, 0.9) * c for c in counts])
        generated = np.array([rng.lognormal(0.0, 0.6) * c for c in counts])
        layers.append({
            "last": np.round(last / last.sum(), 4).tolist(),
            "generated": np.round(3 * generated / generated.sum(), 4).tolist(),
            "prompt": [[0.0] * 7 for _ in range(7)],
        })
    return {"extent": {"prompt": counts, "generated": 3}, "layers": layers}


def sides(masses, layer):
    row = np.array(masses["layers"][layer]["last"]) + np.array(masses["layers"][layer]["generated"])
    return row[TEXT].sum(), row[IMAGE]


def tokens(masses):
    counts = np.array(masses["extent"]["prompt"])
    return counts[TEXT].sum(), counts[IMAGE]


def mdi(masses, stage, counts=None):
    n_text, n_image = counts or tokens(masses)
    of_layer = [(t / n_text) / (o / n_image) for t, o in (sides(masses, l) for l in STAGES[stage])]
    return np.mean(of_layer)


def share(masses, stage):
    return np.mean([t / (t + o) for t, o in (sides(masses, l) for l in STAGES[stage])])


rng = np.random.default_rng(11)
plain = [made(rng, 64, s) for s in range(SAMPLES)]
pruned = [made(rng, 16, s) for s in range(SAMPLES)]
right = [[int(rng.random() < p) for _ in range(SAMPLES)] for p in (0.8, 0.5)]
expected = {}
for stage in STAGES:
    before, after = [mdi(m, stage) for m in plain], [mdi(m, stage) for m in pruned]
    null = [mdi(m, stage, tokens(p)) for m, p in zip(plain, pruned)]
    expected[stage] = {
        "mdi": [ratios(before), ratios(after)],
        "share_text": [shares([share(m, stage) for m in side]) for side in (plain, pruned)],
        "change": paired_ratio(before, after),
        "counts": paired_ratio(before, null),
        "null_mdi": ratios(null),
        "beyond": paired_ratio(null, after),
        "share_change": paired_difference([share(m, stage) for m in plain], [share(m, stage) for m in pruned]),
    }
difference, low, high = bonett_price(*right)
golden = {
    "items": [plain, pruned],
    "right": right,
    "stages": expected,
    "right_change": {"difference": float(difference), "low": float(low), "high": float(high)},
}
(HERE / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
