"""Marks on pictures of many shapes: found in the corner they keep to, at their places in each picture."""

import cv2
import numpy as np
import pytest

from analysis.fixed_marks import (
    CORNER,
    FRAMES,
    corner_fields,
    corner_of,
    edge_field,
    find_mark,
    shapes_vary,
)

LEARN = np.arange(60) % 2 == 0
POSITIVE = np.arange(60) < 30


def photo(rng, shape):
    """Smooth blobs and edges that fall elsewhere in every picture."""
    height, width = shape
    rough = rng.integers(0, 255, (9, 9, 3), dtype=np.uint8)
    out = cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(6):
        a, b = rng.integers(0, [width, height], 2), rng.integers(0, [width, height], 2)
        cv2.line(out, tuple(map(int, a)), tuple(map(int, b)), tuple(map(int, rng.integers(0, 255, 3))), 2)
    return out


def marked(picture, right, low, longer):
    """A label in a corner; its size and distance are shares of the shorter or the longer side."""
    height, width = picture.shape[:2]
    unit = max(height, width) * 0.7 if longer else min(height, width)
    side, gap = round(0.2 * unit), round(0.03 * unit)
    y, x = (height - side - gap if low else gap), (width - side - gap if right else gap)
    label = np.full((side, side, 3), 240, dtype=np.uint8)
    cv2.circle(label, (side // 2, side // 2), side // 3, (20, 20, 20), -1)
    picture[y : y + side, x : x + side] = label
    return picture


def pictures(seed, frame=None):
    rng = np.random.default_rng(seed)
    shapes = [(int(rng.integers(110, 161)), int(rng.integers(80, 161))) for _ in range(60)]
    out = [photo(rng, shape) for shape in shapes]
    if frame is not None:
        out = [marked(p, *FRAMES[frame]) if POSITIVE[i] and i % 10 else p for i, p in enumerate(out)]
    return out, shapes


def marks(out):
    corners = np.stack([corner_fields(p) for p in out])
    return [find_mark(corners[:, f], POSITIVE, LEARN, f) for f in range(len(FRAMES))]


@pytest.mark.parametrize("frame", range(len(FRAMES)))
def test_a_mark_that_keeps_to_a_corner_is_found_there_though_no_two_pictures_have_one_shape(frame):
    out, shapes = pictures(frame, frame)
    found = {f: m for f, m in enumerate(marks(out)) if m is not None}
    assert frame in found
    assert all(FRAMES[f][:2] == FRAMES[frame][:2] for f in found)  # the other scale may see a part of it
    right, low, _ = FRAMES[frame]
    for shape in shapes[:5]:
        ys, xs = np.nonzero(found[frame].cells((7, 7), shape).reshape(7, 7))
        assert len(ys) and ((ys >= 3).all() if low else (ys <= 3).all()) and ((xs >= 3) if right else (xs <= 3)).all()
    carried = found[frame].carried(np.stack([corner_fields(p)[frame] for p in out]).astype(np.float32))
    has = POSITIVE & (np.arange(60) % 10 > 0)
    assert carried[has].min() > carried[~has].max()


@pytest.mark.parametrize("seed", range(5))
def test_pictures_without_a_mark_have_none(seed):
    out, _ = pictures(100 + seed)
    assert marks(out) == [None] * len(FRAMES)
    assert find_mark(np.stack([edge_field(p) for p in out]), POSITIVE, LEARN) is None


def test_a_picture_far_longer_than_wide_has_no_corner_at_the_scale_of_its_longer_side():
    long = np.zeros((30, 120, 3), dtype=np.uint8)
    assert [corner_of((30, 120), f)[2] > 0 for f in range(len(FRAMES))] == [True] * 4 + [False] * 4
    assert corner_fields(long).shape == (len(FRAMES), CORNER, CORNER, 2) and not corner_fields(None).any()


def test_shapes_vary_only_where_more_than_a_few_pictures_differ():
    same = np.array([[100, 150]] * 97 + [[150, 100]] * 3)
    assert not shapes_vary(same) and not shapes_vary(np.zeros((0, 2), dtype=np.int64))
    assert not shapes_vary(np.array([[200, 300]] * 50 + [[100, 150]] * 50))  # one shape, two sizes
    assert shapes_vary(np.array([[100, 150]] * 80 + [[150, 100]] * 20))
