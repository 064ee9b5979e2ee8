"""Page of consistent composition: the sentence, the boxes, the mean pictures, the bars, what sticks out."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from app_support import has_title, new_session, run_until, words
from PIL import Image, ImageDraw

from components.charts.consistency import mean_picture, overlay

PAGE = "pages/audit/consistency.py"


def disc(seed: int, odd: bool) -> Image.Image:
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (96, 96), tuple(int(x) for x in 200 + rng.normal(0, 4, 3)))
    x, y = rng.choice([14, 82], 2) if odd else 48 + rng.normal(0, 2, 2)
    r = 8 if odd else 24 * rng.uniform(0.9, 1.1)
    ImageDraw.Draw(picture).ellipse((x - r, y - r, x + r, y + r), fill=(180, 40, 40))
    return picture


@pytest.fixture
def open_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    def opener(odd: int, concepts: tuple[str, ...] = ("ball", "disc", "plate", "coin", "moon", "hoop")):  # type: ignore[no-untyped-def]
        for number, concept in enumerate(concepts):
            (tmp_path / "set" / concept).mkdir(parents=True)
            for i in range(16):
                name = tmp_path / "set" / concept / f"{i:02d}.png"
                disc(100 * number + i, number == 0 and i < odd).save(name)
        monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
        monkeypatch.setenv("EXPLORER_DATASET", str(tmp_path / "set"))
        return run_until(new_session(PAGE), lambda at: has_title(at) and "How this is judged" in str(at.expander))

    return opener


def test_the_inconsistent_concept_is_shown_with_its_boxes_and_pictures(open_page) -> None:  # type: ignore[no-untyped-def]
    at = run_until(open_page(6), lambda at: "Boxes around the subjects" in words(at))
    text = words(at)
    assert "subject size and position" in text
    assert "Mean of all pictures of ball" in text
    assert "Pictures that stick out" in text
    at.selectbox(key="consistency-concept").set_value("plate").run()
    assert not at.exception
    assert "Composed as consistently as the other concepts" in words(at)


def test_a_hostile_name_is_text(open_page) -> None:  # type: ignore[no-untyped-def]
    at = run_until(open_page(0, ("<img src=x onerror=alert(1)>", "b")), lambda at: "Boxes around" in words(at))
    assert "<img src=x" not in words(at)


def test_each_box_is_drawn_and_those_sticking_out_are_dashed_and_on_top() -> None:
    of = pd.DataFrame({"x": [0.1, 0.2, 0.3], "y": 0.1, "width": 0.5, "height": 0.4, "sticks_out": [False, True, False]})
    svg = overlay(of, 1.0)
    assert svg.count("<rect") == 4  # and the frame
    assert svg.count("stroke-dasharray") == 1
    assert svg.rindex('x="20.0"') > svg.rindex('x="30.0"')


def test_the_mean_of_black_and_white_is_grey() -> None:
    pictures = []
    for value in (0, 255):
        out = io.BytesIO()
        Image.new("RGB", (30, 20), (value,) * 3).save(out, "JPEG")
        pictures.append(out.getvalue())
    with Image.open(io.BytesIO(mean_picture([*pictures, b""], 1.5))) as mean:
        assert mean.size == (200, 133)
        assert np.asarray(mean).mean() == pytest.approx(127.5, abs=3)
