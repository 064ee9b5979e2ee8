"""A small cross-bilateral filter: takes out the grain of random light paths, keeps the edges of things."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Array = NDArray[np.float64]
_REACH = 3


def denoised(colour: Array, surface: Array, tolerance: float) -> Array:
    """Smooth colour over neighbours that look alike and lie on the same surface.

    Args:
        colour: (rows, columns, 3) linear colour.
        surface: (rows, columns, 6) reflectance and normal of what each pixel shows first.
        tolerance: difference of tone (0..1) that still counts as alike.
    """
    surface = gaussian_filter(surface, [0.5, 0.5, 0])
    tone = np.maximum(colour, 0) / (1 + np.maximum(colour, 0))
    guide = gaussian_filter(tone, [0.8, 0.8, 0])
    total, weights = np.zeros_like(tone), np.zeros((*tone.shape[:2], 1))
    for down in range(-_REACH, _REACH + 1):
        for across in range(-_REACH, _REACH + 1):
            shift = (down, across)
            alike = _squared(guide, shift) / (3 * tolerance**2)
            same = _squared(surface, shift) / 0.02
            near = (down**2 + across**2) / (2 * 1.5**2)
            weight = np.exp(-alike - same - near)[..., None]
            total += weight * np.roll(tone, shift, (0, 1))
            weights += weight
    smooth = np.clip(total / weights, 0, 0.995)
    return smooth / (1 - smooth)


def _squared(image: Array, shift: tuple[int, int]) -> Array:
    out: Array = ((image - np.roll(image, shift, (0, 1))) ** 2).sum(-1)
    return out
