"""The editor: rows and entries are the same thing, files are taken over, an unreadable one says why."""

from __future__ import annotations

import pytest

from analysis.errors import InputError
from analysis.taxonomy import Entry, as_csv, as_yaml
from components.taxonomy_editor import as_table, from_table, read_bytes

ENTRIES = (
    Entry("Apple", "a fruit; red or green", "Fruit", ("apples", "pommes"), ("green ones",), ("juice", "pie")),
    Entry("Fruit"),
)


def test_entries_come_back_from_the_table() -> None:
    assert from_table(as_table(ENTRIES)) == ENTRIES
    assert from_table(as_table(())) == ()


def test_rows_without_a_name_and_empty_cells_are_no_entries() -> None:
    table = as_table(ENTRIES)
    table.loc[len(table)] = [None] * len(table.columns)
    table.loc[0, "description"] = None
    assert [e.name for e in from_table(table)] == ["Apple", "Fruit"]
    assert from_table(table)[0].description == ""


@pytest.mark.parametrize(("text", "name"), [(as_csv(ENTRIES), "mine.csv"), (as_yaml(ENTRIES), "mine.YAML")])
def test_a_file_taken_home_can_be_taken_over(text: str, name: str) -> None:
    assert read_bytes(text.encode(), name) == ENTRIES


def test_an_unreadable_file_is_named_as_the_person_knows_it() -> None:
    with pytest.raises(InputError, match=r"mine\.json: cannot be understood"):
        read_bytes(b"{", "mine.json")
