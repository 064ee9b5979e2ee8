"""Taxonomy files: three forms, one meaning; mistakes in one line."""

import json
from pathlib import Path

import pytest
import yaml

from analysis.errors import InputError
from analysis.taxonomy import Entry, read_taxonomy

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
