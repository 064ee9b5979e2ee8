"""The light between two sets of pictures: what of a colour difference is the lamp's and not the subject's.

A lamp tints whatever it shines on, so what all concepts have in common between training and real use is taken for
light and removed (`common_light`, `relit`; gains a channel: von Kries 1902). What is left is doubted: a difference
counts only where no other plausible light explains it (`LIGHTS`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Float32 = NDArray[np.float32]

MIN_OTHERS: Final = 2
"""Other concepts from which the common light is known: of one alone, half may be its own colour."""
MOST: Final = np.log(2.0)
"""A common gain beyond a factor of two is no lamp's."""
WARMTH: Final = (0.82, 1.0, 1.22)
"""Gains of red over green and of green over blue that remain in doubt: daylight at noon against a shady or a cloudy
one, or what is left of lamp light once half the cast is taken out."""
EXPOSURE: Final = (0.75, 1.0, 1.33)
LIGHTS: Final = tuple(
    (exposure * warm, exposure, exposure / warm)
    for warm, exposure in sorted(product(WARMTH, EXPOSURE), key=lambda pair: pair != (1.0, 1.0))
)
"""Gains (red, green, blue) of plausible lights, the usual one first."""


def mean_light(points: Float32) -> Float64:
    """Logarithm of the mean linear RGB of each subject, float64 (n, 3), from its points float32 (n, k, 3)."""
    return np.asarray(np.log(np.maximum(points.astype(np.float64).mean(axis=1), 1e-3)))


def common_light(shifts: Sequence[Float64]) -> Float64:
    """What other concepts' mean light changes by from training to real use, float64 (3,): their median, 0 for few."""
    if len(shifts) < MIN_OTHERS:
        return np.zeros(3)
    return np.asarray(np.clip(np.median(np.stack(shifts), axis=0), -MOST, MOST), dtype=np.float64)


def relit(points: Float32, shift: Float64) -> Float32:
    """Points float32 (n, k, 3) as they would be without this change of light (logarithm of gains)."""
    return np.asarray(points * np.exp(-shift).astype(np.float32), dtype=np.float32)
