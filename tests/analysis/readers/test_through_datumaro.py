"""Datumaro's own form: labels, boxes, splits, and nothing hostile gets through."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from forms_support import boxes, concepts, load, pictures, reasons, splits, write

from analysis.errors import InputError
from analysis.sources import Source, load_dataset


def own(*items: dict[str, Any]) -> dict[str, Any]:
    labels = [{"name": n, "parent": "", "attributes": []} for n in ("apple", "leek")]
    return {
        "dm_format_version": "1.0", "media_type": 2, "infos": {},
        "categories": {"label": {"labels": labels, "label_groups": [], "attributes": []}}, "items": list(items),
    }  # fmt: skip


def item(name: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    common = {"attributes": {}, "group": 0, "z_order": 0}
    return {
        "id": name, "image": {"path": f"{name}.png", "size": [20, 40]},
        "annotations": [{"id": i, **common, **a} for i, a in enumerate(annotations)],
    }  # fmt: skip


def test_datumaros_own_form_is_read(tmp_path: Path) -> None:
    box = {"type": "bbox", "label_id": 0, "bbox": [4, 2, 20, 10]}
    for split in ("train", "val"):
        write(
            tmp_path / "annotations" / f"{split}.json", own(item("1", box, {"type": "label", "label_id": 1}), item("2"))
        )
        pictures(tmp_path / "images" / split, "1.png", "2.png")
    dataset = load(tmp_path)
    assert concepts(dataset)["images/val/1.png"] == ("apple", "leek")
    assert concepts(dataset)["images/val/2.png"] == ()
    assert sorted(filter(None, splits(dataset).values())) == ["train"] * 2 + ["val"] * 2
    assert boxes(dataset)[0] == ("images/train/1.png", "apple", 0.1, 0.1, 0.5, 0.5)


@pytest.mark.parametrize("path", ["../../../out.png", "/etc/hostname"])
def test_datumaros_own_form_leads_nowhere(tmp_path: Path, path: str) -> None:
    pictures(tmp_path, "out.png")
    hostile = item("x")
    hostile["image"]["path"] = path
    write(tmp_path / "in" / "annotations" / "train.json", json.dumps(own(item("1"), hostile)))
    pictures(tmp_path / "in" / "images" / "train", "1.png")
    try:
        dataset = load(tmp_path / "in")
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert list(concepts(dataset)) == ["images/train/1.png"]


@pytest.mark.parametrize(
    "content",
    [
        '{"dm_format_version": "1.0", ',
        '{"dm_format_version": "1.0", "infos": 3}',
        json.dumps({**own(), "items": 3}),
        json.dumps({**own(), "items": [3]}),
        json.dumps({**own(), "categories": {"label": 3}}),
        json.dumps(own(item("1", {"type": "bbox", "label_id": 0, "bbox": "x"}))),
    ],
)
def test_what_datumaro_cannot_read_is_one_clear_line(tmp_path: Path, content: str) -> None:
    write(tmp_path / "annotations" / "train.json", content)
    pictures(tmp_path / "images" / "train", "1.png")
    with pytest.raises(InputError, match="Datumaro annotations") as error:
        load(tmp_path)
    assert "\n" not in str(error.value)


def test_missing_pictures_are_told(tmp_path: Path) -> None:
    write(tmp_path / "annotations" / "train.json", own(item("1"), item("gone")))
    pictures(tmp_path / "images" / "train", "1.png")
    dataset = load(tmp_path)
    assert list(concepts(dataset)) == ["images/train/1.png"]
    assert list(reasons(dataset).values()) == ["is not there"]


def test_links_that_lead_out_are_never_followed(tmp_path: Path) -> None:
    pictures(tmp_path / "out", "x.png")
    write(tmp_path / "in" / "annotations" / "train.json", own(item("x")))
    (tmp_path / "in" / "images" / "train").mkdir(parents=True)
    os.symlink(tmp_path / "out" / "x.png", tmp_path / "in" / "images" / "train" / "x.png")
    with pytest.raises(InputError, match="Datumaro annotations"):  # Datumaro refuses the whole
        load_dataset(Source(tmp_path / "in"), allowed_roots=[tmp_path / "in"])
