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


def test_what_is_written_is_kept_counts_for_the_checks_and_can_be_undone(tmp_path, monkeypatch):
    from analysis.taxonomy import Entry
    from components.shelf import shelf
    from components.taxonomy_editor import _save, _undo

    root = tmp_path / "training"
    for number, concept in enumerate(("Apple", "Saw")):
        (root / concept).mkdir(parents=True)
        for i in range(3):
            photo(1000 * number + i, size=(48, 36)).save(root / concept / f"{i}.jpg")
    monkeypatch.setenv("EXPLORER_ROOTS", str(tmp_path))
    monkeypatch.setenv("EXPLORER_DATASET", str(root))
    page = run_until(new_session(PAGE), lambda at: has_title(at) and bool(at.get("plotly_chart")))
    assert "A draft: one line for each concept" in words(page)
    assert page.button(key="taxonomy-undo").disabled
    (opened,) = shelf()._open.values()
    source = opened.source.id
    monkeypatch.setattr("streamlit.session_state", {})
    _save(source, (Entry("Apple", "a fruit"), Entry("Saw", "a tool"), Entry("Hammer", "a tool too")))
    page = run_until(new_session(PAGE), lambda at: has_title(at) and "Your taxonomy." in words(at))
    assert "the pictures, labels or descriptions changed since" in words(page)
    page.button(key="taxonomy-renew").click().run()
    page = run_until(page, lambda at: "Hammer" in words(at) or any("Hammer" in str(d.value) for d in at.dataframe))
    _undo(source)
    page = run_until(new_session(PAGE), lambda at: has_title(at) and "A draft" in words(at))
    assert not page.exception and not list(root.glob("*.json"))


def test_a_sample_opens_with_its_own_taxonomy_until_another_is_saved(tmp_path):
    from analysis.taxonomy import Entry
    from components.shelf import Shelf

    shelf = Shelf(tmp_path)
    given = shelf.taxonomy_of("green_apples")
    assert {e.name for e in given} == {"apple", "banana", "lemon", "orange", "pear"}
    assert all(e.description for e in given)
    shelf.taxonomies.save("green_apples", (Entry("apple", "a fruit"),))
    assert shelf.taxonomy_of("green_apples") == (Entry("apple", "a fruit"),)
    shelf.taxonomies.undo("green_apples")
    assert shelf.taxonomy_of("green_apples") == given
    assert shelf.taxonomy_of("perfect_pint") == ()
