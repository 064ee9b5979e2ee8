"""Small statistics that several checks share. scipy loads when a function runs, not on import."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]


def benjamini_hochberg(p_values: Float64) -> Float64:
    """Corrected p-values (Benjamini and Hochberg 1995): the least false discovery rate at which each is found.

    Float64 (k,) in [0, 1]; nan marks "not tested", is not counted and stays nan.
    """
    from scipy.stats import false_discovery_control

    out = np.full(len(p_values), np.nan)
    tested = ~np.isnan(p_values)
    if tested.any():
        out[tested] = false_discovery_control(p_values[tested])
    return out


def cliffs_delta(a: Float64, b: Float64) -> tuple[float, float]:
    """How much `b` lies above `a`, and the two-sided Mann-Whitney p-value.

    Cliff's delta (1993): P(b > a) - P(b < a) of a random pair, in [-1, 1]; 0 means neither is larger. Both
    arrays float64, at least one value each, no nan.
    """
    from scipy.stats import mannwhitneyu

    if np.ptp(np.concatenate([a, b])) == 0:
        return 0.0, 1.0
    test = mannwhitneyu(b, a, alternative="two-sided")
    return float(2 * test.statistic / (len(a) * len(b)) - 1), float(test.pvalue)
