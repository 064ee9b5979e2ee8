"""The guide's own fix: keep the positives in which the concept is the focal point, and see what that does.

What travels along takes little room in such a picture, what belongs to the concept takes much. The probe is fitted
again with only these positives; real-world pictures it never learnt from say what that brings and what it costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.companions import Pool
from analysis.hiding import Scorer, fit_scorer

Bool = NDArray[np.bool_]
Float64 = NDArray[np.float64]

FEWEST: Final = 12  # positives that must stay


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Before and after.

    Attributes:
        keep: bool (training,), positives that stay.
        focus: float64 (training,), share of the picture that the concept's own parts take, less that of what travels
            along; in [-1, 1].
        before, after: float64 (m - training,), probability of the concept for the real pictures.
    """

    keep: Bool
    focus: Float64
    before: Float64
    after: Float64


def narrow(pool: Pool, positive: Bool, travelling: Bool, own: Bool, whole: Scorer) -> Narrowing | None:
    """Narrow the positives; None where too few would stay or nothing would change.

    Args:
        pool: the pictures.
        positive: bool (training,).
        travelling: bool (m, l), where what travels along is.
        own: bool (m, l), where the concept's own parts are.
        whole: the scorer before.
    """
    n = pool.training
    focus = own[:n].mean(axis=1) - travelling[:n].mean(axis=1)
    keep = positive & (focus > 0)
    if keep.sum() < FEWEST:
        best = np.flatnonzero(positive)[np.argsort(-focus[positive], kind="stable")[: max(FEWEST, positive.sum() // 3)]]
        keep = np.zeros(n, dtype=bool)
        keep[best] = True
    if keep.sum() < FEWEST or keep.sum() >= positive.sum():
        return None
    rows = np.flatnonzero(keep | ~positive)
    after = fit_scorer(pool.space, rows, positive[rows])
    real = pool.x[n:]
    return Narrowing(keep, focus, whole.probability(real), after.probability(real))
