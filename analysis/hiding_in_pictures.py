"""Hide something in the picture itself: paint it over, look again, and see how the score falls.

The places are filled from what surrounds them (inpainting after Telea 2004, doi:10.1080/10867651.2004.10487596), so
what is gained in the features is tried on pixels. OpenCV loads when a function runs, not on import.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.companion_pool import Read
from analysis.features import Features
from analysis.hiding import Scorer

Bool = NDArray[np.bool_]
Int64 = NDArray[np.int64]
Pixels = NDArray[np.uint8]

PICTURES: Final = 6  # pictures painted over
DRAWS: Final = 2  # random places a picture, for comparison
SIDE: Final = 256  # pixels a side the painting works on


def painted_over(rgb: Pixels, cells: Bool) -> Pixels:
    """The picture, squeezed to SIDE x SIDE, with these locations (rows, columns) filled from their surroundings."""
    import cv2

    small = cv2.resize(rgb, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    mask = cv2.resize(cells.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    mask = cv2.dilate(mask, np.ones((5, 5), np.uint8))
    return np.asarray(cv2.inpaint(small, mask, 5, cv2.INPAINT_TELEA), dtype=np.uint8)


def hide_in_pictures(
    features: Features, read: Read, at: Bool, rows: Int64, scorer: Scorer, *, seed: int = 0
) -> dict[str, float]:
    """Mean fall of the probability when `at` is painted over in the first few of these pictures of the pool:
    `picture_drop`; `picture_random` when as many random locations are. Empty where no picture can be read."""
    assert features.pictures is not None
    rng = np.random.default_rng(seed)
    grid = read.pool.maps.grid
    rows = rows[:PICTURES]
    versions: list[Pixels] = []
    for i, rgb in zip(rows, features.pictures.originals(read.rows[rows]), strict=True):
        if rgb is None:
            continue
        masks = [np.zeros(at.shape[1], dtype=bool), at[i]]
        masks += [rng.permutation(at.shape[1]) < at[i].sum() for _ in range(DRAWS)]
        versions += [painted_over(rgb, mask.reshape(grid)) for mask in masks]
    if not versions:
        return {}
    x = features.pictures.encode_pictures(versions).features
    p = scorer.probability(x).reshape(-1, 2 + DRAWS)
    return {"picture_drop": float((p[:, 0] - p[:, 1]).mean()), "picture_random": float((p[:, :1] - p[:, 2:]).mean())}
