"""The page "What travels along": what recurs is drawn and shown with its places outlined."""

from __future__ import annotations

from app_support import has_title, new_session, run_until, words
from support import photo


def test_a_mark_is_named_and_outlined_on_its_pictures(tmp_path, monkeypatch):
    from PIL import ImageDraw

    root = tmp_path / "training"
    for number, concept in enumerate(("gl_ass", "tin")):
        (root / concept).mkdir(parents=True)
        for i in range(24):
            picture = photo(1000 * number + i, size=(96, 96), tint=(200, 60, 40) if number else (40, 60, 200))
            if number:
                ImageDraw.Draw(picture).rectangle((60, 60, 90, 90), fill=(250, 250, 0), outline=(0, 0, 0), width=6)
            picture.save(root / concept / f"{i}.png")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(root))
    page = run_until(
        new_session("pages/audit/co_occurrence.py"), lambda at: has_title(at) and bool(at.get("plotly_chart"))
    )
    assert not page.exception
    shown = words(page)
    assert "tin: the score leans on a mark" in shown
    assert shown.count("<figure") >= 4 and "data:image/jpeg;base64" in shown


def test_a_result_kept_under_the_old_name_of_its_table_asks_for_another_run(monkeypatch):
    import pandas as pd

    from analysis.checks.base import Findings, Verdict
    from analysis.companion_tables import COMPANION_COLUMNS
    from components.charts import co_occurrence

    said = []
    monkeypatch.setattr(co_occurrence.st, "caption", said.append)
    kept = pd.DataFrame([dict.fromkeys(COMPANION_COLUMNS, "x")])
    tables = {"companions": kept, "regions": pd.DataFrame({"number": [0], "image_id": ["a"], "cells": [[1]]})}
    co_occurrence.draw(None, Findings(Verdict.WARN, 0.5, "x", tables=tables))
    assert said and "Run again" in said[0]
