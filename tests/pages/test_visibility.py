"""Visibility and Outside context pages: the pairs as bars, and the pictures of a pair side by side."""

from __future__ import annotations

import json

import pytest
from app_support import has_title, new_session, run_until, words
from support import photo


@pytest.mark.parametrize("check", ["visibility", "outside_context"])
def test_pairs_are_drawn_and_a_pair_is_shown_side_by_side(check, tmp_path, monkeypatch):
    root = tmp_path / "training"
    for number, (concept, tint) in enumerate(
        (("glass", (40, 60, 200)), ("pa_per", (220, 200, 40)), ("tin", (9, 9, 9)))
    ):
        (root / concept).mkdir(parents=True)
        for i in range(9):
            photo(1000 * number + i, size=(48, 36), tint=tint).save(root / concept / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(root))
    page = run_until(new_session(f"pages/audit/{check}.py"), lambda at: has_title(at) and bool(at.get("plotly_chart")))
    assert not page.exception
    (bars,) = (t for t in json.loads(page.get("plotly_chart")[0].proto.spec)["data"] if t["type"] == "bar")
    assert len(bars["hovertext"]) == 3
    assert "The pictures of each that look most like the other" in words(page)
    key = f"{check}-pair"
    page.selectbox(key=key).set_value(2).run()
    assert not page.exception and page.selectbox(key=key).value == 2
