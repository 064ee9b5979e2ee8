"""Vectors per place of a picture: from the store for every picture, and twice as fine for those looked at closely.

A picture looked at closely is read again and cut into four quarters; each is embedded on its own, so that there are
twice as many places a side. A small thing is then seen that is lost at the model's own size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.features import Pictures, Pixels
from analysis.progress import Progress, no_progress

Float32 = NDArray[np.float32]
Int64 = NDArray[np.int64]
Bool = NDArray[np.bool_]

AT_ONCE: Final = 8
"""Pictures between two reports of progress when looked at closely: a quarter of a second."""
STORED_AT_ONCE: Final = 64
LEAST_SIDE: Final = 32
"""Pixels: of a smaller picture a quarter shows nothing."""


@dataclass(frozen=True, slots=True)
class Maps:
    """Vectors of the same number of places for some pictures.

    Attributes:
        rows: int64 (n,), rows of `Dataset.images`.
        vectors: float32 (n, places, d), L2-normalised; places row by row.
        side: (rows of places, columns of places).
    """

    rows: Int64
    vectors: Float32
    side: tuple[int, int]


def stored_maps(pictures: Pictures, rows: Int64, *, progress: Progress = no_progress) -> Maps:
    """The maps kept from the ingest."""
    parts = []
    for start in range(0, len(rows), STORED_AT_ONCE):
        progress(start, len(rows), "reading maps")
        parts.append(pictures.spatial(rows[start : start + STORED_AT_ONCE]))
    grid = np.concatenate(parts) if parts else pictures.spatial(rows)
    return Maps(rows, grid.reshape(len(rows), -1, grid.shape[-1]), (grid.shape[1], grid.shape[2]))


def close_maps(pictures: Pictures, rows: Int64, *, progress: Progress = no_progress) -> Maps:
    """Maps of twice the side; a picture that cannot be read again (or is tiny) is left out."""
    kept, parts, side = [], [], (0, 0)
    for start in range(0, len(rows), AT_ONCE):
        progress(start, len(rows), "looking closely")
        some = rows[start : start + AT_ONCE]
        read = pictures.originals(some)
        there = [
            (int(r), p) for r, p in zip(some, read, strict=True) if p is not None and min(p.shape[:2]) >= LEAST_SIDE
        ]
        if not there:
            continue
        cut = [quarter for _, picture in there for quarter in quarters(picture)]
        grid = pictures.spatial_vectors(pictures.encode_pictures(cut).spatial)
        grid = joined(grid.reshape(len(there), 2, 2, *grid.shape[1:]))
        side = (grid.shape[1], grid.shape[2])
        parts.append(grid.reshape(len(there), -1, grid.shape[-1]))
        kept += [r for r, _ in there]
    vectors = np.concatenate(parts) if parts else np.zeros((0, 0, 0), np.float32)
    return Maps(np.array(kept, dtype=np.int64), vectors, side)


def quarters(picture: Pixels) -> list[Pixels]:
    """Upper left, upper right, lower left, lower right."""
    h, w = (picture.shape[0] + 1) // 2, (picture.shape[1] + 1) // 2
    return [np.ascontiguousarray(picture[y : y + h, x : x + w]) for y in (0, h) for x in (0, w)]


def joined(grids: Float32) -> Float32:
    """Float32 (n, 2h, 2w, d) of quarters (n, 2, 2, h, w, d)."""
    n, _, _, h, w, d = grids.shape
    return np.ascontiguousarray(grids.transpose(0, 1, 3, 2, 4, 5).reshape(n, 2 * h, 2 * w, d))


def even_sample(member: Bool, most: int, *, seed: int = 0) -> Int64:
    """Positions of at most `most` pictures, ascending: each concept in turn gives one not yet taken.

    `member` is bool (n, k); pictures without any concept come last.
    """
    rng = np.random.default_rng(seed)
    if len(member) <= most:
        return np.arange(len(member))
    order = rng.permutation(len(member))
    rank = np.full(len(member), len(member), dtype=np.int64)
    for k in range(member.shape[1]):
        mine = order[member[order, k]]
        rank[mine] = np.minimum(rank[mine], np.arange(len(mine)))
    return np.sort(order[np.argsort(rank[order], kind="stable")[:most]])
