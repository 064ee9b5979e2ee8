"""The axis that was shifted explains the shift, and a filter sees its own axis in pictures it was not learnt from."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.altered_views import (
    ALTERATIONS,
    AXES,
    LEAN,
    LIKEWISE,
    OF_REAL,
    SEEN_BY_MODEL,
    axis_columns,
    explained,
    filtered,
    leaning,
    signatures,
    straight,
    turned,
    without,
)
from analysis.embedders.base import ImageEncoding

DIMENSIONS = 60
FIRST = np.broadcast_to(np.arange(24), (len(AXES), 24))
"""Which pictures were altered."""


@pytest.fixture
def moves() -> np.ndarray:
    """Of each alteration a direction of its own, but being turned also softens (as it does in pictures)."""
    rng = np.random.default_rng(7)
    way = np.linalg.qr(rng.standard_normal((DIMENSIONS, len(AXES))))[0].T
    soft = way[AXES.index("sharpness")].copy()
    for i, axis in enumerate(AXES):
        if axis == "camera_tilt":
            way[i] = way[i] + 0.7 * soft
    return np.asarray(way[:, None, :] + rng.standard_normal((len(AXES), 24, DIMENSIONS)) * 0.1)


def made(rng: np.random.Generator, n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal((2 * n, DIMENSIONS)) * 0.5, np.repeat([0, 1], n)


@pytest.mark.parametrize("axis", dict.fromkeys(AXES))
def test_the_axis_that_was_shifted_explains_most(axis: str, moves: np.ndarray) -> None:
    x, y = made(np.random.default_rng(1))
    x[y == 1] += 0.8 * moves[AXES.index(axis)].mean(axis=0)
    found = explained(x, y, moves)
    assert max(found, key=lambda a: found[a]) == axis
    assert found[axis] > 0.7


def test_a_shift_along_no_signature_is_content(moves: np.ndarray) -> None:
    x, y = made(np.random.default_rng(2))
    other = np.random.default_rng(3).standard_normal(DIMENSIONS)
    basis = np.linalg.qr(moves.mean(axis=1).T)[0]
    other -= basis @ (basis.T @ other)
    x[y == 1] += other / np.linalg.norm(other)
    found = explained(x, y, moves)
    assert max(found, key=lambda a: found[a]) == "content"
    assert np.abs(without(x, moves) @ moves.mean(axis=1).T).max() < 1e-9


def test_equal_sides_leave_little_to_explain(moves: np.ndarray) -> None:
    most = [max(explained(*made(np.random.default_rng(s)), moves).values()) for s in range(10)]
    assert np.median(most) < 0.7


def halves(n: int, altered: int, rng: np.random.Generator) -> np.ndarray:
    half = np.zeros(n, dtype=bool)
    half[rng.permutation(n)[: n // 2]] = True
    half[:altered] = np.arange(altered) % 2 == 0
    return half


@pytest.mark.parametrize("axis", SEEN_BY_MODEL)
def test_a_filter_sees_its_own_axis_and_not_a_softer_picture(axis: str, moves: np.ndarray) -> None:
    rng = np.random.default_rng(4)
    x, y = made(rng)
    x[:24] = rng.standard_normal((24, DIMENSIONS)) * 0.5
    place = AXES.index(axis)
    for shifted, low, high in ((place, 0.75, 1.25), (AXES.index("sharpness"), -0.35, 0.35)):
        seen = x.copy()
        seen[y == 1] += moves[shifted].mean(axis=0)
        found = filtered(seen.astype(np.float32), np.arange(len(x)), y, halves(len(x), 24, rng), moves, FIRST)[axis]
        assert found.shape == (len(x), axis_columns(axis))
        assert low < np.median(found[y == 1, 0]) < high
        assert abs(np.median(found[y == 0, 0])) < 0.1


def test_the_way_back_from_nearer_is_less_of_the_axis(moves: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    x, y = made(rng)
    x[y == 1] += moves[OF_REAL].mean(axis=0)
    altered = np.where(np.arange(len(AXES))[:, None] == OF_REAL, FIRST + 80, FIRST)
    half = np.arange(len(x)) % 2 == 0
    found = filtered(x.astype(np.float32), np.arange(len(x)), y, half, moves, altered)["subject_size"]
    assert -1.25 < np.median(found[y == 1, 1]) < -0.75


def test_a_filter_says_nothing_about_equal_sides(moves: np.ndarray) -> None:
    delta = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, y = made(rng, 40)
        found = filtered(x.astype(np.float32), np.arange(80), y, halves(80, 24, rng), moves, FIRST)["clutter"]
        delta.append(np.sign(found[y == 1] - found[y == 0].T).mean())
    assert abs(np.mean(delta)) < 0.1


class Eyes:
    """Pictures whose vectors are their mean colours in nine fields."""

    def __init__(self, gone: bool = False) -> None:
        self.gone = gone

    def originals(self, rows):
        rng = np.random.default_rng(0)
        made = [rng.integers(0, 256, (48, 60, 3), dtype=np.uint8) for _ in range(20)]
        return [None if self.gone else made[int(r)] for r in rows]

    def encode_pictures(self, pictures):
        x = np.array([[f.mean() for f in np.array_split(p.reshape(-1), 9)] for p in pictures], dtype=np.float32)
        x /= np.linalg.norm(x, axis=1, keepdims=True)
        return ImageEncoding(features=x, vectors=x, spatial=[])


def test_signatures_come_from_pictures_seen_again_and_only_in_the_models_own_space() -> None:
    rows, eyes = np.arange(10), Eyes()
    own = eyes.encode_pictures(eyes.originals(np.arange(20))).features
    found = signatures(eyes, own, rows, rows + 10)
    assert found is not None
    assert found.moves.shape == (len(ALTERATIONS), 10, 9)
    assert np.isfinite(found.moves).all()
    assert [set(of.tolist()) <= set((rows + 10).tolist()) for of in found.rows] == [
        i == OF_REAL for i in range(len(ALTERATIONS))
    ]
    assert signatures(eyes, -own, rows, rows + 10) is None
    assert signatures(eyes, own[:, :5], rows, rows + 10) is None
    assert signatures(Eyes(gone=True), own, rows, rows + 10) is None
    assert signatures(eyes, own, rows, np.arange(10, 17)) is None


@pytest.mark.parametrize("size", [(32, 32), (40, 300), (300, 40)])
def test_every_alteration_takes_pictures_of_any_shape(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    picture, other = (rng.integers(0, 256, (*size, 3), dtype=np.uint8) for _ in range(2))
    before = picture.copy()
    for _, alter in ALTERATIONS:
        out = alter(picture, other, np.random.default_rng(1))
        assert out.dtype == np.uint8
        assert out.ndim == 3
        assert (picture == before).all()


def test_a_turned_picture_has_no_empty_corner() -> None:
    assert turned(np.full((50, 90, 3), 200, dtype=np.uint8), 17.0).min() >= 199


@pytest.mark.parametrize("across", [False, True])
def test_a_leaning_picture_shows_twice_as_much_at_one_edge_and_nothing_made_up(across: bool) -> None:
    ramp = np.repeat(np.arange(0, 240, dtype=np.uint8)[None, :, None], 200, axis=0).repeat(3, axis=2)
    ramp = np.ascontiguousarray(ramp.transpose(1, 0, 2)) if across else ramp
    for inset in (LEAN, -LEAN):
        out = leaning(ramp, inset, across)[..., 0].astype(float)
        out = out.T if across else out
        spans = np.ptp(out, axis=1)
        assert max(spans[0], spans[-1]) / min(spans[0], spans[-1]) == pytest.approx(1 / (1 - 2 * LEAN), rel=0.03)
        assert (spans[0] > spans[-1]) == (inset > 0)
        assert (np.diff(out, axis=1) >= 0).all() and (np.abs(np.diff(out, axis=1)[:, [0, -1]]) > 0).mean() > 0.4
        level = straight(ramp, inset, across)[..., 0].astype(float)
        level = level.T if across else level
        assert np.ptp(level, axis=1) == pytest.approx(np.full(len(level), 239 * (1 - LEAN)), rel=0.03)


class Narrow(Eyes):
    """Vectors are how much of a ramp is seen, from side to side and from top to bottom."""

    def originals(self, rows):
        y, x = np.mgrid[0:60, 0:80]
        ramp = np.stack([3 * x, 4 * y, np.full_like(x, 100)], axis=2).astype(np.uint8)
        return [ramp for _ in rows]

    def encode_pictures(self, pictures):
        x = np.array([[1.0, np.std(p[..., 0]) / 99, np.std(p[..., 1]) / 99] for p in pictures], dtype=np.float32)
        return ImageEncoding(features=x, vectors=x, spatial=[])


def test_what_turning_and_leaning_cut_off_is_no_part_of_their_signatures() -> None:
    eyes, rows = Narrow(), np.arange(8)
    own = eyes.encode_pictures(eyes.originals(np.arange(16))).features
    found = signatures(eyes, own, rows, rows + 8)
    assert found is not None and set(np.array(AXES)[list(LIKEWISE)]) == {"camera_tilt", "viewpoint"}
    for i in LIKEWISE:
        cut = eyes.encode_pictures([ALTERATIONS[i][1](p, p, np.random.default_rng(0)) for p in eyes.originals(rows)])
        lost = np.abs(cut.features - own[rows])[0].max()
        assert lost > 0.05 and np.abs(found.moves[i][0]).max() < 0.5 * lost, (i, lost, found.moves[i][0])
