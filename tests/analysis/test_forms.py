"""Every form end to end: what the command line reads and writes, and one rule where several forms lie in one folder."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from forms_support import (
    MAKERS,
    boxes,
    concepts,
    load,
    make_coco,
    make_voc,
    make_yolo,
    pictures,
    splits,
    write,
)

from analysis import cli
from analysis.embedders.base import Embedder
from analysis.opening import open_dataset
from analysis.readers.archive import unpack
from analysis.sources import Source
from analysis.store import Store


@pytest.fixture(params=MAKERS)
def form(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root = tmp_path / str(request.param)
    MAKERS[request.param](root)
    return root


def test_an_audit_of_each_form_writes_every_image_label_and_split(form: Path, tmp_path: Path) -> None:
    real = tmp_path / "real"
    pictures(real, "apple/1.png", "dog/2.png")
    arguments = ["audit", str(form), "--real-world", str(real), "--checks", "balance", "--out", str(tmp_path / "out")]
    assert cli.main(arguments) == 0
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    images, labels = (pd.read_parquet(tmp_path / "out" / f"{name}.parquet") for name in ("images", "labels"))
    assert report["dataset"]["training"] == 8
    assert report["dataset"]["concepts"] == 2
    assert report["dataset"]["unreadable"] == []
    training = images[images["origin"] == "training"]
    assert training["split"].value_counts().to_dict() == {"train": 4, "val": 4}
    assert labels.groupby("concept")["image_id"].count().to_dict() == {"apple": 5, "leek": 2}
    for image_id, origin in zip(images["image_id"], images["origin"], strict=True):
        root = Path(report["dataset"]["roots"][origin])
        assert (root / image_id.removeprefix("real_world:")).is_file()


def test_boxes_of_each_form_are_shares_once_the_pictures_are_measured(
    form: Path, tmp_path: Path, bundled: Embedder
) -> None:
    dataset = open_dataset(Source(form), store=Store(tmp_path / "store"), embedder=bundled).dataset
    assert len(dataset.boxes) == 6
    np.testing.assert_allclose(dataset.boxes[["x", "y", "width", "height"]], [[0.1, 0.1, 0.5, 0.5]] * 6, atol=1e-6)
    by_image = {(row, concept) for row, concept in zip(dataset.boxes["image"], dataset.boxes["concept"], strict=True)}
    assert by_image == set(zip(dataset.labels["image"], dataset.labels["concept"], strict=True))


def test_pixel_boxes_of_a_manifest_are_measured_and_follow_their_picture(tmp_path: Path, bundled: Embedder) -> None:
    pictures(tmp_path, "b.png", "c.png", size=(200, 100))
    write(tmp_path / "a.png", b"broken")
    lines = [
        {"image": n, "boxes": [[20, 10, 100, 50, n]], "predicted": n, "confidence": 0.5}
        for n in ("a.png", "b.png", "c.png")
    ]
    manifest = write(tmp_path / "m.jsonl", "\n".join(map(json.dumps, lines)))
    dataset = open_dataset(Source(manifest), store=Store(tmp_path / "store"), embedder=bundled).dataset
    assert boxes(dataset) == [("b.png", "b.png", 0.1, 0.1, 0.5, 0.5), ("c.png", "c.png", 0.1, 0.1, 0.5, 0.5)]
    assert dataset.predictions.values.tolist() == [[0, "b.png", 0.5], [1, "c.png", 0.5]]


def test_each_form_reads_as_the_real_world(form: Path, tmp_path: Path) -> None:
    pictures(tmp_path / "training", "Fruit/apple/1.png", "Fruit/apple/2.png")
    dataset = load(tmp_path / "training", form, tmp_path / "cache")
    real = dataset.images[dataset.images["origin"] == "real_world"]
    assert len(real) == 8
    assert all(i.startswith("real_world:") for i in real["image_id"])
    assert set(dataset.concepts) == {"Fruit/apple"}
    assert real["category"].value_counts().to_dict() == {"leek": 2}


def test_each_form_may_come_in_a_zip_file(form: Path, tmp_path: Path) -> None:
    for wrapper in ("", "my set"):
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for path in sorted(form.rglob("*")):
                if path.is_file():
                    archive.write(path, Path(wrapper) / path.relative_to(form))
        root = unpack(packed, tmp_path / f"unpacked-{len(wrapper)}")
        dataset = load(root, cache=tmp_path / "cache")
        assert len(dataset) == 8 and dataset.concepts == ("apple", "leek")
        assert sorted(filter(None, splits(dataset).values())) == ["train"] * 4 + ["val"] * 4


def test_the_same_form_twice_gives_the_same_dataset(form: Path, tmp_path: Path) -> None:
    assert load(form, cache=tmp_path / "c").fingerprint == load(form, cache=tmp_path / "c").fingerprint


@pytest.mark.parametrize(
    ("makers", "first"),
    [((make_coco, make_yolo), "train2017/0.png"), ((make_yolo, make_voc), "images/train/0.png")],
)
def test_where_several_forms_lie_together_the_first_of_the_list_counts(
    tmp_path: Path, makers: tuple[Callable[[Path], None], ...], first: str
) -> None:
    for make in makers:
        make(tmp_path / "in")
    assert next(iter(concepts(load(tmp_path / "in")))) == first
    if make_coco in makers:
        assert len(load(tmp_path / "in" / "data.yaml")) == 8  # a file given by its path leaves no choice
        assert "images/train/0.png" in concepts(load(tmp_path / "in" / "data.yaml"))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("annotations/instances_train.json", '{"images": [{"file_name": "a.png"'),
        ("data.yaml", "names: [a\ntrain: x"),
        ("train.json", '{"images": [{"id": 1, "file_name": "a.png"}], "annotations": 3}'),
    ],
)
def test_a_form_that_cannot_be_read_is_exit_2_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str
) -> None:
    pictures(tmp_path / "in", "images/a.png")
    write(tmp_path / "in" / name, content)
    assert cli.main(["audit", str(tmp_path / "in"), "--out", str(tmp_path / "out")]) == 2
    err = capsys.readouterr().err.strip().splitlines()
    assert err[-1].startswith(f"error: {name}")
    assert "Traceback" not in "\n".join(err)
