"""Is something clearly there in some pictures of a concept and clearly not in the rest, or there by degrees?

Company is in a picture or it is not, and where it is not, the picture is as free of it as pictures of other concepts
are. A part of the thing itself is there by degrees (seen from the side, half hidden, of another make), and pictures
that fall short of the limit still have more of it than others. It needs no real-world picture, so it is asked where
there are none that would tell.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]

LACKING: Final = 5  # pictures on each side of the cut; one or two odd pictures are no side
GAP: Final = 1 / 3  # of the way from others to those with it, empty; planted 0.39-0.92, clean photos 0.24 or less
CLEARER: Final = 0.5  # the same of what is not in most of the pictures; planted 0.54 and 0.59, clean 0.38 or less
LEVEL: Final = 0.25  # of the same way, where pictures without it are; planted 0.14 or less
ELSEWHERE: Final = 0.05  # share of the other concepts' pictures beyond the cut: hardly any


def presence(reduced: Float32, at: Bool, positive: Bool) -> dict[str, float]:
    """How clearly an element is there or not in the pictures of a concept.

    Args:
        reduced: float32 (n, l, d), see `elements.LocalMaps`.
        at: bool (n, l), where it is.
        positive: bool (n,), pictures with the concept.

    Returns:
        See `cut`, of how much the likest place of each picture is like the mean of the element's places; empty where
        it is in no picture of the concept.
    """
    own = at & positive[:, None]
    if not own.any():
        return {}
    like = (reduced @ reduced[own].mean(axis=0)).max(axis=1)
    return cut(like[positive], like[~positive])


def cut(own: NDArray[np.floating], others: NDArray[np.floating]) -> dict[str, float]:
    """The concept's pictures cut in two where the two sides differ most (Otsu 1979), with `LACKING` on each at least.

    Args:
        own: (p,), how much each picture of the concept shows it.
        others: (q,), likewise of all others.

    Returns:
        `gap`: what lies between nine of ten pictures without it and nine of ten with it; `level`: where the middle
        picture without it is; both as shares of the way from the middle picture of the others (0) to the middle one
        with it (1). `beyond`: share of the others that show it as much as those with it. Empty where there are too few.
    """
    values, n = np.sort(own).astype(np.float64), len(own)
    if n < 2 * LACKING or not len(others):
        return {}
    below = np.arange(LACKING, n - LACKING + 1)
    total = np.cumsum(values)
    low = total[below - 1] / below
    high = (total[-1] - total[below - 1]) / (n - below)
    at = int(below[(below * (n - below) * (high - low) ** 2).argmax()])
    without, with_it, zero = values[:at], values[at:], float(np.median(others))
    way = float(np.median(with_it)) - zero
    if way <= 0:
        return {}
    return {
        "gap": float(np.percentile(with_it, 10) - np.percentile(without, 90)) / way,
        "level": (float(np.median(without)) - zero) / way,
        "beyond": float((others >= with_it[0]).mean()),
    }


def there_or_not(numbers: dict[str, float], gap: float = GAP) -> bool:
    """Whether it is clearly there or clearly not, so that it may be company; nan is no. `gap`: see `GAP`, `CLEARER`."""
    return numbers["gap"] >= gap and numbers["level"] <= LEVEL and numbers["beyond"] <= ELSEWHERE
