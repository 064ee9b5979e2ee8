"""Picture quality page: the answer, a tile a fault, the flagged pictures, what real use has and training lacks."""

from __future__ import annotations

import numpy as np
import pytest
from app_support import has_title, new_session, run_until, words
from PIL import Image, ImageEnhance

PAGE = "pages/audit/image_quality.py"


def boxes(seed):
    """Crisp boxes of many colours: nothing is wrong with such a picture."""
    rng = np.random.default_rng(seed)
    picture = np.full((120, 160, 3), rng.integers(90, 160), np.uint8)
    for _ in range(25):
        x, y, w, h = rng.integers(0, 140), rng.integers(0, 100), *rng.integers(10, 60, 2)
        picture[y : y + h, x : x + w] = rng.integers(20, 235, 3)
    return Image.fromarray(picture)


def folder(root, n, dark=0, seed=0):
    (root / "glass").mkdir(parents=True)
    for i in range(n):
        picture = boxes(seed + i)
        if i < dark:
            picture = ImageEnhance.Brightness(picture).enhance(0.1)
        picture.save(root / "glass" / f"{i}.png")
    return root


@pytest.fixture
def open_page(tmp_path, monkeypatch):
    def opener(dark, real_dark=None):
        monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
        monkeypatch.setenv("EXPLORER_DATASET", str(folder(tmp_path / "training", 30, dark)))
        if real_dark is not None:
            monkeypatch.setenv("EXPLORER_REAL_WORLD", str(folder(tmp_path / "real", 30, real_dark, 500)))
        done = run_until(new_session(PAGE), has_title)
        return run_until(done, lambda at: "One fault at a time" in words(at))

    return opener


def test_dark_pictures_are_counted_drawn_and_to_be_had_as_csv(open_page):
    at = open_page(dark=6)
    text = words(at)
    assert "6 of 30 training pictures have a fault (6 dark)" in text and "Needs work" in text
    assert at.get("plotly_chart") and at.get("pills") is not None
    assert any(b.proto.label == "Download 6 flagged pictures, all training (CSV)" for b in at.get("download_button"))


def test_what_training_lacks_is_shown_and_not_flagged(open_page):
    at = open_page(dark=0, real_dark=9)
    text = words(at)
    assert "In real use, and missing in training" in text
    assert "Training lacks pictures that real use has: dark (30% of real use, 0% of training)" in text


def test_the_small_pictures_of_this_test_are_fine_otherwise(open_page):
    assert "None of the 30 training pictures looks unusable." in words(open_page(dark=0))
