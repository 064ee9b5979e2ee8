"""What the heat of a concept says of one picture: how much, where, how sharp, what else is there; and a box.

Pure functions on heat maps (n, rows, columns): 0 as anywhere else, 1 as the concept's clearest places.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

HOT: Final = 0.5
"""Half way to the concept's clearest places: more like them than like anything else."""
PEAK_PLACES: Final = 0.02
"""Share of the places whose mean is the peak: four of 14 x 14, so that one odd place is none."""
FINE: Final = 8
"""Points between two places when a box is drawn."""
HALF: Final = 0.5
"""Of the peak: where a region ends."""


class Facts(NamedTuple):
    """One number a picture, float64 (n,).

    Attributes:
        share: of the picture that is hot.
        off_centre: distance of the heat's middle from the picture's, in sides of the picture.
        peak: heat of the hottest places.
        sharpness: how much of the heat lies in the hottest tenth of the places, in [0, 1].
        regions: separate hot regions.
    """

    share: Float64
    off_centre: Float64
    peak: Float64
    sharpness: Float64
    regions: Float64


class Box(NamedTuple):
    """In shares of the picture; `heat` is the mean inside."""

    x: float
    y: float
    width: float
    height: float
    heat: float


def facts(heat: Float32) -> Facts:
    """Of heat maps (n, rows, columns)."""
    n, rows, columns = heat.shape
    flat = heat.reshape(n, -1).astype(np.float64)
    order = np.sort(flat, axis=1)[:, ::-1]
    positive = np.clip(flat, 0, None) + 1e-9
    total = positive.sum(axis=1)
    y, x = np.meshgrid((np.arange(rows) + 0.5) / rows, (np.arange(columns) + 0.5) / columns, indexing="ij")
    middle = np.stack([positive @ x.ravel() / total, positive @ y.ravel() / total], axis=1)
    tenth = max(1, flat.shape[1] // 10)
    return Facts(
        share=(flat > HOT).mean(axis=1),
        off_centre=np.hypot(*(middle - 0.5).T),
        peak=order[:, : max(1, round(PEAK_PLACES * flat.shape[1]))].mean(axis=1),
        sharpness=np.clip(order[:, :tenth], 0, None).sum(axis=1) / total,
        regions=np.array([_regions(one) for one in heat], dtype=np.float64),
    )


def _regions(heat: Float32) -> int:
    import cv2

    return int(cv2.connectedComponents((heat > HOT).astype(np.uint8), connectivity=8)[0]) - 1


def hot_box(heat: Float32) -> Box:
    """The region around the hottest place of a map (rows, columns): as far as the heat stays above half the peak."""
    import cv2

    rows, columns = heat.shape
    size = (columns * FINE, rows * FINE)
    fine = cv2.resize(np.ascontiguousarray(heat, dtype=np.float32), size, interpolation=cv2.INTER_LINEAR)
    fine = np.asarray(cv2.GaussianBlur(fine, (0, 0), FINE / 2))
    top, left = np.unravel_index(int(fine.argmax()), fine.shape)
    mask = (fine >= HALF * max(float(fine.max()), 1e-6)).astype(np.uint8)
    _, parts, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    part = int(parts[top, left])
    x, y, width, height = (int(v) for v in stats[part][:4])
    return Box(
        x / size[0], y / size[1], width / size[0], height / size[1], float(np.mean(fine[parts == part], dtype=float))
    )
