"""Descriptions page: the bars, one text beside its pictures; and what is said without a taxonomy."""

from __future__ import annotations

from app_support import has_title, new_session, run_until, words
from streamlit.testing.v1 import AppTest
from support import photo

PAGE = "pages/audit/description.py"


def test_without_a_taxonomy_it_says_what_to_give(tmp_path, monkeypatch) -> None:
    for number, concept in enumerate(("glass", "tin")):
        (tmp_path / "training" / concept).mkdir(parents=True)
        for i in range(9):
            photo(1000 * number + i, size=(48, 36)).save(tmp_path / "training" / concept / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(tmp_path / "training"))
    page = run_until(new_session(PAGE), lambda at: has_title(at) and "taxonomy file" in words(at))
    assert not page.exception and not page.get("plotly_chart")
    assert page.button(key="description-taxonomy") and "description-start" not in [b.key for b in page.button]


def _drawn():
    from types import SimpleNamespace

    import numpy as np
    import pandas as pd

    from analysis.checks.base import Findings, Verdict
    from analysis.dataset import Dataset, label_frame
    from components.charts import description

    texts = pd.DataFrame(
        {
            "concept": ["gl_ass", "tin"],
            "description": ["a <b>bottle</b>", "a can"],
            "auc": [0.4, 0.9],
            "p_value": [0.6, 0.001],
            "verdict": ["cannot_tell", "pass"],
        }
    )
    misfits = pd.DataFrame({"image_id": [], "concept": [], "fits": [], "score": []}).astype({"concept": object})
    frame = pd.DataFrame({"image_id": ["a"], "path": "", "origin": "training", "split": None})
    data = Dataset("made", {}, frame, label_frame([]), label_frame([]))
    opened = SimpleNamespace(dataset=data, features=None, rows=np.arange(1))
    description.draw(opened, Findings(Verdict.PASS, 1.0, "Fine.", tables={"descriptions": texts, "misfits": misfits}))


def test_texts_are_shown_as_text_with_why_no_pictures_are_ranked() -> None:
    page = AppTest.from_function(_drawn, default_timeout=60).run()
    assert not page.exception
    assert len(page.get("plotly_chart")) == 1
    assert "a &lt;b&gt;bottle&lt;/b&gt;" in page.get("html")[0].proto.body
    assert "not understood" in " ".join(c.value for c in page.caption)
