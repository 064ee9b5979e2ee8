"""Each axis measures its own cause and hardly anything of the others; effects ignore what nobody would notice."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from analysis.shift_axes import BY_MARKS, MEASURES, Measure, coarseness, effect, layout, noise, scores, unwrapped
from analysis.statistics import cliffs_delta

BY_NAME = {m.name: m for m in MEASURES}


def street(turned: float = 0.0, converging: float = 0.0, width: int = 180, height: int = 140) -> np.ndarray:
    """A wall of windows: upright and level edges."""
    rgb = np.full((height * 2, width * 2, 3), 150, dtype=np.uint8)
    for x in range(10, width * 2, 44):
        for y in range(12, height * 2, 60):
            cv2.rectangle(rgb, (x, y), (x + 24, y + 36), (60, 50, 40), -1)
    matrix = np.vstack([cv2.getRotationMatrix2D((width, height), -turned, 1.0), [0, 0, 1]])
    if converging:
        inset = converging * 2 * width
        corners = np.array([[0, 0], [2 * width, 0], [2 * width, 2 * height], [0, 2 * height]], dtype=np.float32)
        moved = corners + np.array([[inset, 0], [-inset, 0], [0, 0], [0, 0]], dtype=np.float32)
        matrix = cv2.getPerspectiveTransform(corners, moved) @ matrix
    out = cv2.warpPerspective(rgb, matrix, (2 * width, 2 * height), borderMode=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(out[height // 2 : height // 2 + height, width // 2 : width // 2 + width])


@pytest.mark.parametrize("degrees", [-12.0, -4.0, 5.0, 15.0])
def test_tilt_is_the_angle_by_which_the_picture_was_turned(degrees: float) -> None:
    assert layout(street())["camera_tilt"] == pytest.approx(0, abs=0.7)
    assert layout(street(turned=degrees))["camera_tilt"] == pytest.approx(degrees, abs=1.5)


def test_viewpoint_is_how_upright_edges_converge_whether_turned_or_not() -> None:
    level, below, above = (layout(street(converging=k))["viewpoint"] for k in (0.0, 0.12, -0.12))
    assert level == pytest.approx(0, abs=1)
    assert min(abs(below), abs(above)) > 3
    assert np.sign(below) == -np.sign(above)
    assert layout(street(turned=6.0))["viewpoint"] == pytest.approx(0, abs=2)


def scene(rng: np.random.Generator) -> np.ndarray:
    rough = cv2.resize(rng.uniform(40, 210, (12, 16, 3)).astype(np.float32), (256, 192), interpolation=cv2.INTER_CUBIC)
    return np.clip(rough, 0, 255).astype(np.uint8)


def test_noise_is_seen_and_neither_darkness_nor_flatness_passes_for_it() -> None:
    rng = np.random.default_rng(0)
    for _ in range(4):
        rgb = scene(rng)
        noisy = np.clip(rgb + rng.normal(0, 8, rgb.shape), 0, 255)
        plain, seen = noise(rgb), noise(noisy.astype(np.uint8))
        assert seen > 2.5 * plain
        assert noise((noisy * 0.5).astype(np.uint8)) == pytest.approx(seen, rel=0.25)
        assert noise((noisy * 0.5 + 60).astype(np.uint8)) == pytest.approx(seen, rel=0.25)
    assert np.isnan(noise(np.zeros((8, 8, 3), dtype=np.uint8)))


def test_clutter_counts_edges_however_dark_the_picture_is() -> None:
    plain, full = street(width=400, height=300), street(width=90, height=70)
    assert layout(full)["clutter"] != layout(plain)["clutter"]
    assert layout((full * 0.5).astype(np.uint8))["clutter"] == pytest.approx(layout(full)["clutter"], abs=0.03)


def test_a_flat_picture_has_no_angle() -> None:
    found = layout(np.full((60, 60, 3), 90, dtype=np.uint8))
    assert np.isnan(found["camera_tilt"])
    assert np.isnan(found["viewpoint"])
    assert found["clutter"] == 0


def test_what_nobody_would_notice_is_no_difference() -> None:
    measure = Measure("brightness", "", "", "", 0.02)
    a = np.full(30, 0.5)
    assert effect(measure, a, a + 0.015) == 0
    assert effect(measure, a, a + 0.03) == 1
    assert effect(measure, a, np.concatenate([a + 0.03, a - 0.03])) == 0
    ratio = BY_NAME["megapixels"]
    assert effect(ratio, a, a * 2) == 0
    assert effect(ratio, a, a / 4) == -1


def test_without_a_dead_zone_the_effect_is_cliffs_delta() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=40), rng.normal(0.4, 1, 30)
    pairs = b[:, None] - a[None, :]
    assert effect(Measure("x", "", "", "", 0.0), a, b) == pytest.approx(np.sign(pairs).mean())
    assert effect(Measure("x", "", "", "", 0.5), a, b) == pytest.approx((pairs > 0.5).mean() - (pairs < -0.5).mean())


def test_qualities_that_look_alike_are_alike() -> None:
    measure = BY_NAME["jpeg_quality"]
    high = np.full(20, 95.0)
    assert effect(measure, high, np.full(20, 80.0)) == 0
    assert effect(measure, high, np.full(20, 30.0)) == -1
    assert np.isnan(coarseness(np.array([np.nan]))).all()
    assert effect(BY_MARKS, np.full(20, 0.9), np.full(20, 0.3)) == -1  # a share, and no quality
    assert effect(BY_MARKS, np.full(20, 0.95), np.full(20, 0.75)) == 0  # cardboard and metal, saved alike


def wrapped(degrees: np.ndarray) -> np.ndarray:
    return (degrees + 45) % 90 - 45


@pytest.mark.parametrize("start", [-60.0, -44.0, 0.0, 41.0, 44.5])
def test_tilts_are_compared_as_angles_wherever_a_quarter_turn_begins(start: float) -> None:
    tilt = BY_NAME["camera_tilt"]
    rng = np.random.default_rng(2)
    a, b = (wrapped(rng.normal(start + turn, 4, 50)) for turn in (0, 10))
    assert effect(tilt, a, b) > 0.7 and effect(tilt, b, a) < -0.7
    before, after = (float(np.median(side)) for side in unwrapped(tilt, a, b))
    assert after - before == pytest.approx(10, abs=2)
    assert unwrapped(BY_NAME["brightness"], a, b)[0] is a


def test_a_turn_is_seen_among_pictures_that_lean_every_way() -> None:
    """As photos by hand do: many of them lie near the ends of the quarter turn, where plain numbers jump."""
    tilt, seen, plain, alarms = BY_NAME["camera_tilt"], 0, 0, 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        a, b = (wrapped(rng.normal(turn, 22, 100)) for turn in (20, 32))
        other = wrapped(rng.normal(20, 22, 100))
        seen += cliffs_delta(*scores(tilt, a, b)[:2])[1] < 0.01
        plain += cliffs_delta(a, b)[1] < 0.01
        alarms += cliffs_delta(*scores(tilt, a, other)[:2])[1] < 0.05
    assert seen > plain + 10 and alarms <= 7, (seen, plain, alarms)
