"""The axis that differs comes first in words a person understands; a side effect does not; equal sets stay quiet."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from analysis import real_shift
from analysis.altered_views import AXES, SEEN_BY_MODEL, Signatures, axis_columns
from analysis.dataset import Dataset, label_frame
from analysis.embedders.base import ImageEncoding, ModelInfo
from analysis.features import Features
from analysis.real_shift import _second_view, measure_shift, ranked
from analysis.shift_axes import BY_MARKS, CONTENT, MEASURES
from analysis.statistics import cliffs_delta

MODEL = ModelInfo("made", "made", "made", "nothing", "everything", 16, 16, 224, False)
BRIGHTNESS = next(m for m in MEASURES if m.name == "brightness")


class Photos:
    """Pictures kept in memory; their vectors are the mean colours of a coarse grid and how much happens in each."""

    def __init__(self, pictures: list[np.ndarray]) -> None:
        self.pictures = pictures

    def originals(self, rows):
        return [self.pictures[int(r)] for r in rows]

    def thumbnails(self, rows):
        return [cv2.imencode(".png", self.pictures[int(r)][..., ::-1])[1].tobytes() for r in rows]

    def encode_pictures(self, pictures):
        x = []
        for p in pictures:
            small = cv2.resize(p, (96, 96)).astype(np.float32) / 255
            fine = np.abs(small - cv2.blur(small, (3, 3)))
            x.append(
                np.concatenate([cv2.resize(a, (5, 5), interpolation=cv2.INTER_AREA).ravel() for a in (small, 8 * fine)])
            )
        vectors = np.array(x, dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return ImageEncoding(features=vectors, vectors=vectors, spatial=[])


def scene(rng: np.random.Generator, dark: float = 1.0) -> np.ndarray:
    """A smooth ground and a subject on it."""
    rough = rng.uniform(90, 220, (4, 5, 3)).astype(np.float32)
    out = cv2.resize(rough, (80, 64), interpolation=cv2.INTER_CUBIC)
    x, y = int(rng.integers(10, 40)), int(rng.integers(10, 30))
    cv2.rectangle(out, (x, y), (x + 25, y + 25), rng.uniform(20, 235, 3).tolist(), -1)
    return np.clip(out * dark, 0, 255).astype(np.uint8)


def made(dark: float, n: int = 40, seed: int = 0, files: bool = True) -> tuple[Dataset, Features]:
    rng = np.random.default_rng(seed)
    photos = Photos([scene(rng, 1.0 if i < n else dark) for i in range(2 * n)])
    frame = pd.DataFrame(
        {
            "image_id": [f"{i:03d}" for i in range(2 * n)],
            "path": "/nowhere",
            "origin": ["training"] * n + ["real_world"] * n,
            "split": None,
            "brightness": [float(p.mean()) / 255 for p in photos.pictures],
            "contrast": [float(p.std()) / 127.5 for p in photos.pictures],
        }
    )
    x = photos.encode_pictures(photos.pictures).features
    return Dataset("made", {}, frame, label_frame([]), label_frame([])), Features(
        MODEL, x, x, photos if files else None
    )


@pytest.mark.parametrize("files", [True, False])
def test_darker_pictures_are_told_first_and_in_words(files: bool) -> None:
    dataset, features = made(0.6, files=files)
    found = measure_shift(dataset, features, np.arange(40), np.arange(40, 80))
    assert found.p_value <= 0.01
    first = found.table.iloc[0]
    assert (first["axis"], first["direction"], bool(first["differs"])) == ("brightness", "lower", True)
    assert first["sentence"].startswith("Real-world pictures are darker: median 0.")
    assert set(found.distributions["axis"]) >= {"brightness"}
    assert {a.name for a in found.measured} >= {"brightness", "contrast"}
    assert ("clutter" in set(found.table["axis"])) == files


def test_equal_sets_differ_in_nothing() -> None:
    quiet = 0
    for seed in range(3):
        dataset, features = made(1.0, seed=seed)
        found = measure_shift(dataset, features, np.arange(40), np.arange(40, 80), seed=seed)
        quiet += not found.table["differs"].any() and found.p_value > 0.05
    assert quiet >= 2


def test_the_same_input_gives_the_same_table() -> None:
    dataset, features = made(0.8)
    first, second = (measure_shift(dataset, features, np.arange(40), np.arange(40, 80)).table for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def row(axis: str, effect: float, explains: float | None = None, p: float = 1e-6) -> dict[str, object]:
    sides = (np.full(20, 0.5), np.full(20, 0.5 + effect / 2))
    return {
        "axis": axis,
        "title": axis,
        "measure": BRIGHTNESS,
        "sides": sides,
        "effect": effect,
        "raw_p": p,
        "steps": 1.0,
        **({} if explains is None else {"explains": explains}),
    }


def test_a_cause_comes_before_its_side_effect() -> None:
    table = ranked([row("sharpness", -0.9, 0.2), row("subject_size", 0.6, 0.5), row(CONTENT, 0.9, 0.4)])
    assert table["axis"].iloc[0] == "subject_size"


@pytest.mark.parametrize(("effect", "first"), [(-1.0, "sharpness"), (1.0, "noise")])
def test_blur_comes_before_the_noise_it_takes_and_noise_before_the_edges_it_makes(effect: float, first: str) -> None:
    rows = [row("noise", effect, 0.0), row("sharpness", effect, 0.001)]
    rows[0 if first == "sharpness" else 1]["steps"] = 9.0  # plainer to see
    assert ranked(rows)["axis"].iloc[0] == first


def test_compression_comes_before_the_noise_it_takes_and_the_edges_it_makes() -> None:
    rows = [row("noise", -1.0, 0.0), row("sharpness", 1.0, 0.0), row("jpeg_quality", -1.0, 0.0)]
    rows[2]["steps"] = 0.5
    assert ranked(rows)["axis"].iloc[0] == "jpeg_quality"
    assert ranked([r | {"effect": abs(float(r["effect"]))} for r in rows])["axis"].iloc[0] == "noise"  # type: ignore[arg-type]


@pytest.mark.parametrize(("effect", "first"), [(-1.0, "sharpness"), (1.0, "noise")])
def test_a_trace_of_compression_does_not_order_what_blur_and_noise_do(effect: float, first: str) -> None:
    rows = [row("noise", effect, 0.0), row("sharpness", effect, 0.001), row("jpeg_quality", -0.05, 0.0)]
    rows[0 if first == "sharpness" else 1]["steps"] = 9.0
    assert ranked(rows)["axis"].iloc[0] == first


@pytest.mark.parametrize(("before", "after", "told"), [
    ((0.3, 0.01), (0.2, 0.001), (0.2, 0.002)),  # the surer one, at twice its p-value
    ((0.3, 0.001), (0.4, 0.01), (0.3, 0.002)),
    ((0.8, 1e-9), (0.9, 1e-7), (0.9, 2e-7)),  # both are sure: the larger effect
    ((0.3, 0.01), (0.05, 1e-6), (0.3, 0.02)),  # sure, but nobody would mind
    ((0.05, 1e-9), (0.3, 0.01), (0.3, 0.02)),
    ((np.nan, np.nan), (0.2, 0.03), (0.2, 0.03)),  # only one can be taken
    ((0.3, 0.01), (np.nan, np.nan), (0.3, 0.01)),
])  # fmt: skip
def test_of_two_views_of_an_axis_the_surer_one_speaks(
    before: tuple[float, float], after: tuple[float, float], told: tuple[float, float]
) -> None:
    rows, measured = {"jpeg_quality": row("jpeg_quality", before[0], p=before[1])}, {}
    found = row("jpeg_quality", after[0], p=after[1])
    _second_view(rows, measured, found, BY_MARKS, np.zeros(40))
    assert (rows["jpeg_quality"]["effect"], rows["jpeg_quality"]["raw_p"]) == pytest.approx(told)
    assert (rows["jpeg_quality"] is found) == (told[0] == after[0]) == ("jpeg_quality" in measured)


@pytest.mark.parametrize(("way", "probable"), [(1, False), (-1, True)])
def test_less_slanted_than_usual_is_no_other_viewpoint_but_smaller_subjects_are_a_size(
    way: int, probable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(0).normal(size=80) + way * np.repeat([0.0, 1.3], 40)
    none = np.random.default_rng(1).normal(size=80)
    seen = {axis: np.column_stack([values] + [none] * (axis_columns(axis) - 1)) for axis in SEEN_BY_MODEL}
    for axis in ("camera_tilt", "viewpoint"):  # no alteration of these has more of it
        seen[axis] = np.column_stack([values] * axis_columns(axis))
    monkeypatch.setattr(real_shift, "filtered", lambda *_: seen)
    tried = Signatures(np.tile(np.arange(20), (len(AXES), 1)), np.zeros((len(AXES), 20, 4)))
    found = real_shift._seen_by_model(np.zeros((80, 4), np.float32), [np.arange(40), np.arange(40, 80)], tried, 0)
    two_sided = cliffs_delta(values[:40], values[40:])[1]
    assert two_sided < 0.001
    assert found["subject_size"]["raw_p"] == pytest.approx(axis_columns("subject_size") * two_sided)
    for axis in ("camera_tilt", "viewpoint"):
        assert (float(found[axis]["raw_p"]) > 0.9) == probable  # type: ignore[arg-type]
        assert probable or found[axis]["raw_p"] == pytest.approx(axis_columns(axis) * two_sided / 2)


def test_without_trials_the_effect_ranks_and_chance_comes_last() -> None:
    table = ranked([row("a", 0.4), row("b", -0.9, p=0.4), row("c", -0.7), row("d", np.nan, p=np.nan)])
    assert table["axis"].tolist() == ["c", "a", "b", "d"]
    assert table["differs"].tolist() == [True, True, False, False]
    assert "cannot tell" in table["sentence"].iloc[-1]


def test_too_few_pictures_are_not_judged() -> None:
    dataset, features = made(0.5)
    found = measure_shift(dataset, features, np.arange(40), np.arange(40, 44))
    assert np.isnan(found.p_value)
    assert not found.table["differs"].any()
