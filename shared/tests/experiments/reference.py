"""The figures that experiment_stats.rs compares with, from numpy and scipy.

    pip install numpy==2.4.6 scipy==1.17.1
    python shared/tests/experiments/reference.py
"""

import numpy as np
from scipy import stats

MASK = 2**64 - 1


def splitmix64(seed):
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


values = np.array([1.58, 2.26, 0.57, 10.23, 17.37, 3.39, 1.84, 0.86, 0.48, 4.23, 1.1, 5.46])
print("mean", repr(values.mean()), "sd", repr(values.std(ddof=1)))

bits = splitmix64(7)
draws = np.array([(next(bits) * len(values)) >> 64 for _ in range(2000 * len(values))])
means = values[draws.reshape(2000, len(values))].mean(axis=1)
print("interval", [repr(q) for q in np.quantile(means, [0.025, 0.975])])

other = values[::-1] * 0.25 + 1
pairs = np.stack([values, other], axis=1)
resampled = pairs[draws.reshape(2000, len(values))].mean(axis=1)
ratio = resampled[:, 0] / resampled[:, 1]
print("ratio", repr(values.mean() / other.mean()), [repr(q) for q in np.quantile(ratio, [0.025, 0.975])])

scipys = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=200_000, rng=np.random.default_rng(1))
print("scipy's own draws", scipys.confidence_interval)

for count, n in [(0, 20), (20, 20), (7, 20), (81, 100), (1, 1)]:
    ci = stats.binomtest(count, n).proportion_ci(method="wilson")
    print("wilson", count, n, repr(ci.low), repr(ci.high))

for p in [0.0, 0.025, 0.4, 0.975, 1.0]:
    print("quantile", p, repr(np.quantile(np.sort(values), p)))
