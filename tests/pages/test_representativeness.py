"""Real use page: what differs, the blind spots, the list and what it brings; and what is said without real use."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from app_support import has_title, new_session, run_until, words
from PIL import Image
from support import photo

from components.charts.representativeness import what_if_words

PAGE = "pages/audit/representativeness.py"


def folders(root, *, real):
    for side, dark in (("training", 1.0), ("real", 0.35)) if real else (("training", 1.0),):
        for number, (concept, tint) in enumerate((("gl_ass", (40, 60, 200)), ("tin", (200, 160, 40)))):
            (root / side / concept).mkdir(parents=True)
            for i in range(22):
                picture = np.asarray(photo(1000 * number + i + 500 * (dark < 1), size=(48, 36), tint=tint)) * dark
                Image.fromarray(picture.astype(np.uint8)).save(root / side / concept / f"{i}.jpg")


def test_the_tale_is_told_from_what_differs_to_what_adding_brings(tmp_path, monkeypatch) -> None:
    folders(tmp_path, real=True)
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(tmp_path / "training"))
    monkeypatch.setenv("EXPLORER_REAL_WORLD", str(tmp_path / "real"))
    page = run_until(new_session(PAGE), lambda at: has_title(at) and bool(at.get("plotly_chart")))
    assert not page.exception
    said = words(page)
    for part in (
        "What is different in real use",
        "Where training is blind",
        "What to collect next",
        "What adding them would bring",
    ):
        assert part in said
    assert "Real-world pictures are darker" in said
    *_, chart = (json.loads(c.proto.spec)["data"] for c in page.get("plotly_chart"))
    assert {trace["name"] for trace in chart} == {"the first of the list", "as many at random"}


def test_without_real_use_it_says_what_to_do(tmp_path, monkeypatch) -> None:
    folders(tmp_path, real=False)
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(tmp_path / "training"))
    page = run_until(new_session(PAGE), lambda at: has_title(at) and "second folder" in words(at))
    assert not page.exception and not page.get("plotly_chart")


def test_before_and_after_are_said_with_the_numbers_of_the_table() -> None:
    steps = pd.DataFrame(
        [
            {"strategy": s, "added": k, "score_before": 0.5, "score_after": a}
            for s, k, a in (("ranked", 10, 0.7), ("ranked", 25, 0.8), ("random", 10, 0.6), ("random", 25, 0.8))
        ]
    )
    said = what_if_words(steps)
    assert "50%" in said and "25 of them added, 80%" in said and "bring 70%" in said and "at random bring 60%" in said
