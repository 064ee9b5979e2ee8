"""Taxonomy page: the tree, what is wrong with it, and a draft to take home."""

from __future__ import annotations

import json

from app_support import has_title, new_session, run_until, words
from support import photo

PAGE = "pages/audit/taxonomy.py"


def test_the_tree_is_drawn_with_what_is_wrong_and_can_be_taken_home(tmp_path, monkeypatch):
    root = tmp_path / "training"
    for number, concept in enumerate(("Fruit/Apple", "Fruit/apples", "Tool/Saw_<b>")):
        (root / concept).mkdir(parents=True)
        for i in range(3):
            photo(1000 * number + i, size=(48, 36)).save(root / concept / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(root))
    page = run_until(new_session(PAGE), lambda at: has_title(at) and bool(at.get("plotly_chart")))
    assert not page.exception
    assert "spelled differently and mean the same" in words(page)
    (trace,) = json.loads(page.get("plotly_chart")[0].proto.spec)["data"]
    assert trace["ids"][1:] == ["Fruit", "Fruit/Apple", "Fruit/apples", "Tool", "Tool/Saw_<b>"]
    assert trace["parents"] == ["", trace["ids"][0], "Fruit", "Fruit", trace["ids"][0], "Tool"]
    assert "<b>" not in "".join(trace["labels"])
    assert page.dataframe[0].value["What"].tolist() == ["two names for one thing", "an only child"]
    assert [b.label for b in page.get("download_button") if "Taxonomy" in b.label] == [
        "Taxonomy (CSV)",
        "Taxonomy (YAML)",
    ]
