"""Quantity page: the answer, the curve of a concept, the table of needs, the button for the network from scratch."""

from __future__ import annotations

import json

import numpy as np
import pytest
from app_support import has_title, new_session, press, run_until, words
from support import photo

PAGE = "pages/audit/quantity.py"


@pytest.fixture
def page(tmp_path, monkeypatch):
    root = tmp_path / "training"
    for number, (concept, n, tint) in enumerate((("glass", 14, (40, 60, 200)), ("pa_per", 12, (220, 200, 40)))):
        (root / concept).mkdir(parents=True)
        for i in range(n):
            photo(1000 * number + i, size=(48, 36), tint=tint).save(root / concept / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(root))
    return run_until(new_session(PAGE), lambda at: has_title(at) and bool(at.get("plotly_chart")))


def test_the_curve_of_a_concept_has_measured_points_a_forecast_and_the_target(page):
    page.selectbox(key="quantity-concept").set_value("pa_per").run()
    assert not page.exception
    spec = json.loads(page.get("plotly_chart")[0].proto.spec)
    assert [t.get("mode") for t in spec["data"]] == [None, "lines", "lines+markers"]
    assert "10^" not in str(spec["layout"]["xaxis"]["ticktext"])
    assert spec["layout"]["xaxis"]["range"][1] == pytest.approx(np.log10(120) + 0.06)
    assert spec["layout"]["shapes"][0]["y0"] == 0.9
    table = page.dataframe[0].value
    assert sorted(table["Pictures"]) == [12, 14]


def test_the_button_trains_a_network_from_scratch(page, monkeypatch):
    assert "thousands to millions from scratch" in words(page)
    started = []
    monkeypatch.setattr("components.audits.start", lambda opened, tasks: started.extend(tasks))
    press(page, "Train a small network from scratch")
    assert not page.exception
    assert [(t.check.id, dict(t.chosen)) for t in started] == [("quantity", {"deep": True})]
