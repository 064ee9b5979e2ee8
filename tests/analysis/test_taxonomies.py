"""Edited taxonomies: each save is a version, undo goes back one, nothing of the user's is touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.errors import InputError
from analysis.results import RESULTS_FOLDER
from analysis.taxonomies import MOST_VERSIONS, Taxonomies
from analysis.taxonomy import Entry

ONE = (Entry("Apple", "a fruit", "Fruit", ("apples",), ("green ones",), ("juice", "pie")), Entry("Fruit"))
TWO = (Entry("Apple", "a red fruit", "Fruit"), Entry("Fruit"))


def test_the_last_save_counts_and_undo_goes_back_one_by_one(tmp_path: Path) -> None:
    kept = Taxonomies(tmp_path)
    assert kept.current("a") == ()
    kept.save("a", ONE)
    kept.save("a", TWO)
    kept.save("a", TWO)
    assert Taxonomies(tmp_path).current("a") == TWO and kept.current("b") == ()
    assert len(kept.versions("a")) == 2
    kept.undo("a")
    assert kept.current("a") == ONE
    kept.undo("a")
    kept.undo("a")
    assert kept.current("a") == ()


def test_a_concept_listed_twice_is_refused_and_what_was_saved_stays(tmp_path: Path) -> None:
    kept = Taxonomies(tmp_path)
    kept.save("a", ONE)
    with pytest.raises(InputError, match="Apple is listed twice under Fruit"):
        kept.save("a", (*ONE, Entry("Apple", "again", "Fruit")))
    assert kept.current("a") == ONE
    kept.save("a", (*ONE, Entry("Apple", "the firm", "Firms")))


def test_old_versions_go_so_that_the_file_stays_small(tmp_path: Path) -> None:
    kept = Taxonomies(tmp_path)
    for i in range(MOST_VERSIONS + 5):
        kept.save("a", (Entry("Apple", str(i)),))
    assert len(kept.versions("a")) == MOST_VERSIONS
    assert kept.current("a")[0].description == str(MOST_VERSIONS + 4)


NAMES = st.text(min_size=1).map(str.strip).filter(bool)
WORDS = st.text().map(str.strip)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.builds(Entry, NAMES, WORDS), max_size=5, unique_by=lambda e: e.name))
def test_any_words_come_back_as_they_were_saved(tmp_path_factory, entries) -> None:
    kept = Taxonomies(tmp_path_factory.mktemp("any"))
    kept.save("a", entries)
    assert Taxonomies(kept._kept._root.parent).current("a") == tuple(entries)


@pytest.mark.parametrize("entry", ["3", '{"entries": [{}], "at": "2026-01-01T00:00:00+00:00"}', '{"entries": []}'])
def test_a_damaged_file_is_set_aside(tmp_path: Path, entry: str) -> None:
    Taxonomies(tmp_path).save("a", ONE)
    path = next((tmp_path / RESULTS_FOLDER).rglob("taxonomies.json"))
    path.write_text(f'{{"version": 1, "taxonomies": [{entry}]}}')
    assert Taxonomies(tmp_path).current("a") == ()
    assert path.with_name("taxonomies.json.damaged").is_file()
