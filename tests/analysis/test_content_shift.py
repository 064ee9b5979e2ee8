"""Content is what no quality and no view explains: both are undone in several ways, up to one that explains it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from analysis import content_shift
from analysis.content_shift import MOST_WAYS, _ways, at_one_quality, how_saved
from analysis.progress import no_progress
from analysis.same_view import TRIED, View


def test_sharpness_and_noise_are_undone_in_either_order() -> None:
    """Blur takes noise away: noise put back before the other side is blurred would be gone again."""
    sizes = {"noise": -1.0, "sharpness": -0.9, "brightness": 0.4}
    ways = list(_ways(None, (None, None), sizes, 0.5, 0, no_progress))  # type: ignore[arg-type]
    orders = [order for _, order, lift, _ in ways if not lift]
    assert orders == [["noise", "sharpness", "brightness"], ["sharpness", "noise", "brightness"]]
    assert [lift for *_, lift, _ in ways] == [False, False, True]  # and brightness made better, too


@pytest.mark.parametrize(("p_value", "asked"), [(0.4, 1), (0.001, 2)])
def test_content_is_asked_in_every_way_up_to_the_first_in_which_it_does_not_differ(
    p_value: float, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    alike = np.zeros((20, 4), dtype=np.float32)

    def seen_alike(*args: object, **_: object) -> tuple[np.ndarray, np.ndarray]:
        seen.append(args[2])  # type: ignore[arg-type]
        return alike, alike

    monkeypatch.setattr(content_shift, "seen_alike", seen_alike)
    monkeypatch.setattr(content_shift, "without", lambda x, _: x)
    monkeypatch.setattr(content_shift, "gap_test", lambda *_, **__: SimpleNamespace(p_value=p_value, strength=0.3))
    sizes, content = {"sharpness": -0.9, "noise": -0.8}, SimpleNamespace(p_value=1e-6, strength=0.9)
    found = at_one_quality(None, (None, None), sizes, content, None, None)  # type: ignore[arg-type]
    assert len(seen) == asked and found == (0.3, p_value)


def test_how_the_more_compressed_side_was_saved_is_read_off_its_files() -> None:
    values = {
        "jpeg_quality": np.array([95.0, 95, 95, 20, 25, np.nan]),
        "megapixels": np.array([9.0, 9, 9, 0.12, 0.12, 0.12]),
        "aspect_ratio": np.array([1.0, 1, 1, 4 / 3, 3 / 4, 4 / 3]),
    }
    sides = (np.arange(3), np.arange(3, 6))
    saved = how_saved(values, sides)
    assert saved is not None and (saved.side, saved.quality) == (0, 22.5) and saved.length == pytest.approx(400)
    turned = how_saved(values, sides[::-1])
    assert turned is not None and turned.side == 1
    assert how_saved(values, (sides[0], sides[0])) is None
    assert how_saved(values | {"jpeg_quality": np.full(6, np.nan)}, sides) is None


@pytest.mark.parametrize(("sizes", "asked"), [
    ({"viewpoint": 0.4}, [("viewpoint", 0)]),
    ({"subject_size": -0.4, "camera_tilt": 0.3}, [("subject_size", 1), ("camera_tilt", 0)]),
    ({"subject_size": 0.4}, [("subject_size", 0)]),
    ({"brightness": 0.4}, []),
    ({"viewpoint": 0.5, "camera_tilt": 0.4, "subject_size": 0.3}, [("viewpoint", 0), ("camera_tilt", 0)]),  # time
    ({"viewpoint": 0.2, "camera_tilt": 0.3}, [("camera_tilt", 0)]),  # what is far weaker than content is not its cause
])  # fmt: skip
def test_every_view_that_differs_is_undone_and_only_training_is_ever_seen_from_farther_away(
    sizes: dict[str, float], asked: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, int]] = []

    def likest(_p: object, _s: object, axis: str, side: int, **_: object) -> View:
        seen.append((axis, side))
        return View(side, TRIED[axis][0][0][0], 0.5)

    monkeypatch.setattr(content_shift, "likest", likest)
    ways = list(_ways(None, (None, None), sizes, 0.5, 0, no_progress))  # type: ignore[arg-type]
    assert seen == asked and [v.side for _, _, _, v in ways if v.level != 1.0] == [side for _, side in asked]
    assert all(place < MOST_WAYS for place, *_ in ways)
