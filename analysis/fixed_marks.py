"""A mark at the same place in most pictures of a concept: a logo in the corner, a watermark, a frame, a date.

Edges of photographed things fall elsewhere in every picture; those of a mark fall on the same pixels. So the mean of
the pictures' edge directions cancels out except where there is a mark (the idea by which visible watermarks are
estimated: Dekel et al. 2017, doi:10.1109/CVPR.2017.726). Pictures of one shape are compared as a whole. Where shapes
vary, a mark keeps its distance from a corner and its size beside the shorter or the longer side, so the four corners
are compared too, at both scales. OpenCV loads when a function runs, not on import.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Bool = NDArray[np.bool_]
Float32 = NDArray[np.float32]

Float64 = NDArray[np.float64]
Pixels = NDArray[np.uint8]

SIDE: Final = 96  # pixels a side that edges are compared on; fine enough that photographed edges do not line up
FAINT: Final = 4.0  # grey levels a pixel: an edge this strong counts half
ALIGNED: Final = 0.6  # of 1: edges of that many pictures point the same way; photos reach 0.2-0.5
ELSEWHERE: Final = 0.3  # at most that in the other pictures
LEAST: Final = 0.003  # of the picture's area: a logo of 15 x 15 pixels has about this much edge
FEWEST: Final = 10  # pictures of a half; below, chance lines up too much
CORNER: Final = 48  # pixels a side that a corner is compared on: about the scale of the whole
OF_SHORTER, OF_LONGER = 0.5, 0.35  # side of a corner; a picture more than 2.8 times as long as wide has no second one
FRAMES: Final = tuple((right, low, longer) for longer in (False, True) for low in (0, 1) for right in (0, 1))
ONE_SHAPE: Final = 1.02  # between nine of ten pictures: then a corner tells no more than the whole


@dataclass(frozen=True, slots=True)
class Mark:
    """What most pictures of a concept carry at the same place.

    Attributes:
        pixels: bool (SIDE, SIDE), where its edges are; of a corner (CORNER, CORNER).
        direction: float32, likewise and 2, the mean edge there.
        frame: number of the corner in `FRAMES`; -1 for the whole picture.
    """

    pixels: Bool
    direction: Float32
    frame: int = -1

    def carried(self, fields: Float32) -> Float32:
        """float32 (m,), how well each picture's edges agree with the mark, about 1 where it is."""
        own = fields[:, self.pixels]
        unit = self.direction[self.pixels]
        unit = unit / np.maximum(np.linalg.norm(unit, axis=-1, keepdims=True), 1e-6)
        return np.asarray((own * unit).sum(axis=-1).mean(axis=-1), dtype=np.float32)

    def cells(self, grid: tuple[int, int], shape: tuple[int, int] = (SIDE, SIDE)) -> Bool:
        """bool (rows * columns,), the locations that hold its edges in a picture of this (height, width), those with a
        trace left out."""
        ys, xs = np.nonzero(self.pixels)
        y, x = (ys + 0.5) / self.pixels.shape[0], (xs + 0.5) / self.pixels.shape[1]
        if self.frame >= 0:
            top, left, side = corner_of(shape, self.frame)
            y, x = (top + y * side) / shape[0], (left + x * side) / shape[1]
        count = np.zeros(grid)
        np.add.at(count, (_place(y, grid[0]), _place(x, grid[1])), 1)
        out: Bool = (count >= max(2.0, 0.15 * count.max())).ravel()
        return out


def _place(at: Float64, size: int) -> NDArray[np.int64]:
    return np.clip(np.floor(at * size), 0, size - 1).astype(np.int64)


def corner_of(shape: tuple[int, int], frame: int) -> tuple[float, float, float]:
    """Top, left and side of a corner of a picture of this (height, width), in its pixels; side 0 where it has none."""
    right, low, longer = FRAMES[frame]
    height, width = shape
    side = OF_LONGER * max(shape) if longer else OF_SHORTER * min(shape)
    if side > min(shape):
        return 0.0, 0.0, 0.0
    return low * (height - side), right * (width - side), side


def edge_field(rgb: Pixels | None) -> Float32:
    """float32 (SIDE, SIDE, 2): edges of a picture, direction and strength (soft, below 1); zeros for None."""
    import cv2

    if rgb is None:
        return np.zeros((SIDE, SIDE, 2), dtype=np.float32)
    return _edges(cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA))


def corner_fields(rgb: Pixels | None) -> NDArray[np.float16]:
    """float16 (len(FRAMES), CORNER, CORNER, 2): the same of each corner, not stretched; zeros where there is none."""
    import cv2

    out = np.zeros((len(FRAMES), CORNER, CORNER, 2), dtype=np.float16)
    if rgb is None:
        return out
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    for frame in range(len(FRAMES)):
        top, left, side = (round(v) for v in corner_of((grey.shape[0], grey.shape[1]), frame))
        part = grey[top : top + side, left : left + side]
        if min(part.shape) >= 2:
            how = cv2.INTER_AREA if side > CORNER else cv2.INTER_LINEAR
            out[frame] = _edges(cv2.resize(part, (CORNER, CORNER), interpolation=how))
    return out


def shapes_vary(shapes: NDArray[np.int64]) -> bool:
    """Whether pictures of these (height, width) are of more than one shape; (0, 0) is not known."""
    known = shapes[(shapes > 0).all(axis=1)].astype(np.float64)
    if not len(known):
        return False
    low, high = np.quantile(known[:, 1] / known[:, 0], [0.05, 0.95])
    return bool(high > ONE_SHAPE * low)


def _edges(grey: Pixels) -> Float32:
    import cv2

    light = np.ascontiguousarray(grey, dtype=np.float32)
    gx, gy = cv2.Sobel(light, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(light, cv2.CV_32F, 0, 1) / 8
    weight = 1.0 / (np.hypot(gx, gy) + FAINT)
    return np.asarray(np.dstack([gx * weight, gy * weight]), dtype=np.float32)


def find_mark(fields: NDArray[np.floating], positive: Bool, learn: Bool, frame: int = -1) -> Mark | None:
    """The mark of the positive pictures that the others do not carry; None where there is none.

    Both halves of the pictures must show it at the same pixels, so that chance in a few pictures is no mark.

    Args:
        fields: (m, SIDE, SIDE, 2), see `edge_field`, or of one corner.
        positive: bool (m,).
        learn: bool (m,), one half; its mean edge is kept.
        frame: which corner.
    """
    pixels = np.ones(fields.shape[1:3], dtype=bool)
    mean = np.zeros(fields.shape[1:], dtype=np.float32)
    for half in (~learn, learn):
        if min((positive & half).sum(), (~positive & half).sum()) < FEWEST:
            return None
        mean = fields[positive & half].mean(axis=0, dtype=np.float32)
        others = np.linalg.norm(fields[~positive & half].mean(axis=0, dtype=np.float32), axis=-1)
        pixels &= (np.linalg.norm(mean, axis=-1) >= ALIGNED) & (others <= ELSEWHERE)
    return Mark(pixels, mean, frame) if pixels.sum() >= LEAST * SIDE**2 else None
