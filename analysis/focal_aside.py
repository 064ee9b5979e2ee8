"""Pictures that a concept's label lies beside: little of the concept shows, and the whole is not like its pictures.

The better half of a concept's own pictures (by score) says what a picture of it looks like: how alike they are to one
another, and how alike a usual picture of the other concepts is to them. On this scale, 0 as its own and -1 as the
others, every picture of the concept has a place (`likeness`). Only the dataset itself is compared with itself, so that
no name is needed, and no picture is odd for being dark or from a shop if the others of its concept are too.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

LITTLE: Final = 0.5
"""Of the score of the concept's better pictures (upper quartile): less than half of what they show."""
USUAL: Final = 0.75
"""The quantile that is."""
NEARER_OTHERS: Final = -0.5
"""Half way between its own pictures and the others: enough where the name is known and the concept found."""
AS_OTHERS: Final = -1.0
"""No more like its own pictures than a usual picture of the others: asked for where nothing is known by name."""
NEAREST: Final = 3
"""Pictures that likeness is the mean of."""
LEAST_OWN, LEAST_OTHERS = 8, 10
MOST: Final = 500
"""Clear pictures compared with; `MOST_OTHERS`: of other concepts."""
MOST_OTHERS: Final = 2000
_LEAST_SCORE: Final = 0.05


def likeness(own: Float32, others: Float32, score: Float64) -> Float64:
    """How much each picture is as the concept's clear ones are: 0 as they, -1 as a usual picture of the others.

    Args:
        own: float32 (n, d), L2-normalised; others: (m, d).
        score: float64 (n,); the half with the higher scores are the clear ones.

    Returns:
        float64 (n,); all 0 where there are too few to compare, or nothing tells the two apart.
    """
    nothing = np.zeros(len(own))
    if len(own) < LEAST_OWN or len(others) < LEAST_OTHERS:
        return nothing
    clear = np.argsort(-score, kind="stable")[: (len(score) + 1) // 2][:MOST]
    alike = (own @ own[clear].T).astype(np.float64)
    alike[clear, np.arange(len(clear))] = -2.0  # not with itself
    near = _nearest(alike)
    beyond = _nearest((others @ own[clear].T).astype(np.float64))
    middle, usual = float(np.median(near[clear])), float(np.median(beyond))
    if not middle - usual > 1e-6:
        return nothing
    return np.asarray((near - middle) / (middle - usual))


def _nearest(alike: Float64) -> Float64:
    keep = min(NEAREST, alike.shape[1] - 1)
    out: Float64 = np.sort(alike, axis=1)[:, -keep:].mean(axis=1)
    return out


def aside(score: Float64, like: Float64, found: Bool) -> Bool:
    """Whether each label lies beside its picture; `found`: the name is known and the concept is somewhere."""
    little = score < LITTLE * max(float(np.quantile(score, USUAL)), _LEAST_SCORE)
    return np.asarray(little & (like < np.where(found, NEARER_OTHERS, AS_OTHERS)))


def labels_aside(
    image: Float32, rows: Int64, of: Int64, member: Bool, at: Int64, score: Float64, found: Bool, *, seed: int = 0
) -> Bool:
    """`aside` of all labels, class by class.

    Args:
        image: float32 (all pictures, d), L2-normalised.
        rows: int64 (n,), the picture of each label; of: its class; score and found: (n,), nan scores are not judged.
        member: bool (m, k), which labelled picture carries which class; at: int64 (m,), their rows in `image`.
        seed: of the draw of other pictures.
    """
    out = np.zeros(len(rows), dtype=bool)
    rng = np.random.default_rng(seed)
    for k in range(member.shape[1]):
        mine = np.flatnonzero((of == k) & np.isfinite(score))
        lacking = at[~member[:, k]]
        if len(mine) < LEAST_OWN or len(lacking) < LEAST_OTHERS:
            continue
        if len(lacking) > MOST_OTHERS:
            lacking = np.sort(rng.choice(lacking, MOST_OTHERS, replace=False))
        like = likeness(image[rows[mine]], image[lacking], score[mine])
        out[mine] = aside(score[mine], like, found[mine])
    return out
