"""How varied pictures are, as a number of different pictures: the Vendi score.

The exponential of the entropy of the eigenvalues of the pictures' similarities (Friedman and Dieng 2023,
https://openreview.net/forum?id=g97OHbQyk1): 1 where all are the same, the number of pictures where no two are alike.
It grows with that number, so it is stated for draws of `DRAWN` pictures: the figure of a large and of a small
dataset are then comparable, under one and the same model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]

DRAWN: Final = 12
"""Pictures in a draw: the least number of pictures a concept is judged with."""
DRAWS: Final = 60
MOST: Final = 1000
"""Pictures drawn from; more narrow the interval only."""
PARTS: Final = 10
"""Of the jackknife that gives the interval."""


@dataclass(frozen=True, slots=True)
class Diversity:
    """`value` in [1, DRAWN] and its 95 % interval; nan for fewer than `DRAWN` pictures, interval nan for fewer than
    twice as many."""

    value: float
    low: float
    high: float


def vendi(x: NDArray[np.floating]) -> float:
    """Vendi score of L2-normalised vectors (n, f) under the cosine, in [1, n]."""
    x = np.asarray(x, dtype=np.float64)
    return float(_scores((x @ x.T)[None])[0])


def diversity(x: NDArray[np.floating], seed: int = 0) -> Diversity:
    """Mean Vendi score of draws of `DRAWN` of these pictures, with a block jackknife's interval (Student's t)."""
    from scipy.stats import t

    rng = np.random.default_rng(seed)
    if len(x) > MOST:
        x = x[np.sort(rng.choice(len(x), MOST, replace=False))]
    n = len(x)
    if n < DRAWN:
        return Diversity(float("nan"), float("nan"), float("nan"))
    x = np.asarray(x, dtype=np.float64)
    alike = x @ x.T
    value = _mean(alike, np.arange(n), rng)
    if n < 2 * DRAWN:
        return Diversity(value, float("nan"), float("nan"))
    part = rng.permutation(np.arange(n) % PARTS)
    without = np.array([_mean(alike, np.flatnonzero(part != p), rng) for p in range(PARTS)])
    spread = float(np.sqrt((PARTS - 1) / PARTS * ((without - without.mean()) ** 2).sum()))
    reach = float(t.ppf(0.975, PARTS - 1)) * spread
    return Diversity(value, max(1.0, value - reach), min(float(DRAWN), value + reach))


def _mean(alike: Float64, among: NDArray[np.int64], rng: np.random.Generator) -> float:
    at = np.stack([rng.choice(among, DRAWN, replace=False) for _ in range(DRAWS)])
    return float(_scores(alike[at[:, :, None], at[:, None, :]]).mean())


def _scores(alike: Float64) -> Float64:
    """Vendi scores of stacked similarities (d, n, n)."""
    values = np.clip(np.linalg.eigvalsh(alike / alike.shape[1]), 1e-15, None)
    return np.asarray(np.exp(-(values * np.log(values)).sum(axis=1)))
