"""Every sentence of the contract about input, one test each, through the command line as a stranger would use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from forms_support import MAKERS, pictures, write

from analysis import cli


class Audit:
    """What one run of the audit wrote."""

    def __init__(self, out: Path) -> None:
        self.report: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
        self.images = pd.read_parquet(out / "images.parquet").set_index("image_id")
        self.labels = pd.read_parquet(out / "labels.parquet")
        self.splits = {i: None if pd.isna(s) else str(s) for i, s in self.images["split"].items()}

    @property
    def concepts(self) -> dict[str, list[str]]:
        """Concepts of every image that has one."""
        return {str(i): sorted(g["concept"]) for i, g in self.labels.groupby("image_id")}


@pytest.fixture
def audit(tmp_path: Path) -> Any:
    def run(*arguments: Path | str) -> Audit:
        out = tmp_path / "out"
        assert cli.main(["audit", *map(str, arguments), "--checks", "balance", "--out", str(out)]) == 0
        return Audit(out)

    return run


def test_an_images_concept_is_the_path_of_its_folder_and_depths_may_differ(tmp_path: Path, audit: Any) -> None:
    pictures(tmp_path / "in", "Fruit/Apple/Granny-Smith/1.png", "Fruit/Pear/2.png", "Leek/3.png", "Fruit/4.png")
    assert audit(tmp_path / "in").concepts == {
        "Fruit/Apple/Granny-Smith/1.png": ["Fruit/Apple/Granny-Smith"],
        "Fruit/Pear/2.png": ["Fruit/Pear"],
        "Leek/3.png": ["Leek"],
        "Fruit/4.png": ["Fruit"],
    }


def test_images_in_the_root_are_unlabelled_and_other_files_are_counted(tmp_path: Path, audit: Any) -> None:
    pictures(tmp_path / "in", "1.png", "Apple/2.png")
    write(tmp_path / "in" / "notes.txt", "x")
    write(tmp_path / "in" / "Apple" / "notes.json", "{}")
    found = audit(tmp_path / "in")
    assert found.concepts == {"Apple/2.png": ["Apple"]}
    assert found.report["dataset"]["images"] == 2
    assert found.report["dataset"]["unlabelled"] == 1
    assert found.report["dataset"]["ignored_files"] == 2


@pytest.mark.parametrize("split", ["train", "val", "valid", "test"])
def test_top_level_folders_named_like_a_split_are_splits(tmp_path: Path, audit: Any, split: str) -> None:
    pictures(tmp_path / "in", f"{split}/Apple/1.png", "other/Apple/2.png")
    found = audit(tmp_path / "in")
    assert found.splits == {f"{split}/Apple/1.png": split, "other/Apple/2.png": None}
    assert found.concepts == {f"{split}/Apple/1.png": ["Apple"], "other/Apple/2.png": ["other/Apple"]}


def test_real_world_folders_that_name_no_training_concept_are_no_labels(tmp_path: Path, audit: Any) -> None:
    pictures(tmp_path / "in", "Fruit/Apple/1.png")
    pictures(tmp_path / "real", "shop/2.png", "Apple/monday/3.png")
    found = audit(tmp_path / "in", "--real-world", tmp_path / "real")
    assert found.concepts == {"Fruit/Apple/1.png": ["Fruit/Apple"], "real_world:Apple/monday/3.png": ["Fruit/Apple"]}
    assert found.report["dataset"]["concepts"] == 1


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_manifest_has_an_image_concepts_and_what_else_it_likes(tmp_path: Path, audit: Any, form: str) -> None:
    pictures(tmp_path / "in", "p/1.png", "p/2.png", "p/3.png")
    frame = pd.DataFrame(
        {
            "image": ["p/1.png", "p/2.png", "p/3.png"],
            "concepts": ["Fruit/Apple;Red", "Leek", ""],
            "not_concepts": ["Leek", "", "Leek"],
            "origin": ["training", "training", "real_world"],
            "split": ["train", "test", None],
            "predicted": ["Leek", "Leek", "Leek"],
            "confidence": [0.9, 0.8, 0.7],
            "boxes": ['[{"concept": "Red", "x": 0.1, "y": 0.1, "width": 0.5, "height": 0.5}]', "", ""],
            "site": ["x", "y", "z"],
        }
    )
    path = tmp_path / "in" / f"m.{form}"
    if form == "csv":
        frame.to_csv(path, index=False)
    elif form == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_parquet(path)
    found = audit(path)
    assert found.concepts == {"p/1.png": ["Fruit/Apple", "Red"], "p/2.png": ["Leek"]}
    assert found.images["origin"].tolist() == ["training", "training", "real_world"]
    assert list(found.splits.values()) == ["train", "test", None]
    roots = found.report["dataset"]["roots"]
    assert all((Path(roots[o]) / i).is_file() for i, o in found.images["origin"].items())


@pytest.mark.parametrize("form", MAKERS)
def test_a_dataset_in_another_tools_form_is_recognised_by_its_files(tmp_path: Path, audit: Any, form: str) -> None:
    MAKERS[form](tmp_path / "in")
    MAKERS[form](tmp_path / "real")
    found = audit(tmp_path / "in", "--real-world", tmp_path / "real", "--cache", tmp_path / "cache")
    assert found.images["origin"].value_counts().to_dict() == {"training": 8, "real_world": 8}
    assert found.labels["concept"].value_counts().to_dict() == {"apple": 8, "leek": 4}
    roots = found.report["dataset"]["roots"]
    for image_id, origin in found.images["origin"].items():
        assert str(image_id).startswith("real_world:") == (origin == "real_world")
        assert (Path(roots[origin]) / str(image_id).removeprefix("real_world:")).is_file()


@pytest.mark.parametrize("suffix", ["yaml", "json", "csv"])
def test_a_taxonomy_is_a_list_of_objects_or_a_csv(tmp_path: Path, audit: Any, suffix: str) -> None:
    pictures(tmp_path / "in", "Apple/1.png")
    rows = [{"name": "Apple", "description": "A fruit", "parent": "Fruit", "synonyms": "pome"}]
    if suffix == "csv":
        pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
    else:
        write(tmp_path / f"t.{suffix}", rows)  # JSON is YAML too
    assert audit(tmp_path / "in", "--taxonomy", tmp_path / f"t.{suffix}").report["taxonomy"]["concepts"] == 1


def test_embeddings_take_the_place_of_the_models(tmp_path: Path, audit: Any) -> None:
    pictures(tmp_path / "in", "Apple/1.png")
    pictures(tmp_path / "real", "Apple/1.png")
    ids = ["Apple/1.png", "real_world:Apple/1.png", "one more"]
    pd.DataFrame({"image_id": ids, "embedding": [[1.0, 0.0]] * 3}).to_parquet(tmp_path / "v.parquet")
    found = audit(tmp_path / "in", "--real-world", tmp_path / "real", "--embeddings", tmp_path / "v.parquet")
    assert "+own-" in found.report["model"]["key"]


def test_bad_lines_and_values_of_a_manifest_are_in_the_report_and_on_stderr_and_the_rest_is_judged(
    tmp_path: Path, audit: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures(tmp_path / "in", "1.png", "2.png")
    lines = (
        '{"image": "1.png", "concepts": "Apple", "boxes": [{"x": 1, "y": 1, "width": 0, "height": 5}, "junk"]}',
        "{bad",
        '{"image": "2.png", "concepts": "Leek", "predicted": "Leek", "confidence": 1.5}',
    )
    path = write(tmp_path / "in" / "m.jsonl", "\n".join(lines))
    found = audit(path)
    assert found.concepts == {"1.png": ["Apple"], "2.png": ["Leek"]}
    listed = [(u["image_id"], u["reason"].split(":")[0]) for u in found.report["dataset"]["unreadable"]]
    assert listed == [("m.jsonl, line 1", "box left out")] * 2 + [
        ("m.jsonl, line 2", "line left out"),
        ("m.jsonl, line 3", "confidence left out"),
    ]
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("left out: ")]
    assert [line.removeprefix("left out: ").split(": ")[0] for line in told] == [name for name, _ in listed]

    write(tmp_path / "in" / "none.jsonl", "{bad\n[]\n")
    assert cli.main(["audit", str(tmp_path / "in" / "none.jsonl"), "--out", str(tmp_path / "none")]) == 2
    (line,) = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    assert "no line of it can be used" in line and "none.jsonl, line 1: not JSON" in line
