"""A mark at the same place in most pictures of a concept: a logo in the corner, a watermark, a frame, a date.

Edges of photographed things fall elsewhere in every picture; those of a mark fall on the same pixels. So the mean of
the pictures' edge directions cancels out except where there is a mark (the idea by which visible watermarks are
estimated: Dekel et al. 2017, doi:10.1109/CVPR.2017.726). OpenCV loads when a function runs, not on import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]

SIDE: Final = 96  # pixels a side that edges are compared on; fine enough that photographed edges do not line up
FAINT: Final = 4.0  # grey levels a pixel: an edge this strong counts half
ALIGNED: Final = 0.6  # of 1: edges of that many pictures point the same way; photos reach 0.2-0.5
ELSEWHERE: Final = 0.3  # at most that in the other pictures
LEAST: Final = 0.003  # of the picture's area: a logo of 15 x 15 pixels has about this much edge
FEWEST: Final = 10  # pictures of a half; below, chance lines up too much


@dataclass(frozen=True, slots=True)
class Mark:
    """What most pictures of a concept carry at the same place.

    Attributes:
        pixels: bool (SIDE, SIDE), where its edges are.
        direction: float32 (SIDE, SIDE, 2), the mean edge there.
    """

    pixels: Bool
    direction: Float32

    def carried(self, fields: Float32) -> Float32:
        """float32 (m,), how well each picture's edges agree with the mark, about 1 where it is."""
        own = fields[:, self.pixels]
        unit = self.direction[self.pixels]
        unit = unit / np.maximum(np.linalg.norm(unit, axis=-1, keepdims=True), 1e-6)
        return np.asarray((own * unit).sum(axis=-1).mean(axis=-1), dtype=np.float32)

    def cells(self, grid: tuple[int, int]) -> Bool:
        """bool (rows * columns,), the locations that hold its edges, those with a trace left out."""
        ys, xs = np.nonzero(self.pixels)
        count = np.zeros(grid)
        np.add.at(count, (ys * grid[0] // SIDE, xs * grid[1] // SIDE), 1)
        out: Bool = (count >= max(2.0, 0.15 * count.max())).ravel()
        return out


def edge_field(rgb: NDArray[np.uint8] | None) -> Float32:
    """float32 (SIDE, SIDE, 2): edges of a picture, direction and strength (soft, below 1); zeros for None."""
    import cv2

    if rgb is None:
        return np.zeros((SIDE, SIDE, 2), dtype=np.float32)
    grey = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    light = np.ascontiguousarray(grey, dtype=np.float32)
    gx, gy = cv2.Sobel(light, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(light, cv2.CV_32F, 0, 1) / 8
    weight = 1.0 / (np.hypot(gx, gy) + FAINT)
    return np.asarray(np.dstack([gx * weight, gy * weight]), dtype=np.float32)


def find_mark(fields: Float32, positive: Bool, learn: Bool) -> Mark | None:
    """The mark of the positive pictures that the others do not carry; None where there is none.

    Both halves of the pictures must show it at the same pixels, so that chance in a few pictures is no mark.

    Args:
        fields: float32 (m, SIDE, SIDE, 2), see `edge_field`.
        positive: bool (m,).
        learn: bool (m,), one half; its mean edge is kept.
    """
    pixels = np.ones(fields.shape[1:3], dtype=bool)
    mean = np.zeros(fields.shape[1:], dtype=np.float32)
    for half in (~learn, learn):
        if min((positive & half).sum(), (~positive & half).sum()) < FEWEST:
            return None
        mean = fields[positive & half].mean(axis=0)
        others = np.linalg.norm(fields[~positive & half].mean(axis=0), axis=-1)
        pixels &= (np.linalg.norm(mean, axis=-1) >= ALIGNED) & (others <= ELSEWHERE)
    return Mark(pixels, mean) if pixels.mean() >= LEAST else None
