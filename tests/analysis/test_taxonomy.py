"""Taxonomy files: three forms, one meaning; mistakes in one line."""

import json
from pathlib import Path
from typing import Literal
from unicodedata import normalize

import pytest
import yaml

from analysis.errors import InputError
from analysis.taxonomy import Entry, as_csv, as_rows, as_yaml, parse_rows, read_taxonomy

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
        ("t.json", '[{"description": "nameless"}]', "entry 1 has no name"),
        ("t.yaml", '- name: a\n- name: "  "\n', "entry 2 has no name"),
        ("t.yaml", "- name: a\n  children: [{name: b}, {description: x}]\n", "entry 1, its child 2 has no name"),
        ("t.yaml", "- name: a\n  children: {b: c}\n", "entry 1: children must be a list"),
        ("t.yaml", "- name: a\n- name: b\n   parent: c\n", "in line 3"),
        ("t.yaml", "- &a {name: a, children: [*a]}\n", "nested too deeply"),
        ("t.csv", "name,description\nApple,x\n\n ,green\n", "line 4 has no name"),
        ("t.csv", "name,description\nApple,green, round\n", "line 2: more cells than columns"),
        ("t.csv", 'name,description\nApple,"green\nPear,x\n', "line 2: its quotation marks do not pair up"),
        ("t.csv", "name,children\nApple,Gala;Fuji\n", "line 2: children can be read from YAML and JSON only"),
        ("t.json", '[{"name": ["a"]}]', "entry 1: name must be one text"),
        ("t.json", '[{"name": "a", "synonyms": {"b": 1}}]', "entry 1: synonyms must be a list"),
        ("t.json", '[{"name": "a"}, {"name": "a"}]', "'a' occurs twice"),
        ("t.csv", "title\nApple\n", "expected"),
        ("t.csv", "name,descripton\nApple,green\n", "line 1: “descripton” is no column; is “description” meant?"),
        ("t.csv", "Name,description\nApple,green\n", "line 1: “Name” is no column; is “name” meant?"),
        ("t.csv", "name,parent, parent\nApple,a,b\n", "line 1: the column “parent” is given twice"),
        ("t.yaml", "- name: a\n- {name: b, synonym: c}\n", "entry 2: “synonym” is no field; is “synonyms” meant?"),
        ("t.yaml", "- name: a\n  children: [{name: b, Parents: c}]\n", "entry 1, its child 1: “Parents” is no field"),
        ("t.yaml", "- name: a\n  description: b\n  description: c\n", "“description” is given twice in line 3"),
        ("t.json", '[{"name": "a", "parent": "b", "parent": "c"}]', "“parent” is given twice in the entry a"),
        ("t.json", '[{"name": "a"}, {"name": "b", "includes": []}]', "entry 2: “includes” is no field"),
        ("t.yaml", "- name: a\n  include: [b, c; d]\n", "entry 1: include: “c; d” holds a “;”"),
        ("t.txt", "Apple", "expected"),
    ],
)
def test_mistakes_are_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_taxonomy(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_fields_of_other_programs_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,description_de,parent_id,name2,colour,,\nApple,rund,7,x,red,,\n")
    (tmp_path / "t.yaml").write_text("- {name: Apple, description_de: rund, parent_id: 7, 3: x, colour: [a; b]}\n")
    (tmp_path / "t.json").write_text('[{"name": "Apple", "description_de": "rund", "more": {"name": "x"}}]')
    for name in ("t.csv", "t.yaml", "t.json"):
        assert read_taxonomy(tmp_path / name) == (Entry("Apple"),)


def test_a_merged_entry_may_be_merged_again(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "- &a {name: a, description: x}\n- &b {<<: *a, name: b}\n- {<<: *b, name: c, parent: d}\n"
    )
    assert read_taxonomy(tmp_path / "t.yaml") == (Entry("a", "x"), Entry("b", "x"), Entry("c", "x", "d"))


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
    assert read_taxonomy(tmp_path / "t.csv")[2].description == 'a "quoted" text of two lines'


@pytest.mark.parametrize("name", ["t.yaml", "t.json", "t.csv"])
def test_names_are_what_is_written(tmp_path: Path, name: str) -> None:
    written = ["0", "no", "Yes", "on", "010", "1.10", "1e3", "2024-01-01", "12:30", "0x1F", "true"]
    quoted = ["1.10", "0", "no"] if name == "t.json" else written
    text = {
        "t.yaml": "".join(f"- name: {w}\n  synonyms: [{w}x, {w}]\n" for w in written),
        "t.json": '[{"name": 1.10}, {"name": 0}, {"name": "no"}]',
        "t.csv": "name\n" + "\n".join(written),
    }[name]
    (tmp_path / name).write_text(text)
    found = read_taxonomy(tmp_path / name)
    assert [e.name for e in found] == quoted
    if name == "t.yaml":
        assert [e.synonyms for e in found] == [(f"{w}x", w) for w in written]
    (tmp_path / "again.yaml").write_text(as_yaml(found))
    assert read_taxonomy(tmp_path / "again.yaml") == found


def test_nothing_in_a_yaml_file_is_nothing_and_entries_may_be_merged(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "- &a {name: a, description: ~, parent: null, synonyms: }\n- {<<: *a, name: b, description: x}\n"
    )
    assert read_taxonomy(tmp_path / "t.yaml") == (Entry("a"), Entry("b", "x"))


def test_a_list_of_parents_is_two_parents(tmp_path: Path) -> None:
    from analysis.concept_tree import build_tree

    (tmp_path / "t.yaml").write_text("- name: Tomato\n  parent: [Fruit, Vegetable]\n")
    (tmp_path / "t.json").write_text('[{"name": "Tomato", "parent": ["Fruit", "Vegetable"]}]')
    for name in ("t.yaml", "t.json"):
        entries = read_taxonomy(tmp_path / name)
        assert build_tree(entries).parents("Tomato") == ("Fruit", "Vegetable")
    assert parse_rows(as_rows(entries)) == entries


def test_children_are_entries_below(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text(
        "- name: Fruit\n  children:\n  - name: Apple\n    children: [Gala, Fuji]\n"
        "  - {name: Tomato, parent: Vegetable}\n- name: Tool\n"
    )
    assert [(e.name, e.parent) for e in read_taxonomy(tmp_path / "t.yaml")] == [
        ("Fruit", ""), ("Apple", "Fruit"), ("Gala", "Apple"), ("Fuji", "Apple"), ("Tomato", "Vegetable; Fruit"),
        ("Tool", ""),
    ]  # fmt: skip


def test_a_few_lines_that_stand_for_very_many_entries_are_refused(tmp_path: Path) -> None:
    lines = ["- &a0 {name: a}"]
    lines += [f"- &a{i} {{name: a{i}, children: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 9)]
    (tmp_path / "t.yaml").write_text("\n".join(lines))
    with pytest.raises(InputError, match="more than 100,000 entries"):
        read_taxonomy(tmp_path / "t.yaml")


def test_empty_rows_of_a_csv_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,description,parent\nApple,,Fruit\n,,\n , ,,,\nPear,,Fruit,,\n")
    assert [e.name for e in read_taxonomy(tmp_path / "t.csv")] == ["Apple", "Pear"]


def test_a_line_break_in_a_csv_cell_is_a_space(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b'name,description\r\nApple,"green\r\nround fruit"\r\nPear,x\r\n')
    assert [e.description for e in read_taxonomy(tmp_path / "t.csv")] == ["green round fruit", "x"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_parents_and_synonyms_are_composed(tmp_path: Path, form: Literal["NFC", "NFD"]) -> None:
    text = normalize(form, "- {name: Käse, parent: Kühlregal, synonyms: [Quäse], description: mürbe}\n")
    (tmp_path / "t.yaml").write_text(text, encoding="utf-8")
    (entry,) = read_taxonomy(tmp_path / "t.yaml")
    assert (entry.name, entry.parent, entry.synonyms) == (
        normalize("NFC", "Käse"), normalize("NFC", "Kühlregal"), (normalize("NFC", "Quäse"),),
    )  # fmt: skip
