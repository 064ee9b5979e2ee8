"""Taxonomy files: three forms, one meaning; mistakes in one line."""

import json
from pathlib import Path

import pytest
import yaml

from analysis.errors import InputError
from analysis.taxonomy import Entry, as_csv, as_yaml, read_taxonomy

ROWS = [
    {"name": "Apple", "description": "A whole apple", "synonyms": ["Malus", "pomme"], "exclude": ["cider"]},
    {"name": "Gala", "description": "A red apple", "parent": "Apple"},
]
EXPECTED = (
    Entry("Apple", "A whole apple", synonyms=("Malus", "pomme"), exclude=("cider",)),
    Entry("Gala", "A red apple", parent="Apple"),
)


def test_yaml_json_and_csv_mean_the_same(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(yaml.safe_dump(ROWS))
    (tmp_path / "t.json").write_text(json.dumps(ROWS))
    (tmp_path / "t.csv").write_text(
        "name,description,parent,synonyms,exclude\nApple,A whole apple,,Malus; pomme,cider\nGala,A red apple,Apple,,\n"
    )
    for name in ("t.yaml", "t.json", "t.csv"):
        assert read_taxonomy(tmp_path / name) == EXPECTED


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.yaml", "a: [1", "cannot be understood"),
        ("t.json", "{", "cannot be understood"),
        ("t.json", "[]", "expected"),
        ("t.json", '[{"description": "nameless"}]', "expected"),
        ("t.json", '[{"name": "a"}, {"name": "a"}]', "'a' occurs twice"),
        ("t.csv", "title\nApple\n", "expected"),
        ("t.txt", "Apple", "expected"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_taxonomy(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_taxonomy(tmp_path / "none.yaml")
    (tmp_path / "t.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        read_taxonomy(tmp_path / "t.json")


def test_a_concept_under_two_parents_is_read_and_left_to_the_check(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,parent\nTomato,Fruit\nTomato,Vegetable\n")
    assert [e.parent for e in read_taxonomy(tmp_path / "t.csv")] == ["Fruit", "Vegetable"]


def test_what_is_written_as_csv_or_yaml_is_read_back_the_same(tmp_path: Path) -> None:
    odd = (*EXPECTED, Entry("Äpfel, grün", 'a "quoted" text\nof two lines', include=("a", "b")))
    (tmp_path / "t.csv").write_text(as_csv(odd), newline="")
    (tmp_path / "t.yaml").write_text(as_yaml(odd))
    assert read_taxonomy(tmp_path / "t.yaml") == odd
    assert read_taxonomy(tmp_path / "t.csv")[:2] == EXPECTED
    assert read_taxonomy(tmp_path / "t.csv")[2].include == ("a", "b")
