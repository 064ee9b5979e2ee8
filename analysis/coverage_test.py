"""Do some pictures lie farther from training than training pictures lie from each other? An exact test.

Statistic: mean distance of the asked pictures to their nearest training picture, minus that of training pictures to
their nearest fellow. Null: both sets are draws from one, so which pictures are called training is chance; all are dealt
out anew many times (permutation test), which holds whatever the shape of the distances and however much they depend on
each other. The dealing stops early where the answer is plain (Besag and Clifford 1991, doi:10.1093/biomet/78.2.301).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.progress import Progress, no_progress

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]

DEFAULT_DEALS = 1999  # least p-value 0.0005: forty concepts can still be found after correction
ENOUGH = 20  # deals as extreme as what was seen; then p is known to about a fifth of itself
SAMPLE = 250  # pictures a side; more only make small differences significant
BLOCK = 50


def farther_p_value(
    training: Float32,
    asked: Float32,
    *,
    deals: int = DEFAULT_DEALS,
    sample: int = SAMPLE,
    seed: int = 0,
    progress: Progress = no_progress,
) -> float:
    """One-sided p-value in (0, 1] of "no farther than training pictures from each other".

    Args:
        training: float32 (n, f), L2-normalised, n at least 2. asked: float32 (m, f), at least one.
        deals: random deals at most. sample: pictures used of each side at most, drawn at random.
        seed: of both. progress: counts deals.
    """
    rng = np.random.default_rng(seed)
    a, b = (x[np.sort(rng.permutation(len(x))[:sample])] for x in (training, asked))
    every = np.concatenate([a, b])
    distance = 1.0 - every @ every.T
    np.fill_diagonal(distance, np.inf)
    n, total = len(a), len(every)
    seen = _excess(distance, np.arange(n))
    extreme = done = 0
    while done < deals and extreme < ENOUGH:
        progress(done, deals, "testing coverage")
        for _ in range(min(BLOCK, deals - done)):
            extreme += _excess(distance, rng.permutation(total)[:n]) >= seen - 1e-9
            done += 1
            if extreme >= ENOUGH:
                return extreme / done
    return (extreme + 1) / (done + 1)


def _excess(distance: NDArray[np.floating], training: NDArray[np.int64]) -> float:
    nearest = distance[:, training].min(axis=1)
    own = float(nearest[training].mean())
    return float((nearest.sum() - nearest[training].sum()) / (len(nearest) - len(training))) - own
