"""Page of noise robustness: a curve for each perturbation, and a picture at each level."""

from __future__ import annotations

import io

import numpy as np
import pandas as pd
import pytest
from app_support import has_title, new_session, run_until, words
from support import photo

from analysis.perturbations import PERTURBATIONS
from components.charts.noise_robustness import strip

PAGE = "pages/audit/noise_robustness.py"


@pytest.fixture
def page(tmp_path, monkeypatch):
    root = tmp_path / "training"
    for number, (concept, tint) in enumerate((("glass", (40, 60, 200)), ("pa_per", (220, 200, 40)))):
        (root / concept).mkdir(parents=True)
        for i in range(14):
            photo(1000 * number + i, size=(48, 36), tint=tint).save(root / concept / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(root))
    return run_until(new_session(PAGE), lambda at: has_title(at) and bool(at.get("plotly_chart")))


def test_each_perturbation_has_a_curve(page):
    assert not page.exception
    assert len(page.get("plotly_chart")) == len(PERTURBATIONS)
    assert "sampled pictures" in words(page)


def test_the_level_where_it_is_lost_is_marked_in_the_strip():
    data = io.BytesIO()
    photo(1).save(data, "JPEG")
    blur = PERTURBATIONS[0]
    of = pd.DataFrame({"place": [1, 2], "lost": np.array([False, True])})
    shown = strip(data.getvalue(), blur, of)
    assert shown.count("<img") == 1 + len(blur.levels)
    assert shown.count("lost here") == 1 and shown.count("still there") == 1
