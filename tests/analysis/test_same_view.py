"""The view in which one side is most like the other is found, and the other side loses as much."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from support import photo

from analysis import altered_views
from analysis.embedders.base import ImageEncoding
from analysis.same_view import LEAST, TRIED, WHOLE, View, likest, seen_from


def lines(seed: int, size: int = 160) -> np.ndarray:
    """A white square in the middle, and upright and level lines at places of their own, on a ground of blobs."""
    rgb = np.asarray(photo(seed, size=(size, size))).copy()
    rng = np.random.default_rng(seed)
    for at in rng.integers(0, size - 3, 12):
        rgb[:, at : at + 2] = 20
    for at in rng.integers(0, size - 3, 4):
        rgb[at : at + 2] = 240
    third = size // 3
    rgb[third:-third, third:-third] = 255
    return rgb


class Slopes:
    """Pictures kept in memory; their vectors are the light and histograms of slopes by direction, in nine fields."""

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self.pictures = pictures

    def originals(self, rows):
        return [self.pictures[int(r)] for r in rows]

    def encode_pictures(self, pictures):
        x = []
        for picture in pictures:
            p = cv2.resize(picture, (96, 96), interpolation=cv2.INTER_AREA)
            gy, gx = np.gradient(p.mean(axis=2))
            size, angle = np.hypot(gx, gy), np.mod(np.arctan2(gy, gx), np.pi)
            fields = [
                np.histogram(a, 36, (0, np.pi), weights=s)[0] / s.size
                for a, s in (
                    (angle[y][:, x], size[y][:, x])
                    for y in np.array_split(np.arange(len(p)), 3)
                    for x in np.array_split(np.arange(p.shape[1]), 3)
                )
            ]
            light = cv2.resize(p.mean(axis=2).astype(np.float32), (12, 12), interpolation=cv2.INTER_AREA) / 10
            x.append(np.concatenate([*fields, light.ravel()]))
        vectors = np.array(x, dtype=np.float32)
        return ImageEncoding(features=vectors, vectors=vectors, spatial=[])


@pytest.mark.parametrize(("axis", "side", "view"), [
    ("camera_tilt", 0, View(0, "turned", 8.0)),
    ("camera_tilt", 0, View(0, "turned", -16.0)),
    ("viewpoint", 0, View(0, "leaning", 0.24)),
    ("viewpoint", 0, View(0, "leaning_aside", -0.24)),
    ("subject_size", 0, View(0, "nearer", 0.6)),
    ("subject_size", 1, View(1, "nearer", 0.6)),
])  # fmt: skip
def test_the_view_that_was_planted_is_found(axis: str, side: int, view: View) -> None:
    plain, other = [lines(i) for i in range(40)], [lines(100 + i) for i in range(40)]
    planted = seen_from([plain, other] if side == 0 else [other, plain], view)
    sides = (plain, planted[0]) if side == 0 else (planted[1], plain)
    pictures = Slopes([*sides[0], *sides[1]])
    rows = np.arange(40), np.arange(40, 80)
    found = likest(pictures, rows, axis, side)  # type: ignore[arg-type]
    step = TRIED[axis][1]
    assert (found.side, found.kind) == (side, view.kind) and abs(found.level - view.level) <= step + 1e-9, found
    assert likest(pictures, rows, axis, side) == found  # type: ignore[arg-type]


def test_the_other_side_loses_as_much() -> None:
    sides = [[lines(0)], [lines(1)]]
    for view in (View(0, "turned", 12.0), View(1, "leaning", 0.2), View(0, "leaning_aside", -0.2)):
        out = seen_from(sides, view)
        assert out[0][0].shape == out[1][0].shape == sides[0][0].shape
        assert not np.array_equal(out[1 - view.side][0], sides[1 - view.side][0])
    near = seen_from(sides, View(1, "nearer", 0.5))
    assert near[0][0].shape == near[1][0].shape == (80, 80, 3)
    assert np.array_equal(near[1][0], altered_views.middle(sides[1][0], 0.5))
    assert seen_from(sides, WHOLE) == sides


def test_too_few_or_too_small_pictures_have_no_view_of_their_own() -> None:
    small = Slopes([lines(i, LEAST + 4) for i in range(40)])
    rows = np.arange(20), np.arange(20, 40)
    assert likest(small, rows, "subject_size", 0) == WHOLE  # type: ignore[arg-type]
    assert likest(small, rows, "camera_tilt", 0) != WHOLE  # type: ignore[arg-type]
    assert likest(small, (rows[0][:5], rows[1]), "camera_tilt", 0) == WHOLE  # type: ignore[arg-type]
