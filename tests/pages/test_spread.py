"""Cast too wide page: the parts of a merged concept as coloured points and as strips of pictures with names."""

from __future__ import annotations

import json

from app_support import has_title, new_session, run_until, words
from streamlit.testing.v1 import AppTest
from support import photo

from components.charts.spread import gain_in_words


def test_concepts_are_drawn_as_points_and_bars(tmp_path, monkeypatch):
    root = tmp_path / "training"
    for number, (concept, tint) in enumerate(
        (("glass", (40, 60, 200)), ("pa_per", (220, 200, 40)), ("tin", (9, 9, 9)))
    ):
        (root / concept).mkdir(parents=True)
        for i in range(16):
            photo(1000 * number + i, size=(48, 36), tint=tint).save(root / concept / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(root))
    page = run_until(new_session("pages/audit/spread.py"), lambda at: has_title(at) and bool(at.get("plotly_chart")))
    assert not page.exception
    points, bars = (json.loads(c.proto.spec)["data"] for c in page.get("plotly_chart"))
    assert {t["type"] for t in points} == {"scatter"} and [t["type"] for t in bars] == ["bar"]
    assert "Varied alone is no fault" in words(page)
    assert "part A" not in words(page).lower()
    wanted = next(c for c in page.segmented_control if c.label == "Kinds to show")
    assert list(wanted.options)[1:] == ["2", "3", "4"], "16 pictures: four a kind"
    wanted.set_value("3")
    page = run_until(page, lambda at: "because you asked for it" in words(at) and "naming them apart" in words(at))
    drawn = json.loads(page.get("plotly_chart")[0].proto.spec)["data"]
    sizes = [int(t["name"].rsplit("(", 1)[1].rstrip(")")) for t in drawn]
    assert len(sizes) == 3 and sum(sizes) == 16
    assert any("which kind" in b.proto.label for b in page.get("download_button"))


def _points_of_two_parts():
    import numpy as np
    import pandas as pd
    import streamlit as st

    from components.charts.spread import scatter

    own = pd.DataFrame({"image_id": list("abcd"), "x": np.arange(4.0), "y": 0.0, "part": [0, 0, 1, 1]})
    st.plotly_chart(scatter(own.assign(name=["<b>red", "<b>red", "green", "green"])))


def test_each_part_has_a_colour_a_symbol_and_a_name_that_is_no_markup():
    page = AppTest.from_function(_points_of_two_parts).run()
    first, second = json.loads(page.get("plotly_chart")[0].proto.spec)["data"]
    assert first["name"] == "&lt;b&gt;red (2)" and second["name"] == "green (2)"
    assert first["marker"]["color"] != second["marker"]["color"]
    assert first["marker"]["symbol"] != second["marker"]["symbol"]


def test_a_gain_within_chance_is_called_so():
    sure = {"single": 0.5, "split": 0.9, "low": 0.3, "high": 0.5, "n": 80}
    assert "30 to 50 more" in gain_in_words(sure)
    assert "within chance" in gain_in_words({**sure, "low": -0.01, "split": 0.52})
